"""The parameters of the module, with the servers' names and defaults."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from .dialect import OPENSIPS, Dialect

CustomUser = str | Callable[[Any], str | None] | None
"""A user part, or a function that makes one for a request."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of both servers' rr modules; which of them a server has, its dialect says."""

    append_fromtag: bool = True
    """Whether a Record-Route carries the tag of whoever made the dialog, for ``is_direction``."""
    enable_double_rr: int = 1
    """Whether a request that changes sockets gets two Record-Routes; with 2 (Kamailio) every request does."""
    add_username: bool = False
    """Whether a Record-Route carries the user of the R-URI."""
    enable_socket_mismatch_warning: bool = True
    """Whether an address that no listener has is warned of."""
    enable_full_lr: bool = False
    """Whether ``lr`` is written ``lr=on``."""
    custom_user: CustomUser = None
    """With ``add_username``, the user instead of that of the R-URI (``custom_user_avp``)."""
    force_send_socket: bool = False
    """Whether the socket that a single own Route names is forced."""
    ignore_sips: bool = False
    """Whether a ``sips`` R-URI gets a ``sip`` Record-Route."""
    sockname_mode: bool = False
    """Whether a Record-Route carries the name of its listener, and a Route's decides on the send socket."""
    loose_route_mode: int = 0
    """The mode of ``loose_route``: 1 for no strict arrivals, 2 for no flow tokens, 3 for both."""
    flow_token_key: str | None = None
    """The secret of flow tokens (``flow_token_secret`` of the ``outbound`` module); without one that module is not there."""

    @classmethod
    def parse(cls, values: dict[str, Any], dialect: Dialect = OPENSIPS) -> "Parameters":
        """Parameters from names and values: booleans, numbers, or these as text.

        :raises ConfigError: for a name that the server does not have, a value that it does not take, or two that exclude each other.
        """
        known = dialect.parameters
        elsewhere = type(dialect).parameters.answers
        for name in values:
            if name not in known:
                owner = next((server for server, answer in elsewhere.items() if name in answer.value), "")
                hint = f" (it is one of {owner}, not of {dialect.name})" if owner else ""
                raise ConfigError(f"unknown parameter {name!r}{hint}; those there are: {', '.join(known)}")
        parsed = cls(**{name: _read(name, value, dialect) for name, value in values.items()})
        if parsed.add_username and parsed.flow_token_key is not None:
            raise ConfigError("add_username and flow tokens (flow_token_key) exclude each other: both are the user part of a Record-Route")
        return parsed


def _read(name: str, value: Any, dialect: Dialect) -> Any:
    if name in _TEXTS:
        return _read_text(name, value)
    most = dialect.most_double_rr if name == "enable_double_rr" else _MOST.get(name, 1)
    accepted = [str(number) for number in range(most + 1)]
    text = {"False": "0", "True": "1"}.get(str(value), str(value))
    if text not in accepted:
        raise ConfigError(f"parameter {name} is {', '.join(accepted[:-1])} or {accepted[-1]}, not {value!r}")
    return int(text) if name in _MOST else text == "1"


def _read_text(name: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str) and not (name == "custom_user" and callable(value)):
        raise ConfigError(f"parameter {name} is a text, not {value!r}")
    if name == "flow_token_key" and value == "":
        raise ConfigError("parameter flow_token_key is empty: anyone could make a token")
    return value


_TEXTS = ("custom_user", "flow_token_key")
# The largest number of those that are no switches.
_MOST = {"enable_double_rr": 1, "loose_route_mode": 3}
