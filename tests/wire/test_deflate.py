"""Compressed messages: the examples of RFC 7692, what another end compresses in every way it may, and bombs."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.deflate import Inflater

# RFC 7692 7.2.3, each payload of a single message with what it says.
EXAMPLES = {
    "one block": ("f2 48 cd c9 c9 07 00", b"Hello"),
    "a block without compression": ("00 05 00 fa ff 48 65 6c 6c 6f 00", b"Hello"),
    "a last block": ("f3 48 cd c9 c9 07 00 00", b"Hello"),
    "two blocks": ("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", b"Hello"),
    "nothing": ("00", b""),
}


@pytest.mark.parametrize(("payload", "message"), EXAMPLES.values(), ids=EXAMPLES)
def test_examples(payload: str, message: bytes) -> None:
    """A last block is not the last one of the connection."""
    inflater = Inflater(5)
    assert [inflater.inflate(bytes.fromhex(payload)) for _ in range(3)] == [message] * 3


def test_a_message_refers_to_the_one_before() -> None:
    """RFC 7692 7.2.3.2."""
    inflater = Inflater(5)
    assert inflater.inflate(bytes.fromhex("f2 48 cd c9 c9 07 00")) == b"Hello"
    assert inflater.inflate(bytes.fromhex("f2 00 11 00 00")) == b"Hello"


class Compressor:
    """The other end: it may have a small window, and may begin anew with every message."""

    def __init__(self, bits: int, takeover: bool, last_block: bool) -> None:
        self.bits, self.takeover, self.last_block = bits, takeover, last_block
        self.stream = self.fresh()

    def fresh(self) -> "zlib._Compress":
        return zlib.compressobj(wbits=-self.bits)

    def deflate(self, message: bytes) -> bytes:
        if self.last_block:
            stream = self.fresh()
            return stream.compress(message) + stream.flush() + b"\x00"
        payload = self.stream.compress(message) + self.stream.flush(zlib.Z_SYNC_FLUSH)
        if not self.takeover:
            self.stream = self.fresh()
        assert payload.endswith(b"\x00\x00\xff\xff")
        return payload[:-4]


@given(st.lists(st.binary(max_size=300) | st.integers(0, 100_000).map(bytes)), st.integers(9, 15), st.booleans(), st.booleans())
def test_whatever_another_end_compresses(messages: list[bytes], bits: int, takeover: bool, last_block: bool) -> None:
    other, inflater = Compressor(bits, takeover, last_block), Inflater(100_000)
    assert [inflater.inflate(other.deflate(message)) for message in messages] == messages


@pytest.mark.parametrize("length", [1001, 10_000_000])
def test_a_bomb_is_let_go(length: int) -> None:
    payload = Compressor(15, True, False).deflate(bytes(length))
    with pytest.raises(ValueError, match="a message of more than 1000 bytes when it is inflated"):
        Inflater(1000).inflate(payload)
    assert Inflater(length).inflate(payload) == bytes(length)


def test_what_is_not_compressed_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be inflated"):
        Inflater(1000).inflate(b"\xff\xff\xff")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_our_error(data: bytes) -> None:
    try:
        assert len(Inflater(1000).inflate(data)) <= 1000
    except ValueError as error:
        assert "inflate" in str(error)
