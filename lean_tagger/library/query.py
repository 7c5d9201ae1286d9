r"""Parse a query in the language of beets, about what is on record.

::

    piano calm                     words, in labels and tags
    genre:rock year:1990..1999     all of these
    mood:happy , mood:sad          one of these
    ^genre:jazz                    not this
    title::^the\b                   a regular expression
    score.electronic:0.4..         what a network heard, 0 to 1
    genre: ^mood:                  has a genre, has no mood
    added- score."hard rock"+      sorts, the first one first
    like:"/music/a song.mp3"       most similar first

`parse` looks nothing up. It reports mistakes with their position.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from lean_tagger.library import query_values
from lean_tagger.library.query_tokens import QueryError, Token, tokens
from lean_tagger.library.query_values import ALL, BadValue, Range

Kind = Literal["text", "year", "length", "date", "number", "path"]

FIELDS: dict[str, Kind] = {
    "genre": "text",
    "mood": "text",
    "artist": "text",
    "albumartist": "text",
    "album": "text",
    "title": "text",
    "year": "year",
    "path": "path",
    "length": "length",
    "added": "date",
    "wrote": "text",
    "before": "text",
    "model": "text",
    "effort": "text",
    "confidence": "number",
    "status": "text",
    "why": "text",
}
"""The fields of a query, apart from ``score.LABEL`` and ``like``."""

LONGEST = 10_000
MOST_TERMS = 200

How = Literal["contains", "is", "is in any case", "matches", "range", "there", "under"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition.

    Attributes
    ----------
    field : str
        A key of `FIELDS`, or ``score``; empty for a word that may be anywhere.
    label : str
        The network's label, for ``score``.
    how : str
        ``there`` asks for any value; ``under`` for a file, or all files in a folder.
    text : str
        The text to find; a regular expression if `how` is ``matches``.
    range : Range
        The range, if `how` is ``range``.
    negated : bool
        Only files that do not match it are wanted.
    """

    field: str = ""
    label: str = ""
    how: How = "contains"
    text: str = ""
    range: Range = ALL
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """A sort order.

    Attributes
    ----------
    field, label : str
        As in `Term`.
    down : bool
        Largest first.
    """

    field: str
    label: str = ""
    down: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The wanted files and their order.

    Attributes
    ----------
    any_of : tuple of tuple of Term
        Alternatives; all terms of one must be fulfilled.
    sorts : tuple of Sort
        The first one counts most.
    like, unlike : tuple of str
        Files that results should be like, or unlike.
    """

    any_of: tuple[tuple[Term, ...], ...] = ((),)
    sorts: tuple[Sort, ...] = ()
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def conditions(self) -> "Query | None":
        """The same without an order; None if everything is wanted."""
        return replace(self, sorts=(), like=(), unlike=()) if any(self.any_of) else None

    @property
    def words(self) -> tuple[str, ...]:
        """The words that may be anywhere, each once."""
        terms = (term for terms in self.any_of for term in terms)
        found = (it.text for it in terms if not it.field and it.how == "contains")
        return tuple(dict.fromkeys(found))


_NAME = re.compile(r"[A-Za-z]\w*")


def parse(text: str, labels: Sequence[str] = ()) -> Query:
    """Read a query.

    Parameters
    ----------
    text : str
        As the user wrote it.
    labels : sequence of str
        Of the networks that heard something.

    Raises
    ------
    QueryError
        It makes no sense.
    """
    if len(text) > LONGEST:
        raise QueryError(text, LONGEST, f"a query has no more than {LONGEST} characters")
    return _Parser(text, labels).query()


class _Parser:
    def __init__(self, text: str, labels: Sequence[str]) -> None:
        self._text = text
        self._labels = {_plain(label): label for label in reversed(labels)}
        self._groups: list[list[Term]] = [[]]
        self._sorts: list[Sort] = []
        self._like: list[str] = []
        self._unlike: list[str] = []

    def query(self) -> Query:
        """Return the whole query."""
        comma, empty = -1, True
        count = 0
        for token in tokens(self._text):
            if token.text == "," and token.plain(0):
                if empty:
                    raise QueryError(self._text, token.at, "there is nothing before this comma")
                self._groups.append([])
                comma, empty = token.at, True
                continue
            count += 1
            if count > MOST_TERMS:
                raise QueryError(
                    self._text, token.at, f"a query has no more than {MOST_TERMS} parts"
                )
            self._take(token)
            empty = False
        if comma >= 0 and empty:
            raise QueryError(self._text, comma, "there is nothing after this comma")
        groups = self._groups
        if any(groups):  # a group with only sorts and likes does not count
            groups = [group for group in groups if group]
        return Query(
            any_of=tuple(map(tuple, groups)),
            sorts=tuple(self._sorts),
            like=tuple(self._like),
            unlike=tuple(self._unlike),
        )

    def _take(self, token: Token) -> None:
        negated = token.text[:1] in ("^", "-") and token.plain(0) and len(token.text) > 1
        start = 1 if negated else 0
        colon = next((i for i in range(start, len(token.text)) if self._is_colon(token, i)), -1)
        if colon < 0:
            if not self._sort(token, start, negated=negated):
                self._word(token, start, negated=negated)
        elif colon == start:
            self._free_regex(token, start, negated=negated)
        else:
            self._field(token, start, colon, negated=negated)

    def _is_colon(self, token: Token, index: int) -> bool:
        return token.text[index] == ":" and token.plain(index)

    # The kinds of parts

    def _word(self, token: Token, start: int, *, negated: bool) -> None:
        text = token.text[start:]
        if not text.strip():
            raise QueryError(self._text, token.at, "there is no word between these quotes")
        if _path_how(text) == "under" and token.plain(start):
            self._add(Term(field="path", how="under", text=text, negated=negated))
        else:
            self._add(Term(text=text, negated=negated))

    def _free_regex(self, token: Token, start: int, *, negated: bool) -> None:
        if token.text[start : start + 2] != "::":
            raise QueryError(
                self._text,
                token.place(start),
                "there is no field before this colon; an expression for anywhere has two",
            )
        text = self._regex(token, start + 2)
        self._add(Term(how="matches", text=text, negated=negated))

    def _sort(self, token: Token, start: int, *, negated: bool) -> bool:
        """Take a sort order, if it is one."""
        last = len(token.text) - 1
        if last < 1 or token.text[last] not in "+-" or not token.plain(last) or negated:
            return False
        name = token.text[start:last]
        if not _NAME.fullmatch(name.partition(".")[0]) or not token.plain(start):
            return False
        if name.partition(".")[0] not in (*FIELDS, "score") and not _close(name, FIELDS):
            return False  # a word, such as "C+"
        known, label = self._known(token, start, last)
        if known == "like":
            raise QueryError(
                self._text, token.at, "like: always lists the nearest first: leave the sign out"
            )
        self._sorts.append(Sort(field=known, label=label, down=token.text[last] == "-"))
        return True

    def _field(self, token: Token, start: int, colon: int, *, negated: bool) -> None:
        name, label = self._known(token, start, colon)
        value = colon + 1
        text = token.text[value:]
        if name == "like":
            if not text:
                raise QueryError(self._text, token.place(value), "like what? name a file after it")
            (self._unlike if negated else self._like).append(text)
            return
        term = Term(field=name, label=label, negated=negated)
        if not text:
            self._add(replace(term, how="there"))
        elif text.startswith(":") and token.plain(value) and name != "score":
            self._add(replace(term, how="matches", text=self._regex(token, value + 1)))
        elif name == "score" or FIELDS[name] in ("year", "length", "date", "number"):
            self._add(replace(term, how="range", range=self._range(token, value, name)))
        elif name == "path":
            self._add(replace(term, how=_path_how(text), text=text))
        elif text.startswith("=~") and token.plain(value):
            self._add(replace(term, how="is in any case", text=text[2:]))
        elif text.startswith("=") and token.plain(value):
            self._add(replace(term, how="is", text=text[1:]))
        else:
            self._add(replace(term, text=text))

    def _range(self, token: Token, value: int, name: str) -> Range:
        kind = "score" if name == "score" else FIELDS[name]
        try:
            return query_values.READERS[kind](token.text[value:])
        except BadValue as error:
            raise QueryError(self._text, token.place(value), str(error)) from None

    def _regex(self, token: Token, start: int) -> str:
        from lean_tagger.rules.safe_regex import refusal  # late: it loads all the rules

        pattern = token.text[start:]
        if not pattern:
            raise QueryError(self._text, token.place(start), "there is no expression after '::'")
        if (wrong := refusal(pattern)) is not None:
            raise QueryError(self._text, token.place(start), wrong)
        return pattern

    def _known(self, token: Token, start: int, end: int) -> tuple[str, str]:
        """Return a field and its label, checked."""
        name, dot, label = token.text[start:end].partition(".")
        lower = name.lower()
        if lower == "score":
            return lower, self._label(token, start + len(name), label if dot else "")
        if dot or lower not in (*FIELDS, "like"):
            every = (*FIELDS, "score.LABEL", "like")
            close = _close(token.text[start:end], every)
            hint = f"did you mean {close!r}?" if close else f"there are {', '.join(every)}"
            shown = _short(token.text[start:end])
            message = f"there is no field {shown}; {hint} Put a word with a colon in quotes"
            raise QueryError(self._text, token.place(start), message)
        return lower, ""

    def _label(self, token: Token, dot: int, label: str) -> str:
        if not label:
            raise QueryError(
                self._text, token.place(dot), "score of which label? as in score.rock:0.3.."
            )
        if not self._labels:
            raise QueryError(self._text, token.place(dot + 1), "no network has heard anything yet")
        if _plain(label) not in self._labels:
            close = get_close_matches(_plain(label)[:40], self._labels, n=1)
            hint = (
                f"did you mean {self._labels[close[0]]!r}?"
                if close
                else f"there are {', '.join(sorted(self._labels.values(), key=str.lower))}"
            )
            message = f"no network here has a label {_short(label)}; {hint}"
            raise QueryError(self._text, token.place(dot + 1), message)
        return self._labels[_plain(label)]

    def _add(self, term: Term) -> None:
        self._groups[-1].append(term)


def _path_how(text: str) -> How:
    return "under" if text.startswith(("/", "./", "../", "~")) else "contains"


def _plain(label: str) -> str:
    """Return by what labels are compared: `hard rock`, `Hard-Rock` and `hard_rock` are one."""
    return re.sub(r"[\W_]+", "", label).casefold()


def _close(name: str, known: Sequence[str] | dict[str, Kind]) -> str:
    found = get_close_matches(name[:40].lower(), list(known), n=1)
    return found[0] if found else ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
