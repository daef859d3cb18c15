"""The table of bad input, row by row: exit code and message of the command, and what is on the disk afterwards."""

import json
from pathlib import Path

import pytest

from .capture.samples import VOICE, arriving, bye, enhanced, frame, interface, leaving, pcap, section
from .command import LISTEN, Command, run
from .pcapmaker.frames import Flow, ethernet
from .pcapmaker.scenes import CALLER, PROXY


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A capture with one frame to route."""
    path = tmp_path / "in"
    path.write_bytes(pcap([arriving()]))
    return path


def only(path: Path) -> bool:
    """Whether nothing else is in its folder."""
    return list(path.parent.iterdir()) == [path]


# Not a capture; a capture cut off in the middle.


@pytest.mark.parametrize("verb", ["rewrite", "explain"])
@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8bxx", pcap([])[:20], section()[:9]])
def test_what_is_no_capture(tmp_path: Path, verb: str, data: bytes) -> None:
    """As a process of its own: one message, no traceback, none of Scapy's own words."""
    source = tmp_path / "in"
    source.write_bytes(data)
    done = run(verb, source, *(["-o", tmp_path / "out"] if verb == "rewrite" else []), *LISTEN)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scapy-rr: {source}: not a pcap or pcapng capture, at byte 0 (")
    assert done.err.count("\n") == 1
    assert only(source)


@pytest.mark.parametrize("listen", [LISTEN, ("--listen", "auto", "--no-via")])
@pytest.mark.parametrize("pcapng", [False, True])
def test_a_capture_that_is_cut(command: Command, tmp_path: Path, pcapng: bool, listen: tuple[str, ...]) -> None:
    """Whole frames before the cut are routed and written; the summary and the exit code say so."""
    source, target = tmp_path / "in", tmp_path / "out"
    head = section() + interface() if pcapng else pcap([])
    first, second, routed = ((enhanced(one) if pcapng else pcap([one])[24:]) for one in (arriving(), VOICE, leaving()))
    source.write_bytes(head + first + second[:-5])
    done = command("rewrite", source, "-o", target, *listen)
    assert done.code == 2
    place = f"{source}: the file ends within a {'block' if pcapng else 'frame'} ({len(second) - 5} bytes of it are there)"
    assert done.err == f"scapy-rr: {place}, at byte {len(head + first)}; every whole frame before it was written\n"
    assert done.lines[2] == "1 routed: loose to loose 1"
    assert target.read_bytes() == head + routed


def test_a_capture_that_is_cut_in_json(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap([arriving()])[:-5])
    done = command("rewrite", source, "-o", tmp_path / "out", *LISTEN, "--json")
    assert done.code == 2
    assert json.loads(done.out)["cut"].endswith("at byte 24")
    assert (tmp_path / "out").read_bytes() == pcap([])


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_capture_that_is_cut_is_explained_up_to_there(command: Command, tmp_path: Path, as_json: tuple[str, ...]) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap([arriving(), arriving()])[:-5])
    done = command("explain", source, *LISTEN, *as_json)
    assert done.code == 2
    assert done.err.endswith("; every message before it was explained\n")
    assert f"at byte {len(pcap([arriving()]))}" in done.err
    assert done.out.count("samples@10.0.0.5") == 1


# No SIP in it.


@pytest.mark.parametrize(
    ("frames", "saw"),
    [
        ([], "no SIP in it: 0 frames; UDP destination ports: none"),
        ([VOICE, VOICE, frame(b"x", PROXY, ("10.0.0.9", 53))], "no SIP in it: 3 frames; UDP destination ports: 20000 (2), 53 (1)"),
    ],
)
def test_no_sip(command: Command, tmp_path: Path, frames: list[bytes], saw: str) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap(frames))
    done = command("rewrite", source, "-o", tmp_path / "out", *LISTEN)
    assert (done.code, done.err) == (0, "")
    assert done.lines[-1] == f"{source}: {saw}; the output is a copy"
    assert (tmp_path / "out").read_bytes() == source.read_bytes()
    done = command("explain", source, *LISTEN)
    assert (done.code, done.out) == (0, f"{source}: {saw}\n")


