"""When each frame is due, and how late it was. Reads no clock and sleeps never: times are passed in, all in nanoseconds."""

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
# A sleep ends this much late, on a machine that has time; what is left of the wait is spun. More would be late more often: who takes much
# of a busy processor's time is kept waiting for it.
_SPIN = 50_000
# A long wait is slept in parts, so that what is shown meanwhile stays true.
_LONGEST_SLEEP = 200_000_000


class Schedule:
    """When the frames of a capture are due, in order.

    :param start: when the first one is.
    :param speed: how many times as fast as they were captured.
    :param pps: this many in a second instead, evenly.
    """

    def __init__(self, start: int, speed: float = 1.0, pps: float | None = None) -> None:
        self._start = self._last = start
        self._speed = speed
        self._interval = SECOND / pps if pps else 0.0
        self._number = 0

    def due(self, offset: int) -> int:
        """When the next frame is due.

        :param offset: its time in the capture, from the first frame's. One that lies before an earlier frame is due with that.
        """
        if self._interval:
            at = self._start + round(self._number * self._interval)
            self._number += 1
        else:
            at = self._start + round(offset / self._speed)
        if at > self._last:
            self._last = at
        return self._last

    def next_loop(self, gap: int) -> None:
        """Begin with the capture again.

        :param gap: the time between the last frame and the first, in the capture's time.
        """
        if not self._interval:
            self._start = self._last + round(gap / self._speed)


def sleep_for(left: int) -> float:
    """How many seconds to sleep where a frame is due in ``left``; 0 where the wait is so short that the clock is to be watched."""
    return min(left - _SPIN, _LONGEST_SLEEP) / SECOND if left > _SPIN else 0.0


class Lateness:
    """How late frames were: a histogram, of the same size however many they are.

    :param step: how exact it is: the width of a bucket, of which there are a thousand. What lies beyond is not told apart.
    """

    _BUCKETS = 1000

    def __init__(self, step: int = 10_000) -> None:
        self._step = step
        self._counts = [0] * (self._BUCKETS + 1)
        self.frames = 0
        self.most = 0
        """The largest."""
        self.total = 0
        """All of them added up."""

    def add(self, late: int) -> None:
        """Count a frame that was late by this much."""
        # First, so that a thread that reads meanwhile never finds more in the buckets.
        self.frames += 1
        self._counts[min(late // self._step, self._BUCKETS)] += 1
        self.total += late
        if late > self.most:
            self.most = late

    def within(self, limit: int) -> int:
        """How many frames were late by less than this, a multiple of the step within the thousand."""
        return sum(self._counts[: limit // self._step])

    def share_within(self, limit: int) -> float:
        """Their share, 0 to 1; 1 where there were none."""
        return self.within(limit) / self.frames if self.frames else 1.0

    def of_share(self, share: float) -> int:
        """The lateness that this share of the frames stays within, rounded up to a whole step; beyond all buckets, the largest."""
        wanted, seen = share * self.frames, 0
        for bucket, count in enumerate(self._counts[:-1]):
            seen += count
            if seen >= wanted:
                return min((bucket + 1) * self._step, self.most)
        return self.most
