"""The same case for scapy_rr and for Kamailio, and what they say differently."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scapy_rr.rr.module import RecordRouting

from .case import Answer, Case, Configuration

_COMPARED = ("returns", "ruri", "dst_uri", "send_socket", "pvs", "sent")
_IPV6_FACE = "2001:db8::7"
# Only in what is stamped: a Route keeps what it has.
_BARE_FACE = re.compile(rf"(?<=\r\nRecord-Route: <)(sips?:(?:[^@>]*@)?){_IPV6_FACE}(?=[:;>])")
_EMPTY_ROUTE = re.compile(r"(?<=\r\n)Route[ \t]*:[ \t]*\r\n(?![ \t])", re.IGNORECASE)
DROPPED = "the server's core dropped it"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that is known, and is not the dialect's fault.

    :param name: what it is.
    :param versions: the beginning of the versions of Kamailio that have it.
    :param undone: what scapy_rr would have said if it did the same; its answer as it is for a case that has nothing of it.
    """

    name: str
    versions: str
    undone: Callable[[Case, Answer, Answer], Answer]


def _modes(case: Case, theirs: Answer, ours: Answer) -> Answer:
    return theirs if any(call[0] == "loose_route_mode" and int(call[1]) > 1 for call in case["calls"]) else ours


def _ruri_is_null(case: Case, theirs: Answer, ours: Answer) -> Answer:
    return ours if theirs["ruri"] is not None else {**ours, "ruri": None}


def _core_kept_it(case: Case, theirs: Answer, ours: Answer) -> Answer:
    """The module did its part, the core would not forward the result: as with a malformed From."""
    return ours if theirs["sent"] is not None else {**ours, "sent": None}


def _brackets(case: Case, theirs: Answer, ours: Answer) -> Answer:
    """It brackets an IPv6 face of an IPv6 socket only; what it writes for an IPv4 socket is no URI."""
    sent = ours["sent"]
    for found in _BARE_FACE.finditer(theirs["sent"] or ""):
        sent = sent and sent.replace(f"Record-Route: <{found[1]}[{_IPV6_FACE}]", f"Record-Route: <{found[0]}", 1)
    return {**ours, "sent": sent}


def _no_request_line(case: Case, theirs: Answer, ours: Answer) -> Answer:
    """White space of a Route gets into the request line, which has more than three words then, or is folded."""
    return theirs if ours.get("refused") else ours


def _empty_route(case: Case, theirs: Answer, ours: Answer) -> Answer:
    found = _EMPTY_ROUTE.search(theirs["sent"] or "")
    if not found or ours["sent"] is None or _EMPTY_ROUTE.search(ours["sent"]):
        return ours
    # What stands around the empty header is the same here, or it is another difference.
    before = (theirs["sent"] or "").count("\r\n", 0, found.start())
    lines = ours["sent"].split("\r\n")
    return {**ours, "sent": "\r\n".join([*lines[:before], found[0][:-2], *lines[before:]])}


KNOWN = (
    # What it sends is no SIP: scapy_rr.rr.departures.DEPARTURES.
    Difference("white space in a Route that is to be the R-URI", "", _no_request_line),
    Difference("an empty Route header is left behind", "", _empty_route),
    Difference("an IPv6 address advertised by an IPv4 socket has no brackets", "5.6.", _brackets),
    Difference("loose_route_mode above 1", "5.6.", _modes),
    Difference("$ru of an R-URI that does not parse", "5.6.", _ruri_is_null),
    Difference("the core would not forward the result", "", _core_kept_it),
)
"""The keyed flow token of 5.6 is no entry: the judge signs tokens anew for it."""


class Ours:
    """scapy_rr, one module for each configuration."""

    def __init__(self) -> None:
        self._modules: dict[Configuration, RecordRouting] = {}

    def answer(self, case: Case, out_socket: str | None) -> Answer:
        """What scapy_rr does with a request that leaves by a socket."""
        configuration = Configuration.of(case)
        module = self._modules.get(configuration)
        if module is None:
            module = RecordRouting("kamailio", configuration.listen, configuration.domains, **case["params"])
            self._modules[configuration] = module
        req: Any = module.request(case["request"].encode("latin-1"), case["received_on"], case["source"], case["send_socket"])
        returns = [int(getattr(req, name)(*arguments)) for name, *arguments in case["calls"]]
        return {
            "returns": returns,
            "ruri": req.ruri,
            "dst_uri": req.dst_uri,
            "send_socket": req.send_socket,
            "pvs": {"route_uri": req.pv("$route_uri"), "fti": req.pv("$fti"), "tti": req.pv("$tti"), "rdir": req.pv("$rdir(name)")},
            "sent": req.build(out_socket).decode("latin-1"),
            "out_socket": out_socket,
            "refused": next((step.text for step in req.trace if step.text.startswith("white space")), ""),
        }


def differing(theirs: Mapping[str, object], ours: Mapping[str, object]) -> list[str]:
    """The keys in which two answers differ."""
    return [key for key in _COMPARED if theirs[key] != ours[key]]


def excuse(case: Case, theirs: Answer, ours: Answer, version: str) -> str | None:
    """The known differences that explain together why the answers differ; ``None`` where they do not."""
    names = []
    for known in KNOWN:
        if not version.startswith(known.versions):
            continue
        undone = known.undone(case, theirs, ours)
        if undone != ours:
            names.append(known.name)
        ours = undone
    return " and ".join(names) if not differing(theirs, ours) else None
