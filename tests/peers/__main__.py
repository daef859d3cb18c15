"""``python -m tests.peers``: scapy_rr against the Kamailio that is installed, on requests drawn from a seed."""

import argparse
import json
import logging
import sys
import time

from rich.console import Console
from rich.markup import escape

from .campaign import Result, run
from .kamailio import program


def main() -> int:
    """Run a campaign. The exit status is 1 where they disagree."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many to compare (20000)")
    parser.add_argument("--seed", type=int, default=0, help="where all chance comes from (0)")
    parser.add_argument("--configurations", type=int, default=60, help="how many to spread them over (60)")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    # What it warns of is part of what is tried here.
    logging.getLogger("scapy_rr").setLevel(logging.ERROR)
    if program() is None:
        console.print("kamailio is not installed")
        return 2
    start = time.monotonic()
    with console.status("starting") as status:

        def progress(count: int) -> None:
            if count % 100 == 0:
                status.update(f"{count} of {arguments.requests} requests")

        result = run(arguments.requests, arguments.seed, arguments.configurations, progress)
    _report(console, result, time.monotonic() - start)
    return 0 if result.smallest is None else 1


def _report(console: Console, result: Result, seconds: float) -> None:
    if result.smallest is not None:
        case, theirs, ours = result.smallest
        console.print("They disagree on:")
        console.print(json.dumps(case), soft_wrap=True, markup=False)
        console.print(escape(case["request"].replace("\r\n", "\\r\\n\n")), soft_wrap=True)
        if isinstance(ours, Exception):
            console.print(f"scapy_rr raises {ours!r}; kamailio: {json.dumps(theirs)}", soft_wrap=True, markup=False)
        else:
            for key, their in theirs.items():
                if their != ours[key]:  # type: ignore[literal-required]
                    console.print(f"{key}:\n  kamailio {their!r}\n  scapy_rr {ours[key]!r}", soft_wrap=True, markup=False)  # type: ignore[literal-required]
    skipped = "".join(f"; {count} skipped: {reason}" for reason, count in result.skipped.most_common())
    console.print(
        f"kamailio {result.version}: {result.requests} requests in {seconds:.0f} s, {result.agreed} agree{skipped}", soft_wrap=True
    )


if __name__ == "__main__":
    sys.exit(main())
