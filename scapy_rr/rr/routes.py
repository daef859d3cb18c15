"""The Route headers of a request as one list of entries, and the one way to drop an entry from its header.

Entries are read as OpenSIPS' ``parse_rr`` reads them, header by header and only when their turn comes: a malformed later header does not
matter before.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..errors import SipParseError
from ..sip.edits import Edits
from ..sip.message import Message
from ..sip.nameaddr import Element, parse_many

# A named tuple's own constructor takes three times as long.
_new = tuple.__new__


# A header with one entry and no quotes, as nearly all are.
_ALONE = re.compile(rb"<([^<>\"]*+)>\Z")


class Route(NamedTuple):
    """One entry of a Route header, as offsets into the header's value."""

    start: int
    end: int
    uri: bytes


def parse_routes(value: bytes) -> tuple[Route, ...]:
    """The entries in the value of a Route header. :raises SipParseError: where it is malformed."""
    alone = _ALONE.match(value)
    if alone:
        return (_new(Route, (0, len(value), alone[1])),)
    elements = parse_many(value, 0, len(value))
    return tuple(_new(Route, (e.start, e.end, value[e.uri_start : e.uri_end])) for e in _with_brackets(elements))


class RouteSet:
    """The Routes of a message, parsed on demand; none where there is no message.

    :param parse: :func:`parse_routes`, or something that remembers what it said.
    """

    __slots__ = ("_message", "_parse", "headers")

    def __init__(self, message: Message | None, parse: Callable[[bytes], tuple[Route, ...]] = parse_routes) -> None:
        self._message = message
        self._parse = parse
        self.headers = message.find_all(b"route") if message else []

    def entries(self, number: int) -> tuple[Route, ...]:
        """The entries of one header, by its place among the Route headers. :raises SipParseError: where it is malformed."""
        header = self.headers[number]
        assert self._message is not None
        try:
            return self._parse(self._message.data[header.value_start : header.value_end])
        except SipParseError as error:
            raise error.within(header.value_start) from None

    def top(self) -> Route | None:
        """The first entry of the first header; ``None`` where there is no header. :raises SipParseError: where that is malformed."""
        return self.entries(0)[0] if self.headers else None

    def require_headers(self) -> None:
        """See that no Route stands behind what cannot be read. :raises SipParseError: where one could."""
        assert self._message is not None
        self._message.require_headers()

    def last(self) -> Route:
        """The last entry of the last header. :raises SipParseError: where that is malformed, or not all headers can be read."""
        self.require_headers()
        return self.entries(len(self.headers) - 1)[-1]


class Cursor:
    """A walk over the entries from the top, dropping what it leaves behind."""

    __slots__ = ("_edits", "_entries", "_routes", "entry", "place")

    def __init__(self, routes: RouteSet, edits: Edits) -> None:
        self._routes = routes
        self._edits = edits
        self.place = (0, 0)
        """Where the entry stands: its header's place among the Route headers, and its own in that."""
        self._entries = routes.entries(0)
        self.entry = self._entries[0]

    def advance(self) -> bool:
        """Leave the entry; a header that is used up goes at once, as in the servers. False where there is no next entry.

        :raises SipParseError: where the next header is malformed.
        """
        number, at = self.place
        at += 1
        if at == len(self._entries):
            header = self._routes.headers[number]
            self._edits.delete(header.start, header.end)
            number, at = number + 1, 0
            if number == len(self._routes.headers):
                self._routes.require_headers()
                return False
            self._entries = self._routes.entries(number)
        self.place = number, at
        self.entry = self._entries[at]
        return True

    def drop(self) -> None:
        """Drop the entry and those before it from its header, and the header where nothing is left of it.

        What stays keeps every byte, and the white space behind the colon stays.
        """
        number, at = self.place
        header = self._routes.headers[number]
        if at + 1 < len(self._entries):
            self._edits.delete(header.value_start, header.value_start + self._entries[at + 1].start)
        else:
            self._edits.delete(header.start, header.end)

    def drop_passed(self) -> None:
        """Drop what stands before the entry in its own header."""
        number, at = self.place
        if at:
            start = self._routes.headers[number].value_start
            self._edits.delete(start, start + self.entry.start)

    def drop_last(self) -> None:
        """Drop the last entry of the last header, and the header where nothing is left of it."""
        number = len(self._routes.headers) - 1
        header, entries = self._routes.headers[number], self._routes.entries(number)
        kept = len(entries) - (self.place[1] if number == self.place[0] else 0)
        if kept > 1:
            self._edits.delete(header.value_start + entries[-2].end, header.value_start + entries[-1].end)
        else:
            self._edits.delete(header.start, header.end)


def _with_brackets(elements: list[Element]) -> list[Element]:
    """The elements with angle brackets, which a Route needs.

    What stands before a bracket is taken for its display name, were it commas or a URI without brackets (``parse_nameaddr``).
    """
    if len(elements) == 1 and elements[0].bracketed:
        return elements
    if not elements[-1].bracketed:
        raise SipParseError("a Route has no angle brackets", elements[-1].start)
    entries = []
    start = -1
    for element in elements:
        if not element.bracketed:
            start = element.start if start < 0 else start
        else:
            entries.append(element if start < 0 else element._replace(start=start))
            start = -1
    return entries
