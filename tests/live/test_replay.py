"""Each frame is sent when it is due, over and over; what comes between is counted. The clock is a number here, and sleeping adds to it."""

import errno
import gc
import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from scapy_rr.errors import LiveError
from scapy_rr.live.outgoing import Outgoing, prepare
from scapy_rr.live.pacing import MILLISECOND
from scapy_rr.live.replay import Pacing, Replay, Replayed
from scapy_rr.live.sender import Refused, Sender

from ..capture.samples import VOICE, Kept, arriving, pcap
from .test_fresh import SIP, built


class Clock:
    """Time that goes by when it is read, and more when somebody sleeps."""

    def __init__(self, per_reading: int = 100) -> None:
        self.now, self._per_reading = 10**12, per_reading
        self.slept = 0.0

    def read(self) -> int:
        self.now += self._per_reading
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += round(seconds * 1e9)
        self.slept += seconds


class Recorder(Sender):
    """Takes frames, and notes when.

    :param faults: what it raises, by the number of the call.
    """

    def __init__(self, clock: Clock, faults: dict[int, BaseException] | None = None) -> None:
        self._name, self.refused = "eth7", {}
        self.clock, self.faults = clock, faults or {}
        self.sent: list[tuple[int, bytes]] = []
        self._start, self._calls = clock.now, 0
        self.send = self._take

    def _take(self, frame: bytes | memoryview) -> int:
        self._calls += 1
        if fault := self.faults.get(self._calls):
            raise fault
        self.sent.append((self.clock.now - self._start, bytes(frame)))
        return len(frame)

    @property
    def frames(self) -> list[bytes]:
        return [frame for _, frame in self.sent]

    @property
    def times(self) -> list[int]:
        return [time for time, _ in self.sent]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Outgoing]:
    """Makes frames ready, each with milliseconds."""

    def made(*frames: tuple[int, bytes]) -> Outgoing:
        kept = [Kept(1, milliseconds * 1000, len(frame), frame) for milliseconds, frame in frames]
        (tmp_path / "in").write_bytes(pcap(kept))
        return prepare(tmp_path / "in", tmp_path / "out", bytes(6), {})

    return made


ONE, TWO, THREE = (VOICE[:-1] + bytes([number]) for number in (1, 2, 3))


def replay(
    outgoing: Outgoing, pacing: Pacing, faults: dict[int, BaseException] | None = None, fresh: bool = False
) -> tuple[Replayed, Recorder]:
    clock = Clock()
    sender = Recorder(clock, faults)
    return Replay(outgoing, sender, pacing, fresh, lambda done: None, clock.read, clock.sleep).run(), sender