# A malformed request, a Route that does not parse, a truncated frame, a fragment.


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (frame(bye().replace(b"\nTo:", b"\nTwo:")), "left alone: malformed request (first in frame 2"),
        (frame(bye().replace(b"Max-Forwards", b"no colon\r\nMax-Forwards")), "left alone: malformed request (first in frame 2"),
        (frame(bye(routes=("<sip:10.0.0.1;lr", '"'))), "left alone: Routes that do not parse or lead nowhere (first in frame 2"),
        (arriving()[:-1], "left alone: frame truncated by the capture (first in frame 2"),
        (ethernet(Flow(CALLER, PROXY).fragments(bye(), 7, 256)[0]), "IP fragments given up: the rest did not come"),
    ],
)
def test_what_cannot_be_routed_is_copied_and_counted(command: Command, tmp_path: Path, bad: bytes, told: str) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap([VOICE, bad, arriving(), bad]))
    done = command("rewrite", source, "-o", tmp_path / "out", *LISTEN)
    assert done.code == 0
    assert done.lines[-1].startswith(f"2 {told}")
    assert (tmp_path / "out").read_bytes() == pcap([VOICE, bad, leaving(), bad])


# OUT exists, or is IN.


def test_an_output_that_exists(command: Command, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("mine")
    done = command("rewrite", source, "-o", target, *LISTEN)
    assert (done.code, done.out, done.err) == (2, "", f"scapy-rr: {target}: exists; --force replaces it\n")
    assert target.read_text() == "mine"


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("way", ["itself", "symlink", "hard link", "another spelling"])
def test_an_output_that_is_the_input(command: Command, source: Path, tmp_path: Path, way: str, force: tuple[str, ...]) -> None:
    target = tmp_path / "out"
    if way == "symlink":
        target.symlink_to(source)
    elif way == "hard link":
        target.hardlink_to(source)
    else:
        target = source if way == "itself" else tmp_path / "." / ".." / tmp_path.name / "in"
    before = source.read_bytes()
    done = command("rewrite", source, "-o", target, *LISTEN, *force)
    assert (done.code, done.err) == (2, f"scapy-rr: {target}: is the input; write to another name\n")
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("target", "reason"),
    [("nowhere/out", "No such file or directory"), ("in/out", "Not a directory"), ("x" * 300, "File name too long")],
)
def test_an_output_that_cannot_be(command: Command, source: Path, tmp_path: Path, target: str, reason: str) -> None:
    done = command("rewrite", source, "-o", tmp_path / target, *LISTEN, "--force")
    assert (done.code, done.err) == (2, f"scapy-rr: {tmp_path / target}: {reason}\n")
    assert only(source)


@pytest.mark.parametrize(
    ("name", "reason"), [("nothing", "No such file or directory"), ("", "Is a directory"), ("x" * 300, "File name too long")]
)
@pytest.mark.parametrize("verb", ["rewrite", "explain"])
def test_an_input_that_cannot_be(command: Command, tmp_path: Path, verb: str, name: str, reason: str) -> None:
    options = ["-o", tmp_path / "out"] if verb == "rewrite" else []
    done = command(verb, tmp_path / name, *options, *LISTEN)
    assert (done.code, done.err) == (2, f"scapy-rr: {tmp_path / name}: {reason}\n")
    assert list(tmp_path.iterdir()) == []


# A listener, domain, parameter, URI or config key that does not parse or does not exist.

