"""A script in a file: loaded, or refused with the script's own line."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError, ScriptError
from scapy_rr.proxy.router import Router
from scapy_rr.proxy.script_file import DEFAULT, load
from scapy_rr.rr.module import RecordRouting

from .calls import CALLER, LISTEN, request, summary, values

HEAD = "from scapy_rr import RecordRouting, Router, ScriptRequest\n\nrouter = Router()\n\n"
ROUTE = "@router.request_route\ndef route(req: ScriptRequest) -> None:\n"
"""Its body begins in line 7."""


def written(folder: Path, text: str) -> Path:
    """A script's file."""
    path = folder / "my.py"
    path.write_text(text)
    return path


def loaded(folder: Path, text: str) -> Router:
    """The router of a script, with an rr module where it has none of its own."""
    router = load(written(folder, text))
    router.rr = router.rr or RecordRouting(listen=LISTEN)
    return router


def test_a_script(tmp_path: Path) -> None:
    """What stands beside the routes is there when they run."""
    text = (
        HEAD
        + "NAME = 'X-Proxy'\n\n\ndef mark(req):\n    req.append_header(NAME, 'here')\n\n\n"
        + ROUTE
        + "    mark(req)\n    req.relay()\n"
    )
    router = loaded(tmp_path, text)
    assert router.file == tmp_path / "my.py"
    (sent,) = router.handle(request(), source=CALLER).sent
    assert values(sent.payload, "X-Proxy") == ["here"]


def test_every_kind_of_route(tmp_path: Path) -> None:
    text = HEAD + ROUTE + "    req.t_on_branch('b')\n    req.t_on_failure('f')\n    req.relay()\n\n"
    text += "@router.branch_route('b')\ndef branch(req):\n    req.append_header('X', '$rm')\n\n"
    text += "@router.failure_route('f')\ndef failure(req):\n    pass\n\n"
    text += "@router.onreply_route\ndef onreply(req):\n    pass\n"
    router = loaded(tmp_path, text)
    assert router.is_stateful
    assert values(router.handle(request(), source=CALLER).sent[0].payload, "X") == ["INVITE"]


def test_an_rr_module_of_its_own(tmp_path: Path) -> None:
    text = HEAD.replace("Router()", "Router(RecordRouting(listen=['udp:10.0.0.3:5062'], append_fromtag=0))") + ROUTE
    router = loaded(tmp_path, text + "    req.record_route()\n    req.relay()\n")
    (sent,) = router.handle(request(), source=CALLER).sent
    assert str(sent.send_socket) == "udp:10.0.0.3:5062"
    assert values(sent.payload, "Record-Route") == ["<sip:10.0.0.3:5062;lr>"]


def test_two_scripts_do_not_meet(tmp_path: Path) -> None:
    """Nor do two of the same file."""
    path = written(tmp_path, HEAD + ROUTE + "    req.relay()\n")
    one, other = load(path), load(path)
    one.rr = RecordRouting(listen=LISTEN)
    assert one is not other
    assert other.rr is None


def test_the_built_in_script_is_a_file_to_copy(tmp_path: Path) -> None:
    copied = loaded(tmp_path, DEFAULT.read_text())
    assert load().file == DEFAULT
    assert summary(copied.handle(request(), source=CALLER)) == ["INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060"]


