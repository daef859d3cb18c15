"""What goes in and comes out: standard input and output, pipes, several captures as one, one each in a folder."""

import gzip
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from .capture.samples import VOICE, Kept, arriving, enhanced, interface, leaving, pcap, records, section
from .command import LISTEN, PLAIN, ROOT, Command, run
from .conftest import need

REWRITE = (sys.executable, "-m", "scapy_rr.cli", "rewrite")
HEAD = section() + interface()


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command between pipes of bytes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(list(map(str, arguments)), stderr=pipe, env=environment, **{"stdin": pipe, "stdout": pipe, **options})


def piped(data: bytes, *arguments: object) -> tuple[int, bytes, str]:
    """Put bytes through ``rewrite``."""
    with start(*REWRITE, *arguments, *LISTEN) as process:
        out, err = process.communicate(data, timeout=60)
    return process.returncode, out, err.decode()


def at(second: int, frame: bytes) -> Kept:
    """A frame of a pcap file."""
    return Kept(second, 0, len(frame), frame)


# Standard input and output.


@pytest.mark.parametrize("data", [pcap([VOICE, arriving()]), HEAD + enhanced(VOICE) + enhanced(arriving())])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_capture_goes_through(data: bytes, pack: Any) -> None:
    """Packed or not it comes out unpacked; what is told of it goes elsewhere."""
    code, out, err = piped(pack(data), "-", "-o", "-")
    wanted = HEAD + enhanced(VOICE) + enhanced(leaving()) if data.startswith(HEAD) else pcap([VOICE, leaving()])
    assert (code, out) == (0, wanted)
    assert [" ".join(line.split()) for line in err.splitlines()] == ["2 frames", "1 SIP messages: BYE 1", "1 routed: loose to loose 1"]


def test_json_goes_elsewhere_too() -> None:
    code, out, err = piped(pcap([arriving()]), "-", "-o", "-", "--json")
    assert (code, out, json.loads(err)["routed"]) == (0, pcap([leaving()]), {"loose to loose": 1})


def test_a_file_to_standard_output_and_back(source: Path, tmp_path: Path) -> None:
    code, out, _ = piped(b"", source, "-o", "-")
    assert (code, records(out)[1].frame) == (0, leaving())
    assert piped(source.read_bytes(), "-", "-o", tmp_path / "out.gz")[0] == 0
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == out


@pytest.mark.parametrize("pcapng", [False, True])
def test_frames_flow_as_they_come(pcapng: bool) -> None:
    """Each is routed and there before the next one comes."""
    with start(*REWRITE, "-", "-o", "-", *LISTEN, bufsize=0) as process:
        assert process.stdin and process.stdout
        process.stdin.write(HEAD if pcapng else pcap([]))
        assert process.stdout.read(len(HEAD) if pcapng else 24) == (HEAD if pcapng else pcap([]))
        for number in range(3):
            came, left = (enhanced(one) if pcapng else pcap([one])[24:] for one in (arriving(number), leaving(number)))
            process.stdin.write(came)
            assert process.stdout.read(len(left)) == left
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(30) == 0


def test_between_tcpdump_and_tshark(tshark: str, source: Path, tmp_path: Path) -> None:
    """As anybody would write it in a shell."""
    told = "-T fields -e frame.time_epoch -e ip.src -e sip.Method -e sip.Route"
    command = f"{need('tcpdump')} -r {PLAIN} -U -w - 2>/dev/null | {' '.join(REWRITE)} - -o - {' '.join(LISTEN)} | {tshark} -r - {told}"
    live = subprocess.run(command, shell=True, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert run("rewrite", PLAIN, "-o", tmp_path / "out", *LISTEN).code == 0
    kept = subprocess.run([tshark, "-r", tmp_path / "out", *told.split()], check=True, capture_output=True, text=True)
    assert live.stdout == kept.stdout
    assert live.stdout.count("\n") == 20


def test_a_named_pipe_and_the_shells_own(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(pcap([arriving()]),))
    writer.start()
    done = run("rewrite", pipe, "-o", tmp_path / "out", *LISTEN)
    writer.join()
    assert (done.code, (tmp_path / "out").read_bytes()) == (0, pcap([leaving()]))


def test_a_reader_that_has_seen_enough() -> None:
    """The command ends, and says why it wrote no more."""
    reading, writing = os.pipe()
    with start(*REWRITE, "-", "-o", "-", *LISTEN, stdout=writing) as process:
        os.close(writing)
        assert process.stdin
        process.stdin.write(pcap([]))
        process.stdin.flush()
        assert os.read(reading, 100) == pcap([])
        os.close(reading)
        process.stdin.write(pcap([VOICE])[24:])
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"scapy-rr: standard output: its reader went away\n")


