"""Shared by commands that ask the library: models and labels on record, seeds, missing tags.

A song that was never heard is heard now. Tags that an older lean-tag did not read are read now.
Both go on record, so it happens once.
"""

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lean_tagger.cli import options, resources
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError, LockedError, StateError
from lean_tagger.jobs import Identity
from lean_tagger.library import query as queries
from lean_tagger.library.likeness import compared_by
from lean_tagger.library.query import Query
from lean_tagger.library.vocabulary import Label, labels_on_record
from lean_tagger.run.calculation import Child
from lean_tagger.store.database import Database
from lean_tagger.store.features import Features
from lean_tagger.store.rows import Key
from lean_tagger.store.unread_tags import UnreadTags
from lean_tagger.store.whereabouts import Whereabouts

_TAGS = ("", "artist", "albumartist", "album", "year", "title")
"""Fields of a query that need tags on record; words do too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The parts of a journal that can be asked about.

    Attributes
    ----------
    state : Path
        The journal.
    keys : tuple of Key
        Models with the embeddings that are compared; empty if nothing was heard.
    names : tuple of str
        Of these models.
    labels : tuple of Label
        Of all models; their kinds are known once a query has words.
    """

    state: Path
    keys: tuple[Key, ...]
    names: tuple[str, ...]
    labels: tuple[Label, ...]


def add_asking(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that asks the library."""
    options.add_state(parser.add_argument_group("journal"))
    options.add_resources(parser.add_argument_group("resources and output"))


class LibrarySession:
    """One command's use of the library.

    Parameters
    ----------
    given : argparse.Namespace
        Its options.
    stop : Stop
        Its signals.
    child : Child or None
        A waiting child.

    Attributes
    ----------
    child : Child or None
        The same; it has ended if a song was heard or tags were read.
    console : Console
        Where it prints.
    max_mem_bytes : int
        Its budget.
    library : Library
        What can be asked.

    Raises
    ------
    ConfigError, StateError
        The journal cannot be read, or there is none.
    """

    def __init__(self, given: argparse.Namespace, stop: Stop, child: Child | None = None) -> None:
        self._given, self._stop, self.child = given, stop, child
        self.max_mem_bytes = resources.budget_bytes(given.max_mem)
        self.console = Console(
            json_lines=given.json,
            quiet=given.quiet,
            colour=given.color,
            max_mem_bytes=self.max_mem_bytes,
        )
        self.library = _library(given)

    def query(self, text: str) -> Query:
        """Parse a query, and put the tags that it needs on record.

        Raises
        ------
        QueryError
            It makes no sense.
        """
        query = queries.parse(text, [label.name for label in self.library.labels])
        self.prepare(query)
        return query

    def prepare(self, query: Query) -> None:
        """Read what a query needs: tags, and the kinds of the labels."""
        if query.words:
            with Features(self.library.state) as features:
                labels = labels_on_record(features, _kinds())
            self.library = dataclasses.replace(self.library, labels=tuple(labels))
        self._read_tags(query)

    # Seeds

    def digests(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return the digests of songs, each once; songs that were never heard are heard first.

        Raises
        ------
        ConfigError
            One cannot be heard.
        StateError
            Nothing was heard yet to compare them with.
        """
        names = [os.path.abspath(os.path.expanduser(path)) for path in paths]
        for path in names:
            if os.path.isdir(path):
                raise ConfigError(f"{path} is a folder; name a song in it")
        if names and not self.library.keys:
            raise StateError(
                "nothing is on record that a network has heard; run lean-tag on your music first"
            )
        found = self._on_record(names)
        missing = [path for path in dict.fromkeys(names) if path not in found]
        if missing:
            self._hear(missing)
            found |= self._on_record(missing)
        for path in names:
            if path not in found:
                raise ConfigError(
                    f"{path} cannot be compared with what {' and '.join(self.library.names)} "
                    "heard before, since the network has changed; run lean-tag on your "
                    "music again"
                )
        return tuple(dict.fromkeys(found[path] for path in names))

    def _on_record(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the digests of songs that were heard and are unchanged since, or gone."""
        found = {}
        with Features(self.library.state) as features:
            whereabouts = Whereabouts(features.database)
            for path in paths:
                known = whereabouts.at(path) or whereabouts.at(os.path.realpath(path))
                if known is None or not known.digest or not _as_it_was(path, known.identity):
                    continue
                if any(features.of(known.digest, key) for key in self.library.keys):
                    found[path] = known.digest
        return found

    def _hear(self, paths: Sequence[str]) -> None:
        if not all(self.library.names):
            raise ConfigError(
                "what is on record was heard by a network that is missing here; see lean-tag models"
            )
        from lean_tagger.cli import on_demand  # late: see there

        self._end_child()
        on_demand.hear(
            paths,
            self.library.names,
            self._given,
            console=self.console,
            stop=self._stop,
            max_mem_bytes=self.max_mem_bytes,
        )

    # Tags

    def _read_tags(self, query: Query) -> None:
        """Read the tags that a query needs, if an older lean-tag did not.

        A worker reads them, within the budget. If another run has the journal, they wait.
        """
        asked = {term.field for terms in query.any_of for term in terms}
        if not (asked | {sort.field for sort in query.sorts}) & set(_TAGS):
            return
        with _opened(self.library.state, self.console, locked=False) as database:
            if not UnreadTags(database).any():
                return
        from lean_tagger.cli import on_demand  # late: see there

        self._end_child()
        try:
            with _opened(self.library.state, self.console, locked=True) as database:
                on_demand.read_tags(
                    database, self._given, self.console, max_mem_bytes=self.max_mem_bytes
                )
        except LockedError:
            self.console.notice(
                "another run is using the journal; tags that are not on record yet are left out"
            )

    def _end_child(self) -> None:
        """End the child: the budget is for the workers that now hear and read."""
        if self.child is not None:
            self.child.close()


def _library(given: argparse.Namespace) -> Library:
    state = resources.state_path(given)
    # complains if it cannot be read
    Database(state, notice=None, locked=False, on_network=given.state_on_network).close()
    with Features(state) as features:
        names = {key: name for name, key, _ in features.counts()}
        keys = compared_by(features)
        return Library(
            state=state,
            keys=keys,
            names=tuple(names[key] or _bare_name(key) for key in keys),
            labels=tuple(labels_on_record(features, {})),
        )


def _kinds() -> dict[str, dict[str, str]]:
    """Return the kind of each label, by model; it takes a tenth of a second."""
    from lean_tagger.card import readable_cards  # late: only words need it

    return {
        card.name: {label.name: label.kind for label in card.labels} for card in readable_cards()
    }


def _bare_name(key: Key) -> str:
    """Return the name of a model that has only embeddings in the journal; else empty."""
    from lean_tagger.card import readable_cards  # late: few models are like this

    return next((it.name for it in readable_cards() if it.without_words == key.model), "")


def _opened(
    state: Path, console: Console, *, locked: bool
) -> contextlib.AbstractContextManager[Database]:
    return contextlib.closing(
        Database(state, notice=console.notice, locked=locked, on_network=True)
    )


def _as_it_was(path: str, identity: Identity) -> bool:
    try:
        return Identity.at(path).matches(identity)
    except OSError:
        return True  # it is gone; only what was heard is left
