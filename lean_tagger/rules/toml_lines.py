"""Find the line of each key in a TOML file, which `tomllib` does not give.

Only for texts that `tomllib` accepts: this finds positions and does not check syntax.
"""

import re
import tomllib
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and indices from the top to a value."""

_BLANK = re.compile(r"(?:[ \t\r\n]|\#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_KEY = re.compile(rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_DEEPEST = 6
"""Rules need 3. With more, the paths of a hostile file would take memory by their square."""
_PLAIN = re.compile(r"[^,\]}\r\n#]*")


def line_numbers(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, of each key and each item of a list.

    Parameters
    ----------
    text : str
        A whole TOML file, which `tomllib` accepts.
    """
    return _Scan(text).lines


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self.lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # how many entries each array of tables has
        here: Path = ()
        while self._peek_after(_BLANK):
            if self._text[self._at] == "[":
                here = self._header()
            else:
                self._pair(here)

    def _peek_after(self, skipped: re.Pattern[str]) -> str:
        self._take(skipped)
        return self._text[self._at : self._at + 1]

    def _take(self, what: re.Pattern[str]) -> str:
        match = what.match(self._text, self._at)
        self._at = match.end() if match else self._at + 1
        return match[0] if match else ""

    def _mark(self, path: Path) -> None:
        if len(path) > _DEEPEST:
            return
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self.lines.setdefault(path, self._line)

    def _key(self, here: Path) -> Path:
        """Take a dotted key; mark every table on its path."""
        start = self._at
        parts = _parts(self._take(_KEY))[:_DEEPEST]
        end, self._at = self._at, start
        for part in parts:
            here = (*here, part)
            self._mark(here)
            here = self._entered(here)
        self._at = end
        return here

    def _entered(self, path: Path) -> Path:
        """Return a path; for an array of tables, the path of its last entry."""
        return (*path, self._tables[path] - 1) if path in self._tables else path

    def _header(self) -> Path:
        double = self._text.startswith("[[", self._at)
        self._at += 2 if double else 1
        self._take(_SPACE)
        start = self._at
        *parents, last = _parts(self._take(_KEY))[:_DEEPEST]
        end, self._at = self._at, start
        here: Path = ()
        for part in parents:
            here = (*here, part)
            self._mark(here)
            here = self._entered(here)
        here = (*here, last)
        self._mark(here)
        if double:
            self._tables[here] = self._tables.get(here, 0) + 1
            here = self._entered(here)
            self._mark(here)
        self._at = end
        self._take(_SPACE)
        self._at += 2 if double else 1
        return here

    def _pair(self, here: Path) -> None:
        path = self._key(here)
        self._take(_SPACE)
        self._at += 1  # the equals sign
        self._take(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._text[self._at : self._at + 1]
        if first in ('"', "'"):
            self._take(_STRING)
        elif first == "[":
            self._at += 1
            index = 0
            while self._peek_after(_BLANK) not in ("]", ""):
                if self._text[self._at] == ",":
                    self._at += 1
                    continue
                self._mark((*path, index))
                self._value((*path, index))
                index += 1
            self._at += 1
        elif first == "{":
            self._at += 1
            while self._peek_after(_BLANK) not in ("}", ""):
                if self._text[self._at] == ",":
                    self._at += 1
                    continue
                self._pair(path)
            self._at += 1
        else:
            self._take(_PLAIN)


def _parts(key: str) -> list[str]:
    """Return the parts of a dotted key, with quotes and escapes undone."""
    value: object = tomllib.loads(f"{key} = 0")
    parts = []
    while isinstance(value, dict):
        name, value = next(iter(value.items()))
        parts.append(name)
    return parts
