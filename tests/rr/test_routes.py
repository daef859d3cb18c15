"""The Route headers as one list, and what is left of a header when an entry is dropped."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.rr.routes import Cursor, RouteSet
from scapy_rr.sip.edits import Edits
from scapy_rr.sip.message import Message


def message(headers: str) -> Message:
    return Message(f"BYE sip:a SIP/2.0\r\nVia: v\r\n{headers}To: t\r\n\r\nbody".encode())


def uris(routes: RouteSet) -> list[list[str]]:
    return [[entry.uri.decode() for entry in routes.entries(number)] for number in range(len(routes.headers))]


ENTRIES = {
    "one": ("Route: <sip:a;lr>\r\n", [["sip:a;lr"]]),
    "two in one header": ("Route: <sip:a>, <sip:b>\r\n", [["sip:a", "sip:b"]]),
    "two headers, another between": ("route:<sip:a>\r\nX: y\r\nROUTE :\r\n <sip:b>\r\n", [["sip:a"], ["sip:b"]]),
    "names and parameters": ('Route: "a, <b>" <sip:a>;x="y,z" , b <sip:b>\r\n', [["sip:a", "sip:b"]]),
    # parse_nameaddr looks for the next bracket: what stands before is a name (loose-syntax-27).
    "a comma in front": ("Route: ,<sip:a>\r\n", [["sip:a"]]),
    "a bare URI before a bracket": ("Route: sip:x, <sip:a>, , sip:y, <sip:b>\r\n", [["sip:a", "sip:b"]]),
    "none": ("Route-Info: <sip:a>\r\nr: <sip:b>\r\n", []),
}


@pytest.mark.parametrize(("headers", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_entries(headers: str, expected: list[list[str]]) -> None:
    assert uris(RouteSet(message(headers))) == expected


def test_last_is_of_the_last_header() -> None:
    routes = RouteSet(message("Route: <sip:a>, <sip:b>\r\nRoute: <sip:c>, <sip:d>\r\n"))
    assert routes.last().uri == b"sip:d"


@pytest.mark.parametrize("value", ["sip:a;lr", "<sip:a>, sip:b", "<sip:a>,", "", "<sip:a", "<sip:a> x"])
def test_faulty_header(value: str) -> None:
    with pytest.raises(SipParseError):
        RouteSet(message(f"Route: {value}\r\n")).entries(0)


def test_a_faulty_later_header_does_not_matter_before_its_turn() -> None:
    routes = RouteSet(message("Route: <sip:a>\r\nRoute: sip:b\r\n"))
    cursor = Cursor(routes, Edits())
    assert cursor.entry.uri == b"sip:a"
    with pytest.raises(SipParseError):
        cursor.advance()


# What is left of the headers when the walk has passed one, two or three entries and stops.
WALKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "separate headers": (
        "Route: <sip:a>\r\nRoute: <sip:b>\r\nRoute: <sip:c>\r\n",
        ("Route: <sip:b>\r\nRoute: <sip:c>\r\n", "Route: <sip:c>\r\n", ""),
    ),
    "one header": ("Route: <sip:a>, <sip:b>,<sip:c>\r\n", ("Route: <sip:b>,<sip:c>\r\n", "Route: <sip:c>\r\n", "")),
    "one and two": ("Route: <sip:a>\r\nRoute: <sip:b> , <sip:c>\r\n", ("Route: <sip:b> , <sip:c>\r\n", "Route: <sip:c>\r\n", "")),
    "two and one": ("Route: <sip:a> , <sip:b>\r\nRoute: <sip:c>\r\n", ("Route: <sip:b>\r\nRoute: <sip:c>\r\n", "Route: <sip:c>\r\n", "")),
    "what stays keeps its spelling": (
        'ROUTE\t:  A <sip:a>;x\r\n ,\r\n\t"B, B" <sip:b>;y="," , <sip:c> \r\n',
        ('ROUTE\t:  "B, B" <sip:b>;y="," , <sip:c> \r\n', "ROUTE\t:  <sip:c> \r\n", ""),
    ),
}


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize(("headers", "left"), WALKS.values(), ids=WALKS)
def test_walk(headers: str, left: tuple[str, ...], steps: int) -> None:
    received = message(headers)
    edits = Edits()
    cursor = Cursor(RouteSet(received), edits)
    more = [cursor.advance() for _ in range(steps)]
    assert more == [True, True, False][:steps]
    if more[-1]:
        cursor.drop_passed()
    assert edits.apply(received.data) == message(left[steps - 1]).data


@pytest.mark.parametrize(("headers", "left"), WALKS.values(), ids=WALKS)
def test_drop(headers: str, left: tuple[str, ...]) -> None:
    received = message(headers)
    edits = Edits()
    Cursor(RouteSet(received), edits).drop()
    assert edits.apply(received.data) == message(left[0]).data


LAST = {
    "alone": ("Route: <sip:a>\r\n", 0, ""),
    "in its own header": ("Route: <sip:a>\r\nRoute: <sip:b>\r\n", 0, "Route: <sip:a>\r\n"),
    "with others": ("Route: <sip:a> , <sip:b>;x \r\n", 0, "Route: <sip:a> \r\n"),
    "folded": ("Route: <sip:a>,\r\n <sip:b>\r\n", 0, "Route: <sip:a>\r\n"),
    "behind one that was passed": ("Route: <sip:a>, <sip:b>\r\n", 1, ""),
    "behind one that was passed and one that stays": ("Route: <sip:a>, <sip:b>, <sip:c>\r\n", 1, "Route: <sip:b>\r\n"),
}


@pytest.mark.parametrize(("headers", "passed", "left"), LAST.values(), ids=LAST)
def test_drop_last(headers: str, passed: int, left: str) -> None:
    received = message(headers)
    edits = Edits()
    cursor = Cursor(RouteSet(received), edits)
    for _ in range(passed):
        cursor.advance()
    cursor.drop_passed()
    cursor.drop_last()
    assert edits.apply(received.data) == message(left).data
