"""A message of a capture is routed, or left alone for a reason that is counted; and what is sent in the place of a datagram."""

import pytest

from scapy_rr.capture.bearer import Bearer, Frame
from scapy_rr.capture.carrier import Link
from scapy_rr.capture.messages import RESPONSE, End, SipMessage
from scapy_rr.capture.origin import PduOrigin
from scapy_rr.capture.routing import FAMILY, NOT_FOR_US, TRANSPORT, CaptureRouter, spliced
from scapy_rr.capture.summary import Leaving
from scapy_rr.errors import ScriptError
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts, NextHop
from scapy_rr.proxy.outcome import IS_RESPONSE, Sent
from scapy_rr.proxy.router import Router
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.rr.listener import Listener
from scapy_rr.wire import hep
from scapy_rr.wire.datagram import Datagram, locate

from .samples import LISTEN, arriving, bye, frame, leaving, router, script

CALLER, PROXY = (bytes([10, 0, 0, 5]), 5060), (bytes([10, 0, 0, 1]), 5060)
OK = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1\r\n\r\n"
OVER_WS = bye(1, ("<sip:10.0.0.1;lr>", "<sip:10.0.0.9;transport=ws;lr>"))
OVER_SCTP = bye(1, ("<sip:10.0.0.1;lr>", "<sip:10.0.0.9;transport=sctp;lr>"))
TO_IPV6 = bye(1, ("<sip:10.0.0.1;lr>", "<sip:[2001:db8::9];lr>"))


def message(
    data: bytes = b"", kind: str = "BYE", refusal: str = "", destination: End = PROXY, number: int = 3, origin: object = None
) -> SipMessage:
    """One of a capture."""
    return SipMessage(number, "udp", CALLER, destination, kind, data or bye(), refusal, origin=origin)


def next_hop(text: str, transport: str = "udp") -> NextHop:
    """A next hop at port 5060."""
    found = Hosts().at(text.encode(), transport, 0, 5060)
    assert found is not None
    return found


def test_a_message_for_a_listener_is_routed() -> None:
    how = router()
    outcome = how.handle(message())
    assert outcome is not None
    ((payload, _, hop, connection),) = outcome.sent
    assert (payload, str(hop), connection) == (bye(1, ()), "udp:10.0.0.9:5060", "")
    assert (outcome.way, outcome.left) == ("loose to loose", "")
    assert (how.summary.messages, how.summary.addressed, how.summary.left) == ({"BYE": 1}, 1, {})
    assert how.summary.routed == {}, "that counts who writes it"


@pytest.mark.parametrize(
    ("came", "reason", "detail", "addressed"),
    [
        (message(refusal="the body is cut"), "the body is cut", "", 0),
        (message(OK, RESPONSE), IS_RESPONSE, "", 0),
        (message(destination=CALLER), NOT_FOR_US, "the first goes to udp:10.0.0.5:5060", 0),
        (message(destination=(bytes(15) + b"\1", 7)), NOT_FOR_US, "the first goes to udp:[::1]:7", 0),
        (message(b"BYE sip:bob@10.0.0.9 SIP/2.0\r\n\r\n"), "malformed request", None, 1),
        (message(OVER_SCTP), "no listener of the next hop's transport and family", None, 1),
    ],
)
def test_why_a_message_is_left_alone(came: SipMessage, reason: str, detail: str | None, addressed: int) -> None:
    """It is said to who asks, and counted with the first frame; the message is as it came."""
    how = router()
    outcome = how.handle(came)
    assert outcome is not None
    assert (outcome.data, outcome.left, outcome.sent) == (came.data, reason, ())
    assert how.handle(came._replace(number=8)) is not None
    (counted,) = how.summary.left.items()
    assert counted == (reason, Leaving(2, 3, outcome.detail if detail is None else detail))
    assert (sum(how.summary.messages.values()), how.summary.addressed) == (2, 2 * addressed)


def test_what_cannot_be_reached_is_no_message() -> None:
    how = router()
    assert how.handle(message(kind="", refusal="IPsec header")) is None
    assert how.summary.messages == {"not read": 1}
    assert how.summary.left == {"IPsec header": Leaving(1, 3, "")}


def test_a_whole_proxy_looks_at_responses() -> None:
    how = CaptureRouter(script(RecordRouting(listen=[LISTEN]), Hosts(), via=True))
    outcome = how.handle(message(OK, RESPONSE))
    assert outcome is not None
    assert outcome.left not in ("", IS_RESPONSE)
    assert how.summary.addressed == 1


