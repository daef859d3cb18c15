"""Addresses as the servers' grammars have them in ``listen``, ``socket``, ``alias`` and behind ``as`` or ``advertise``.

Both ``cfg.y`` join a host from its tokens, so that spaces and line ends in it have no meaning.
"""

from collections.abc import Collection
from typing import NamedTuple

from ..rr.listener import DEFAULT_PORTS
from .cursor import Cursor, NotUnderstood
from .directives import UNKNOWN
from .lexer import Kind

ANY = ("*", "any")
# Words that stand behind a list of addresses, or begin a statement without an equals sign.
_STATEMENTS = frozenset({
    "advertise", "ADVERTISE", "name", "NAME", "virtual", "as", "AS", "use_workers", "tag", "anycast", "reuse_port", "frag",
    "accept_subdomain", "loadmodule", "loadmodulex", "loadpath", "modparam", "modparamx", "flags", "avpflags", "route", "request_route",
})  # fmt: skip


class Address(NamedTuple):
    """One of them, perhaps for several hosts."""

    transport: str
    """Empty for every one."""
    hosts: tuple[str, ...]
    """IPv6 in brackets; ``*`` for all of the machine."""
    port: int
    """0 where none is written."""
    is_quoted: bool


def read_address(cursor: Cursor, transports: Collection[str]) -> Address:
    """One address: ``[proto:]host[:port]``, or ``[proto:](host, host)[:port]``.

    :param transports: what may stand in the place of ``proto``.
    :raises NotUnderstood: where none stands.
    """
    transport = ""
    if cursor.sees(":", 1) and (cursor.peek().text in ANY or cursor.peek().text.lower() in transports):
        transport = cursor.take().text.lower()
        cursor.take()
    elif cursor.sees(":", 1) and cursor.peek().text.lower() in DEFAULT_PORTS:
        raise NotUnderstood(f"no socket has the transport {cursor.peek().text}; those there are: {', '.join(transports)}")
    is_quoted = cursor.peek().kind is Kind.STRING
    if cursor.accept("("):
        hosts = [read_host(cursor)]
        while cursor.accept(","):
            hosts.append(read_host(cursor))
        cursor.expect(")")
    else:
        hosts = [read_host(cursor)]
    return Address("" if transport in ANY else transport, tuple(hosts), read_port(cursor), is_quoted)


def read_addresses(cursor: Cursor, transports: Collection[str]) -> list[Address]:
    """The addresses of a list: nothing but space parts them, and the next statement may follow.

    :raises NotUnderstood: where none stands.
    """
    found = [read_address(cursor, transports)]
    while _continues(cursor):
        found.append(read_address(cursor, transports))
    return found


def read_host(cursor: Cursor) -> str:
    """A host: a name, an address, or anything in quotes. :raises NotUnderstood: where none stands."""
    token = cursor.peek()
    if token.kind is Kind.STRING:
        return cursor.string()
    if cursor.accept("["):
        token = cursor.peek()
        if token.kind is not Kind.IPV6:
            raise cursor.refusal("an IPv6 address")
        cursor.take()
        cursor.expect("]")
        return f"[{token.text}]"
    if token.kind is Kind.IPV6:
        return f"[{cursor.take().text}]"
    if cursor.accept("*"):
        return "*"
    if token.kind is not Kind.WORD:
        raise cursor.refusal("a host")
    host = cursor.take().text
    while cursor.peek().text in (".", "-") and cursor.peek().kind is Kind.SIGN and cursor.peek(1).kind is Kind.WORD:
        host += cursor.take().text + cursor.take().text
    if cursor.sees("="):
        raise NotUnderstood(f"a host is expected before {host!r}, which begins a statement")
    return host


def read_port(cursor: Cursor) -> int:
    """``:port`` if it stands here, otherwise 0. :raises NotUnderstood: where a colon is followed by no port."""
    if not cursor.accept(":"):
        return 0
    return 0 if cursor.accept(*ANY) else cursor.number()


def _continues(cursor: Cursor) -> bool:
    """Whether another address follows, not a statement: of those that do not begin with ``name =`` there are few."""
    token = cursor.peek()
    if token.kind in (Kind.STRING, Kind.IPV6) or any(cursor.sees(sign) for sign in "[(*"):
        return True
    if token.text == UNKNOWN:
        # Read on, and be refused.
        return True
    if token.kind is not Kind.WORD or token.text in _STATEMENTS:
        return False
    start = cursor.at
    try:
        read_host(cursor)
    except NotUnderstood:
        return False
    else:
        return not any(cursor.sees(sign) for sign in "{[(")
    finally:
        cursor.at = start
