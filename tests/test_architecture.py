"""The house is as DESIGN.md draws it: who imports whom, how large a room may be, and that each has its test."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from scapy_rr import live

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "scapy_rr"
MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in MODULES]

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 320, 45

# What each place may import of the others; of itself, everything.
PURE = {"errors", "sip", "rr", "proxy"}
COMMANDS = {"cli", "cli_options", "cli_views", "cli_config", "cli_live", "cli_sniff", "cli_replay", "cli_lab", "cli_rewrite"}
EDGES = {"layer", "layer_fields", "layer_stream"}
WIRED = PURE | EDGES | {"wire", "interfaces", "packets", "config", "capture", "live", "server_config"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "sip": {"errors"},
    "rr": {"errors", "sip"},
    "proxy": {"errors", "sip", "rr"},
    "wire": {"errors"},
    "interfaces": {"errors", "rr"},
    **{edge: {"errors", "sip", *EDGES} for edge in EDGES},
    "packets": PURE | EDGES | {"interfaces"},
    "toml_file": {"errors"},
    "resolver": {"errors", "proxy"},
    "server_config": {"errors", "sip", "rr"},
    "config": PURE | {"packets", "interfaces", "resolver", "server_config", "toml_file"},
    "capture": PURE | EDGES | {"wire", "interfaces", "packets"},
    "live": PURE | EDGES | {"wire", "interfaces", "packets", "capture", "toml_file"},
    "cli_options": WIRED,
    **{command: WIRED | {"cli_options"} for command in COMMANDS - {"cli", "cli_options"}},
    "cli": WIRED | COMMANDS - {"cli"},
    "__init__": PURE | EDGES | {"packets", "capture"},
}
BANNED = {
    "scapy": {"errors", "sip", "rr", "proxy", "wire", "interfaces", "config", "resolver", "server_config", *COMMANDS, "__init__"},
    "socket": {"errors", "sip", "rr", "proxy", "wire", "config", "capture", "resolver", "server_config", *COMMANDS, "packets", "__init__"},
    "dns": set(MAY_IMPORT) - {"resolver"},
    "netifaces": set(MAY_IMPORT) - {"interfaces"},
}


def place(path: Path) -> str:
    """The package of a module, or the module itself where it stands alone."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module that one imports, wherever in it, by its whole name."""
    here = ["scapy_rr", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            # ``from . import loose`` names modules, ``from .loose import x`` does not.
            yield from (f"{name}.{alias.name}" for alias in node.names) if node.module is None else [name]


def test_every_place_is_known() -> None:
    """A new one says first what it may know."""
    assert {place(path) for path in MODULES} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_imports_go_one_way(path: Path) -> None:
    here = place(path)
    wanted = {name.split(".")[1] for name in imported(path) if name.startswith("scapy_rr.")}
    assert wanted - {here} <= MAY_IMPORT[here]


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_the_core_knows_no_packets_and_no_sockets(path: Path) -> None:
    found = {name.split(".")[0] for name in imported(path)}
    assert not {name for name, places in BANNED.items() if name in found and place(path) in places}


def test_arrows_have_no_way_back() -> None:
    """Nothing that a place may import, may import it."""
    for here, others in MAY_IMPORT.items():
        for other in others - EDGES:
            assert here not in MAY_IMPORT[other], (here, other)


def test_import_loads_neither_scapy_nor_netifaces() -> None:
    """Nor do routing and configuration; the names that need Scapy load it when they are used."""
    script = """
import sys, scapy_rr, scapy_rr.live
rr = scapy_rr.RecordRouting(listen=["udp:10.0.0.1:5060"])
req = rr.request(b"BYE sip:a@10.0.0.9 SIP/2.0\\r\\nRoute: <sip:10.0.0.1;lr>\\r\\nFrom: <sip:a>;tag=1\\r\\nTo: <sip:b>;tag=2\\r\\n\\r\\n")
assert req.loose_route()
assert not {"scapy", "netifaces", "rich", "typer", "dns"} & set(sys.modules), sys.modules
assert scapy_rr.SIP.__module__.startswith("scapy_rr.layer")
assert "scapy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_live_has_the_functions_that_it_names() -> None:
    """Whatever was imported before: a module of a function's name would take its place."""
    for path in (PACKAGE / "live").iterdir():
        if path.suffix == ".py":
            import_module(f"scapy_rr.live.{path.stem}")
    assert live.__all__ == ["Sniffed", "inject", "sniff"]
    assert all(callable(getattr(live, name)) for name in live.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'smell'"):
        live.smell  # noqa: B018


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=str)
def test_every_module_has_its_test(path: Path) -> None:
    twin = ROOT / "tests" / path.relative_to(PACKAGE).parent / f"test_{path.name}"
    assert twin.is_file()


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_no_room_is_too_large(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_top_level_holds_what_it_should() -> None:
    """What git keeps; a copy without git is not asked."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    listed = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    top = {name.split("/")[0] for name in listed}
    known = {"pyproject.toml", "scapy_rr", "pcaps", "tests", "README.md", "LICENSE", "CHANGELOG.md"}
    assert {name for name in top if not name.startswith(".")} <= known
