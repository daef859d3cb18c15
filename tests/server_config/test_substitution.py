"""Substitutions in strings, as the installed server applied them where a comment says so."""

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.server_config.substitution import Substitution

APPLIED = [
    # As kamailio -c lists them as aliases.
    (r"/a(.)c/<\1>/", "xabcabc", "x<b>abc"),
    ("/B/x.example/g", "B.B", "x.example.x.example"),
    ("!PORT!5067!g", "xPORTx", "x5067x"),
    # The rest as its subst_parser reads them.
    ("/a/b/", "aa", "ba"),
    ("/A/b/i", "aa", "ba"),
    ("/A/b/gi", "aAa", "bbb"),
    ("/A/b/", "a", "a"),
    ("|a/b|c|", "a/b", "c"),
    (r"/a\/b/c/", "a/b", "c"),
    (r"/a/\\n\/\n\t\r\0/", "a", "\\n/\n\t\ra"),
    (r"/(a)|b/[\1\2]/g", "ab", "[a][]"),
    ("/a//", "ab", "b"),
    ("/x+y*z?/-/g", "xxyzxq", "--q"),
    (r"/a\.b/c/g", "a.b axb", "c axb"),
]


@pytest.mark.parametrize(("rule", "text", "result"), APPLIED)
def test_applied(rule: str, text: str, result: str) -> None:
    assert Substitution.parse(rule).apply(text) == result


def test_another_replacement() -> None:
    assert Substitution.parse("/a/b/g").with_replacement("c").apply("aa") == "cc"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "is not /expression/replacement/flags"),
        ("/a/b", "is not /expression/replacement/flags"),
        ("//b/", "is not /expression/replacement/flags"),
        ("/a/b/x", "is not /expression/replacement/flags"),
        (r"\a\b\ ", "is not /expression/replacement/flags"),
        ("/[a-z]/b/", "are not understood"),
        ("/a{2}/b/", "are not understood"),
        (r"/\w/b/", "are not understood"),
        ("/(?i)a/b/", "are not understood"),
        ("/(a/b/", "its expression is none: missing"),
        ("/*/b/", "its expression is none: nothing to repeat"),
    ],
)
def test_refused(rule: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Substitution.parse(rule)
