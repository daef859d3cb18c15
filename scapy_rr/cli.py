"""The command line: which commands there are, and how they end. Each is loaded when it is asked for."""

import io
import logging
import signal
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from .cli_options import complain
from .errors import ScapyRRError

_MODULES = {
    "rewrite": "cli_rewrite",
    "explain": "cli_views",
    "addresses": "cli_views",
    "dialects": "cli_views",
    "config": "cli_config",
    "sniff": "cli_sniff",
    "run": "cli_live",
    "replay": "cli_replay",
    "lab": "cli_lab",
}


class Commands(TyperGroup):
    """The commands, by the modules that they stand in: what one of them needs, the others need not load."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order in which help shows them."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; ``None`` where there is none."""
        if cmd_name not in _MODULES:
            return None
        made = getattr(import_module(f".{_MODULES[cmd_name]}", __package__), cmd_name)
        if not isinstance(made, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(cmd_name)(made)
            made = alone
        command = typer.main.get_command(made)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    help="What OpenSIPS or Kamailio would have sent, byte for byte, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _commands() -> None:
    pass


def main() -> None:
    """Run the command; a fault that we know ends it with 2 and one message."""
    # What Scapy says of a file that is no capture, we say.
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    # Asked to end, it leaves as little behind as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # A file's name, or a message in it, may hold what the terminal's encoding does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except ScapyRRError as error:
        complain(str(error))
        sys.exit(1 if isinstance(error.__cause__, BrokenPipeError) else 2)
    except BrokenPipeError:
        # The reader of our output has seen enough.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        complain(f"{error.filename or ''}: {error.strerror}")
        sys.exit(2)


if __name__ == "__main__":
    main()
