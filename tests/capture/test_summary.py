"""Counts of what was done: bounded in what is told apart, added up from parts in any order, and in JSON."""

from collections import Counter

from scapy_rr.capture.summary import Leaving, Summary


def test_only_so_many_methods_are_told_apart() -> None:
    """All are counted; those that were there already go on under their own names."""
    summary = Summary()
    for number in range(70):
        summary.count(f"METHOD{number}")
    summary.count("METHOD0", 5)
    assert len(summary.messages) == 65
    assert (summary.messages["METHOD0"], summary.messages["METHOD63"], summary.messages["other"]) == (6, 1, 6)
    assert summary.messages["METHOD64"] == 0


def test_only_so_many_reasons_are_told_apart() -> None:
    summary = Summary()
    for number in range(70):
        summary.leave(f"reason {number}", 100 - number, f"detail {number}")
    summary.leave("reason 0", 7, "earlier")
    assert len(summary.left) == 65
    assert summary.left["reason 0"] == Leaving(2, 7, "earlier")
    assert summary.left["other reasons"] == Leaving(6, 31, "detail 69")


def test_the_first_frame_is_the_earliest_whatever_comes_first() -> None:
    summary = Summary()
    summary.leave("malformed request", 9, "no To")
    summary.leave("malformed request", 12, "no From", 3)
    assert summary.left == {"malformed request": Leaving(4, 9, "no To")}
    summary.leave("malformed request", 2, "no Call-ID")
    assert summary.left == {"malformed request": Leaving(5, 2, "no Call-ID")}


def part(method: str, frame: int) -> Summary:
    """What was done to a part of a capture."""
    made = Summary(routed=Counter({"loose to loose": 2}), addressed=3)
    made.count(method, 4)
    made.leave("IP fragment", frame, f"in frame {frame}", 5)
    return made


def test_parts_add_up_in_any_order() -> None:
    orders = [part("BYE", 8), part("INVITE", 6)], [part("INVITE", 6), part("BYE", 8)]
    for first, second in orders:
        first.add(second)
        assert first.messages == {"BYE": 4, "INVITE": 4}
        assert first.routed == {"loose to loose": 4}
        assert first.addressed == 6
        assert first.left == {"IP fragment": Leaving(10, 6, "in frame 6")}


def test_a_part_adds_no_more_names_than_there_is_room_for() -> None:
    first, second = Summary(), Summary()
    for number in range(64):
        first.count(f"A{number}")
        second.count(f"B{number}")
        first.leave(f"a{number}", 1)
        second.leave(f"b{number}", 2)
    first.add(second)
    assert (len(first.messages), first.messages["other"]) == (65, 64)
    assert (len(first.left), first.left["other reasons"]) == (65, Leaving(64, 2, ""))


def test_what_came_before_there_was_a_message_is_not_added() -> None:
    """Frames, and what comes to nothing in them, are counted by who reads the whole capture, and told once."""
    first = Summary(frames=10, given_up=Counter({"over TCP: too many connections": 1}))
    first.add(Summary(frames=5, given_up=Counter({"over TCP: too many connections": 7}), cut="later"))
    assert (first.frames, first.given_up, first.cut) == (10, {"over TCP: too many connections": 1}, "")


def test_all_of_it_for_json() -> None:
    summary = Summary(12, routed=Counter({"response": 1}), given_up=Counter({"IP fragments given up: malformed IP fragment": 2}), cut="why")
    summary.count("BYE", 2)
    summary.count("response")
    summary.leave("IP fragment", 7, "", 3)
    assert summary.as_dict() == {
        "frames": 12,
        "sip_messages": 3,
        "by_method": {"BYE": 2, "response": 1},
        "routed": {"response": 1},
        "left_alone": {"IP fragment": {"messages": 3, "first_frame": 7, "detail": ""}},
        "given_up": {"IP fragments given up: malformed IP fragment": 2},
        "cut": "why",
    }
    assert type(summary.as_dict()["given_up"]) is dict
