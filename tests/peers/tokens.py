"""Flow tokens (:rfc:`5626#section-5.2`) as Kamailio makes them, for servers that do not use the key they were given."""

import base64
import hashlib
import hmac
import re
from ipaddress import ip_address

from .case import endpoint

_CANDIDATE = re.compile(r"[A-Za-z0-9+/]{30,64}={0,2}(?=@)")
_DIGEST = 10


def key(secret: str) -> bytes:
    """What the HMAC is keyed with."""
    return hashlib.sha1(secret.encode()).digest()


def token(secret: bytes, received_on: str, source: str) -> str:
    """The token of a flow: where it came in, and whence.

    :param received_on: as the vectors spell a socket, ``udp:127.0.0.1:5060``.
    """
    proto, _, local = received_on.partition(":")
    flow = bytes([(1 if proto == "udp" else 2) | (0x80 if "[" in local else 0)])
    for host, port in (endpoint(local), endpoint(source)):
        flow += ip_address(host).packed + port.to_bytes(2, "big")
    return base64.b64encode(_digest(secret, flow) + flow).decode()


def resigned(text: str, old: bytes, new: bytes) -> str:
    """The same text where each token that is good under the old key is good under the new one."""

    def replacement(found: re.Match[str]) -> str:
        try:
            raw = base64.b64decode(found[0], validate=True)
        except ValueError:
            return found[0]
        flow = raw[_DIGEST:]
        if not flow or _digest(old, flow) != raw[:_DIGEST]:
            return found[0]
        return base64.b64encode(_digest(new, flow) + flow).decode()

    return _CANDIDATE.sub(replacement, text)


def _digest(secret: bytes, flow: bytes) -> bytes:
    return hmac.digest(secret, flow, "sha1")[-_DIGEST:]
