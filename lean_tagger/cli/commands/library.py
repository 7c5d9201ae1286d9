"""Tag a library: listen, decide, write."""

import argparse
import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator

from lean_tagger.cli import session
from lean_tagger.cli.signals import Stop
from lean_tagger.jobs import Failed, Job, Skipped
from lean_tagger.run import find_files
from lean_tagger.run.summary import Summary
from lean_tagger.store.albums import album_jobs
from lean_tagger.store.resume import Resume, new_jobs

__all__ = ["tag"]


def tag(given: argparse.Namespace, stop: Stop) -> int:
    """Tag music, as the options say, and return the exit code."""
    max_mem_bytes = session.budget_bytes(given.max_mem)
    console = session.console(given, max_mem_bytes=max_mem_bytes)
    chosen = session.build(given, max_mem_bytes=max_mem_bytes)
    if chosen.by_album:  # what is heard first is decided on later
        chosen = dataclasses.replace(chosen, dry_run=True)
    with contextlib.closing(console), session.journal(given, console) as journal:
        resume = Resume(journal, "tag", chosen)
        under = [os.path.abspath(path) for path in given.paths]  # noqa: PTH100 - stay str
        if given.retry_failed:
            journal.forget_failures(under, resume.keys.scores[0])
        if console.wants_total:
            console.expect(_walk(given))
        found = new_jobs(resume.judge, _walk(given))
        summary = Summary(max_mem_bytes=max_mem_bytes)
        do = functools.partial(session.do, console=console, stop=stop, summary=summary)
        if not chosen.by_album:
            return do(found, resume.recorder, given, chosen)
        # All of an album has to be heard before anything of it can be decided.
        code = do(found, resume.recorder, given, chosen, only_hear=True)
        if code > 1:
            return code
        deciding = dataclasses.replace(chosen, dry_run=given.dry_run, listen=False)
        resume = Resume(journal, "tag", deciding)
        albums = album_jobs(resume.judge, under, notice=console.notice)
        return do(albums, resume.recorder, given, deciding)


def _walk(given: argparse.Namespace) -> Iterator[Job | Skipped | Failed]:
    found = find_files.walk(given.paths, follow_symlinks=given.follow_symlinks)
    return find_files.part(found, given.paths, given.shard) if given.shard else found
