"""TOML files, with faults that name the file. Knows nothing of what stands in them."""

import tomllib
from pathlib import Path
from typing import Any

from .errors import ConfigError


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a file, and the table that it is. :raises ConfigError: where it cannot be read, naming it and the line."""
    try:
        text = path.read_text("utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
