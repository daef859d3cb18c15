"""Name-addr lists (:rfc:`3261#section-20.10`) as spans over the buffer they stand in, and the tag of From and To.

Knows nothing of which header a value came from, and nothing of routing.
"""

import re
from typing import NamedTuple

from ..errors import SipParseError
from .grammar import LWS, QUOTED

# [ display-name ] LAQUOT addr-spec RAQUOT. The servers find the brackets by quotes alone: what is between them may be anything.
_BRACKETED = re.compile(rb'(?:[^"<,]|' + QUOTED + rb')*+<((?:[^">]|' + QUOTED + rb")*+)>" + LWS)
_BARE = re.compile(rb'(?:[^",]|' + QUOTED + rb")*+")
_BRACKET = re.compile(rb'(?:[^"<]|' + QUOTED + rb")*+<")
# *( SEMI generic-param ); a name may be empty, and a quoted value ends at the next quote, as the servers have it.
_PARAM = re.compile(rb";" + LWS + rb"([^ \t\r\n;,=]*+)" + LWS + rb"(?:=" + LWS + rb'("[^"]*+"|[^ \t\r\n,;]++)' + LWS + rb")?")
_LWS = re.compile(LWS)

# A named tuple's own constructor takes three times as long.
_new = tuple.__new__


class Element(NamedTuple):
    """One element of a comma-separated list, as offsets into the buffer."""

    start: int
    """Its first byte that is no white space; an empty element has ``start == end``."""
    end: int
    """Behind its last byte."""
    uri_start: int
    uri_end: int
    bracketed: bool
    """Whether the URI stands in angle brackets."""


def parse_many(data: bytes, start: int, end: int) -> list[Element]:
    """The elements of the list in ``data[start:end]``, empty ones included.

    :raises SipParseError: where a quote or bracket is not closed, or something follows a closing bracket that may not.
    """
    elements = []
    position = start
    while True:
        element, position = _parse_one(data, position, end)
        elements.append(element)
        if position >= end:
            return elements
        if data[position] != 0x2C:
            raise SipParseError("a comma is missing between two elements", position)
        position += 1


def _parse_one(data: bytes, start: int, end: int) -> tuple[Element, int]:
    """One element, and where it and the white space behind it end."""
    match = _BRACKETED.match(data, start, end)
    if not match:
        return _parse_bare(data, start, end)
    uri_start, uri_end = match.span(1)
    last, position = uri_end + 1, match.end()
    while position < end and data[position] == 0x3B:
        parameter = _PARAM.match(data, position, end)
        if not parameter or parameter.end() == position + 1 == end:
            raise SipParseError("a parameter is missing after the semicolon", position)
        last, position = max(parameter.end(1), parameter.end(2)), parameter.end()
    first = start if data[start] == 0x3C else _skip_blanks(data, start, end)
    return _new(Element, (first, last, uri_start, uri_end, True)), position


def _parse_bare(data: bytes, start: int, end: int) -> tuple[Element, int]:
    match = _BARE.match(data, start, end)
    assert match is not None
    position = match.end()
    if position < end and data[position] == 0x22:
        raise SipParseError("a quote is not closed", position)
    text = match.group()
    bracket = _BRACKET.match(text)
    if bracket:
        raise SipParseError("a bracket is not closed", start + bracket.end() - 1)
    first = _skip_blanks(data, start, position)
    last = first + len(data[first:position].rstrip(b" \t\r\n"))
    # A bare addr-spec has no parameters of its own: what follows the first semicolon belongs to the header (20.10).
    semicolon = data.find(b";", first, last)
    return Element(first, last, first, last if semicolon < 0 else semicolon, False), position


def _skip_blanks(data: bytes, start: int, end: int) -> int:
    match = _LWS.match(data, start, end)
    assert match is not None
    return match.end()


class NameAddr(NamedTuple):
    """One name-addr or addr-spec with its header parameters, as text."""

    display_name: bytes
    """As written, quotes included; empty where there is none."""
    uri: bytes
    params: bytes
    """What follows the URI, from the ``;`` on."""

    @classmethod
    def parse(cls, value: bytes) -> "NameAddr":
        """Parse a value that holds exactly one. :raises SipParseError: where it holds none, or several."""
        found = cls.parse_many(value)
        if len(found) != 1:
            raise SipParseError(f"{len(found)} addresses where one is expected")
        return found[0]

    @classmethod
    def parse_many(cls, value: bytes) -> "list[NameAddr]":
        """Parse a comma-separated list; empty elements are left out (:rfc:`3261#section-7.3.1` has none)."""
        return [cls._from_element(value, e) for e in parse_many(value, 0, len(value)) if e.end > e.start]

    @classmethod
    def _from_element(cls, value: bytes, element: Element) -> "NameAddr":
        bracket = 1 if element.bracketed else 0
        return cls(
            value[element.start : element.uri_start - bracket].rstrip(b" \t\r\n"),
            value[element.uri_start : element.uri_end],
            value[element.uri_end + bracket : element.end].lstrip(b" \t\r\n"),
        )


# from-spec = ( name-addr / addr-spec ) *( SEMI from-param ), read as OpenSIPS' parse_to reads it: no comma, no fold, blank or quote
# inside the brackets, no "=" or quote inside a token value.
_ADDRESS = re.compile(
    rb'(?:(?:"(?:[^"\\]|\\.)*+"' + LWS + rb"|[^\"<>;,\\]*+)<" + LWS + rb"[^ \t\r\n<>\"\\]++[ \t]*+>|[^<>\";,\\ \t\r\n]++)" + LWS,
    re.DOTALL,
)
_TAG_PARAM = re.compile(
    rb";" + LWS + rb"([^ \t\r\n;,=\"\\]++)" + LWS + rb"(?:=" + LWS + rb'(?:"((?:[^"\\]|\\.)*+)"|([^ \t\r\n;,="\\]*+))' + LWS + rb")?",
    re.DOTALL,
)
# The shape of nearly every From and To there is; a group has the tag.
PLAIN_ADDRESS = rb'(?:"[^"\\\r\n]*+" ?|)<[^ \t\r\n<>"\\]++>(?:;tag=([^ \t\r\n;,="\\]++)|)'


def parse_tag(value: bytes, may_be_empty: bool = False) -> bytes | None:
    """The tag of a From or To value, without quotes; ``None`` where there is none.

    :param may_be_empty: whether a tag without a value counts as none.
    :raises SipParseError: where the value is malformed, or has a tag without a value that may not be.
    """
    address = _ADDRESS.match(value)
    if not address:
        raise SipParseError("neither a name-addr nor an addr-spec")
    position, tag = address.end(), None
    while position < len(value):
        parameter = _TAG_PARAM.match(value, position)
        if not parameter:
            raise SipParseError("a malformed parameter", position)
        name, quoted, token = parameter.groups()
        if name.lower() == b"tag":
            tag = quoted if quoted is not None else token
            if not tag and not may_be_empty:
                raise SipParseError("a tag without a value", position)
        position = parameter.end()
    return tag or None
