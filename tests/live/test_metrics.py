"""What a proxy counts, as Prometheus reads it."""

import socket
import urllib.request
from contextlib import closing

import pytest

from scapy_rr.capture.summary import Summary
from scapy_rr.errors import ConfigError, LiveError
from scapy_rr.live.metrics import LATENESS_STEP, Metrics, serve
from scapy_rr.live.pacing import MILLISECOND, SECOND, Lateness


def test_served() -> None:
    summary = Summary()
    summary.count("INVITE", 3)
    summary.routed["loose to loose"] += 2
    summary.leave("malformed request", 7)
    lateness = Lateness(LATENESS_STEP)
    for late in (300_000, 5 * MILLISECOND, 2 * SECOND):
        lateness.add(late)
    server, port = serve(Metrics(lambda: summary, lambda: {"kernel_drops": 5.0}, lateness), "127.0.0.1:0")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
    for line in (
        'scapy_rr_messages_received_total{method="INVITE"} 3.0',
        'scapy_rr_messages_routed_total{way="loose to loose"} 2.0',
        'scapy_rr_messages_left_total{reason="malformed request"} 1.0',
        "scapy_rr_kernel_drops 5.0",
        'scapy_rr_lateness_seconds_bucket{le="0.001"} 1.0',
        'scapy_rr_lateness_seconds_bucket{le="0.005"} 1.0',
        'scapy_rr_lateness_seconds_bucket{le="0.01"} 2.0',
        'scapy_rr_lateness_seconds_bucket{le="1.0"} 2.0',
        'scapy_rr_lateness_seconds_bucket{le="+Inf"} 3.0',
        "scapy_rr_lateness_seconds_count 3.0",
        "scapy_rr_lateness_seconds_sum 2.0053",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("where", ["", "9100", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000"])
def test_a_place_that_is_none(where: str) -> None:
    with pytest.raises(ConfigError, match="is not ADDRESS:PORT"):
        serve(Metrics(Summary, dict), where)


def test_a_place_that_is_taken() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(LiveError, match="Address already in use"):
        serve(Metrics(Summary, dict), f"127.0.0.1:{taken.getsockname()[1]}")
