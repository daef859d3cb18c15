"""Two dialects over one capture: which messages they disagree on, and which lines of the table make it."""

from pathlib import Path

import pytest

from scapy_rr.capture.compare import Comparison, Disagreement
from scapy_rr.capture.reader import Capture
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.router import Preloaded
from scapy_rr.rr.dialect import KAMAILIO, OPENSIPS, Dialect
from scapy_rr.rr.module import RecordRouting

from .samples import LISTEN, arriving, frame, pcap, script

DIALECTS = Path(__file__).parents[2] / "pcaps" / "dialects.pcap"


def router_of(dialect: Dialect) -> CaptureRouter:
    return CaptureRouter(script(RecordRouting(dialect, [LISTEN]), Hosts(), Preloaded.RELAY))


def compare(path: Path, one: Dialect = KAMAILIO, other: Dialect = OPENSIPS) -> tuple[Comparison, list[Disagreement]]:
    comparison = Comparison(router_of(one), other, router_of)
    with Capture(path) as capture:
        return comparison, list(comparison.run(capture))


def test_each_disagreement_names_its_cause() -> None:
    comparison, found = compare(DIALECTS)
    assert (comparison.messages, comparison.disagreements) == (6, 5)
    assert [(one.number, [cause.name for cause in one.causes]) for one in found] == [
        (2, ["transport_matters"]),
        (3, ["phone_is_tel"]),
        (4, ["maddr_names_us"]),
        (5, ["gruu_route_is_me"]),
        (6, ["upstream_ftag_of_to"]),
    ]


def test_the_causes_are_the_same_from_the_other_side() -> None:
    causes = [
        [[cause.name for cause in one.causes] for one in compare(DIALECTS, *pair)[1]]
        for pair in ((KAMAILIO, OPENSIPS), (OPENSIPS, KAMAILIO))
    ]
    assert causes[0] == causes[1]


def test_what_is_told_of_one() -> None:
    last = compare(DIALECTS)[1][-1]
    assert last.title == "NOTIFY sip:alice@10.0.0.5:5060 SIP/2.0"
    assert last.call_id == "dialects-1@10.0.0.5"
    assert [side.dialect for side in last.sides] == ["kamailio", "opensips"]
    assert last.sides[0].calls == ("loose_route() returned 1", "record_route() returned 1")
    assert [f"{change.sign}{change.line}" for change in last.changes] == [
        "-Record-Route: <sip:10.0.0.1;lr;ftag=a1ce7f3e>",
        "+Record-Route: <sip:10.0.0.1;lr;ftag=b0b4c2d8>",
    ]
    told = last.as_dict()
    assert told["causes"][0]["situation"] == "ftag in a Record-Route of an upstream request in a dialog"
    assert told["changes"][0] == "-Record-Route: <sip:10.0.0.1;lr;ftag=a1ce7f3e>"


def test_what_is_not_for_us_is_no_disagreement(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([frame(b"SIP/2.0 200 OK\r\n\r\n"), arriving(1)]))
    comparison, found = compare(tmp_path / "in")
    assert (comparison.messages, found) == (2, [])


@pytest.mark.parametrize("dialect", [OPENSIPS, KAMAILIO])
def test_a_dialect_agrees_with_itself(dialect: Dialect) -> None:
    assert compare(DIALECTS, dialect, dialect)[1] == []
