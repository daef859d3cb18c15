"""The Route headers of a request as one list of entries, and the one way to drop an entry from its header.

Entries are read as OpenSIPS' ``parse_rr`` reads them, header by header and only when their turn comes: a malformed later header does not
matter before.
"""

from typing import NamedTuple

from ..errors import SipParseError
from ..sip.edits import Edits
from ..sip.message import Header, Message
from ..sip.nameaddr import parse_many


class Route(NamedTuple):
    """One entry of a Route header, as offsets into the message."""

    header: Header
    start: int
    end: int
    uri_start: int
    uri_end: int
    next_start: int
    """Where the next entry of the same header begins; 0 for the last one."""
    first: bool
    """Whether it is the first of its header."""


class RouteSet:
    """The Routes of a message, parsed on demand."""

    __slots__ = ("_message", "_parsed", "headers")

    def __init__(self, message: Message) -> None:
        self._message = message
        self.headers = message.find_all(b"route")
        self._parsed: dict[int, list[Route]] = {}

    def entries(self, number: int) -> list[Route]:
        """The entries of one header, by its place among the Route headers. :raises SipParseError: where it is malformed."""
        found = self._parsed.get(number)
        if found is None:
            found = self._parsed[number] = _parse(self._message.data, self.headers[number])
        return found

    def uri(self, route: Route) -> bytes:
        """The URI of an entry."""
        return self._message.data[route.uri_start : route.uri_end]


class Cursor:
    """A walk over the entries from the top, dropping what it leaves behind."""

    __slots__ = ("_at", "_edits", "_number", "_routes", "passed", "route")

    def __init__(self, routes: RouteSet, edits: Edits) -> None:
        self._routes = routes
        self._edits = edits
        self._number = self._at = 0
        self.route = routes.entries(0)[0]
        self.passed: list[Route] = []
        """The entries that were left behind."""

    def advance(self) -> bool:
        """Leave the entry; a header that is used up goes at once, as in the servers. False where there is no next entry.

        :raises SipParseError: where the next header is malformed.
        """
        self.passed.append(self.route)
        if self.route.next_start:
            self._at += 1
        else:
            drop(self._edits, self.route)
            if self._number + 1 >= len(self._routes.headers):
                return False
            self._number, self._at = self._number + 1, 0
        self.route = self._routes.entries(self._number)[self._at]
        return True

    def drop_passed(self) -> None:
        """Drop what stands before the entry in its own header."""
        if not self.route.first:
            self._edits.delete(self.route.header.value_start, self.route.start)


def drop(edits: Edits, route: Route) -> None:
    """Drop an entry and those before it from its header, and the header where nothing is left of it.

    What stays keeps every byte, and the white space behind the colon stays.
    """
    if route.next_start:
        edits.delete(route.header.value_start, route.next_start)
    else:
        edits.delete(route.header.start, route.header.end)


def _parse(data: bytes, header: Header) -> list[Route]:
    elements = parse_many(data, header.value_start, header.value_end)
    if not elements[-1].bracketed:
        raise SipParseError("a Route has no angle brackets", elements[-1].start)
    # What stands before a bracket is taken for its display name, were it commas or a URI without brackets (parse_nameaddr).
    starts = []
    start = None
    kept = []
    for element in elements:
        start = element.start if start is None else start
        if element.bracketed:
            starts.append(start)
            kept.append(element)
            start = None
    return [
        Route(header, start, e.end, e.uri_start, e.uri_end, starts[i + 1] if i + 1 < len(starts) else 0, i == 0)
        for i, (start, e) in enumerate(zip(starts, kept, strict=True))
    ]
