"""One line of the table of dialects: a situation, and what each server does in it, for the code and in words."""

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, overload

if TYPE_CHECKING:
    from .dialect import Dialect

_Value = TypeVar("_Value")


class Answer(NamedTuple, Generic[_Value]):
    """What one server does, for the code and in words."""

    value: _Value
    text: str


class Difference(Generic[_Value]):
    """One situation in which the servers differ.

    :param situation: the situation.
    :param opensips: what OpenSIPS 4.1 does.
    :param kamailio: what Kamailio 6.2 does.
    :param rfc: what the RFC says; :rfc:`3261` where no other is named.
    :param installed: what an older Kamailio does, with its version, where that is known to differ.
    :param is_vocabulary: whether it is about what there is to configure and call, not about what is done with a request.
    """

    def __init__(
        self,
        situation: str,
        opensips: tuple[_Value, str],
        kamailio: tuple[_Value, str],
        rfc: str = "silent",
        installed: str = "",
        is_vocabulary: bool = False,
    ) -> None:
        self.situation = situation
        self.is_vocabulary = is_vocabulary
        self.answers = {"opensips": Answer(*opensips), "kamailio": Answer(*kamailio)}
        self.rfc = rfc
        self.installed = installed
        self.name = ""

    def as_dict(self) -> dict[str, str]:
        """The words, for JSON."""
        answers = {server: answer.text for server, answer in self.answers.items()}
        return {"name": self.name, "situation": self.situation, **answers, "rfc": self.rfc, "installed": self.installed}

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, dialect: None, owner: type) -> "Difference[_Value]": ...
    @overload
    def __get__(self, dialect: "Dialect", owner: type) -> _Value: ...
    def __get__(self, dialect: "Dialect | None", owner: type) -> "Difference[_Value] | _Value":
        # An instance has its own attribute of this name, which comes first.
        return self if dialect is None else self.answers[dialect.name].value
