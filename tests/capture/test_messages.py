"""SIP is known by its start line; and what a message says of where it came from."""

import pytest

from scapy_rr.capture.messages import RESPONSE, kind_of, spell


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"INVITE sip:a SIP/2.0\r\n", "INVITE"),
        (b"INVITE sip:a SIP/2.0\n", "INVITE"),
        (b"INVITE sip:a SIP/2.0", "INVITE"),
        (b"\r\n\r\nINVITE sip:a SIP/2.0\r\n", "INVITE"),
        (b"NEWMETHOD sip:a SIP/2.0\r\n", "NEWMETHOD"),
        (b"invite sip:a sip/2.0\r\n", "invite"),
        (b"INVITE sip:a  b SIP/2.0\r\n", "INVITE"),
        (b"SIP/2.0 200 OK\r\n", RESPONSE),
        (b"sip/2.0 200 OK\r\n", RESPONSE),
        (b"", ""),
        (b"\r\n\r\n", ""),
        (b"\0", ""),
        (b"SIP", ""),
        (b"GET / HTTP/1.1\r\nVia: SIP/2.0\r\n", ""),
        (b"INVITE", ""),
        (b"\x80\x08" + bytes(170), ""),
    ],
)
def test_what_a_start_line_says(payload: bytes, kind: str) -> None:
    assert kind_of(payload) == kind


@pytest.mark.parametrize(
    ("address", "port", "text"),
    [
        (bytes([10, 0, 0, 1]), 5060, "udp:10.0.0.1:5060"),
        (bytes(15) + b"\1", 7000, "udp:[::1]:7000"),
    ],
)
def test_an_address_as_a_listener(address: bytes, port: int, text: str) -> None:
    assert spell(address, port) == text
