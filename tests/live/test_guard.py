"""What was sent is known again for a while, and no more than so much of it."""

from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.live.guard import Guard

B, C = b"\x0a\x00\x00\x09", b"\x0a\x00\x00\x08"


def test_what_was_sent_is_known_where_it_went() -> None:
    guard = Guard()
    guard.remember(B, 5060, b"BYE", 10.0)
    assert guard.knows(B, 5060, b"BYE", 10.5)
    assert not guard.knows(B, 5061, b"BYE", 10.5)
    assert not guard.knows(C, 5060, b"BYE", 10.5)
    assert not guard.knows(B, 5060, b"ACK", 10.5)


def test_it_is_forgotten_when_it_is_old() -> None:
    guard = Guard(seconds=4)
    guard.remember(B, 5060, b"BYE", 10.0)
    assert guard.knows(B, 5060, b"BYE", 14.0)
    assert not guard.knows(B, 5060, b"BYE", 14.1)
    assert (len(guard), guard.forgotten) == (0, 0)


def test_sent_again_it_is_as_new() -> None:
    guard = Guard(seconds=4)
    guard.remember(B, 5060, b"BYE", 10.0)
    guard.remember(C, 5060, b"BYE", 11.0)
    guard.remember(B, 5060, b"BYE", 13.0)
    assert guard.knows(B, 5060, b"BYE", 16.0)
    assert not guard.knows(C, 5060, b"BYE", 16.0)


def test_the_oldest_goes_for_another() -> None:
    guard = Guard(most=2)
    for message in (b"1", b"2", b"3"):
        guard.remember(B, 5060, message, 10.0)
    assert [guard.knows(B, 5060, message, 10.0) for message in (b"1", b"2", b"3")] == [False, True, True]
    assert (len(guard), guard.forgotten) == (2, 1)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 2)), max_size=60))
def test_as_a_list_of_all_that_was_sent_would_have_it(sendings: list[tuple[int, float]]) -> None:
    guard, now = Guard(most=100, seconds=3), 0.0
    sent: dict[int, float] = {}
    for message, pause in sendings:
        now += pause
        known = message in sent and now - sent[message] <= 3
        assert guard.knows(B, 5060, b"%d" % message, now) == known
        guard.remember(B, 5060, b"%d" % message, now)
        sent[message] = now
