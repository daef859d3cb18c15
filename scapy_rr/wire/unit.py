"""A message and the place in a byte stream that it takes. Knows nothing of what it says, nor of how a stream is framed."""

from typing import NamedTuple


class Unit(NamedTuple):
    """A whole message of a stream, as a framer hands it out."""

    start: int
    """Offset in the stream, from where the framer began, of the first byte that belongs to the message."""
    end: int
    """The offset behind its last byte."""
    message: bytes
    rewritable: bool = True
    """Whether another message can stand in its place, and what follows in the stream still be read."""
