"""Kamailio's preprocessor: defines, conditions and substitutions, as its ``cfg.lex`` and ``ppcfg.c`` have them.

What they depend on and is not in the file (the environment, the server's version, expressions) is not known here, and named.
"""

import re
from collections.abc import Mapping

from ..errors import ConfigError
from .found import Findings, Place
from .source import Source
from .substitution import Substitution

UNKNOWN = "\0"
"""Stands for a value that is not known here. No configuration has this character, so whatever it gets into is not understood."""

_BLANK = r"[ \t\b\r]"
_CONDITION = re.compile(rf"[#!]!(ifdef|ifndef){_BLANK}+(\w*)[^\n]*\n?")
_EXPRESSION = re.compile(rf"[#!]!(ifexp){_BLANK}+([^\n]*)\n?")
# A comment behind them makes the whole a comment.
_TURN = re.compile(rf"[#!]!(else|endif){_BLANK}*(?:\n|\Z)")
_ANY_CONDITION = re.compile(rf"(?={_CONDITION.pattern}|{_EXPRESSION.pattern}|{_TURN.pattern})")
_DEFINE = re.compile(rf"[#!]!(define|def|trydefine|trydef|redefine|redef){_BLANK}+([A-Za-z_]\w*){_BLANK}*((?:\\\n|[^\n])*)\n?")
_FROM_ELSEWHERE = re.compile(rf"[#!]!(defexps?|defenvs?|trydefenvs?){_BLANK}+(\w+)([^\n]*)\n?")
_SUBSTITUTE = re.compile(r"[#!]!(substdefs?|subst)\b")
_VERSION = re.compile(r"KAMAILIO_(?:\d|VERSION)")

# The lexer knows them before it looks for a define: those of its keywords that mean something here.
_KEYWORDS = frozenset({
    "listen", "advertise", "ADVERTISE", "virtual", "name", "NAME", "alias", "domain", "auto_aliases", "auto_domains", "port",
    "socket", "bind", "workers", "disable_tcp", "disable_tls", "tls_disable", "enable_tls", "tls_enable", "tls_port_no",
    "disable_sctp", "enable_sctp", "advertised_address", "advertised_port", "workdir", "wdir", "loadmodule", "loadmodulex",
    "modparam", "modparamx", "yes", "true", "on", "enable", "no", "false", "off", "disable", "udp", "UDP", "tcp", "TCP", "tls",
    "TLS", "sctp", "SCTP", "ws", "WS", "wss", "WSS", "route", "request_route",
})  # fmt: skip
_MOST_EXPANSIONS = 10_000


class _Condition:
    """An ``#!ifdef`` that is open."""

    def __init__(self, holds: bool, place: Place) -> None:
        self.holds = holds
        self.place = place