def test_what_is_cut_is_written_up_to_there() -> None:
    code, out, err = piped(pcap([arriving(), VOICE])[:-5], "-", "-o", "-")
    cut = f"standard input: the file ends within a frame ({len(VOICE) + 11} bytes of it are there), at byte {40 + len(arriving())}"
    assert (code, out) == (2, pcap([leaving()]))
    assert err.splitlines()[-1] == f"scapy-rr: {cut}; every whole frame before it was written"


@pytest.mark.parametrize("data", [b"", b"hello", pcap([])[:20], b"\x1f\x8bxx"])
def test_what_is_no_capture(data: bytes) -> None:
    code, out, err = piped(data, "-", "-o", "-")
    assert (code, out) == (2, b"")
    assert err.startswith("scapy-rr: standard input: not a pcap or pcapng capture, at byte 0 (")


@pytest.mark.parametrize("target", ["-", "out"])
def test_interrupted(tmp_path: Path, target: str) -> None:
    data = pcap([arriving()])
    with start(*REWRITE, "-", "-o", target, *LISTEN, cwd=tmp_path) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(data)
        process.stdin.flush()
        if target == "-":
            assert process.stdout.read(len(pcap([leaving()]))) == pcap([leaving()])
        else:
            while not list(tmp_path.glob(".out.*")):
                assert process.poll() is None
        process.send_signal(signal.SIGINT)
        err = process.stderr.read().decode()
        assert process.wait(30) == 130
    said = "standard output ends there" if target == "-" else "out was not written"
    assert err.startswith("scapy-rr: interrupted after ")
    assert err.endswith(f" of standard input; {said}\n")
    assert list(tmp_path.iterdir()) == []


def test_without_sip() -> None:
    """What cannot be read again is not looked over."""
    code, out, err = piped(pcap([VOICE]), "-", "-o", "-")
    assert (code, out) == (0, pcap([VOICE]))
    assert err.splitlines()[-1] == "standard input: no SIP in it; the output is a copy"


def test_where_nothing_is_addressed_to_a_listener() -> None:
    with start(*REWRITE, "-", "-o", "-", "--listen", "udp:10.9.9.9:5060", "--no-via") as process:
        out, err = process.communicate(pcap([arriving()]), timeout=60)
    assert (process.returncode, out) == (0, pcap([arriving()]))
    hint = "Name the listeners with --listen; of a capture in a file, 'scapy-rr explain' tells where its SIP goes."
    assert err.decode().splitlines()[-1] == f"Nothing is addressed to a listener. {hint}"


def test_explained() -> None:
    with start(sys.executable, "-m", "scapy_rr.cli", "explain", "-", *LISTEN) as process:
        out, err = process.communicate(pcap([VOICE, arriving()]), timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"#1 frame 2  BYE sip:bob@")


