"""Hear a song or read tags first, if a query needs them; both go on record, once.

Loaded only then: most questions need neither, and are answered sooner without all of this.
"""

import argparse
import contextlib
import dataclasses
from collections.abc import Sequence

from lean_tagger.cli import session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Identity, Job
from lean_tagger.run.summary import Summary
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings
from lean_tagger.store.database import Database
from lean_tagger.store.journal import Journal, Key
from lean_tagger.store.resume import Resume
from lean_tagger.store.unread_tags import UnreadTags


def hear(
    paths: Sequence[str],
    models: tuple[str, ...],
    given: argparse.Namespace,
    *,
    console: Console,
    stop: Stop,
    max_mem_bytes: int,
) -> None:
    """Hear songs, and put the scores on record; nothing is written into them.

    Raises
    ------
    ConfigError
        A song cannot be heard.
    KeyboardInterrupt
        The user does not want to wait.
    """
    jobs = [_to_hear(path) for path in paths]
    chosen = Settings(models=models, dry_run=True, max_mem_bytes=max_mem_bytes)
    with contextlib.closing(console), session.journal(given, console) as journal:
        resume = Resume(journal, "hear", chosen)
        code = session.do(
            (_with_candidates(job, journal, resume.keys.scores) for job in jobs),
            resume.recorder,
            given,
            chosen,
            console=console,
            stop=stop,
            summary=Summary(max_mem_bytes=max_mem_bytes),
            only_hear=True,
        )
    if code > 1:
        raise KeyboardInterrupt
    if code:
        raise ConfigError("not all of these songs could be heard; see above")


def read_tags(
    database: Database, given: argparse.Namespace, console: Console, *, max_mem_bytes: int
) -> None:
    """Read the tags that are not on record, in a worker within the budget.

    Parameters
    ----------
    database : Database
        The journal's, held.
    """
    unread = UnreadTags(database)
    if console.wants_total:
        console.expect(unread.jobs())
    with (
        contextlib.closing(console),
        contextlib.closing(_reader(given, console, max_mem_bytes)) as reader,
    ):
        for outcome in unread.note(reader.outcomes(unread.jobs())):
            console.set_down(outcome.path)


def _reader(given: argparse.Namespace, console: Console, max_mem_bytes: int) -> Supervisor:
    """Return a runner that opens files without hearing them."""
    runner = Supervisor(
        Settings(listen=False, dry_run=True, max_mem_bytes=max_mem_bytes),
        jobs=given.jobs,
        patience_seconds=given.timeout,
        start_seconds=given.start_timeout,
        progress=console.progress,
        notice=console.notice,
        on_start=lambda _: console.notice("reading tags that are not on record yet, once"),
    )
    console.rss_bytes = runner.rss_bytes
    return runner


def _to_hear(path: str) -> Job:
    try:
        identity = Identity.at(path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return Job(path, identity.size_bytes, identity, with_embedding=True)


def _with_candidates(job: Job, journal: Journal, keys: Sequence[Key]) -> Job:
    """Return a job with the scores of files that may be this one, moved or renamed."""
    identity = job.identity
    assert identity is not None  # noqa: S101 - `_to_hear` looked
    heard = tuple(journal.resemble(job.path, identity, key) for key in keys)
    return dataclasses.replace(job, candidates=heard)
