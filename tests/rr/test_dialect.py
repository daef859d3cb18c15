"""The table of differences: whole, readable, and the only place that knows which server is spoken of."""

import ast
import re
from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.dialect import KAMAILIO, NAMES, OPENSIPS, Dialect, differences
from scapy_rr.rr.difference import Difference

PACKAGE = Path(__file__).parents[2] / "scapy_rr"


def test_names() -> None:
    assert (OPENSIPS.name, KAMAILIO.name) == NAMES
    with pytest.raises(ConfigError, match="unknown dialect 'asterisk'; those there are: opensips, kamailio"):
        Dialect("asterisk")


@pytest.mark.parametrize("difference", differences(), ids=lambda one: one.name)
def test_every_line_is_a_difference(difference: Difference[object]) -> None:
    opensips, kamailio = (difference.answers[name] for name in NAMES)
    assert opensips.value != kamailio.value
    assert opensips.text != kamailio.text
    assert difference.situation
    assert type(opensips.value) is type(kamailio.value)


def test_no_situation_is_there_twice() -> None:
    assert len({one.situation for one in differences()}) == len(differences())


def asked() -> set[str]:
    """The names of all attributes that the package reads."""
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py") if path.name != "dialect.py"]
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_every_line_is_asked_for() -> None:
    """A line that no code asks for would be words alone."""
    assert {one.name for one in differences()} <= asked()


@pytest.mark.parametrize("path", sorted((PACKAGE / "rr").glob("*.py")) + sorted((PACKAGE / "proxy").glob("*.py")), ids=lambda one: one.name)
def test_nobody_else_asks_which_dialect_it_is(path: Path) -> None:
    if path.name == "dialect.py":
        return
    text = path.read_text()
    assert not re.search(r"(?:==|!=|\bis|\bis not|\bin) *(?:OPENSIPS|KAMAILIO|\(?[\"'](?:opensips|kamailio)[\"'])", text)
    assert not re.search(r"dialect\.name *(?:==|!=|in|is)", text)