class Directives:
    """The preprocessor's state.

    :param defines: what the server's command line defines (``-A NAME=VALUE``).
    """

    def __init__(self, findings: Findings, defines: Mapping[str, str]) -> None:
        self._findings = findings
        self._defines = dict(defines)
        self._conditions: list[_Condition] = []
        self._substitutions: list[Substitution] = []
        self._expansions = 0
        # The directive or keyword that waits for its string.
        self._awaiting = ""

    @property
    def skips(self) -> bool:
        """Whether what comes next is in a branch that is not taken."""
        return not all(condition.holds for condition in self._conditions)

    def skip(self, source: Source) -> None:
        """Pass over what is not taken, to the next condition or the end of the file."""
        if source.take_until(_ANY_CONDITION):
            self.take(source)

    def take(self, source: Source) -> bool:
        """Do what the directive that stands here says; whether one does."""
        place = source.place
        condition = source.take(_CONDITION) or source.take(_EXPRESSION)
        if condition:
            self._open(condition[1], condition[2], place)
            return True
        turn = source.take(_TURN)
        if turn:
            self._turn(turn[1], place)
            return True
        define = source.take(_DEFINE)
        if define:
            self._define(define[1], define[2], define[3].replace("\\\n", "").rstrip("\r"), place)
            return True
        outside = source.take(_FROM_ELSEWHERE)
        if outside:
            self._define_unknown(outside[1], outside[2], place)
            return True
        substitute = source.take(_SUBSTITUTE)
        if substitute:
            self._awaiting = "#!" + substitute[1]
        return bool(substitute)

    def swallows(self, is_string: bool, text: str, place: Place) -> bool:
        """See a token go by; whether it belongs to a directive and to nothing else."""
        awaiting, self._awaiting = self._awaiting, "" if is_string else text
        if not is_string:
            return False
        if awaiting in ("loadmodule", "loadmodulex"):
            # The server defines a name for each module that it loads.
            self._defines.setdefault("MOD_" + text.rpartition("/")[2].removesuffix(".so"), "")
        if not awaiting.startswith("#!"):
            return False
        self._substitute(awaiting, text, place)
        return True

    def expand(self, word: str, source: Source) -> bool:
        """Put a define's value in the place of its name; whether the word is one."""
        if word not in self._defines or word in _KEYWORDS or word[0].isdigit():
            return False
        self._expansions += 1
        if self._expansions > _MOST_EXPANSIONS:
            raise ConfigError(f"{source.place}: {word} and other defines are replaced too often; does one contain itself?")
        source.push_back(self._defines[word])
        return True

    def substituted(self, text: str) -> str:
        """A string with every substitution so far applied."""
        for substitution in self._substitutions:
            text = substitution.apply(text)
        return text

    def value(self, name: str) -> str | None:
        """What a name is defined as."""
        return self._defines.get(name)

    def close(self) -> None:
        """Come to the end. :raises ConfigError: where a condition is open."""
        if self._conditions:
            raise ConfigError(f"{self._conditions[-1].place}: a condition has no #!endif")

    def _open(self, kind: str, operand: str, place: Place) -> None:
        if not self.skips:
            if kind == "ifexp":
                self._findings.ignore(f"#!ifexp {operand.strip()}", place, "expressions are not evaluated: it is taken not to hold")
            elif _VERSION.match(operand) and operand not in self._defines:
                self._findings.ignore(f"#!{kind} {operand}", place, "the server's version is not known: it is taken as not defined")
        self._conditions.append(_Condition(kind != "ifexp" and (operand in self._defines) is (kind == "ifdef"), place))

    def _turn(self, kind: str, place: Place) -> None:
        if not self._conditions:
            # The server takes an #!else there, and refuses an #!endif.
            if kind == "endif":
                raise ConfigError(f"{place}: #!endif without a condition")
        elif kind == "else":
            self._conditions[-1].holds = not self._conditions[-1].holds
        else:
            self._conditions.pop()

    def _define(self, kind: str, name: str, value: str, place: Place) -> None:
        if name in self._defines and kind in ("define", "def"):
            raise ConfigError(f"{place}: {name} is defined already; #!redefine defines again, #!trydef only where it is not")
        if name not in self._defines or kind in ("redefine", "redef"):
            self._defines[name] = value

    def _define_unknown(self, kind: str, name: str, place: Place) -> None:
        if name in self._defines:
            return
        self._findings.ignore(f"#!{kind} {name}", place, "what it is depends on the server's environment, or on an expression")
        # Without the variable trydefenv defines nothing.
        if not kind.startswith("try"):
            self._defines[name] = UNKNOWN

    def _substitute(self, kind: str, text: str, place: Place) -> None:
        try:
            substitution = Substitution.parse(text)
        except ConfigError as error:
            self._findings.ignore(f'{kind} "{text}"', place, str(error))
            return
        value = substitution.replacement
        if "$" in value:
            self._findings.ignore(f'{kind} "{text}"', place, "a variable in it is not known here")
            substitution, value = substitution.with_replacement(UNKNOWN), UNKNOWN
        if kind != "#!subst":
            self._define("define", substitution.expression, f'"{value}"' if kind == "#!substdefs" else value, place)
        self._substitutions.append(substitution)
