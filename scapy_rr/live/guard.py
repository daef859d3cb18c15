"""What we sent, remembered for a while: where it comes back, it is not routed again. Knows no sockets; time is the caller's."""

_MOST, _SECONDS = 16_384, 4.0


class Guard:
    """The messages that were sent last, as hashes of where they went and what they are.

    A copy of what we sent arrives where a network has a loop or mirrors a port. A retransmission that somebody sends us goes elsewhere:
    to us.

    :param most: how many are remembered. The oldest goes for another.
    :param seconds: for how long.
    """

    def __init__(self, most: int = _MOST, seconds: float = _SECONDS) -> None:
        self._most, self._seconds = most, seconds
        # In the order in which they were sent.
        self._sent: dict[int, float] = {}
        self.forgotten = 0
        """How many had to go before their time."""

    def __len__(self) -> int:
        return len(self._sent)

    def remember(self, address: bytes, port: int, message: bytes, now: float) -> None:
        """Note what is sent.

        :param address: where to, packed.
        :param now: seconds, on whatever clock.
        """
        self._expire(now)
        key = hash((address, port, message))
        self._sent.pop(key, None)
        if len(self._sent) >= self._most:
            del self._sent[next(iter(self._sent))]
            self.forgotten += 1
        self._sent[key] = now

    def knows(self, address: bytes, port: int, message: bytes, now: float) -> bool:
        """Whether a message on its way there is one that we sent."""
        self._expire(now)
        return hash((address, port, message)) in self._sent

    def _expire(self, now: float) -> None:
        while self._sent:
            oldest = next(iter(self._sent))
            if now - self._sent[oldest] <= self._seconds:
                return
            del self._sent[oldest]
