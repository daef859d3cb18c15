"""The parameters of the module, with the servers' names and defaults."""

from dataclasses import dataclass, fields
from typing import Any

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of OpenSIPS' rr module."""

    append_fromtag: bool = True
    """Whether a Record-Route carries the From tag, for ``is_direction``."""
    enable_double_rr: bool = True
    """Whether a request that changes sockets gets two Record-Routes."""
    add_username: bool = False
    """Whether a Record-Route carries the user of the R-URI."""
    enable_socket_mismatch_warning: bool = True
    """Whether an address that no listener has is warned of."""

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "Parameters":
        """Parameters from names and values: booleans, 0 and 1, or these as text.

        :raises ConfigError: for a name there is not, or a value that is none of these.
        """
        known = [field.name for field in fields(cls)]
        checked = {}
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"unknown parameter {name!r}; those there are: {', '.join(known)}")
            if str(value) not in ("0", "1", "True", "False"):
                raise ConfigError(f"parameter {name} is 0 or 1, not {value!r}")
            checked[name] = str(value) in ("1", "True")
        return cls(**checked)
