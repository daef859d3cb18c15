"""One root for every error raised on purpose, and what a parse error tells."""

import pytest

from scapy_rr.errors import CaptureError, ConfigError, ScapyRRError, SipParseError


@pytest.mark.parametrize("error", [SipParseError("bad"), ConfigError("bad"), CaptureError("bad")])
def test_root(error: Exception) -> None:
    assert isinstance(error, ScapyRRError)


@pytest.mark.parametrize("kind", [SipParseError, ConfigError])
def test_bad_values_are_value_errors(kind: type[Exception]) -> None:
    """So that a caller who knows nothing of scapy_rr catches them."""
    assert issubclass(kind, ValueError)


def test_parse_error_says_what_and_where() -> None:
    error = SipParseError("a quote is not closed", 7)
    assert (error.reason, error.offset) == ("a quote is not closed", 7)
    assert str(error) == "a quote is not closed (at byte 7)"
    assert SipParseError("bad").offset == 0


def test_within_counts_from_the_start_of_the_larger_text() -> None:
    inner = SipParseError("a quote is not closed", 7)
    assert (inner.within(100).reason, inner.within(100).offset) == ("a quote is not closed", 107)
