"""URIs (:rfc:`3261#section-19.1`): sip, sips, tel, urn and whatever else comes, raw text kept.

Lenient where OpenSIPS and Kamailio are lenient (odd characters in the user, an empty port), strict where they are strict. Knows
nothing of routing.
"""

import ipaddress
import re
from typing import NamedTuple

from ..errors import SipParseError
from .text import read_number

# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ], as the servers read it.
# A ";" or "?" may stand in the user, but not after a ":" (then it was a port or a parameter). A host alone may begin with nearly anything.
_SIP_URI = re.compile(
    rb"(sips?|tel):"
    rb"(?:([^\[\]:][^\[\]:;?@]*+(?:[;?][^:@]*+)?)(?::([^;?\[\]:@]*+))?@(\[[^\[\]&@;?]*+\]|[^:;?&@\[][^:;?&@]*+)"
    rb"|(\[[^\[\]&@;?]*+\]|[^\[\]:@][^\[\]:;?@]*+))"
    rb"(?::([0-9]*+))?(?:;([^?@]*+))?(?:\?([^;@]*+))?\Z",
    re.IGNORECASE,
)
# absoluteURI = scheme ":" ( hier-part / opaque-part )
_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*):")
_PARAM = re.compile(rb'(?:[^;"]|"(?:[^"\\]|\\.)*"?)*', re.DOTALL)

_SIP_SCHEMES = (b"sip", b"sips", b"tel")
# A named tuple's own constructor takes three times as long, and a request has several URIs.
_new = tuple.__new__


def split_sip(raw: bytes) -> tuple[bytes, bytes | None, bytes | None, bytes, bytes | None, bytes, bytes] | None:
    """The fields of a sip, sips or tel :class:`Uri` behind ``raw``; ``None`` where it is no such URI, or a malformed one."""
    match = _SIP_URI.match(raw)
    if not match:
        return None
    scheme, user, password, host_behind_user, host, port, params, headers = match.groups()
    scheme = scheme.lower()
    if scheme == b"tel":
        # The number stands where a host would be; there is no host (:rfc:`3966`).
        return scheme, host_behind_user or host, password, b"", port, params or b"", headers or b""
    return scheme, user, password, host_behind_user or host, port, params or b"", headers or b""


class Uri(NamedTuple):
    """A parsed URI. ``raw`` is the text as it came; every other field is a part of it."""

    raw: bytes
    scheme: bytes
    """In lower case."""
    user: bytes | None
    """With its escapes; for ``tel`` the number."""
    password: bytes | None
    host: bytes
    """As written, an IPv6 reference with its brackets; empty where the scheme has none."""
    port_text: bytes | None
    """The digits after the colon, perhaps none; ``None`` without a colon."""
    params: bytes
    """What stands between the first ``;`` and ``?``, without either."""
    headers: bytes

    @property
    def port(self) -> int | None:
        """The port as a number (not checked against 65535; its first ten digits are read), ``None`` where there is none."""
        return read_number(self.port_text) if self.port_text else None

    def param(self, name: bytes) -> bytes | None:
        """The value of a parameter, its name compared without case (:rfc:`3261#section-19.1.4`).

        :returns: the value as written, quotes included; ``b""`` where it has none; ``None`` where there is no such parameter.
        """
        wanted = name.lower()
        for key, value in self.param_list():
            if key.lower() == wanted:
                return value
        return None

    def param_list(self) -> list[tuple[bytes, bytes]]:
        """The parameters in order, as (name, value); a quoted value may hold a ``;``."""
        found = []
        position = 0
        while position < len(self.params):
            match = _PARAM.match(self.params, position)
            assert match is not None
            name, _, value = match.group().partition(b"=")
            if name.strip():
                found.append((name.strip(), value.strip()))
            position = match.end() + 1
        return found

    @classmethod
    def parse(cls, raw: bytes) -> "Uri":
        """Parse one URI, without brackets or blanks around it.

        :raises SipParseError: where it has no scheme, or a sip, sips, tel or urn:service URI is malformed.
        """
        parts = split_sip(raw)
        return cls._parse_other(raw) if parts is None else _new(cls, (raw, *parts))

    @classmethod
    def _parse_other(cls, raw: bytes) -> "Uri":
        match = _SCHEME.match(raw)
        if not match:
            raise SipParseError(f"no URI scheme in {raw[:40]!r}")
        scheme = match[1].lower()
        if scheme in _SIP_SCHEMES:
            raise SipParseError(f"bad user, host, port or parameter in {raw[:80]!r}", match.end())
        return cls(raw, scheme, None, None, b"", None, b"", b"")


def same_host(one: bytes, other: bytes) -> bool:
    """Whether two hosts are the same: names without case, IPv6 addresses by value (brackets or not)."""
    if one.lower() == other.lower():
        return True
    address = ipv6_address(one)
    return address is not None and address == ipv6_address(other)


def ipv6_address(host: bytes) -> ipaddress.IPv6Address | None:
    """The address of an IPv6 host, written with brackets or without; ``None`` where it is none."""
    if b":" not in host:
        return None
    text = host[1:-1] if host[:1] == b"[" and host[-1:] == b"]" else host
    try:
        return ipaddress.IPv6Address(text.decode("ascii"))
    except ValueError:
        return None