@pytest.mark.parametrize(
    ("pacing", "wanted"),
    [
        (Pacing(), [0, 10, 40]),
        (Pacing(speed=2.0), [0, 5, 20]),
        (Pacing(pps=100), [0, 10, 20]),
        (Pacing(loops=2), [0, 10, 40, 60, 70, 100]),
        (Pacing(speed=4.0, loops=2), [0, 2.5, 10, 15, 17.5, 25]),
        (Pacing(pps=1000, loops=2), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_frames_are_sent_when_they_are_due(make: Callable[..., Outgoing], pacing: Pacing, wanted: list[float]) -> None:
    """Not before, and with this clock at most a microsecond after. The gap between loops is the average one: 20 ms."""
    done, sender = replay(make((0, ONE), (10, TWO), (40, THREE)), pacing)
    assert sender.frames == [ONE, TWO, THREE] * pacing.loops
    late = [time - due * MILLISECOND for time, due in zip(sender.times, wanted, strict=True)]
    assert all(0 <= one < 2_000 for one in late), late
    assert (done.frames, done.size, done.loops, done.interrupted) == (len(wanted), len(wanted) * len(VOICE), pacing.loops, False)
    assert done.seconds == pytest.approx(wanted[-1] / 1000, abs=1e-5)
    assert done.lateness is not None
    assert (done.lateness.frames, done.lateness.share_within(MILLISECOND)) == (len(wanted), 1.0)


def test_the_wait_is_slept_and_its_end_is_watched(make: Callable[..., Outgoing]) -> None:
    _, sender = replay(make((0, ONE), (900, TWO)), Pacing())
    assert sender.clock.slept == pytest.approx(0.9, abs=0.0005)
    assert sender.clock.slept < 0.9


def test_top_speed_waits_for_nothing(make: Callable[..., Outgoing]) -> None:
    done, sender = replay(make((0, ONE), (900, TWO)), Pacing(topspeed=True, loops=300))
    assert sender.frames == [ONE, TWO] * 300
    assert (sender.clock.slept, done.lateness, done.frames, done.loops) == (0, None, 600, 300)


ENDLESS = [Pacing(loops=0), Pacing(loops=0, topspeed=True)]


@pytest.mark.parametrize("pacing", ENDLESS)
def test_without_an_end_until_interrupted(make: Callable[..., Outgoing], pacing: Pacing) -> None:
    done, sender = replay(make((0, ONE), (10, TWO)), pacing, {8: KeyboardInterrupt()})
    assert sender.frames == [ONE, TWO, ONE, TWO, ONE, TWO, ONE]
    assert (done.loops, done.interrupted, done.tried) == (3, True, 7)


@pytest.mark.parametrize("pacing", ENDLESS)
def test_nothing_is_sent_for_ever_in_no_time(make: Callable[..., Outgoing], pacing: Pacing) -> None:
    done, _ = replay(make(), pacing)
    assert (done.frames, done.loops, done.rate) == (0, 1, 0.0)


@pytest.mark.parametrize("pacing", [Pacing(), Pacing(topspeed=True)])
def test_what_is_refused_is_counted(make: Callable[..., Outgoing], pacing: Pacing) -> None:
    done, sender = replay(make((0, ONE), (1, TWO), (2, THREE)), pacing, {2: OSError(errno.EMSGSIZE, "Message too long")})
    assert sender.frames == [ONE, THREE]
    assert done.refused == {"longer than the interface takes": Refused(1, 2)}
    assert (done.tried, done.frames, done.size) == (3, 2, 2 * len(VOICE))


@pytest.mark.parametrize("pacing", [Pacing(), Pacing(topspeed=True)])
def test_an_interface_that_goes_ends_it(make: Callable[..., Outgoing], pacing: Pacing) -> None:
    clock = Clock()
    sender = Recorder(clock, {2: OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))})
    at_work = Replay(make((0, ONE), (1, TWO)), sender, pacing, False, lambda done: None, clock.read, clock.sleep)
    with pytest.raises(LiveError, match="eth7: Network is down"):
        at_work.run()
    assert (at_work.done.frames, at_work.done.loops) == (1, 0)
    assert at_work.done.seconds > 0


@pytest.mark.parametrize("pacing", [Pacing(loops=2), Pacing(loops=2, topspeed=True)])
def test_each_loop_has_its_own_identifiers(make: Callable[..., Outgoing], pacing: Pacing) -> None:
    """Frames without SIP stay, and those that cannot be reached are counted."""
    fragment = built(IP(flags="MF") / UDP() / Raw(SIP))
    done, sender = replay(make((0, arriving()), (1, VOICE), (2, fragment)), pacing, fresh=True)
    first, second = sender.frames[0], sender.frames[3]
    assert len({arriving(), first, second}) == 3
    assert len({len(arriving()), len(first), len(second)}) == 1
    assert sender.frames[1:3] == sender.frames[4:] == [VOICE, fragment]
    assert done.stale == {"IP fragment": Refused(2, 3)}


@pytest.mark.parametrize("pacing", [Pacing(), Pacing(topspeed=True)])
def test_it_is_shown_a_few_times_a_second(make: Callable[..., Outgoing], pacing: Pacing) -> None:
    """Also while nothing is due."""
    shown: list[tuple[int, float]] = []
    clock = Clock(per_reading=1000 if pacing.topspeed is False else 600_000_000)
    at_work = Replay(
        make(*[(0, VOICE)] * 600, (3000, ONE)),
        Recorder(clock),
        pacing,
        False,
        lambda done: shown.append((done.tried, done.seconds)),
        clock.read,
        clock.sleep,
    )
    at_work.run()
    times = [seconds for _, seconds in shown]
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(times))
    assert len(shown) == (3 if pacing.topspeed else 8)
    assert [tried for tried, _ in shown] == ([256, 512, 601] if pacing.topspeed else [1] + [600] * 7)


def test_nothing_stays_frozen(make: Callable[..., Outgoing]) -> None:
    replay(make((0, ONE)), Pacing())
    assert gc.get_freeze_count() == 0


def test_as_json(make: Callable[..., Outgoing]) -> None:
    done, _ = replay(make((0, ONE), (10, TWO)), Pacing(), {1: OSError(errno.EMSGSIZE, "")})
    told = cast(dict[str, object], json.loads(json.dumps(done.as_dict())))
    late = cast(dict[str, float], told.pop("lateness"))
    assert (late["within_1_ms"], set(late)) == (1.0, {"within_1_ms", "median_ms", "99_percent_ms", "most_ms"})
    assert told.pop("seconds") == pytest.approx(0.01, abs=1e-5)
    assert told.pop("frames_per_second") == pytest.approx(100, rel=0.01)
    refused = {"longer than the interface takes": {"frames": 1, "first": 1}}
    assert told == {"frames": 1, "bytes": len(VOICE), "loops": 1, "interrupted": False, "refused": refused, "stale": {}}
