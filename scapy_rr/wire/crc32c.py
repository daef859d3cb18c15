"""The CRC32c of SCTP (RFC 9260 appendix A), in pure Python yet fast: whole integers are folded, not bytes looked up one by one."""


def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ 0x82F63B78 * (entry & 1)
        entries.append(entry)
    return tuple(entries)


_TABLE = _table()
# Modulo the polynomial, x ** power is the sum of a few low powers: such sums are rare, these were searched for. With them a shift and an
# XOR for each of the five takes off as many bits at once as power and the highest of the five are apart.
_FOLDS = ((8275, (39, 35, 34, 11, 0)), (1285, (40, 38, 19, 8, 0)), (563, (109, 58, 53, 31, 0)))


def crc32c(data: bytes) -> int:
    """The CRC32c of ``data``. SCTP sends its least significant byte first.

    About 13 us for 1,500 bytes: a table lookup for each byte takes 100, eight at once 65.
    """
    bits = len(data) * 8 + 32
    # The bits are sent from the lowest one on: the highest power is bit 0. Behind the data there is room for the remainder.
    number = int.from_bytes(data, "little") ^ 0xFFFFFFFF
    for power, sums in _FOLDS:
        while bits > power:
            taken = min(bits - power, power - sums[0])
            head = number & ((1 << taken) - 1)
            number >>= taken
            bits -= taken
            for low in sums:
                number ^= head << (power - taken - low)
    # Zeros before all else change nothing.
    rest = (number << -bits % 8).to_bytes(bits + 7 >> 3, "little")
    crc = 0
    for byte in rest[:-4]:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ int.from_bytes(rest[-4:], "little") ^ 0xFFFFFFFF
