"""Call flows through proxies, with every message in sight: what a proxy was given, and what it sent, by which socket and where to.

Messages are written as text. The branches that our proxies make are hashes; in the text they are ``z9hG4bK-NAME-METHOD``, and on the wire
they are what they were. Knows no timing and no user agents: who writes a flow writes their messages.
"""

import re
from collections.abc import Mapping
from textwrap import dedent
from typing import NamedTuple

from scapy_rr.proxy import default_script
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.router import Preloaded, Router
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.rr.module import RecordRouting

_OWN_BRANCH = re.compile(rb"z9hG4bK[0-9a-f]{16}\.[0-9a-f]{16}\.\d+")


class Sent(NamedTuple):
    """What a proxy sent."""

    way: str
    """By which socket, and where to: ``udp:10.0.0.1:5060 -> udp:10.0.0.8:5060``."""
    message: str


def sip(text: str) -> str:
    """A message as it is compared: without the indent of the code, and with one line end behind its headers."""
    return dedent(text).strip() + "\n"


def wire(text: str) -> bytes:
    """A message without a body, as it is on the wire."""
    return sip(text).replace("\n", "\r\n").encode() + b"\r\n"


class Proxy:
    """A proxy with the built-in script.

    :param name: what stands in the labels of its branches.
    :param location: its location service: the R-URIs that it is responsible for, and what they become.
    """

    def __init__(
        self,
        name: str,
        listen: tuple[str, ...],
        hosts: Mapping[str, str] | None = None,
        location: Mapping[str, str] | None = None,
        domains: tuple[str, ...] = (),
        dialect: str = "opensips",
        preloaded: Preloaded = Preloaded.DENY,
        **parameters: object,
    ) -> None:
        self.name = name
        self._location = location or {}
        rr = RecordRouting(dialect, listen, domains, **parameters)
        self.router = Router(rr, locator=Locator(Hosts(hosts)), preloaded=preloaded)
        self.router.request_route(self._route)

    def _route(self, req: ScriptRequest) -> None:
        req.ruri = self._location.get(req.ruri or "", req.ruri)
        default_script.request_route(req)


class Flow:
    """The messages of one call on their way through proxies."""

    def __init__(self) -> None:
        self._branches: dict[str, bytes] = {}

    def through(self, proxy: Proxy, received_on: str, source: str, message: str) -> Sent:
        """What a proxy makes of a message that arrived at this socket from this ``address:port``."""
        data = wire(message)
        for label, branch in self._branches.items():
            data = data.replace(label.encode(), branch)
        outcome = proxy.router.handle(data, received_on=received_on, source=source)
        assert len(outcome.sent) == 1, outcome.detail
        payload, send_socket, next_hop = outcome.sent[0]
        return Sent(f"{send_socket} -> {next_hop}", self._text(proxy, payload))

    def _text(self, proxy: Proxy, payload: bytes) -> str:
        fresh = _OWN_BRANCH.search(payload)
        if fresh and fresh[0] not in self._branches.values():
            cseq = re.search(rb"\r\nCSeq: \d+ (\w+)", payload)
            assert cseq is not None
            label = f"z9hG4bK-{proxy.name}-{cseq[1].decode()}"
            assert label not in self._branches
            self._branches[label] = fresh[0]
        for label, branch in self._branches.items():
            payload = payload.replace(branch, label.encode())
        head, end, body = payload.partition(b"\r\n\r\n")
        assert end and not body
        return head.decode().replace("\r\n", "\n") + "\n"
