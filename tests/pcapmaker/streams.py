"""What happens in ``pcaps/tcp.pcap``: SIP over a TCP connection on which nothing comes as simply as it could.

Knows nothing of link types and files.
"""

from .messages import DEVICES, Dialog, Party
from .scenes import BOB, CALLEE, PROXY, TAGS, Scene, Socket, callee_hangs_up, seen
from .tcp import Connection

CALLER: Socket = ("10.0.0.5", 40000)
ALICE = Party("alice", *CALLER, transport="TCP")
TCP_BOB = Party("bob", CALLEE[0], device=DEVICES[1], transport="TCP")
# The caller's numbers begin anew within its first message.
FIRST = 2**32 - 500, 0x0B0B0000


def _sip(dialog: Dialog, method: str, number: int, branch: str) -> bytes:
    """A request within the dialog."""
    body = dialog.caller.sdp(40000, number) if method == "INVITE" else ""
    return dialog.request(method, number, branch, routes=dialog.routes, body=body)


def _answer(dialog: Dialog, status: str, method: str, number: int, branch: str, body: bool = False) -> bytes:
    """The proxy's answer on the caller's leg."""
    sdp = dialog.callee.sdp(50000, number) if body else ""
    return dialog.response(status, method, number, seen(dialog.caller, branch, *CALLER), body=sdp)


def _invite(dialog: Dialog, branch: str) -> bytes:
    """The first request of a call."""
    return dialog.request("INVITE", 1, branch, uri=dialog.callee.address_of_record, early=True, body=ALICE.sdp(40000))


def tcp_calls() -> Scene:
    """Two calls on one connection of the caller's: to a callee on UDP, for which the proxy recorded two routes, and to one on TCP."""
    scene, tcp = Scene(), Connection(CALLER, PROXY, FIRST)
    recorded = f"<sip:10.0.0.1;r2=on;lr;ftag={TAGS[0]}>", f"<sip:10.0.0.1;transport=tcp;r2=on;lr;ftag={TAGS[0]}>"
    one = Dialog(ALICE, BOB, "tcp-call-1@10.0.0.5", TAGS, recorded)
    two = Dialog(ALICE, TCP_BOB, "tcp-call-2@10.0.0.5", (f"{TAGS[0]}2", f"{TAGS[1]}2"), ("<sip:10.0.0.1;transport=tcp;lr>",))
    scene.play(tcp.open())
    _wrapping(scene, tcp, one)
    _together(scene, tcp, one, two)
    _halves(scene, tcp, one)
    _disturbed(scene, tcp, two)
    callee_hangs_up(scene, one, CALLEE, PROXY)
    scene.play(tcp.say(_sip(two, "BYE", 4, "c0006")), 3_000_017)
    scene.play(tcp.say(_answer(two, "200 OK", "BYE", 4, "c0006"), by_server=True))
    scene.play(tcp.close())
    return scene


def _wrapping(scene: Scene, tcp: Connection, dialog: Dialog) -> None:
    """One message over two segments, the first of which ends behind the last sequence number; two answers in one segment."""
    scene.play(tcp.say(_invite(dialog, "a0001"), (600,)))
    ringing = [_answer(dialog, status, "INVITE", 1, "a0001") for status in ("100 Trying", "180 Ringing")]
    scene.play(tcp.say(b"".join(ringing), by_server=True))
    scene.play(tcp.say(_answer(dialog, "200 OK", "INVITE", 1, "a0001", True), by_server=True), 2_400_318)


def _together(scene: Scene, tcp: Connection, one: Dialog, two: Dialog) -> None:
    """Three messages in two segments, the border in the midst of the second one, and the same for the answers."""
    sent = [_sip(one, "ACK", 1, "a0002"), _sip(one, "INFO", 2, "a0003"), _invite(two, "c0001")]
    scene.play(tcp.say(b"".join(sent), (700,)))
    scene.play(tcp.say(_answer(one, "200 OK", "INFO", 2, "a0003") + _answer(two, "100 Trying", "INVITE", 1, "c0001"), by_server=True))
    scene.play(tcp.say(_answer(two, "200 OK", "INVITE", 1, "c0001", True), (333,), by_server=True), 1_900_201)
    scene.play(tcp.say(_sip(two, "ACK", 1, "c0002") + _sip(two, "INFO", 2, "c0003") + _sip(one, "INFO", 3, "a0004")))
    answers = [_answer(two, "200 OK", "INFO", 2, "c0003"), _answer(one, "200 OK", "INFO", 3, "a0004")]
    scene.play(tcp.say(b"".join(answers), by_server=True))


def _halves(scene: Scene, tcp: Connection, dialog: Dialog) -> None:
    """Between the halves of a message comes TCP's keep-alive; that of SIP comes in halves, the first one with the end of the message."""
    invite = _sip(dialog, "INVITE", 4, "a0005")
    scene.play(tcp.say(invite[:300]), 4_000_001)
    scene.play(tcp.keep_alive(), 9_000_011)
    scene.play(tcp.say(invite[300:] + b"\r\n\r"))
    scene.play(tcp.say(b"\n"))
    scene.play(tcp.say(b"\r\n", by_server=True))
    scene.play(tcp.say(_answer(dialog, "200 OK", "INVITE", 4, "a0005", True), by_server=True))
    scene.play(tcp.say(_sip(dialog, "ACK", 4, "a0006")))


def _disturbed(scene: Scene, tcp: Connection, dialog: Dialog) -> None:
    """One message over many small segments: one comes late, one twice. The proxy says each time what it has."""
    begin = tcp.sequence[0]
    parts = tcp.send(_sip(dialog, "INVITE", 3, "c0004"), (150,) * 5)
    answer = tcp.acknowledge
    scene.play([*parts[:2], answer(by_server=True, upto=begin + 300)])
    late = [(begin + 450, begin + 600), (begin + 450, begin + 750)]
    for part, behind in zip(parts[3:5], late, strict=True):
        scene.play([part, answer(by_server=True, upto=begin + 300, sacks=[behind])])
    scene.play([parts[2], answer(by_server=True, upto=begin + 750)])
    # The acknowledgement was lost on its way, so the segment is sent again (RFC 2883: the first block says what came twice).
    scene.play([parts[4], answer(by_server=True, upto=begin + 750, sacks=[(begin + 600, begin + 750)])], 300_007)
    scene.play([*parts[5:], answer(by_server=True)])
    scene.play(tcp.say(_answer(dialog, "200 OK", "INVITE", 3, "c0004", True), by_server=True))
    scene.play(tcp.say(_sip(dialog, "ACK", 3, "c0005")))
