"""The characters of a configuration file and of the files that it includes, one after the other, each with its line.

Knows nothing of what the characters mean.
"""

import re
from pathlib import Path

from ..errors import ConfigError
from .found import Place


class _File:
    """One file that is being read."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        try:
            self.text = data.decode()
        except UnicodeDecodeError:
            # Comments in an older encoding: what is taken is ASCII.
            self.text = data.decode("latin-1")
        self.path = path
        self.at = 0
        self.line = 1


class Source:
    """A file to be read from its first character on.

    :raises ConfigError: where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._open = [_File(path)]
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None

    @property
    def place(self) -> Place:
        """Where the next character stands."""
        return Place(self._open[-1].path, self._open[-1].line)

    @property
    def at_end(self) -> bool:
        """Whether nothing is left of the file that is being read; the one that includes it may have more."""
        return self._open[-1].at == len(self._open[-1].text)

    def leave(self) -> bool:
        """Go back to the file that includes this one; whether there is one."""
        if len(self._open) == 1:
            return False
        self._open.pop()
        return True

    def include(self, name: str) -> None:
        """Go on with another file, as seen from the folder of this one.

        The servers look into their own working directory first, which is not ours.

        :raises ConfigError: where it is being read already.
        :raises OSError: where it cannot be read.
        """
        path = self._open[-1].path.parent / name
        if path.resolve() in [one.path.resolve() for one in self._open]:
            raise ConfigError(f"{self.place}: {name!r} includes itself")
        self._open.append(_File(path))

    def look(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here; nothing is taken."""
        return pattern.match(self._open[-1].text, self._open[-1].at)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take what matches here, if anything does."""
        found = self.look(pattern)
        if found:
            self._advance(found.end())
        return found

    def take_until(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take everything up to the first match and the match itself; without a match, all that is left of the file."""
        found = pattern.search(self._open[-1].text, self._open[-1].at)
        self._advance(found.end() if found else len(self._open[-1].text))
        return found

    def push_back(self, text: str) -> None:
        """Put text in front of what is left."""
        file = self._open[-1]
        file.text, file.at = text + file.text[file.at :], 0

    def _advance(self, end: int) -> None:
        file = self._open[-1]
        file.line += file.text.count("\n", file.at, end)
        file.at = end
