"""What a live proxy counts, for Prometheus."""

from collections.abc import Callable, Iterator
from typing import Any

from ..capture.summary import Summary
from ..errors import ConfigError, LiveError


class Metrics:
    """Collects when it is asked, from the counters that there are.

    :param summary: gives what was done so far.
    :param gauges: gives more numbers, by name: drops, sizes of tables.
    """

    def __init__(self, summary: Callable[[], Summary], gauges: Callable[[], dict[str, float]]) -> None:
        self._summary, self._gauges = summary, gauges

    def collect(self) -> Iterator[Any]:
        """See ``prometheus_client.registry.Collector``."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

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
