"""Runs in the journal, and the models that they used."""

import json
import time
from collections.abc import Iterable, Mapping

from lean_tagger.store.database import Database
from lean_tagger.store.rows import PEAK, Run, to_run


class Runs:
    """What the journal keeps of runs; a part of `Journal`, which opens the database."""

    _database: Database

    def begin_run(
        self, command: str, *, version: str, model: str, options: Mapping[str, object]
    ) -> int:
        """Record that a run begins, and return its number."""
        row = (command, time.time(), version, model, json.dumps(options))
        with self._database.change() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (command, started, version, model, options) VALUES (?,?,?,?,?)",
                row,
            )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
        return cursor.lastrowid

    def end_run(
        self, run: int, *, counts: Mapping[str, int], ending: str, peak_bytes: int = 0
    ) -> None:
        """Record how a run ended, its counts, and its peak of memory."""
        kept = {**counts, PEAK: peak_bytes} if peak_bytes else counts
        with self._database.change() as connection:
            connection.execute(
                "UPDATE runs SET ended = ?, counts = ?, ending = ? WHERE id = ?",
                (time.time(), json.dumps(kept), ending, run),
            )

    def runs(self) -> list[Run]:
        """Return all runs, latest first."""
        return list(
            self._database.read(
                to_run,
                "SELECT id, command, started, ended, version, model, options, counts, ending "
                "FROM runs ORDER BY id DESC",
            )
        )

    def note_model(self, sha256: str, *, name: str, labels: Iterable[str]) -> None:
        """Record the names of a model's labels."""
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO models VALUES (?,?,?)",
                (sha256, name, json.dumps(list(labels))),
            )

    def models(self) -> dict[str, tuple[str, list[str]]]:
        """Return name and labels of each used model, by its sha256."""
        return dict(
            self._database.read(
                lambda row: (row[0], (row[1], json.loads(row[2]))),
                "SELECT sha256, name, labels FROM models",
            )
        )
