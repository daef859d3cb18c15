"""What was found in a server's configuration, as a file for scapy_rr's own ``--config``."""

import json
import re

from .found import ServerConfig

_CONTROL = re.compile(r"[\x7f-\x9f]")


def as_toml(config: ServerConfig) -> str:
    """The text of such a file; what is empty is left out."""
    lines = [f"dialect = {_string(config.dialect)}"]
    for key in ("listen", "interfaces", "domains", "domain_sources"):
        values: tuple[str, ...] = getattr(config, key)
        if values:
            lines += [f"{key} = [", *(f"    {_string(value)}," for value in values), "]"]
    if config.parameters:
        lines += ["", "[parameters]"]
        lines += [f"{name} = {value if isinstance(value, int) else _string(value)}" for name, value in config.parameters.items()]
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    # A basic string of TOML is one of JSON, but for DEL, which JSON leaves as it is; a terminal would obey the characters behind it, too.
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