# Several captures as one.


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A pcap and a pcapng file, whose frames are from alternating seconds."""
    one, other = tmp_path / "a.pcap", tmp_path / "b.pcapng"
    one.write_bytes(pcap([at(1, arriving(1)), at(1_600_000_000, VOICE), at(4_000_000_000, arriving(3))]))
    other.write_bytes(HEAD + enhanced(arriving(2)))
    return one, other


def test_captures_of_one_kind(command: Command, tmp_path: Path) -> None:
    for name, seconds in (("a", (1, 4)), ("b", (2, 3))):
        (tmp_path / name).write_bytes(pcap([at(second, arriving(second)) for second in seconds]))
    assert command("rewrite", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out", *LISTEN).code == 0
    assert (tmp_path / "out").read_bytes() == pcap([at(second, leaving(second)) for second in range(1, 5)])


def test_captures_of_two_kinds(command: Command, two: tuple[Path, Path], tmp_path: Path) -> None:
    done = command("rewrite", *two, "-o", tmp_path / "out", *LISTEN)
    assert (done.code, done.lines) == (0, ["4 frames", "3 SIP messages: BYE 3", "3 routed: loose to loose 3"])
    out = (tmp_path / "out").read_bytes()
    assert [out.count(leaving(number)) for number in (1, 2, 3)] == [1, 1, 1]
    assert out.index(leaving(1)) < out.index(VOICE) < out.index(leaving(2)) < out.index(leaving(3))
    assert out.startswith(section())


def test_one_of_them_from_standard_input(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert run("rewrite", *two, "-o", tmp_path / "out", *LISTEN).code == 0
    code, out, _ = piped(two[0].read_bytes(), "-", two[1], "-o", "-")
    # The interface is named otherwise.
    name = struct.pack("<HH14sxx", 2, 14, b"standard input"), struct.pack("<HH6sxx", 2, 6, b"a.pcap")
    assert code == 0
    assert out[28 + 40 :].replace(name[0], name[1])[-400:] == (tmp_path / "out").read_bytes()[-400:]


def test_one_of_them_is_cut(command: Command, two: tuple[Path, Path], tmp_path: Path) -> None:
    two[0].write_bytes(two[0].read_bytes()[:-1])
    done = command("rewrite", *two, "-o", tmp_path / "out", *LISTEN)
    assert done.code == 2
    assert done.err.startswith(f"scapy-rr: {two[0]}: the file ends within a frame (")
    assert [(tmp_path / "out").read_bytes().count(leaving(number)) for number in (1, 2, 3)] == [1, 1, 0]


def test_several_are_explained_as_one(command: Command, two: tuple[Path, Path]) -> None:
    done = command("explain", *two, "--listen", "auto", "--no-via")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if line.startswith("#")] == [
        f"#{number} frame {frame}  BYE sip:bob@10.0.0.9:5060 SIP/2.0" for number, frame in ((1, 1), (2, 3), (3, 4))
    ]


def test_several_without_sip(command: Command, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(pcap([VOICE]))
    names = f"{tmp_path / 'a'} and {tmp_path / 'b'}"
    done = command("rewrite", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out", *LISTEN)
    assert done.lines[-1] == f"{names}: no SIP in it: 2 frames; UDP destination ports: 20000 (2); the output is a copy"
    done = command("explain", tmp_path / "a", tmp_path / "b", *LISTEN)
    assert done.out == f"{names}: no SIP in it: 2 frames; UDP destination ports: 20000 (2)\n"


# One each.


@pytest.mark.parametrize("made", [False, True])
def test_one_each_in_a_folder(command: Command, two: tuple[Path, Path], tmp_path: Path, made: bool) -> None:
    """A folder that is there, or a name that ends as one."""
    if made:
        (tmp_path / "out").mkdir()
    done = command("rewrite", *two, "-o", f"{tmp_path}/out" + "/" * (not made), *LISTEN)
    assert done.code == 0
    assert done.lines[0] == f"{two[0]} -> {tmp_path}/out/a.pcap"
    assert done.lines[1:] == [
        "3 frames",
        "2 SIP messages: BYE 2",
        "2 routed: loose to loose 2",
        f"{two[1]} -> {tmp_path}/out/b.pcapng",
        "1 frames",
        "1 SIP messages: BYE 1",
        "1 routed: loose to loose 1",
    ]
    assert [one.frame for one in records((tmp_path / "out" / "a.pcap").read_bytes())] == [leaving(1), VOICE, leaving(3)]
    assert (tmp_path / "out" / "b.pcapng").read_bytes() == HEAD + enhanced(leaving(2))


def test_a_single_one_in_a_folder(command: Command, source: Path, tmp_path: Path) -> None:
    """As a pattern of the shell may give one file, or many."""
    assert command("rewrite", source, "-o", f"{tmp_path}/deep/down/", *LISTEN).code == 0
    assert records((tmp_path / "deep" / "down" / "in.pcap").read_bytes())[1].frame == leaving()


def test_one_each_in_json(command: Command, two: tuple[Path, Path], tmp_path: Path) -> None:
    done = command("rewrite", *two, "-o", f"{tmp_path}/out/", *LISTEN, "--json")
    told = json.loads(done.out)
    assert [(one["input"], one["output"], one["frames"]) for one in told] == [
        (str(two[0]), f"{tmp_path}/out/a.pcap", 3),
        (str(two[1]), f"{tmp_path}/out/b.pcapng", 1),
    ]


def test_one_of_each_is_cut(command: Command, two: tuple[Path, Path], tmp_path: Path) -> None:
    """The others are complete."""
    two[0].write_bytes(two[0].read_bytes()[:-1])
    done = command("rewrite", *two, "-o", f"{tmp_path}/out/", *LISTEN)
    assert done.code == 2
    assert done.err.startswith(f"scapy-rr: {two[0]}: the file ends within a frame (")
    assert (tmp_path / "out" / "b.pcapng").read_bytes() == HEAD + enhanced(leaving(2))


# What is refused, before anything is written.


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("a", "a", "-o", "out"), "a is given twice"),
        (("a", "./sub/../a", "-o", "out"), "sub/../a is given twice"),
        (("a", "link", "-o", "out"), "link is given twice"),
        (("-", "a", "-", "-o", "out"), "standard input is given twice"),
        (("a", "sub/a", "-o", "out/"), "a and sub/a would both be out/a: give each a folder of its own"),
        (("a", "-", "-o", "out/"), "standard input has no name of its own in out: name a file with -o"),
        (("a", "b", "-o", "a"), "a: is the input; write to another name"),
        (("a", "b", "-o", "b", "--force"), "b: is the input; write to another name"),
        (("a", "b", "-o", ".", "--force"), "a: is the input; write to another name"),
        (("a", "b", "-o", "sub"), "sub/a: exists; --force replaces it"),
        (("a", "nothing", "-o", "out/"), "nothing: No such file or directory"),
        (("a", "bad", "-o", "out/"), "bad: not a pcap or pcapng capture, at byte 0 (Not a supported capture file)"),
        (("a", "b", "-o", "a/"), "a: File exists"),
        (
            ("-", "-o", "out", "--listen", "auto"),
            "--listen auto reads a capture twice, which a pipe cannot be: name the listeners, or keep the capture in a file",
        ),
    ],
)
def test_what_does_not_go_together(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("a", "b", "sub/a"):
        Path(name).write_bytes(pcap([at(1, VOICE)]))
    Path("bad").write_bytes(b"hello")
    Path("link").symlink_to("a")
    done = command("rewrite", *arguments, *LISTEN)
    assert (done.code, done.out, done.err) == (2, "", f"scapy-rr: {reason}\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "a", "b", "bad", "link", "sub"]


def test_listeners_that_nobody_chose() -> None:
    """Where its SIP goes cannot be told of what is gone; nothing but the header was written by then."""
    with start(*REWRITE, "-", "-o", os.devnull, "--no-via", "--force") as process:
        out, err = process.communicate(pcap([arriving()]), timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err.decode() == f"scapy-rr: {os.devnull}: is no regular file\n"
    with start(*REWRITE, "-", "-o", "-", "--no-via") as process:
        _, err = process.communicate(pcap([arriving()]), timeout=60)
    assert process.returncode == 2
    assert (
        "standard input: nothing in it is addressed to a listener that netifaces finds on this machine. Name the listeners" in err.decode()
    )
