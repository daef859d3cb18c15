"""Text with the scripts' pseudo-variables in it, as ``pv_parse_format`` and ``pv_printf`` of the servers read and print it.

Which of them a server has, the dialect says; what each holds, :mod:`.variable_values`. Knows no function of the script's.
"""

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigError
from ..sip.text import encode
from .dialect import Dialect
from .variable_values import OF_BOTH, OF_ONE, Getter, header_value

if TYPE_CHECKING:
    from .request import Request

# $name and $name(inner); in parentheses $(name(inner)[index]), with a transformation behind it that is refused.
_VARIABLE = re.compile(r"\$(\()?+([A-Za-z0-9_.]++)(?:\(([^()]++)\))?+(?(1)(?:\[([^\]]*+)\])?+(?:(\{[^}]*+\}?+)|\))|(?!\())")
_DOLLARS = ("$$", "$($)")
_HEADER_NAME = re.compile(r"[^\s:$*]+")
_INDEX = re.compile(r"-?[0-9]{1,9}")
_NULL = "<null>"
# How many texts are remembered with what was found in them.
_MOST_REMEMBERED = 1024


class Variable(NamedTuple):
    """A pseudo-variable in a text."""

    get: Getter
    null: str = _NULL
    """What is printed where it is null."""

    def printed(self, req: "Request") -> str:
        """Its value as text."""
        value = self.get(req)
        return self.null if value is None else value


class Format:
    """Text that may hold pseudo-variables; made by :func:`parse`."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | Variable, ...]) -> None:
        self.parts = parts

    @property
    def is_plain(self) -> bool:
        """Whether there is none, so that it expands to the same text for every message."""
        return not any(isinstance(part, Variable) for part in self.parts)

    def expand(self, req: "Request") -> str:
        """The text with the values in it, ``<null>`` where there is none; each letter stands for one byte, as in Latin-1."""
        return "".join(part if isinstance(part, str) else part.printed(req) for part in self.parts)


@lru_cache(_MOST_REMEMBERED)
def parse(text: str, dialect: Dialect) -> Format:
    """Find the pseudo-variables in a text: ``$name``, ``$name(inner)``, both in ``$(...)``, too; ``$$`` is the ``$`` itself.

    :raises ConfigError: for one that the server does not have, a transformation, and a ``$`` that begins none.
    """
    parts: list[str | Variable] = []
    plain, position = "", 0
    while (at := text.find("$", position)) >= 0:
        plain += text[position:at]
        dollar = next((one for one in _DOLLARS if text.startswith(one, at)), "")
        if dollar:
            plain, position = plain + "$", at + len(dollar)
            continue
        match = _VARIABLE.match(text, at)
        place = f"character {at + 1} of {text!r}"
        if not match:
            raise ConfigError(f"{place}: no pseudo-variable begins with this $, and $$ is the $ itself; {_those_there_are(dialect)}")
        parts += [_as_latin_1(plain), _variable(match, place, dialect)]
        plain, position = "", match.end()
    parts.append(_as_latin_1(plain + text[position:]))
    return Format(tuple(part for part in parts if part))


def pv(req: "Request", name: str) -> str | None:
    """The value of one pseudo-variable, ``None`` where it is null.

    :param name: as in the scripts: ``$ru``, ``$hdr(Subject)``, ``$(hdr(Via)[-1])``.
    :raises ConfigError: where the server has none of that name.
    """
    parts = parse(name, req.dialect).parts
    if len(parts) != 1 or isinstance(parts[0], str):
        raise ConfigError(f"{name!r} is not the name of a pseudo-variable; {_those_there_are(req.dialect)}")
    return parts[0].get(req)


def _as_latin_1(text: str) -> str:
    # A value is bytes read as Latin-1. In one text with it, letters that Latin-1 does not have must be bytes, too.
    return encode(text).decode("latin-1")


def _those_there_are(dialect: Dialect) -> str:
    return f"those there are: {', '.join((*OF_BOTH, '$hdr(name)', *dialect.pseudo_variables))}"


def _variable(match: re.Match[str], place: str, dialect: Dialect) -> Variable:
    _, name, inner, index, transformation = match.groups()
    spelled = f"${name}({inner})" if inner else f"${name}"
    if transformation:
        raise ConfigError(f"{place}: {spelled} with the transformation {transformation}; there are no transformations here")
    if name == "hdr" and inner:
        if not _HEADER_NAME.fullmatch(inner):
            raise ConfigError(f"{place}: {inner!r} is no header name")
        if index is not None and not _INDEX.fullmatch(index):
            raise ConfigError(f"{place}: the index of {spelled} is a number, from the end where it is negative, not {index!r}")
        return Variable(partial(header_value, encode(inner), int(index or 0)))
    if spelled not in OF_BOTH and spelled not in dialect.pseudo_variables:
        raise ConfigError(f"{place}: unknown pseudo-variable {spelled!r}; {_those_there_are(dialect)}")
    if index is not None:
        raise ConfigError(f"{place}: {spelled} has no index, only $hdr(name) has one")
    if spelled == "$route_uri":
        # pv_get_route_uri_f fails where there is no Route, and nothing is printed for what fails.
        return Variable(OF_ONE[spelled], null="")
    return Variable(OF_BOTH.get(spelled) or OF_ONE[spelled])
