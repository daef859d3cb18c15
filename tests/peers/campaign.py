"""Many cases from a seed, through Kamailio and through scapy_rr, until they disagree."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from .case import Answer, Case
from .compare import DROPPED, Ours, differing, excuse
from .configurations import pool
from .kamailio import Judge
from .strategies import CALLS, cases


class Disagreement(AssertionError):
    """They do not say the same."""


@dataclass(slots=True)
class Result:
    """How a campaign went.

    :param skipped: the requests that tell nothing about the dialect, by the reason.
    :param smallest: the smallest case they disagree on, with Kamailio's answer and that of scapy_rr or the error that it raised.
    """

    version: str
    agreed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    smallest: tuple[Case, Answer, Answer | Exception] | None = None

    @property
    def requests(self) -> int:
        """How many were sent before the first disagreement."""
        return self.agreed + self.skipped.total()


def run(requests: int, number: int, configurations: int = 60, progress: Callable[[int], None] = lambda count: None) -> Result:
    """Compare so many requests.

    :param number: the seed.
    :param configurations: how many of them to spread the requests over.
    :param progress: told after each request how many it were.
    """
    ours = Ours()
    with Judge(CALLS, most=configurations) as judge:
        result = Result(judge.version)

        @seed(number)
        @settings(
            max_examples=requests,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(cases(pool(number, configurations)))
        def agree(case: Case) -> None:
            _compare(case, judge, ours, result)
            progress(result.requests)

        with suppress(Disagreement):
            agree()
    return result


def _compare(case: Case, judge: Judge, ours: Ours, result: Result) -> None:
    """Count the case, or raise. The last that is raised is the smallest: hypothesis runs it again at the end."""
    theirs = judge.answer(case)
    if theirs["returns"] is None:
        reason: str | None = DROPPED
    else:
        mine: Answer | Exception
        try:
            mine = ours.answer(case, theirs["out_socket"])
        except Exception as error:  # whatever it is, it is no answer
            mine = error
        different = isinstance(mine, Exception) or bool(differing(theirs, mine))
        reason = None if isinstance(mine, Exception) or not different else excuse(case, theirs, mine, judge.version)
        if different and reason is None:
            result.smallest = case, theirs, mine
            raise Disagreement
    if result.smallest is not None:
        return  # it is being shrunk
    if reason is None:
        result.agreed += 1
    else:
        result.skipped[reason] += 1
