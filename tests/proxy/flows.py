"""Call flows through proxies, written down as they are drawn: who sends which message to whom, each message once and whole.

    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        INVITE sip:callee@domain.com SIP/2.0
        Via: SIP/2.0/UDP u1.example.com;branch=z9hG4bKu1
        ...
    P1 udp:192.0.2.1:5060 -> P2 udp:192.0.2.2:5060
        ...

What somebody who is no proxy of ours sends is given. What a proxy of ours sends is what it made of the last message that it got; so a flow
that went as it is written comes back from :func:`played` as it is written. The branches of our Vias are hashes: in the text they are
``z9hG4bK-NAME-METHOD``, on their way they are what they are. Knows no bodies and no timing.
"""

import re
from collections.abc import Callable, Mapping
from textwrap import dedent, indent
from typing import Any, NamedTuple

from scapy_rr.proxy import default_script, script_file
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.router import Route, Router
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.rr.module import RecordRouting

DIALECTS = ("opensips", "kamailio")

_STEP = re.compile(r"^(\w+) (\S+) -> (\w+) (\S+)\n((?: .*\n)+)", re.MULTILINE)
_OWN_BRANCH = re.compile(rb"z9hG4bK[0-9a-f]{16}\.[0-9a-f]{16}\.\d+")
_METHOD = re.compile(rb"\r\nCSeq: \d+ (\w+)")


class Step(NamedTuple):
    """One arrow and its message."""

    sender: str
    leaves_by: str
    receiver: str
    arrives_at: str
    message: str

    def __str__(self) -> str:
        return f"{self.sender} {self.leaves_by} -> {self.receiver} {self.arrives_at}\n{indent(self.message, '    ')}"


def proxy(
    listen: tuple[str, ...],
    hosts: Mapping[str, str] | None = None,
    domains: tuple[str, ...] = (),
    dialect: str = "opensips",
    script: Route | None = None,
    **parameters: Any,
) -> Router:
    """A proxy with the built-in script, or with another one. :param parameters: the rr module's."""
    router = Router() if script else script_file.load()
    if script:
        router.request_route(script)
    router.rr = RecordRouting(dialect, listen, domains, **parameters)
    router.locator = Locator(Hosts(hosts))
    return router


def located(targets: Mapping[str, str]) -> Route:
    """The built-in script behind a location service, which gives the R-URIs that it knows another one."""

    def script(req: ScriptRequest) -> None:
        ruri = req.ruri or ""
        req.ruri = targets.get(ruri, ruri)
        default_script.request_route(req)

    return script


def flow(text: str) -> str:
    """A flow as :func:`played` gives it back: without the indent that it has in the code."""
    return dedent(text).strip() + "\n"


def wire(text: str) -> bytes:
    """A message without a body, as it is on the wire."""
    return dedent(text).strip().replace("\n", "\r\n").encode() + b"\r\n\r\n"


def played(text: str, **elements: Router | Callable[[str], str]) -> str:
    """The flow as it really goes.

    :param elements: the proxies, by their names in the flow; one that is none of ours is a function from what it gets to what it sends.
    """
    steps, branches = list[Step](), _Branches()
    got, sent = dict[str, str](), dict[str, tuple[str, str, bytes]]()
    for match in _STEP.finditer(text):
        step = Step(*match.groups())._replace(message=dedent(match[5]))
        element = elements.get(step.sender)
        if isinstance(element, Router):
            leaves_by, arrives_at, data = sent.pop(step.sender, ("nothing", "nobody", b""))
            step = step._replace(leaves_by=leaves_by, arrives_at=arrives_at, message=branches.text(step.sender, data))
        elif element:
            step = step._replace(message=element(got[step.sender]))
        steps.append(step)
        got[step.receiver] = step.message
        receiver = elements.get(step.receiver)
        if isinstance(receiver, Router):
            source = step.leaves_by.partition(":")[2]
            outcome = receiver.handle(branches.wire(step.message), received_on=step.arrives_at, source=source)
            for payload, send_socket, next_hop, _ in outcome.sent:
                assert step.receiver not in sent, "a flow has no branches"
                sent[step.receiver] = str(send_socket), str(next_hop), payload
    assert not sent, f"sent, and not in the flow: {sent}"
    return "".join(map(str, steps))


class _Branches:
    """The branches that our proxies made, and what stands for them in the text."""

    def __init__(self) -> None:
        self._labels: dict[bytes, bytes] = {}

    def text(self, sender: str, data: bytes) -> str:
        """A message as text, with a label for a branch that is new."""
        for branch in _OWN_BRANCH.findall(data):
            if branch not in self._labels:
                label = b"z9hG4bK-%b-%b" % (sender.encode(), _METHOD.findall(data)[0])
                assert label not in self._labels.values(), f"two branches for {label!r}"
                self._labels[branch] = label
        for branch, label in self._labels.items():
            data = data.replace(branch, label)
        return data.decode().replace("\r\n", "\n").removesuffix("\n") if data else "nothing\n"

    def wire(self, text: str) -> bytes:
        """A message as it is on the wire, with the branches for their labels."""
        data = wire(text)
        for branch, label in self._labels.items():
            data = data.replace(label, branch)
        return data
