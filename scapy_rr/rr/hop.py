"""A URI as a server's core reads it for routing: which host, port and transport it means, and what it refuses to parse."""

import re
from dataclasses import dataclass

from ..errors import SipParseError
from ..sip.text import read_number
from ..sip.uri import Uri, split_sip
from .dialect import OPENSIPS, Dialect
from .listener import DEFAULT_PORTS

# The cores look for these names right behind a ";" and know neither blanks nor quotes there (parser/parse_uri.c).
_TRANSPORT = re.compile(rb"(?:^|;)transport=([^;]*)(?=(;?))", re.IGNORECASE)
_MADDR = re.compile(rb"(?:^|;)maddr=([^;]+)", re.IGNORECASE)
_GRUU = re.compile(rb"(?:^|;)gr(?:=[^;]|=?\Z|;)", re.IGNORECASE)
# The servers' parse_uri has no way out of these states at the end of a URI and calls the URI bad.
_CUT_MADDR = re.compile(rb"(?:^|;)ma(?:d(?:d(?:r=?)?)?)?\Z", re.IGNORECASE)
# phone2tel, the value compared with case; the last one counts.
_USER = re.compile(rb"(?:^|;)user=([^;]+)", re.IGNORECASE)
_HOST = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.\-]*\Z|\[|\Z")
_URN = re.compile(rb"urn:(?:service|nena:service):.", re.IGNORECASE)

OTHER_TRANSPORT = "other"
"""A ``transport`` that no server has."""


# Not frozen, which would take as long as all the rest of parsing; not a named tuple, whose fields take several times as long to read.
@dataclass(slots=True)
class Hop:
    """What a URI means for routing. Not to be changed: the same one is given to all who ask."""

    raw: bytes
    """The URI as written."""
    user: bytes | None
    written_host: bytes
    """The host as written; empty for ``tel``."""
    written_port: bytes | None
    """The digits of the port as written."""
    params: bytes
    """The URI parameters as written."""
    maddr: bytes | None
    host: bytes
    """Where to: ``maddr`` if there is one, else the host."""
    port: int
    """The port written, or the default one of the transport."""
    transport: str
    """The transport written, or the default one of the scheme; :data:`OTHER_TRANSPORT` for one that is unknown."""
    named_transport: str
    """The transport written, empty where none is."""
    is_phone: bool
    """Whether it counts as a ``tel`` URI in the shape of a ``sip`` one (``user=phone``)."""

    is_loose: bool
    """Whether it has ``lr``: a loose router (:rfc:`3261#section-19.1.1`), as the servers' own scanner sees it."""
    is_double: bool
    """Whether it has ``r2``: one of a pair of Record-Routes, as the servers' own scanner sees it."""
    is_gruu: bool
    """Whether it has a ``gr`` parameter (:rfc:`5627`)."""

    @classmethod
    def parse(cls, raw: bytes, dialect: Dialect = OPENSIPS) -> "Hop":
        """Parse a URI. :raises SipParseError: where the server's core does not parse it."""
        parts = split_sip(raw)
        if parts is None:
            uri = Uri.parse(raw)
            if not _URN.match(raw):
                raise SipParseError(f"the servers know no scheme {uri.scheme.decode('latin-1')!r}")
            return cls(raw, None, b"", None, b"", None, b"", DEFAULT_PORTS["udp"], "udp", "", False, False, False, False)
        scheme, user, _, host, digits, params, _ = parts
        _check(user, host, digits, dialect)
        named, maddr, phone, loose, double, gruu = "", None, False, False, False, False
        if params:
            lower = params.lower()
            if b"transport=" in lower:
                named = _named_transport(params, dialect)
            if b"ma" in lower:
                maddr = _maddr(params, raw.endswith(params))
            phone = dialect.phone_is_tel and b"user=" in lower and _USER.findall(params)[-1:] == [b"phone"]
            if phone:
                # What stands behind a ";" in the user are the tel URI's own.
                user, _, params = (user or b"").partition(b";")
            # But gr is looked for among the sip URI's.
            gruu = b"gr" in lower and _GRUU.search(raw.rpartition(b"@")[2].partition(b";")[2] if phone else params) is not None
            loose, double = _LR.match(params) is not None, _R2.match(params) is not None
        transport = named or ("tls" if scheme == b"sips" else "udp")
        # OpenSIPS keeps a port in 16 bits, whatever was written: struct sip_uri, port_no.
        port = (digits and read_number(digits) & 0xFFFF) or DEFAULT_PORTS.get(transport, 0)
        return cls(raw, user, host, digits, params, maddr, maddr or host, port, transport, named, phone, loose, double, gruu)


def _check(user: bytes | None, host: bytes, digits: bytes | None, dialect: Dialect) -> None:
    if digits and not dialect.high_port_parses and (len(digits) > 5 or int(digits) > 0xFFFF):
        raise SipParseError("the URI's port is above 65535, or has more than five digits")
    if user and not dialect.any_host_parses and not _HOST.match(host):
        raise SipParseError(f"a host of letters, digits, dots and dashes alone is read, not {host[:80]!r}")


def _named_transport(params: bytes, dialect: Dialect) -> str:
    named = ""
    for value, semicolon in _TRANSPORT.findall(params):
        text = value.decode("latin-1").lower()
        if text in DEFAULT_PORTS:
            named = text
        elif dialect.unknown_transport_counts and (text or semicolon):
            # At the very end an empty transport is none, before another parameter it is one that nobody knows: parse_uri, PT_eq.
            named = OTHER_TRANSPORT
    return named


def _maddr(params: bytes, at_end: bool) -> bytes | None:
    if at_end and _CUT_MADDR.search(params):
        raise SipParseError("the URI ends within 'maddr'")
    found = _MADDR.findall(params)
    return found[-1] if found else None


def _scanner(letters: bytes) -> re.Pattern[bytes]:
    """The servers' scanner for a parameter of two letters (``is_strict``, ``is_2rr``), its states written as a pattern.

    It takes the first two letters of each parameter, whatever its value; blanks may stand around the name, quoted text is passed over.
    A byte that does not fit is swallowed, even if it is the ";" of an empty parameter: so ``;;lr`` hides ``lr``.
    """
    first, second = (b"[" + bytes([c]).lower() + bytes([c]).upper() + b"]" for c in letters)
    blank = rb"[ \t\r\n]*+"
    wrong = rb"(?:%b(?:%b%b[^ \t\r\n;=]|[^%b)|[^ \t\r\n%b)" % (first, second, blank, second[1:], first[1:])
    rest = rb'(?:[^";]|"(?:[^"\\]|\\.)*+")*+;'
    return re.compile(rb"(?:%b%b%b)*+%b%b%b%b(?:[;=]|\Z)" % (blank, wrong, rest, blank, first, second, blank), re.DOTALL)


_LR = _scanner(b"lr")
_R2 = _scanner(b"r2")
