"""Take typed values out of parsed TOML, and note each mistake with its line."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from lean_tagger.rules.names import fault, short
from lean_tagger.rules.toml_lines import Path

MOST_COMPLAINTS = 50


class TableReader:
    """Takes values out of parsed TOML; a value that does not fit becomes a complaint.

    Every method that takes a value returns a default if it does not fit, so that one pass finds
    all mistakes.

    Parameters
    ----------
    data : mapping
        From `tomllib`.
    lines : mapping
        From `line_numbers`.
    """

    def __init__(self, data: Mapping[str, Any], lines: Mapping[Path, int]) -> None:
        self.data = data
        self._lines = lines
        self.complaints: list[tuple[int, str]] = []

    def complain(self, path: Path, sentence: str) -> None:
        """Note a mistake, at the line of a path or of its nearest known parent."""
        while path and path not in self._lines:
            path = path[:-1]
        self.complaints.append((self._lines.get(path, 1), sentence))

    def report(self, name: str) -> list[str]:
        """Return the complaints by line, up to a readable number."""
        found = [f"{name}:{line}: {sentence}" for line, sentence in sorted(self.complaints)]
        if len(found) > MOST_COMPLAINTS:
            more = len(found) - MOST_COMPLAINTS
            line = sorted(self.complaints)[MOST_COMPLAINTS][0]
            found[MOST_COMPLAINTS:] = [
                f"{name}:{line}: there are {more} more mistakes from here on"
            ]
        return found

    def table(self, data: object, path: Path, known: Collection[str] | None) -> dict[str, Any]:
        """Return a table; complain about unknown keys. None accepts all keys."""
        if not isinstance(data, dict):
            self.complain(path, f"{_called(path)} must be a table, as in [{_dotted(path)}]")
            return {}
        if known is not None:
            for key in data:
                if key not in known:
                    self.complain(
                        (*path, key), f"unknown key {short(key)}; {self._hint(key, known)}"
                    )
        return data

    def _hint(self, key: str, known: Collection[str]) -> str:
        # Finding suggestions takes time, and a hostile file must not get much of it.
        many = len(self.complaints) > MOST_COMPLAINTS or len(key) > 40
        close = [] if many else get_close_matches(key, known, n=1)
        return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"

    def number(self, data: Mapping[str, Any], path: Path, default: float) -> float:
        """Return the number from 0 to 1 under a path's last key."""
        value = data.get(str(path[-1]), default)
        # NaN is in no range
        if type(value) not in (int, float) or not 0 <= value <= 1:
            self.complain(path, f"{_called(path)} must be a number from 0 to 1")
            return default
        return float(value)

    def count(self, data: Mapping[str, Any], path: Path, default: int) -> int:
        """Return the whole number from 1 to 100 under a path's last key."""
        value = data.get(str(path[-1]), default)
        if type(value) is not int or not 1 <= value <= 100:
            self.complain(path, f"{_called(path)} must be a whole number from 1 to 100")
            return default
        return value

    def flag(self, data: Mapping[str, Any], path: Path, *, default: bool) -> bool:
        """Return the true or false under a path's last key."""
        value = data.get(str(path[-1]), default)
        if type(value) is not bool:
            self.complain(path, f"{_called(path)} must be true or false")
            return default
        return value

    def choice(
        self, data: Mapping[str, Any], path: Path, choices: Collection[str], default: str
    ) -> str:
        """Return the word under a path's last key, one of the choices."""
        value = data.get(str(path[-1]), default)
        if not isinstance(value, str) or value not in choices:
            close = get_close_matches(value[:40], choices, n=1) if isinstance(value, str) else []
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            allowed = ", ".join(choices)
            self.complain(path, f"{_called(path)} must be one of {allowed}{hint}")
            return default
        return value

    def name(self, value: object, path: Path, *, written: bool) -> str | None:
        """Return a name; complain if it should go into a tag and cannot."""
        wrong = fault(value, written=written)
        if wrong is None:
            return str(value)
        self.complain(path, wrong)
        return None

    def names(
        self, value: object, path: Path, *, written: bool, once: bool = False
    ) -> tuple[str, ...]:
        """Return a list of names without repetitions; complain about them only if asked to."""
        if not isinstance(value, list):
            self.complain(path, f'{_called(path)} must be a list of names, as in ["Rock", "Pop"]')
            return ()
        found: dict[str, str] = {}
        for index, item in enumerate(value):
            name = self.name(item, (*path, index), written=written)
            if name is not None:
                if once and name.casefold() in found:
                    self.complain((*path, index), f"{short(name)} is on this list twice")
                found.setdefault(name.casefold(), name)
        return tuple(found.values())

    def keyed(self, table: Mapping[str, Any], path: Path, *, written: bool) -> dict[str, str]:
        """Return the keys of a table that are names, by the form in which they are compared."""
        found: dict[str, str] = {}
        for key in table:
            name = self.name(key, (*path, key), written=written)
            if name is None:
                continue
            if name.casefold() in found:
                other = found[name.casefold()]
                self.complain((*path, key), f"{short(name)} and {short(other)} are the same")
            else:
                found[name.casefold()] = name
        return found


def _called(path: Path) -> str:
    return short(str(path[-1]))


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
