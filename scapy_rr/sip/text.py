"""What a script or a person writes, as a message's bytes, and the reverse; and the numbers in a message. Knows no header."""


def encode(text: str) -> bytes:
    """Text as bytes: Latin-1, as which messages are read, so that whatever came goes out again.

    Letters that Latin-1 does not have did not come from the wire; they are written in UTF-8, which is SIP's (:rfc:`3261#section-7`).
    """
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def shown(text: str) -> str:
    """Text for a terminal or a log: read as UTF-8 where it is, and nothing in it moves the cursor."""
    data = encode(text)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def read_number(digits: bytes) -> int:
    """Digits as a number, the first ten that count: more than that is no port and no length, and ``int`` refuses endless ones."""
    return int(digits if len(digits) < 10 else digits.lstrip(b"0")[:10] or b"0")