# What is refused.


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a script makes a Router of the name 'router' ('from scapy_rr import Router; router = Router()')"),
        ("router = 1\n", "a script makes a Router of the name 'router' ('from scapy_rr import Router; router = Router()')"),
        ("from scapy_rr import Router\nmine = Router()\n", "a script makes a Router of the name 'router' ('from "),
        ("from scapy_rr import Router as router\n", "a script makes a Router of the name 'router' ('from "),
        (HEAD, "there is no request route (a function under '@router.request_route')"),
        (HEAD + ROUTE.replace("request_route", "onreply_route") + "    pass\n", "there is no request route (a function under "),
    ],
)
def test_a_script_that_makes_no_router(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: {reason}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.py")
    assert str(caught.value) == f"{tmp_path / 'none.py'}: No such file or directory"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: Is a directory"


AT_LOAD: list[tuple[str, list[str]]] = [
    (
        HEAD + "def route(req:\n    pass\n",
        ['  File "my.py", line 5', "    def route(req:", "SyntaxError: "],
    ),
    (
        HEAD + "if True:\npass\n",
        ['  File "my.py", line 6', "    pass", "IndentationError: "],
    ),
    (
        HEAD + "1 / 0\n",
        ['  File "my.py", line 5, in <module>', "    1 / 0", "ZeroDivisionError: division by zero"],
    ),
    (
        HEAD + "import there_is_no_such_module\n",
        ['  File "my.py", line 5, in <module>', "    import there_is_no_such_module", "ModuleNotFoundError: No module named"],
    ),
    (
        HEAD + "open('/none/such')\n",
        ['  File "my.py", line 5, in <module>', "    open('/none/such')", "FileNotFoundError: [Errno 2] No such file"],
    ),
    (
        HEAD + "def make():\n    return RecordRouting(listen=['udp:nowhere'])\n\nrouter.rr = make()\n",
        [
            '  File "my.py", line 8, in <module>',
            "    router.rr = make()",
            '  File "my.py", line 6, in make',
            "    return RecordRouting(listen=['udp:nowhere'])",
            "scapy_rr.errors.ConfigError: listener 'udp:nowhere': 'nowhere' is no IP address",
        ],
    ),
    (
        HEAD + ROUTE + "    pass\n\n" + ROUTE + "    pass\n",
        ['  File "my.py", line 9, in <module>', "    @router.request_route", "scapy_rr.errors.ConfigError: request_route is there already"],
    ),
    (
        HEAD + "for _ in range(2):\n    router.failure_route('f')(print)\n",
        [
            '  File "my.py", line 6, in <module>',
            "    router.failure_route('f')(print)",
            "scapy_rr.errors.ConfigError: failure_route 'f' is there already",
        ],
    ),
]


def told(error: ScriptError, path: Path) -> list[str]:
    """The lines of a fault, without the marks below the text and with the bare name of the script."""
    lines = [line for line in str(error).splitlines() if line.strip("^~ ")]
    return [line.replace(str(path), path.name) for line in lines]


@pytest.mark.parametrize(("text", "lines"), AT_LOAD)
def test_a_script_that_fails_when_it_is_loaded(tmp_path: Path, text: str, lines: list[str]) -> None:
    """It shows the script's own lines and none of ours."""
    path = written(tmp_path, text)
    with pytest.raises(ScriptError) as caught:
        load(path)
    first, *rest = told(caught.value, path)
    assert first == "the script fails:"
    assert rest[:-1] == lines[:-1]
    assert rest[-1].startswith(lines[-1])


AT_RUN: list[tuple[str, list[str]]] = [
    (
        "    req.no_such_function()\n",
        ['  File "my.py", line 7, in route', "    req.no_such_function()", "AttributeError: 'ScriptRequest' object has no attribute"],
    ),
    (
        "    req.reply(99, 'x')\n",
        ['  File "my.py", line 7, in route', "    req.reply(99, 'x')", "scapy_rr.errors.ConfigError: reply(99, 'x'): a code from 100"],
    ),
    (
        "    req.ruri = 'bob'\n",
        ['  File "my.py", line 7, in route', "    req.ruri = 'bob'", "scapy_rr.errors.SipParseError: no URI scheme in b'bob'"],
    ),
    (
        "    req.log('$foo')\n",
        ['  File "my.py", line 7, in route', "    req.log('$foo')", "scapy_rr.errors.ConfigError: character 1 of '$foo': unknown pseudo"],
    ),
    (
        "    req.t_on_branch('b')\n    req.relay()\n\n@router.branch_route('b')\ndef branch(req):\n    req.loose_route()\n",
        [
            '  File "my.py", line 12, in branch',
            "    req.loose_route()",
            "scapy_rr.errors.RouteContextError: loose_route cannot be called from branch_route: it may be used in request_route",
        ],
    ),
    (
        "    help_out(req)\n\ndef help_out(req):\n    raise RuntimeError('here')\n",
        [
            '  File "my.py", line 7, in route',
            "    help_out(req)",
            '  File "my.py", line 10, in help_out',
            "    raise RuntimeError('here')",
            "RuntimeError: here",
        ],
    ),
]


@pytest.mark.parametrize(("body", "lines"), AT_RUN)
def test_a_script_that_fails_when_it_runs(tmp_path: Path, body: str, lines: list[str]) -> None:
    router = loaded(tmp_path, HEAD + ROUTE + body)
    with pytest.raises(ScriptError) as caught:
        router.handle(request(), source=CALLER)
    first, *rest = told(caught.value, tmp_path / "my.py")
    assert first == "the script fails:"
    assert rest[-len(lines) : -1] == lines[:-1]
    assert rest[-1].startswith(lines[-1])
    assert all('"my.py"' in line for line in rest if line.startswith("  File"))


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are told by the name that the script was given."""
    written(tmp_path, HEAD + ROUTE + "    1 / 0\n")
    monkeypatch.chdir(tmp_path)
    router = load(Path("my.py"))
    router.rr = RecordRouting(listen=LISTEN)
    with pytest.raises(ScriptError, match=r'File "my\.py", line 7, in route\n    1 / 0\n'):
        router.handle(request())
