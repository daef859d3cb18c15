"""Sending what is ready, each frame when it is due. Knows no routing; clock and sleep are the caller's."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import count, islice
from typing import Any

from .fresh import Fresh, Stale
from .outgoing import Outgoing
from .pacing import MILLISECOND, SECOND, Lateness, Schedule, sleep_for
from .priority import punctual
from .sender import Refused, Sender

# So many frames are sent before anybody looks at the clock, at top speed.
_AT_ONCE = 256
# Frames that are this far apart on average, in nanoseconds, leave most of a processor's time to others.
_APART = 200_000
_SHOW_EVERY = 250_000_000

_Frames = Iterator[tuple[int, bytes | memoryview]]


@dataclass(frozen=True)
class Pacing:
    """How fast, and how often, a capture is sent."""

    speed: float = 1.0
    """So many times as fast as it was captured."""
    pps: float | None = None
    """So many frames in a second instead."""
    topspeed: bool = False
    """As fast as it goes."""
    loops: int = 1
    """How often; 0 for without an end."""


@dataclass
class Replayed:
    """What was sent."""

    tried: int = 0
    """Frames, those that were refused included."""
    size: int = 0
    """Bytes that were sent."""
    loops: int = 0
    """How many came to their end."""
    seconds: float = 0.0
    """From before the first frame to behind the last one."""
    lateness: Lateness | None = None
    """``None`` at top speed, where nothing is due."""
    refused: dict[str, Refused] = field(default_factory=dict)
    """Frames that the kernel did not take, by reason."""
    stale: dict[str, Refused] = field(default_factory=dict)
    """Frames that were sent with the identifiers that they had, where all were to be new, by reason."""
    interrupted: bool = False

    @property
    def frames(self) -> int:
        """Frames that were sent."""
        return self.tried - sum(one.frames for one in self.refused.values())

    @property
    def rate(self) -> float:
        """Frames in a second."""
        return self.frames / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same, for JSON."""
        told: dict[str, Any] = {name: getattr(self, name) for name in ("frames", "loops", "seconds", "interrupted")}
        told |= {"bytes": self.size, "frames_per_second": self.rate}
        late = self.lateness
        told["lateness"] = late and {
            "within_1_ms": late.share_within(MILLISECOND),
            "median_ms": late.of_share(0.5) / MILLISECOND,
            "99_percent_ms": late.of_share(0.99) / MILLISECOND,
            "most_ms": late.most / MILLISECOND,
        }
        for name in ("refused", "stale"):
            told[name] = {reason: asdict(one) for reason, one in getattr(self, name).items()}
        return told


class Replay:
    """One replay.

    :param outgoing: what is sent.
    :param sender: what sends it.
    :param fresh: whether each loop gets new identifiers, see :class:`Fresh`.
    :param show: called a few times a second with what was sent so far.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        sender: Sender,
        pacing: Pacing,
        fresh: bool = False,
        show: Callable[[Replayed], object] = lambda done: None,
        clock: Callable[[], int] = time.perf_counter_ns,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._outgoing, self._sender, self._pacing = outgoing, sender, pacing
        self._salt = os.urandom(16) if fresh else b""
        self._show, self._clock, self._sleep = show, clock, sleep
        self.done = Replayed(refused=sender.refused)
        self._start = self._shown = 0

    def run(self) -> Replayed:
        """Send it all; Ctrl-C ends it early, behind a whole frame.

        :raises LiveError: where the interface takes no more.
        """
        done, pacing = self.done, self._pacing
        send = self._send_at_once if pacing.topspeed else self._send_when_due
        # What there is now stays: a collection that goes through all of it takes longer than a frame may be late.
        gc.freeze()
        self._start = self._shown = self._clock()
        schedule = Schedule(self._start, pacing.speed, pacing.pps)
        try:
            with punctual(self._apart >= _APART):
                for number in islice(count(), pacing.loops or None):
                    send(self._frames(number), schedule)
                    done.loops += 1
                    schedule.next_loop(self._outgoing.gap)
                    if not self._outgoing.frames:
                        break
        except KeyboardInterrupt:
            done.interrupted = True
        finally:
            done.seconds = (self._clock() - self._start) / SECOND
            gc.unfreeze()
        return done

    @property
    def _apart(self) -> float:
        """Nanoseconds from one frame to the next, on average."""
        pacing = self._pacing
        if pacing.topspeed:
            return 0
        return SECOND / pacing.pps if pacing.pps else self._outgoing.gap / pacing.speed

    def _frames(self, loop: int) -> _Frames:
        """The frames of a loop."""
        if not self._salt:
            return self._outgoing.read()
        return self._fresh_frames(Fresh(self._salt, loop))

    def _fresh_frames(self, fresh: Fresh) -> _Frames:
        for number, (offset, frame) in enumerate(self._outgoing.read(), 1):
            plain = bytes(frame)
            try:
                plain = fresh.frame(plain)
            except Stale as why:
                self.done.stale.setdefault(str(why), Refused(0, number)).frames += 1
            yield offset, plain

    def _send_at_once(self, frames: _Frames, _: Schedule) -> None:
        done, send, settle = self.done, self._sender.send, self._sender.settle
        while chunk := list(islice(frames, _AT_ONCE)):
            for _offset, frame in chunk:
                try:
                    done.size += send(frame)
                except OSError as error:
                    done.size += settle(error, frame, done.tried + 1)
                done.tried += 1
            self._look(self._clock())

    def _send_when_due(self, frames: _Frames, schedule: Schedule) -> None:
        done, send, clock = self.done, self._sender.send, self._clock
        late = done.lateness = done.lateness or Lateness()
        for offset, frame in frames:
            due = schedule.due(offset)
            while (left := due - clock()) > 0:
                if seconds := sleep_for(left):
                    self._sleep(seconds)
                    self._look(clock())
            try:
                done.size += send(frame)
            except OSError as error:
                done.size += self._sender.settle(error, frame, done.tried + 1)
            done.tried += 1
            now = clock()
            late.add(now - due)
            if now > self._shown:
                self._look(now)

    def _look(self, now: int) -> None:
        """Show how far it has come, if it is time to."""
        if now >= self._shown:
            self._shown = now + _SHOW_EVERY
            self.done.seconds = (now - self._start) / SECOND
            self._show(self.done)
