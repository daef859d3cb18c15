"""The module's parameters, with the servers' names and defaults."""

from typing import Any

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.parameters import Parameters


def test_defaults_are_those_of_the_documentation() -> None:
    assert Parameters() == Parameters(append_fromtag=True, enable_double_rr=True, add_username=False, enable_socket_mismatch_warning=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, False), (1, True), (False, False), (True, True), ("0", False), ("1", True), ("False", False), ("True", True)],
)
def test_parse(value: Any, expected: bool) -> None:
    assert Parameters.parse({"add_username": value}) == Parameters(add_username=expected)


@pytest.mark.parametrize("value", [2, -1, "yes", "", None, 1.5, [1]])
def test_a_parameter_is_0_or_1(value: Any) -> None:
    with pytest.raises(ConfigError, match="parameter append_fromtag is 0 or 1, not"):
        Parameters.parse({"append_fromtag": value})


def test_unknown_parameter_is_told_the_known() -> None:
    with pytest.raises(ConfigError, match=r"unknown parameter 'enable_doubl_rr'; those there are: .*enable_double_rr"):
        Parameters.parse({"enable_doubl_rr": 1})


def test_parameters_cannot_change() -> None:
    with pytest.raises(AttributeError):
        Parameters().add_username = True  # type: ignore[misc]
