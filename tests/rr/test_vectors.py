"""What the real servers did with 1299 requests: return codes, targets, sockets, parameters, and every byte that they sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.request import Request
from scapy_rr.rr.returncode import ReturnCode

FILES = sorted((Path(__file__).parents[1] / "vectors").glob("*.jsonl"))
VECTORS = [json.loads(line) for file in FILES for line in file.read_text("utf-8").splitlines()]
Vector = dict[str, Any]


def by_id(vectors: list[Vector]) -> list[Any]:
    return [pytest.param(vector, id=f"{vector['dialect']}-{vector['id']}") for vector in vectors]


# Kamailio's, as the files call them.
VARIABLES = {"route_uri": "$route_uri", "fti": "$fti", "tti": "$tti", "rdir": "$rdir(name)"}


def request_of(vector: Vector) -> Request:
    rr = RecordRouting(vector["dialect"], vector["listen"], vector["domains"], **vector["params"])
    return rr.request(vector["request"].encode("latin-1"), vector["received_on"], vector["source"], vector["send_socket"])


def call(req: Request, vector: Vector) -> list[ReturnCode]:
    return [getattr(req, name)(*arguments) for name, *arguments in vector["calls"]]


@pytest.mark.parametrize("vector", by_id([vector for vector in VECTORS if vector["expect"]["returns"] is not None]))
def test_as_the_server(vector: Vector) -> None:
    expected = vector["expect"]
    req = request_of(vector)
    assert call(req, vector) == expected["returns"]
    assert req.ruri == expected["ruri"]
    assert req.dst_uri == expected["dst_uri"]
    assert req.send_socket == expected["send_socket"]
    if vector["dialect"] == "opensips":
        assert req.rr_params == expected["rr_params"]
    else:
        assert {name: req.pv(VARIABLES[name]) for name in expected["pvs"]} == expected["pvs"]
    assert req.build(expected["out_socket"]).decode("latin-1") == expected["sent"]


def test_every_request_that_the_script_saw_was_sent() -> None:
    """So that each vector above compares the bytes."""
    assert [v["id"] for v in VECTORS if v["expect"]["returns"] is not None and v["expect"]["sent"] is None] == []


@pytest.mark.parametrize("vector", by_id([v for v in VECTORS if v["expect"]["returns"] is None and v["expect"]["sent"] is None]))
def test_what_the_core_dropped_fails_and_stays_as_it_is(vector: Vector) -> None:
    """The server's core refused it before the script ran; here the functions answer with the code of a failure and change nothing."""
    req = request_of(vector)
    assert call(req, vector) == [ReturnCode.FAILED] * len(vector["calls"])
    assert req.dst_uri is None
    assert req.send_socket is None
    assert req.build() is req.data


@pytest.mark.parametrize("vector", by_id([v for v in VECTORS if v["expect"]["returns"] is None and v["expect"]["sent"] is not None]))
def test_responses_are_not_touched(vector: Vector) -> None:
    """A response does not come near the script; what the server took off is its own Via, which is not the rr module's."""
    req = request_of(vector)
    assert call(req, vector) == [ReturnCode.FAILED] * len(vector["calls"])
    assert req.build() is req.data
    lines = vector["request"].split("\r\n")
    assert vector["expect"]["sent"].split("\r\n") == [line for line in lines if line not in own_via(vector)]


def own_via(vector: Vector) -> list[str]:
    """The lines that the server took off a response: its topmost Via."""
    return [line for line in vector["request"].split("\r\n") if line.startswith("Via:")][:1]


def test_none_was_left_out() -> None:
    assert {file.name: len(file.read_text("utf-8").splitlines()) for file in FILES} == {
        "kamailio-outbound.jsonl": 35,
        "kamailio.jsonl": 664,
        "opensips.jsonl": 600,
    }
    assert sum(vector["expect"]["returns"] is None for vector in VECTORS) == 19
