"""The servers' numbers, with the script's truth."""

import pytest

from scapy_rr.rr.returncode import ReturnCode


@pytest.mark.parametrize(
    ("code", "number", "true"),
    [
        (ReturnCode.OK, 1, True),
        (ReturnCode.FLOW_TOKEN, 2, True),
        (ReturnCode.FAILED, -1, False),
        (ReturnCode.FLOW_TOKEN_TAMPERED, -2, False),
        (ReturnCode.PRELOADED, -3, False),
    ],
)
def test_numbers_and_truth(code: ReturnCode, number: int, true: bool) -> None:
    """A script's condition goes on where the code is positive, so -1 is not true, as it is of an int."""
    assert code == number
    assert bool(code) is true


def test_there_are_no_others() -> None:
    assert sorted(ReturnCode) == [-3, -2, -1, 1, 2]
