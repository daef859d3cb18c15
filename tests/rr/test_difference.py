"""One line of the table: asked of a dialect it gives that server's answer, asked of the class it gives itself."""

from scapy_rr.rr.dialect import KAMAILIO, OPENSIPS, Dialect
from scapy_rr.rr.difference import Difference
from scapy_rr.rr.returncode import ReturnCode


def test_an_answer_is_that_of_the_server() -> None:
    assert OPENSIPS.own_preloaded_code is ReturnCode.FAILED
    assert KAMAILIO.own_preloaded_code is ReturnCode.PRELOADED
    assert isinstance(Dialect.own_preloaded_code, Difference)
    assert Dialect.own_preloaded_code.__get__(KAMAILIO, Dialect) is ReturnCode.PRELOADED


def test_in_words() -> None:
    assert Dialect.via_port_written.as_dict() == {
        "name": "via_port_written",
        "situation": "port 5060 of our Via",
        "opensips": "written",
        "kamailio": "left out, unless it is an advertised one",
        "rfc": "silent",
        "installed": "",
    }
