"""The Internet checksum (:rfc:`1071`)."""


def checksum(data: bytes) -> int:
    """The checksum of data, as it stands in a header; a pseudo header may stand before it.

    2 ** 16 is 1 modulo 0xFFFF, so the bytes read as one long number have the residue of their 16-bit words' sum, and dividing it takes a
    quarter of the time of a loop over words.
    """
    total = int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big")
    # The residue 0 stands for the sums 0 and 0xFFFF; only nothing but zeros has 0.
    return 0xFFFF - (total % 0xFFFF or 0xFFFF) if total else 0xFFFF