WRONG = [
    (("--listen", "10.0.0.1"), "listener '10.0.0.1' is not proto:address[:port], with ' as host:port' behind it"),
    (("--listen", "dccp:10.0.0.1"), "unknown transport 'dccp'; it is not proto:address[:port]"),
    (("--listen", "udp:10.0.0.1:70000"), "port 70000 is not between 1 and 65535"),
    (("--listen", "udp:example.com"), "'example.com' is no IP address (a name may stand behind 'as')"),
    (("--listen", "udp:10.0.0.1 as <evil>"), "is not proto:address[:port]"),
    (("--interface", "eth77"), "no interface 'eth77'; those there are: lo"),
    ((*LISTEN, "--domain", "a b"), "domain 'a b' is not [proto:]host[:port]"),
    ((*LISTEN, "--domain", "a\r\nX:"), "domain 'a\\r\\nX:' is not [proto:]host[:port]"),
    ((*LISTEN, "--domains", "/nowhere/names"), "domains /nowhere/names: no such file"),
    ((*LISTEN, "--domains", "mysql:///x"), "'mysql' is not supported; give a file, or sqlite:///PATH"),
    ((*LISTEN, "--domains", "sqlite:////nowhere/db"), "domains /nowhere/db: no such file"),
    ((*LISTEN, "-p", "append_fromtg=1"), "unknown parameter 'append_fromtg'; those there are: append_fromtag, enable_double_rr,"),
    ((*LISTEN, "-p", "listen=1"), "unknown parameter 'listen'; those there are"),
    ((*LISTEN, "-p", "append_fromtag"), "-p 'append_fromtag' is not NAME=VALUE"),
    ((*LISTEN, "-p", "append_fromtag=yes"), "parameter append_fromtag is 0 or 1, not 'yes'"),
    ((*LISTEN, "-p", "add_username=1\r\nX: y"), "parameter add_username is 0 or 1, not '1\\r\\nX: y'"),
    ((*LISTEN, "--host", "gw"), "--host 'gw' is not NAME=VALUE"),
    ((*LISTEN, "--host", "gw=there"), "host gw: 'there' is not an address, or address:port"),
    ((*LISTEN, "--preloaded", "maybe"), "--preloaded is one of deny, relay, not 'maybe'"),
    ((*LISTEN, "--preloaded", ""), "--preloaded is one of deny, relay, not ''"),
    (("--config", "/nowhere.toml"), "/nowhere.toml: No such file or directory"),
]


@pytest.mark.parametrize(("options", "reason"), WRONG)
def test_an_option_that_cannot_be_used(command: Command, source: Path, options: tuple[str, ...], reason: str) -> None:
    """Both commands that read a capture say so before they touch a file."""
    for arguments in (("rewrite", source, "-o", source.with_name("out")), ("explain", source)):
        done = command(*arguments, *options)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("scapy-rr: ")
        assert reason in done.err
        assert done.err.count("\n") == 1
        assert only(source)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--emit", "both"), "--emit is one of replace, append, only, not 'both'"),
        (("--port", "0"), "--port"),
        (("--port", "sip"), "--port"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_an_option_of_rewrite_alone(command: Command, source: Path, options: tuple[str, ...], reason: str) -> None:
    done = command("rewrite", source, "-o", source.with_name("out"), *LISTEN, *options)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err
    assert only(source)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("10.0.0.1", "--check '10.0.0.1': no URI scheme"),
        ("http://a", "--check 'http://a': the servers know no scheme 'http'"),
        ("\udcff", "--check"),
    ],
)
def test_a_uri_that_does_not_parse(command: Command, uri: str, reason: str) -> None:
    done = command("addresses", *LISTEN, "--check", uri)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scapy-rr: {reason}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\nlisten = [1]", ", line 2: listen is a list of strings"),
        ("lisen = []", ", line 1: unknown key 'lisen'; those there are: dialect, listen, interfaces, domains,"),
        (
            "[parameters]\nenable_full_lr = 1",
            ", line 2: unknown parameter 'enable_full_lr' (it is one of kamailio, not of opensips); those there",
        ),
        ("listen = [", ": "),
    ],
)
def test_a_configuration_that_does_not_parse(command: Command, tmp_path: Path, text: str, reason: str) -> None:
    config = tmp_path / "lab.toml"
    config.write_text(text)
    done = command("addresses", "--config", config)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scapy-rr: {config}{reason}")


# A parameter that would break out of its header: the command has no way to give one but the advertised address.


@pytest.mark.parametrize("face", ["a\r\nX: y:5060", "a>:5060", "a;lr>\n:5060", "a b:5060"])
def test_an_advertised_address_that_would_break_out_of_its_header(command: Command, source: Path, face: str) -> None:
    done = command("rewrite", source, "-o", source.with_name("out"), "--listen", f"udp:10.0.0.1:5060 as {face}")
    assert (done.code, done.out) == (2, "")
    assert "is not proto:address[:port]" in done.err
    assert only(source)
