"""What a live proxy counts, for Prometheus."""

from collections.abc import Callable, Iterator
from typing import Any

from ..capture.summary import Summary
from ..errors import ConfigError, LiveError
from .pacing import MILLISECOND, SECOND, Lateness

LATENESS_STEP = MILLISECOND
"""How exactly a proxy measures: SIP repeats what is not answered within half a second (T1, :rfc:`3261#section-17.1.1.1`)."""
_LIMITS = [number * MILLISECOND for number in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)]


class Metrics:
    """Collects when it is asked, from the counters that there are.

    :param summary: gives what was done so far.
    :param gauges: gives more numbers, by name: drops, sizes of tables.
    :param lateness: from arrival to sending, of a sample; in steps of :data:`LATENESS_STEP`.
    """

    def __init__(self, summary: Callable[[], Summary], gauges: Callable[[], dict[str, float]], lateness: Lateness | None = None) -> None:
        self._summary, self._gauges, self._lateness = summary, gauges, lateness

    def collect(self) -> Iterator[Any]:
        """See ``prometheus_client.registry.Collector``."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        summary = self._summary()
        received = CounterMetricFamily("scapy_rr_messages_received", "SIP messages by method", labels=["method"])
        for method, number in list(summary.messages.items()):
            received.add_metric([method], number)
        routed = CounterMetricFamily("scapy_rr_messages_routed", "Messages by the way they took", labels=["way"])
        for way, number in list(summary.routed.items()):
            routed.add_metric([way], number)
        left = CounterMetricFamily("scapy_rr_messages_left", "Messages that were not routed, by reason", labels=["reason"])
        for reason, leaving in list(summary.left.items()):
            left.add_metric([reason], leaving.messages)
        yield from (received, routed, left)
        for name, value in self._gauges().items():
            yield GaugeMetricFamily(f"scapy_rr_{name}", name.replace("_", " "), value=value)
        if self._lateness:
            # The sum of all comes last, for another thread adds meanwhile.
            buckets = [(str(limit / SECOND), float(self._lateness.within(limit))) for limit in _LIMITS]
            buckets.append(("+Inf", float(self._lateness.frames)))
            told = "Seconds from the arrival of a message to its sending, of a sample"
            yield HistogramMetricFamily("scapy_rr_lateness_seconds", told, buckets=buckets, sum_value=self._lateness.total / SECOND)


def serve(metrics: Metrics, where: str) -> tuple[Any, int]:
    """Serve metrics over HTTP.

    :param where: ``ADDRESS:PORT``; port 0 for any that is free.
    :returns: the server, whose ``shutdown`` ends it, and its port.
    :raises ConfigError: where ``where`` is none. :raises LiveError: where nobody can listen there.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    address, _, port = where.rpartition(":")
    if not address or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"--metrics {where!r} is not ADDRESS:PORT")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    try:
        server, _thread = start_http_server(int(port), address.strip("[]"), registry)
    except OSError as error:
        raise LiveError(f"--metrics {where}: {error.strerror or error}") from None
    return server, int(server.server_port)