@pytest.mark.parametrize(
    ("data", "listen", "reason", "detail"),
    [
        (OVER_SCTP, "sctp:10.0.0.1:5060", TRANSPORT, "sctp:10.0.0.9:5060"),
        (TO_IPV6, "udp:[2001:db8::1]:5060", FAMILY, "udp:[2001:db8::9]:5060"),
    ],
)
def test_what_no_frame_can_carry_is_left_alone(data: bytes, listen: str, reason: str, detail: str) -> None:
    """Unless somebody else took it off the wire: what they tell of it has any ends."""
    how = router(LISTEN, listen)
    outcome = how.handle(message(data))
    assert outcome is not None
    assert (outcome.left, outcome.detail) == (reason, detail)
    assert how.summary.left == {reason: Leaving(1, 3, detail)}
    pdu = hep.Hep(2, 2, 17, CALLER, PROXY, 0, 0, 0, 1, data, b"")
    told = PduOrigin(Bearer((Frame(1, b"", 1, 0.0),), Link(b"", b"", 101, 0), how.summary.given_up), pdu, lambda one: [one])
    outcome = how.handle(message(data, origin=told))
    assert outcome is not None
    assert outcome.left == ""
    assert [str(one.next_hop) for one in outcome.sent] == [detail]


def test_over_the_transport_that_it_came_by_it_may_leave() -> None:
    how = router("sctp:10.0.0.1:5060")
    data = OVER_SCTP.replace(b"<sip:10.0.0.1;lr>", b"<sip:10.0.0.1;transport=sctp;lr>")
    outcome = how.handle(message(data)._replace(transport="sctp"))
    assert outcome is not None
    assert [str(one.next_hop) for one in outcome.sent] == ["sctp:10.0.0.9:5060"]
    assert how.summary.left == {}


def test_what_a_script_does_wrong_names_the_frame() -> None:
    made = Router(RecordRouting(listen=[LISTEN]), locator=Locator(Hosts(), None, ("udp",)))

    @made.request_route
    def route(_: ScriptRequest) -> None:
        raise ScriptError("no route to take")

    with pytest.raises(ScriptError, match=r"^frame 3: no route to take$"):
        CaptureRouter(made).handle(message())


def test_what_it_is_told_at_first() -> None:
    how = CaptureRouter(script(RecordRouting("kamailio", listen=[LISTEN]), Hosts()), (5060, 5080))
    assert (how.ports, how.keys, how.is_stateful) == ((5060, 5080), None, False)
    assert how.dialect.name == "kamailio"


def datagram(data: bytes) -> Datagram:
    """Where the datagram of an Ethernet frame is."""
    at = locate(data, 0, len(data), 1)
    assert isinstance(at, Datagram)
    return at


def sent(payload: bytes, transport: str = "udp", hop: str = "10.0.0.9") -> Sent:
    """What the proxy sends."""
    listener = RecordRouting(listen=[LISTEN]).identity.listener_at("udp", *PROXY)
    assert isinstance(listener, Listener)
    return Sent(payload, listener, next_hop(hop, transport))


def test_what_is_sent_stands_in_the_frame_that_came() -> None:
    """All of them, in order; around the frame there may be others."""
    came, behind = arriving(), arriving(2)
    data = b"before" + came + behind
    at = locate(data, 6, 6 + len(came), 1)
    assert isinstance(at, Datagram)
    assert spliced([sent(bye(1, ()))], data, 6, 6 + len(came), at) == [leaving()]
    made = spliced([sent(b""), sent(bye(1, ()))], data, 6, 6 + len(came), at)
    assert made is not None
    assert [len(one) for one in made] == [42, len(leaving())]
    assert made[1] == leaving()
    assert spliced([], data, 6, 6 + len(came), at) == []


@pytest.mark.parametrize(
    "more",
    [[("tcp", b"x")], [("udp", bytes(65_508))], [("udp", b"x"), ("ws", b"x")], [("udp", b"x"), ("udp", bytes(65_508))]],
)
def test_what_takes_more_than_another_datagram(more: list[tuple[str, bytes]]) -> None:
    """Another transport, and what is longer than IP can carry: none of it then, not the first alone."""
    came = frame(bye())
    assert spliced([sent(payload, transport) for transport, payload in more], came, 0, len(came), datagram(came)) is None


def test_the_longest_datagram_has_a_frame() -> None:
    came = frame(bye())
    made = spliced([sent(bytes(65_507))], came, 0, len(came), datagram(came))
    assert made is not None
    assert made[0][16:18] == b"\xff\xff"
