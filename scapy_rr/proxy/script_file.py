"""A script in a file: run once, for the routes that it registers."""

import runpy
from pathlib import Path

from ..errors import ConfigError, ScriptError
from .router import Router, in_script

DEFAULT = Path(__file__).with_name("default_script.py")
"""The built-in script."""


def load(path: Path = DEFAULT) -> Router:
    """The router that a script's file makes.

    The file is Python; it makes a :class:`Router` of the name ``router`` and gives it its routes.

    :raises ConfigError: where it cannot be read, or makes no router with a request route.
    :raises ScriptError: where it fails itself, with its own line.
    """
    try:
        # By itself, as the script may fail to open another.
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        made = runpy.run_path(str(path)).get("router")
    except Exception as error:
        raise ScriptError(in_script(error, path)) from error
    if not isinstance(made, Router):
        raise ConfigError(f"{path}: a script makes a Router of the name 'router' ('from scapy_rr import Router; router = Router()')")
    made.require_request_route(str(path))
    made.file = path
    return made
