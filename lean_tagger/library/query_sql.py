"""A query as SQLite is asked for it: what is compared there, and what Python is asked.

Everything about one file is in its own row or depends on its path or the digest of its audio,
so that a query is one pass over the files, with a look at scores or writes where it names them.
Sorting is SQLite's, which takes to the disk what does not fit into its cache.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from lean_tagger.errors import ConfigError, StateError
from lean_tagger.library import query_tests
from lean_tagger.library.query import FIELDS, Query, Sort, Term
from lean_tagger.library.query_tests import Texts, tester
from lean_tagger.library.vocabulary import Label
from lean_tagger.store.features import Features
from lean_tagger.store.sql import STANDS, spans
from lean_tagger.store.tracks import Track, Tracks

_LENGTH = "(SELECT max(seconds) FROM scores WHERE scores.digest = files.digest)"
_ADDED = "min(seen, coalesce((SELECT min(at) FROM writes WHERE writes.path = files.path), seen))"
_WRITE = f"""(SELECT %s FROM writes WHERE writes.path = files.path AND {STANDS}
    ORDER BY id DESC LIMIT 1)"""  # noqa: S608 - ours
_OF_SCORES = "(SELECT min(%s) FROM scores WHERE scores.digest = files.digest)"
_MODELS = """(SELECT group_concat(coalesce(models.name, keys.model), char(10)) FROM scores
    JOIN keys ON keys.id = scores.key LEFT JOIN models ON models.sha256 = keys.model
    WHERE scores.digest = files.digest)"""

_TEXTS = {
    "artist": "files.artist",
    "albumartist": "files.albumartist",
    "album": "files.album",
    "title": "files.title",
    "status": "files.status",
    "why": "files.message",
    "effort": _OF_SCORES % "effort",
    "genre": "lt_values(files.fields, 'genre')",
    "mood": "lt_values(files.fields, 'mood')",
    "model": _MODELS,
    "wrote": f"lt_values({_WRITE % 'written'}, NULL)",
    "before": f"lt_values({_WRITE % 'previous'}, NULL)",
}
"""Of several values each has a line."""

_NUMBERS = {
    "year": "lt_year(files.year)",
    "length": _LENGTH,
    "added": _ADDED,
    "confidence": _OF_SCORES % "confidence",
}

_IN_THIS_ORDER = """JOIN json_each(?) AS wanted ON files.rowid = wanted.value
    ORDER BY wanted.key"""
_TOGETHER = 100

_ANYWHERE = "files.path, files.fields, artist, albumartist, album, title"


class Condition:
    """What a query asks of files, for one open journal.

    Parameters
    ----------
    query : Query
        From `query.parse`.
    features : Features
        From which is taken what counts as a high score.
    tracks : Tracks
        In which files are looked for; gets functions of ours.
    labels : sequence of Label
        The labels of the scores.
    shares : mapping of str to (n,) float32
        Each file's share of each word of the query, by its row.

    Raises
    ------
    ConfigError
        When files are looked for: an expression takes too long.
    """

    def __init__(
        self,
        query: Query,
        features: Features,
        tracks: Tracks,
        labels: Sequence[Label] = (),
        *,
        shares: Mapping[str, memoryview] | None = None,
    ) -> None:
        self._query, self._tracks, self._labels = query, tracks, labels
        self._texts = Texts(tracks.database.connection)
        self._values: list[object] = []
        self._words = {word: self._texts.add_shares(it) for word, it in (shares or {}).items()}
        self._key_ids = {key: features.key_id(key) or 0 for key in {it.key for it in labels}}

    def digests(self) -> Iterator[str]:
        """Yield the audio of every file that fulfils the conditions; some may come twice."""
        where = self._where()
        statement = f"SELECT digest FROM files WHERE digest IS NOT NULL AND {where}"  # noqa: S608 - ours
        with self._explained():
            for (digest,) in self._tracks.database.rows(statement, self._values):
                yield digest

    def tracks(self) -> Iterator[Track]:
        """Yield the files that match the conditions, in the query's order.

        Only the numbers of rows are sorted. The contents of a row are read on demand, and often
        only a few are needed.
        """
        where, order = self._where(), list(self._order())
        clauses = f"WHERE {where} ORDER BY {', '.join(order)}"
        with self._explained():
            if len(order) == 1:  # by path, for which there is an index
                yield from self._tracks.select(clauses, self._values)
                return
            statement = f"SELECT files.rowid FROM files {clauses}"  # noqa: S608 - ours
            rows = (row for (row,) in self._tracks.database.rows(statement, self._values))
            while block := list(islice(rows, _TOGETHER)):
                yield from self._tracks.select(_IN_THIS_ORDER, [json.dumps(block)])

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what a function of ours had to complain about, which SQLite does not tell."""
        try:
            yield
        except StateError:
            if self._texts.too_long is None:
                raise
            raise ConfigError(
                f"the expression {self._texts.too_long!r} takes too long for some texts here; "
                "write it with fewer parts that repeat"
            ) from None

    # Conditions

    def _where(self) -> str:
        self._values.clear()
        groups = (" AND ".join(map(self._term, terms)) or "1" for terms in self._query.any_of)
        return f"({' OR '.join(f'({group})' for group in groups)})"

    def _term(self, term: Term) -> str:
        is_word = not term.field and term.how == "contains"
        holds = f"({self._share(term.text)} > 0)" if is_word else self._positive(term)
        if term.how != "under":  # which is never unknown, and has an index that this would hide
            holds = f"coalesce({holds}, 0)"
        return f"NOT {holds}" if term.negated else holds

    def _positive(self, term: Term) -> str:
        if term.how == "under":
            return self._under(term.text)
        if term.how == "range":
            return self._in_range(term)
        if term.how == "there":
            return self._there(term)
        number = self._texts.add(tester(term))
        if term.field == "path":
            return f"lt_test_path({number:d}, files.path)"
        if term.field:
            return f"lt_test({number:d}, {_TEXTS[term.field]})"
        return f"lt_test_anywhere({number:d}, {_ANYWHERE})"

    def _under(self, name: str) -> str:
        (first, last), *more = spans([query_tests.absolute(name)])
        self._values += [first, last]
        either = ["(files.path >= ? AND files.path < ?)"]
        for span in more:
            self._values += span
            either.append("(files.path >= ? AND files.path < ?)")
        return f"({' OR '.join(either)})"

    def _in_range(self, term: Term) -> str:
        self._values += [term.range.first, term.range.last]
        return f"({self._number(term)} BETWEEN ? AND ?)"

    def _there(self, term: Term) -> str:
        if term.field == "path":
            return "1"
        if term.field in _TEXTS:
            return f"({_TEXTS[term.field]} <> '')"
        return f"({self._number(term)} IS NOT NULL)"

    def _number(self, asked: Term | Sort) -> str:
        if asked.field != "score":
            return _NUMBERS[asked.field]
        named = [self._score(label) for label in self._labels if label.name == asked.label]
        return f"coalesce({', '.join(named)}, NULL)" if named else "NULL"

    def _score(self, label: Label) -> str:
        return (
            f"(SELECT lt_score(uint16, {label.index:d}) FROM scores "  # noqa: S608 - numbers of ours
            f"WHERE scores.digest = files.digest AND scores.key = {self._key_ids[label.key]:d})"
        )

    # Order

    def _order(self) -> Iterator[str]:
        for sort in self._query.sorts:
            if sort.field == "path":
                yield f"files.path{' DESC' if sort.down else ''}"
                continue
            text = FIELDS.get(sort.field) == "text"
            by = f"lt_folded({_TEXTS[sort.field]})" if text else self._number(sort)
            yield f"{by} IS NULL"  # what is not known comes last, up or down
            yield f"{by}{' DESC' if sort.down else ''}"
        if not self._query.sorts and self._words:
            yield f"{' + '.join(map(self._share, self._words))} DESC"
        yield "files.path"

    def _share(self, word: str) -> str:
        return f"lt_share({self._words[word]:d}, files.rowid)"
