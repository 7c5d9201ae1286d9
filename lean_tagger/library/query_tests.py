"""Comparisons that SQLite cannot do: texts as people compare them, and regular expressions.

Case and accents make no difference, nor do the two Unicode forms of accents. A name may hold bytes
that are not text and cannot go through SQLite. So the texts to find stay here, and a statement has
their numbers.
"""

import functools
import json
import os
import re
import signal
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Sequence
from types import FrameType

from lean_tagger.jobs import SCORE_STEPS
from lean_tagger.library.query import Term
from lean_tagger.store.compact import whole

REGEX_SECONDS = 2.0
"""A single text that takes longer to match ends the query."""

_SHOWN_FIELDS = ("genre", "mood")
_FOLDERS = 3
"""How many last parts of a path count as words about a track: artist, album, file."""

_KEPT = 512
"""Number of fields that are kept, since many files have the same ones."""

Tester = Callable[[Sequence[str]], bool]
"""Tells whether one of some values matches."""


class TooLongError(Exception):
    """An expression took too long; the message is the expression."""


def absolute(name: str) -> str:
    """Return the name of a file or folder as in the journal."""
    return os.path.abspath(os.path.expanduser(name))


def folded(text: str) -> str:
    """Return a text for comparing: without case and accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    return "".join(it for it in apart if not unicodedata.combining(it)).casefold()


def tester(term: Term) -> Tester:
    """Return a function that tells whether one of some values matches a term."""
    if term.how == "matches":
        return _matcher(term.text)
    if term.how == "is":
        exact = unicodedata.normalize("NFC", term.text)
        return lambda values: any(unicodedata.normalize("NFC", it) == exact for it in values)
    wanted = folded(term.text)
    if term.how == "is in any case":
        return lambda values: any(folded(it) == wanted for it in values)
    return lambda values: any(wanted in folded(it) for it in values)


def _matcher(pattern: str) -> Tester:
    expression = re.compile(pattern, re.IGNORECASE)

    def matches(values: Sequence[str]) -> bool:
        texts = [unicodedata.normalize("NFC", it) for it in values] or [""]
        with _Limit(pattern):
            return any(expression.search(text) for text in texts)

    return matches


class _Limit:
    """Ends code that takes longer than `REGEX_SECONDS`, also inside `re`, which checks signals."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._usable = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._usable:
            signal.signal(signal.SIGALRM, self._over)
            signal.setitimer(signal.ITIMER_REAL, REGEX_SECONDS)

    def __exit__(self, *_: object) -> None:
        if self._usable:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _over(self, _number: int, _frame: FrameType | None) -> None:
        raise TooLongError(self._pattern)


class Texts:
    """Our functions in a connection, and the texts that they find.

    Parameters
    ----------
    connection : sqlite3.Connection
        Gets the functions; another `Texts` replaces them.

    Attributes
    ----------
    too_long : str or None
        The expression that took too long, if one did.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._testers: list[Tester] = []
        self._shares: list[memoryview] = []
        self.too_long: str | None = None
        self._row, self._row_texts = b"", tuple[str, ...]()
        functions = (
            ("lt_test", 2, self._test),
            ("lt_test_path", 2, self._test_path),
            ("lt_test_anywhere", 7, self._test_anywhere),
            ("lt_share", 2, self._share),
            ("lt_values", 2, _values),
            ("lt_folded", 1, _folded),
            ("lt_year", 1, _year),
            ("lt_score", 2, _score),
        )
        for name, count, function in functions:
            connection.create_function(name, count, function, deterministic=True)

    def add(self, tester: Tester) -> int:
        """Keep a tester, and return its number."""
        self._testers.append(tester)
        return len(self._testers) - 1

    def add_shares(self, shares: memoryview) -> int:
        """Keep each file's share of a word, by its row, and return the word's number."""
        self._shares.append(shares)
        return len(self._shares) - 1

    def _share(self, number: int, row: int) -> float:
        """Return a file's share of a word; 0 for a file that came on record since."""
        shares = self._shares[number]
        return float(shares[row]) if row < len(shares) else 0.0

    def _test(self, number: int, text: str | None) -> bool:
        return self._holds(number, text.split("\n") if text else ())

    def _test_path(self, number: int, path: bytes) -> bool:
        return self._holds(number, (os.fsdecode(path),))

    def _test_anywhere(
        self, number: int, path: bytes, fields: str | bytes | None, *texts: str | None
    ) -> bool:
        if path != self._row:  # otherwise another part of the query checks the same file
            self._row, self._row_texts = path, texts_of(path, fields, *texts)
        return self._holds(number, self._row_texts)

    def _holds(self, number: int, values: Sequence[str]) -> bool:
        try:
            return self._testers[number](values)
        except TooLongError as error:
            self.too_long = str(error)
            raise


def texts_of(path: bytes, fields: str | bytes | None, *texts: str | None) -> tuple[str, ...]:
    """Return a file's texts for words: the last parts of its name, genre, mood, and tags."""
    name = "/".join(os.fsdecode(path).rsplit("/", _FOLDERS)[-_FOLDERS:])
    return (name, *_listed(fields, _SHOWN_FIELDS), *(text for text in texts if text))


@functools.lru_cache(_KEPT)
def _listed(fields: str | bytes | None, names: tuple[str, ...]) -> tuple[str, ...]:
    if not fields:
        return ()
    held = json.loads(whole(fields))
    return tuple(str(value) for name in names for value in held.get(name, ()))


def _values(fields: str | bytes | None, name: str | None) -> str | None:
    """Return the values of one field, or of genre and mood, a line each; None for none."""
    return "\n".join(_listed(fields, (name,) if name else _SHOWN_FIELDS)) or None


def _folded(text: str | None) -> str | None:
    return folded(text) if text else None


def _year(text: str | None) -> int | None:
    found = re.search(r"\d{4}", text or "", re.ASCII)
    return int(found[0]) if found else None


def _score(scores: bytes, index: int) -> float | None:
    """Return one of the probabilities packed by `jobs.to_uint16`."""
    two = scores[2 * index : 2 * index + 2]
    return int.from_bytes(two, "little") / SCORE_STEPS if len(two) == 2 else None
