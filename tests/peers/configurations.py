"""Configurations to try: a pool drawn from a seed, small enough that the servers for it can be kept running."""

from random import Random
from typing import Any

from .case import Configuration

_ADDRESSES = ("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3", "[::1]")
_PORTS = (5060, 5060, 5060, 5061, 5070, 5080)
_FACES = (
    "203.0.113.7:5080",
    "203.0.113.7:5060",
    "198.51.100.9:5060",
    "sip.example.net:5060",
    "Edge.Example.NET:5071",
    "localhost:5091",
    "[2001:db8::7]:5070",
)
_DOMAINS = ("example.com", "example.org:5070", "EXAMPLE.NET", "192.0.2.50:5060", "a.example:5061")
_PARAMS: dict[str, tuple[int, ...]] = {
    "append_fromtag": (0,),
    "enable_double_rr": (0, 2),
    "add_username": (1,),
    "enable_full_lr": (1,),
    "force_send_socket": (1,),
    "ignore_sips": (1,),
    "enable_socket_mismatch_warning": (0,),
}
"""Other values than the defaults. ``loose_route_mode`` is no parameter of 5.6 (it is a function there)."""

SECRETS = ("turn-one secret", "x")
PLAIN = Configuration((), ("udp:127.0.0.1:5060",), ())


def pool(seed: int, count: int = 60) -> list[Configuration]:
    """Configurations that Kamailio starts with, the simplest first, so that what shrinks ends there."""
    rng = Random(seed)
    usual = Configuration((), ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:127.0.0.2:5070"), ("example.com",))
    made = {PLAIN, usual}
    while len(made) < count:
        made.add(_configuration(rng))
    return sorted(made, key=lambda one: (one != PLAIN, len(one.params) + len(one.listen) + len(one.domains), str(one)))


def _configuration(rng: Random) -> Configuration:
    sockets = list(dict.fromkeys(_socket(rng) for _ in range(rng.randint(1, 4))))
    faced = rng.random() < 0.4
    listen = [f"{one} as {rng.choice(_FACES)}" if faced and rng.random() < 0.5 else one for one in sockets]
    params: dict[str, Any] = {name: rng.choice(values) for name, values in _PARAMS.items() if rng.random() < 0.2}
    if rng.random() < 0.3:
        params["flow_token_key"] = rng.choice(SECRETS)
        # Both want to be the user part: the server does not start.
        params.pop("add_username", None)
    domains = rng.sample(_DOMAINS, rng.choice((0, 0, 1, 2, 3)))
    return Configuration(tuple(sorted(params.items())), tuple(listen), tuple(domains))


def _socket(rng: Random) -> str:
    return f"{rng.choice(('udp', 'udp', 'tcp'))}:{rng.choice(_ADDRESSES)}:{rng.choice(_PORTS)}"


def sendable(configuration: Configuration) -> list[str]:
    """The sockets that a script can force.

    Kamailio finds a socket by the real host with the advertised port, too, and takes the first: another one may stand before.
    """
    found: dict[str, str] = {}
    for listener in configuration.listen:
        socket, _, face = listener.partition(" as ")
        found.setdefault(socket, socket)
        if face:
            found.setdefault(f"{socket.rpartition(':')[0]}:{face.rpartition(':')[2]}", socket)
    return [socket for socket in configuration.sockets if found[socket] == socket]
