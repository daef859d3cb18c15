"""What each hop did: the way of every message through a lab, and what changed between one link and the next.

Knows messages on links and the hosts' roles, and nothing of how they were captured.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ...errors import SipParseError
from ...sip.message import Message
from ...sip.nameaddr import parse_many
from ...sip.text import shown
from ...sip.via import Via
from .description import Lab, Role
from .messages import Seen

_TRYING = 100


class Change(NamedTuple):
    """One thing that a hop did to a message."""

    sign: str
    """``+`` for added, ``-`` for removed, ``~`` for changed."""
    what: str
    """A header's name, or Request-URI, Status-Line, source, destination."""
    value: str
    """What was added, removed, or what it became."""

    def __str__(self) -> str:
        return f"{self.sign} {self.what} {self.value}"


class Hop(NamedTuple):
    """A message from one host to the next."""

    seen: Seen
    changes: tuple[Change, ...]
    """What the host that sent it on did to it; nothing where it is its own."""


@dataclass
class Way:
    """One message on its way."""

    title: str
    """``INVITE``, or ``200 INVITE``."""
    call_id: str
    hops: list[Hop] = field(default_factory=list)
    repeated: int = 0
    """How many retransmissions of it there were, over all links."""
    arrived: bool = False
    """Whether it came to the caller or the callee; a 100 goes no further than the next host (:rfc:`3261#section-16.7`)."""


def follow(lab: Lab, messages: Iterable[Seen]) -> list[Way]:
    """The way of every message, in the order in which they were sent.

    :param messages: in the order of time.
    """
    ways: dict[tuple[bytes, ...], list[Way]] = {}
    found: list[Way] = []
    for seen in messages:
        with suppress(SipParseError):
            message = Message(seen.data, lenient=True)
            known = ways.setdefault(_key(message), [])
            if any(_again(seen, way) for way in known):
                continue
            # It goes on from where it was last.
            came = ((way, hop) for way in reversed(known) for hop in reversed(way.hops) if hop.seen.receiver == seen.sender)
            way, before = next(came, (None, None))
            if way is None:
                way = Way(_title(message), shown((message.value(b"call-id") or b"").decode("latin-1")))
                known.append(way)
                found.append(way)
            way.hops.append(Hop(seen, tuple(_changes(before.seen, seen, lab)) if before else ()))
            way.arrived = lab.hosts[seen.receiver].role in (Role.CALLER, Role.CALLEE) or message.status == _TRYING
    return found


def _again(seen: Seen, way: Way) -> bool:
    """Whether it is a retransmission of a message of this way; it is counted then."""
    here = any(hop.seen[1:] == seen[1:] for hop in way.hops)
    way.repeated += here
    return here


def _key(message: Message) -> tuple[bytes, ...]:
    """What stays the same from hop to hop, and is another for another message."""
    status = b"%d" % message.status if message.status else b""
    sender = (message.value(b"from") or b"").partition(b"tag=")[2].partition(b";")[0]
    sequence = b" ".join((message.value(b"cseq") or b"").split())
    return message.method, status, sequence, message.value(b"call-id") or b"", sender


def _title(message: Message) -> str:
    method = message.method.decode("latin-1")
    return shown(f"{message.status} {method}" if message.status else method)


def _changes(before: Seen, after: Seen, lab: Lab) -> Iterator[Change]:
    old, new = Message(before.data, lenient=True), Message(after.data, lenient=True)
    if old.request_uri != new.request_uri:
        yield _change("~", "Request-URI", new.request_uri)
    for name in ("Via", "Record-Route", "Route"):
        yield from _list_changes(name, *(_values(message, name.lower().encode()) for message in (old, new)))
    hops = [message.value(b"max-forwards") or b"" for message in (old, new)]
    if hops[0] != hops[1]:
        yield _change("~", "Max-Forwards", hops[1])
    if lab.hosts[after.sender].role is Role.ROUTER:
        for what in ("source", "destination"):
            if getattr(before, what) != getattr(after, what):
                yield Change("~", what, getattr(after, what))
    if old.body != new.body:
        yield Change("~", "body", f"{len(new.body)} bytes")


def _list_changes(name: str, old: list[bytes], new: list[bytes]) -> Iterator[Change]:
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    for value in old:
        if gone[value] > 0:
            gone[value] -= 1
            became = next((other for other in come if come[other] > 0 and _same_via(name, value, other)), None)
            if became is None:
                yield _change("-", name, value)
            else:
                come[became] -= 1
                yield _change("~", name, became)
    for value in new:
        if come[value] > 0:
            come[value] -= 1
            yield _change("+", name, value)


def _same_via(name: str, one: bytes, other: bytes) -> bool:
    """Whether a Via is the other one with something filled in (received and rport, :rfc:`3581#section-4`)."""
    if name != "Via":
        return False
    with suppress(SipParseError):
        parsed = [Via.parse(text, 0, len(text)) for text in (one, other)]
        return (parsed[0].branch, parsed[0].host, parsed[0].port) == (parsed[1].branch, parsed[1].host, parsed[1].port)
    return False


def _values(message: Message, name: bytes) -> list[bytes]:
    """The values of a header that is a list, one by one; of one that does not parse, as they stand."""
    found = []
    for header in message.find_all(name):
        data, start, end = message.data, header.value_start, header.value_end
        with suppress(SipParseError):
            if name != b"via":
                found += [data[one.start : one.end] for one in parse_many(data, start, end)]
                continue
            while start < end:
                via = Via.parse(data, start, end)
                found.append(data[via.start : via.end])
                start = via.next
            continue
        found.append(data[start:end])
    return found


def _change(sign: str, what: str, value: bytes) -> Change:
    return Change(sign, what, shown(value.decode("latin-1")))
