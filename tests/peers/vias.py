"""Messages with odd Vias, drawn from a seed: what the grammar allows and no telephone writes."""

from random import Random

# Drawn more often where they stand more often.
_BLANKS = ("",) * 8 + (" ", "  ", "\t", "\r\n ", " \r\n\t")
_SEPARATORS = (" ",) * 8 + ("  ", "\t", "\r\n ")
_PROTOCOLS = ("SIP/2.0/UDP",) * 8 + ("sip/2.0/udp", "SIP / 2.0 / UDP", "SIP/ 2.0 /UDP", "SIP\t/2.0/UDP", "SIP/2.0/\r\n UDP")
_NAMES = ("Via",) * 6 + ("v", "VIA", "via", "V", "Via ", "v\t")
_HOSTS = ("10.0.0.5",) * 6 + ("10.0.0.6", "192.0.2.7", "example.com", "EXAMPLE.com", "a-b.c", "[2001:db8::5]", "[::ffff:10.0.0.5]")
_HOSTS6 = ("[2001:db8::5]",) * 4 + ("[2001:DB8::5]", "[2001:0db8:0::5]", "[2001:db8:0:0:0:0:0:5]", "[2001:db8::6]", "10.0.0.5", "a.b")
_PORTS = ("",) * 5 + (":5060",) * 4 + (":5062", ":15060", ":1", ":65535", ":05060", ": 5062", " :5062", " : 5062", ":\r\n 5062")
_PARAMS = (
    *("branch=z9hG4bK{0}",) * 3, "branch={0}", "BRANCH=z9hG4bK{0}", "Branch=x{0}", *("rport",) * 4, "RPORT", "rport=1234", "Rport=5099",
    "received=192.0.2.33", "received=10.0.0.5", "Received=192.0.2.34", "RECEIVED=203.0.113.7", "ttl=1", "TTL=16", "maddr=192.0.2.44",
    "hidden", "HIDDEN", "alias", "i=1", "comp=sigcomp", "comp=x", "keep", "ob", "x", "x=y", "x=h.example.com", "x=[2001:db8::1]", 'x="a;b"',
    'x=" a "', "x-y.z=1~2", "X=%41", "transport=udp", "rportx", "rpor", "receive", "receivedx=1", "branchx=1", "hiddenx=2", "ttlx",
    "maddrx", *"rbhtmc",
)  # fmt: skip
_HOPS = (
    *("Max-Forwards: 70",) * 6, "Max-Forwards: 1", "Max-Forwards: 0", "Max-Forwards: 10", "Max-Forwards: 70 ", "Max-Forwards:  9",
    "max-forwards: 69", "Max-Forwards : 70", "Max-Forwards: 010", "Max-Forwards:\r\n 5", "Max-Forwards: 300", "",
)  # fmt: skip
_STATUS = ("200 OK", "180 Ringing", "404 Not Found", "503 Service Unavailable", "200  OK", "200 ")


class Vias:
    """Draws messages, each with a Call-ID of its own.

    :param seed: the same one draws the same. :param version: of IP.
    """

    def __init__(self, seed: int, version: int = 4) -> None:
        self._random = Random(seed)
        self._hosts = _HOSTS if version == 4 else _HOSTS6
        self._own = ("10.0.0.1", "10.0.0.1:5060", "10.0.0.1 : 5060") if version == 4 else ("[2001:db8::1]", "[2001:DB8:0::1]:5060")
        self._target = "10.0.0.9" if version == 4 else "[2001:db8::9]"
        self._number = 0

    def request(self) -> bytes:
        """A request."""
        choose = self._random.choice
        method = choose(("OPTIONS", "OPTIONS", "INVITE", "MESSAGE", "REFER", "SUBSCRIBE", "ACK", "BYE"))
        tag = ";tag=2" if method == "BYE" else ""
        return self._message(f"{method} sip:{self._target}:5070 SIP/2.0", self._headers(), method, tag, choose(_HOPS))

    def response(self) -> bytes:
        """A response whose topmost Via is the proxy's."""
        own = self._value(self._random.choice(self._own))
        below = self._headers(("maddr",))
        if self._random.random() < 0.4:
            name, _, values = below[0].partition(":")
            headers = [f"{name}:{own}{self._comma(own)}{values.lstrip()}", *below[1:]]
        else:
            headers = [f"{self._random.choice(_NAMES)}: {own}", *below]
        return self._message(f"SIP/2.0 {self._random.choice(_STATUS)}", headers, "OPTIONS", ";tag=2", "")

    def _message(self, start: str, vias: list[str], method: str, tag: str, hops: str) -> bytes:
        self._number += 1
        others = ["From: <sip:a@h>;tag=1", f"To: <sip:b@h>{tag}", f"Call-ID: {self._number}@vias", f"CSeq: {self._number} {method}"]
        if hops:
            others.insert(self._random.randrange(5), hops)
        # The Vias are in their order, and anywhere between the others.
        places = sorted(self._random.choice((0, self._random.randrange(len(others)))) for _ in vias)
        for place, via in reversed(list(zip(places, vias, strict=True))):
            others.insert(place, via)
        length = self._random.choice(("Content-Length: 0", "Content-Length:0", "l: 0", "Content-Length: 2", "X: y"))
        return "\r\n".join([start, *others, length, "", "ab" if length[-1] in "2y" else ""]).encode()

    def _headers(self, without: tuple[str, ...] = ()) -> list[str]:
        """One to three Vias in one to three headers."""
        lines: list[str] = []
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            value = self._value(self._random.choice(self._hosts), without)
            if lines and self._random.random() < 0.5:
                lines[-1] += self._comma(lines[-1]) + value
            else:
                lines.append(f"{self._random.choice(_NAMES)}:{self._random.choice(_SEPARATORS)}{value}")
        return lines

    def _value(self, host: str, without: tuple[str, ...] = ()) -> str:
        choose = self._random.choice
        params = self._params(without)
        port = "" if host in self._own else choose(_PORTS)
        # Kamailio counts no blanks when it writes behind a port without parameters.
        return choose(_PROTOCOLS) + choose(_SEPARATORS) + host + (port if params else "".join(port.split())) + params

    def _params(self, without: tuple[str, ...]) -> str:
        text, used = "", set(without)
        for _ in range(self._random.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5))):
            param = self._random.choice(_PARAMS).format(self._random.randrange(1 << 20))
            name = param.partition("=")[0].lower()
            if name not in used:
                used.add(name)
                equals = self._random.choice(("=", "=", "=", "=", " =", " = ", "= "))
                text += f"{self._random.choice(_BLANKS)};{self._random.choice(_BLANKS)}{param.replace('=', equals, 1)}"
        return text

    def _comma(self, before: str) -> str:
        """A comma between blanks; none before it behind the name of a parameter alone, which Kamailio then does not parse, rport apart."""
        last = before.rpartition(";")[2].strip().lower() if ";" in before else "="
        return (self._random.choice(_BLANKS) if "=" in last or last == "rport" else "") + "," + self._random.choice((" ", *_BLANKS))
