"""URIs (:rfc:`3261#section-19.1`): sip, sips, tel, urn and whatever else comes, raw text kept.

Lenient where OpenSIPS and Kamailio are lenient (odd characters in the user, an empty port), strict where they are strict. Knows
nothing of routing.
"""

import ipaddress
import re
from typing import NamedTuple

from ..errors import SipParseError

# userinfo = user [ ":" password ] "@". A ";" or "?" may stand in the user, but not after a ":" (then it was a port or a parameter).
_USERINFO = re.compile(rb"([^\[\]:@][^\[\]:;?]*+(?:[;?][^:]*+)?)(?::([^;?\[\]:]*+))?\Z")
# hostport = host [ ":" port ], then uri-parameters and headers. A host alone may start with any byte but these, as the servers read it.
_TAIL = rb"(?::([0-9]*+))?(?:;([^?@]*+))?(?:\?([^;@]*+))?\Z"
_AFTER_USER = re.compile(rb"(\[[^\[\]&@;?]*+\]|[^:;?&@\[][^:;?&@]*+)" + _TAIL)
_NO_USER = re.compile(rb"(\[[^\[\]&@;?]*+\]|[^\[\]:@][^\[\]:;?@]*+)" + _TAIL)
# absoluteURI = scheme ":" ( hier-part / opaque-part )
_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*):")
_PARAM = re.compile(rb'(?:[^;"]|"(?:[^"\\]|\\.)*"?)*', re.DOTALL)

_SIP_SCHEMES = (b"sip", b"sips")


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
        """The port as a number (not checked against 65535), ``None`` where there is none."""
        return int(self.port_text) if self.port_text else None

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
        scheme_match = _SCHEME.match(raw)
        if not scheme_match:
            raise SipParseError(f"no URI scheme in {raw[:40]!r}")
        scheme, start = scheme_match[1].lower(), scheme_match.end()
        if scheme in _SIP_SCHEMES:
            return cls._hierarchical(raw, scheme, start)
        if scheme == b"tel":
            # The number stands where a host would be; there is no host (:rfc:`3966`).
            uri = cls._hierarchical(raw, scheme, start)
            return uri._replace(user=uri.host, host=b"")
        return cls(raw, scheme, None, None, b"", None, b"", b"")

    @classmethod
    def _hierarchical(cls, raw: bytes, scheme: bytes, start: int) -> "Uri":
        at = raw.find(b"@", start)
        user = password = None
        pattern = _NO_USER
        if at >= 0:
            userinfo = _USERINFO.match(raw, start, at)
            if not userinfo:
                raise SipParseError(f"bad user part in {raw[:80]!r}", start)
            user, password = userinfo.groups()
            start, pattern = at + 1, _AFTER_USER
        rest = pattern.match(raw, start)
        if not rest:
            raise SipParseError(f"bad host, port or parameter in {raw[:80]!r}", start)
        host, port, params, headers = rest.groups()
        return cls(raw, scheme, user, password, host, port, params or b"", headers or b"")


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
