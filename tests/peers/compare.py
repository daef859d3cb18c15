"""The same case for scapy_rr and for Kamailio, and what they say differently."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scapy_rr.rr.module import RecordRouting

from .case import Answer, Case, Configuration

_COMPARED = ("returns", "ruri", "dst_uri", "send_socket", "pvs", "sent")
# Only in what is stamped: a Route keeps what it has.
_FACE = re.compile(r"(?<=\r\nRecord-Route: <)(sips?:(?:[^@>]*@)?)\[(2001:db8::7)\]")
_EMPTY_ROUTE = re.compile(r"(?<=\r\n)Route[ \t]*:[ \t]*\r\n(?![ \t])", re.IGNORECASE)
DROPPED = "the server's core dropped it"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that is known, and is not the dialect's fault.

    :param name: what it is.
    :param versions: the beginning of the versions of Kamailio that have it.
    :param applies: whether a case, with both answers, is one of it.
    """

    name: str
    versions: str
    applies: Callable[[Case, Answer, Answer], bool]


def _modes(case: Case, theirs: Answer, ours: Answer) -> bool:
    return any(call[0] == "loose_route_mode" and int(call[1]) > 1 for call in case["calls"])


def _only_ruri_is_null(case: Case, theirs: Answer, ours: Answer) -> bool:
    return theirs["ruri"] is None and differing({**theirs, "ruri": ours["ruri"]}, ours) == []


def _core_kept_it(case: Case, theirs: Answer, ours: Answer) -> bool:
    """The module did its part, the core would not forward the result: as with a malformed From."""
    return theirs["returns"] is not None and theirs["sent"] is None and differing({**theirs, "sent": ours["sent"]}, ours) == []


def _only_brackets(case: Case, theirs: Answer, ours: Answer) -> bool:
    """It brackets an IPv6 face of an IPv6 socket only; what it writes for an IPv4 socket is no URI."""
    return differing(theirs, {**ours, "sent": _FACE.sub(r"\1\2", ours["sent"] or "")}) == []


def _no_request_line(case: Case, theirs: Answer, ours: Answer) -> bool:
    """White space of a Route gets into the request line, which has more than three words then, or is folded."""
    return bool(ours.get("refused"))


def _empty_route(case: Case, theirs: Answer, ours: Answer) -> bool:
    return differing({**theirs, "sent": _EMPTY_ROUTE.sub("", theirs["sent"] or "")}, ours) == []


KNOWN = (
    # What it sends is no SIP: scapy_rr.rr.departures.DEPARTURES.
    Difference("white space in a Route that is to be the R-URI", "", _no_request_line),
    Difference("an empty Route header is left behind", "", _empty_route),
    Difference("loose_route_mode above 1", "5.6.", _modes),
    Difference("$ru of an R-URI that does not parse", "5.6.", _only_ruri_is_null),
    Difference("an IPv6 address advertised by an IPv4 socket has no brackets", "5.6.", _only_brackets),
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


def differing(theirs: Answer, ours: Answer) -> list[str]:
    """The keys in which two answers differ."""
    return [key for key in _COMPARED if theirs[key] != ours[key]]  # type: ignore[literal-required]


def excuse(case: Case, theirs: Answer, ours: Answer, version: str) -> str | None:
    """The known difference that explains why the answers differ, if there is one."""
    return next((known.name for known in KNOWN if version.startswith(known.versions) and known.applies(case, theirs, ours)), None)
