"""The Internet checksum (:rfc:`1071`)."""


def ones_sum(data: bytes) -> int:
    """A number with the residue that the 16-bit words of ``data`` have by 0xFFFF: their sum, as good as any for a checksum.

    2 ** 16 is 1 by that measure, so the bytes read as one long number will do, and dividing it takes a quarter of the time of a loop over
    words. Sums of several pieces add up; each but the last has an even length.
    """
    return int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big")


def finish(total: int) -> int:
    """The checksum that belongs to a sum: its complement. The residue 0 stands for the sums 0 and 0xFFFF; only nothing but zeros has 0."""
    if not total:
        return 0xFFFF
    return 0xFFFF - (total % 0xFFFF or 0xFFFF)


def checksum(data: bytes) -> int:
    """The checksum of data, as it stands in a header."""
    return finish(ones_sum(data))
