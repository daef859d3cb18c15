"""What is collected, and what becomes of it."""

from pathlib import Path

from scapy_rr.server_config.found import Findings, Ignored, Place, ServerConfig, Taken

PLACE = Place(Path("/etc/server.cfg"), 7)


def test_a_place_for_people() -> None:
    assert str(PLACE) == "/etc/server.cfg, line 7"


def test_nothing_found() -> None:
    assert Findings().result("opensips") == ServerConfig("opensips")


def test_what_stood_there_twice_is_there_once() -> None:
    findings = Findings()
    findings.listen += ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.1:5060"]
    findings.interfaces += ["eth0", "eth0"]
    findings.domains += ["b.example", "a.example", "b.example"]
    findings.domain_sources += ["sqlite:////a.db", "sqlite:////a.db"]
    findings.parameters["append_fromtag"] = 0
    findings.take("listen", "udp:10.0.0.1:5060", PLACE)
    findings.take("parameter rr.append_fromtag", 0, PLACE)
    findings.ignore("listen udp:a.example:5060", PLACE, "no address")
    assert findings.result("kamailio") == ServerConfig(
        "kamailio",
        ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"),
        ("eth0",),
        ("b.example", "a.example"),
        ("sqlite:////a.db",),
        {"append_fromtag": 0},
        (Taken("listen", "udp:10.0.0.1:5060", *PLACE), Taken("parameter rr.append_fromtag", "0", *PLACE)),
        (Ignored("listen udp:a.example:5060", *PLACE, "no address"),),
    )
