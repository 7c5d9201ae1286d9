"""``--dask`` and ``--out``: hear everything before anything is decided."""

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lean_tagger.cli import option_types
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import StateError
from lean_tagger.jobs import Failed, Job, Later, Outcome, Skipped
from lean_tagger.run.summary import Summary
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal

CLOSE_SECONDS = 2.0


def add_options(group: argparse._ActionsContainer) -> None:
    """Add who listens, and where the results go."""
    add = group.add_argument
    add(
        "--dask",
        type=option_types.text,
        metavar="ADDRESS",
        help="let a Dask cluster listen; this machine decides and writes",
    )
    add(
        "--path-map",
        action="append",
        default=[],
        metavar="HOME=CLUSTER",
        help="what a folder is called on the cluster; may be repeated",
    )
    add(
        "--out",
        type=option_types.text,
        metavar="FILE.parquet",
        help="write what was heard into a table; write no tags",
    )


class Hearing:
    """The first of two passes: nothing is written into music.

    Parameters
    ----------
    given : argparse.Namespace
        The command line.
    options : Settings
        Of the whole run.
    journal : Journal
        Open and held.
    music : callable
        Walks what was given; called once for each pass.
    under : list of str
        What was given, absolute.
    """

    def __init__(
        self,
        given: argparse.Namespace,
        options: Settings,
        journal: Journal,
        music: Callable[[], Iterator[Job | Skipped | Failed]],
        under: list[str],
    ) -> None:
        self._given, self._journal = given, journal
        self._options = dataclasses.replace(options, dry_run=True)
        self._music, self._under = music, under
        self._reported: set[str] = set()

    def run(self, *, console: Console, stop: Stop, summary: Summary) -> int:
        """Hear what is not on record yet, and return the exit code.

        Raises
        ------
        LeanTagError
            What ended it; what was heard until then is on record.
        """
        from lean_tagger.cli import session
        from lean_tagger.store.resume import Resume, new_jobs

        if self._given.out:
            from lean_tagger.cluster import parquet_rows

            parquet_rows.check(Path(self._given.out))  # and not when all of it has been heard
        with self._executor() as make:  # first: a missing cluster ends it at once
            resume = Resume(self._journal, "tag", self._options)
            if console.wants_total:
                console.expect(self._music())
            code = session.do(
                self._to_do(new_jobs(resume.judge, self._music())),
                resume.recorder,
                self._given,
                self._options,
                console=console,
                stop=stop,
                summary=summary,
                only_hear=True,
                make=make,
            )
        if code <= 1 and self._given.out:
            self._write_rows(console)
            console.summary(summary)
        return code

    def _to_do(self, found: Iterable[Job | Outcome | Later]) -> Iterator[Job | Outcome]:
        """Yield what is to be heard; where nothing is decided on later, also what cannot be."""
        from lean_tagger.cluster.batches import is_heard

        for item in found:
            if is_heard(item) or (self._given.out and isinstance(item, Failed)):
                yield item

    def left(self) -> Iterator[Job | Skipped | Failed]:
        """Yield what is left to decide: all that has not been reported yet."""
        return (item for item in self._music() if item.path not in self._reported)

    @contextlib.contextmanager
    def _executor(self) -> Iterator[Callable[..., Any] | None]:
        """Yield the function that makes the executor; None for the local one."""
        if not self._given.dask:
            yield None
            return
        from lean_tagger.cluster.dask_executor import Cluster, connect
        from lean_tagger.cluster.path_map import PathMap

        path_map = PathMap.parse(self._given.path_map)
        client = connect(self._given.dask)
        try:
            cluster = Cluster(client, path_map, self._reported)
            yield cluster.executor
        finally:
            with contextlib.suppress(Exception):  # it may be gone
                client.close(timeout=CLOSE_SECONDS)

    def _write_rows(self, console: Console) -> None:
        """Write a row for every file that was given and is on record."""
        from lean_tagger.cluster.parquet_rows import write

        target = Path(self._given.out)
        try:
            count = write(self._journal, self._options, self._under, target)
        except OSError as error:
            raise StateError(f"cannot write {os.fspath(target)}: {error.strerror}") from error
        console.notice(f"{target}: {count} rows")
