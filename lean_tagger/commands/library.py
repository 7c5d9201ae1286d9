"""Tag a library: listen, decide, write."""

import argparse
import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator

from lean_tagger import discover
from lean_tagger.albums import Albums
from lean_tagger.batch import Summary
from lean_tagger.commands import running
from lean_tagger.commands.stop import Stop
from lean_tagger.errors import LeanTagError
from lean_tagger.outcome import Failed, Job, Skipped
from lean_tagger.resume import Resume

__all__ = ["tag"]


def tag(given: argparse.Namespace, stop: Stop) -> int:
    """Tag music, as the options say, and return the exit code."""
    max_mem_bytes = running.budget_bytes(given.max_mem)
    console = running.console(given, max_mem_bytes=max_mem_bytes)
    with contextlib.closing(console):
        try:
            chosen = running.build(given, max_mem_bytes=max_mem_bytes)
            if chosen.by_album:  # what is heard first is decided on later
                chosen = dataclasses.replace(chosen, dry_run=True)
            with running.journal(given, console) as journal:
                resume = Resume(journal, "tag", chosen)
                if given.retry_failed:
                    journal.forget_failures(map(os.path.abspath, given.paths), resume.keys[0])
                if console.wants_total:
                    console.expect(_walk(given))
                found = resume.jobs(_walk(given))
                summary = Summary(max_mem_bytes=max_mem_bytes)
                do = functools.partial(running.do, console=console, stop=stop, summary=summary)
                if not chosen.by_album:
                    return do(found, resume, given, chosen)
                # All of an album has to be heard before anything of it can be decided.
                code = do(found, resume, given, chosen, only_hear=True)
                if code > 1:
                    return code
                deciding = dataclasses.replace(chosen, dry_run=given.dry_run, listen=False)
                albums = Albums(journal, "tag", deciding)
                under = [os.path.abspath(path) for path in given.paths]  # noqa: PTH100 - stay str
                return do(albums.by_album(under, notice=console.notice), albums, given, deciding)
        except LeanTagError as error:
            console.error(*error.sentences)
            return error.exit_code


def _walk(given: argparse.Namespace) -> Iterator[Job | Skipped | Failed]:
    found = discover.walk(given.paths, follow_symlinks=given.follow_symlinks)
    return discover.part(found, given.paths, given.shard) if given.shard else found
