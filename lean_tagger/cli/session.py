"""Shared by commands: the journal, the workers, the report."""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lean_tagger import rules
from lean_tagger.cli.console import Console
from lean_tagger.cli.options import models
from lean_tagger.cli.resources import budget_bytes as budget_bytes  # noqa: PLC0414 - also offered here
from lean_tagger.cli.resources import state_path as state_path  # noqa: PLC0414 - the same
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError, LeanTagError
from lean_tagger.jobs import Job, Later, Outcome, Recognised, Reported, Skipped, Tagged
from lean_tagger.run.executor import Executor
from lean_tagger.run.summary import Summary, report_all
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import DEFAULT_MODEL, Settings, WriteSettings
from lean_tagger.store.journal import Journal
from lean_tagger.store.recorder import Recorder
from lean_tagger.system import folders
from lean_tagger.system.free_lists import emptied
from lean_tagger.system.memory import format_size

_FAILED_EXIT = 1


def console(given: argparse.Namespace, *, max_mem_bytes: int) -> Console:
    """Return the console that the options ask for."""
    folders = [path for path in given.paths if os.path.isdir(path)]
    made = Console(
        json_lines=given.json,
        verbose=given.verbose,
        quiet=given.quiet,
        colour=given.color,
        base=folders[0] if len(given.paths) == 1 and folders else None,
        max_mem_bytes=max_mem_bytes,
    )
    if given.max_mem and given.max_mem > max_mem_bytes:
        allowed = format_size(max_mem_bytes)
        made.notice(f"--max-mem is more than this machine allows; lowered to {allowed}")
    return made


def journal(given: argparse.Namespace, console: Console) -> Journal:
    """Open and hold the journal that the options name."""
    return Journal(state_path(given), notice=console.warning, on_network=given.state_on_network)


def journal_to_read(given: argparse.Namespace) -> Journal:
    """Open the journal that the options name for reading; another run may hold it."""
    return Journal(state_path(given), locked=False, on_network=given.state_on_network)


def do(
    found: Iterable[Job | Outcome | Later],
    recorder: Recorder,
    given: argparse.Namespace,
    options: Settings,
    *,
    console: Console,
    stop: Stop,
    summary: Summary,
    only_hear: bool = False,
    make: Callable[..., Executor] | None = None,
) -> int:
    """Run jobs, print a summary however the run ends, and return the exit code.

    With `only_hear`, what was heard or recognised only goes into the journal. A later run
    decides; it adds to the same summary and prints it. `make` makes another executor than the
    local one; it takes the parameters of `Supervisor`.

    Raises
    ------
    LeanTagError
        What ended the run, after that is on record.
    """

    def progress(job: Job, seconds: float, fraction: float) -> None:
        recorder.commit_old()  # also while one long file is heard
        console.progress(job, seconds, fraction)

    runner = (make or Supervisor)(
        options,
        jobs=given.jobs,
        patience_seconds=given.timeout,
        start_seconds=given.start_timeout,
        progress=progress,
        notice=console.notice,
        on_start=console.ready,
        before_write=recorder.before_write,
    )
    console.rss_bytes = runner.rss_bytes
    console.by_default_model = options.models == (DEFAULT_MODEL,)
    console.replaces_junk = options.replace_junk or options.rules.replace_junk
    code, ending = 0, "done"
    cause: LeanTagError | None = None
    with contextlib.closing(runner):
        try:
            report_all(
                _reported(
                    runner.outcomes(recorder.watch(emptied(found))),
                    recorder,
                    console,
                    summary,
                    only_hear=only_hear,
                ),
                report=console.result,
                peak_rss_bytes=runner.peak_bytes,
                summary=summary,
            )
        except LeanTagError as error:
            cause, ending = error, error.kind
        except KeyboardInterrupt:
            console.error("stopped; the files that were not reached are as they were")
            code, ending = stop.exit_code, "stopped"
            runner.close()  # before the summary, so that no worker writes while it is read
        recorder.end(summary.counts(), ending, peak_bytes=summary.peak_rss_bytes)
        done = ending == "done"
        if (not only_hear or not done) and (done or runner.started or summary.files):
            console.summary(summary)
    if cause is not None:
        raise cause
    return code or (_FAILED_EXIT if summary.failed else 0)


def _reported(
    outcomes: Iterable[Outcome],
    recorder: Recorder,
    console: Console,
    summary: Summary,
    *,
    only_hear: bool,
) -> Iterator[Reported]:
    """Put outcomes on record, and yield those to report now.

    What was only heard counts in the summary. It is reported when it is decided: with
    `only_hear` by another run, else by this one when its whole album is there.
    """
    for outcome in outcomes:
        recorder.record(outcome)
        scored = outcome.scored if isinstance(outcome, Skipped) else outcome
        if isinstance(outcome, Recognised):
            console.set_down(outcome.path)
        elif isinstance(scored, Tagged) and (only_hear or scored.status == "held"):
            (console.set_down if only_hear else console.put_aside)(outcome.path)
            summary.audio_seconds += 0.0 if scored.known else scored.seconds
        else:
            yield outcome


def ways(given: argparse.Namespace) -> WriteSettings:
    """Return how files should be written."""
    return WriteSettings(
        hardlinks=given.hardlinks, preserve_mtime=given.preserve_mtime, verify=given.verify
    )


def rules_path() -> Path:
    """Return the default path of the user's rules."""
    return folders.config() / "rules.toml"


def load_rules(name: str | None) -> rules.Rules:
    """Return the rules of a file; if none is named, the user's own or the defaults."""
    if name:
        return rules.load(name)
    try:
        path = rules_path()
    except ConfigError:  # no home folder, so no rules in it
        return rules.DEFAULT
    return rules.load(str(path)) if path.exists() else rules.DEFAULT


def build(given: argparse.Namespace, *, max_mem_bytes: int, listen: bool = True) -> Settings:
    """Return the settings of a run from the command line's options."""
    return Settings(
        models=models(given),
        # Workers may have another current folder.
        labels=os.path.abspath(given.labels) if given.labels else None,
        device=given.device,
        decoder=given.decoder,
        pool=given.pool,
        hop_seconds=given.hop_seconds,
        effort=getattr(given, "effort", "full"),
        rules=load_rules(given.rules),
        fields=given.fields,
        policy=given.policy,
        player=given.player,
        replace_junk=given.replace_junk,
        by_album=bool(given.album_genre),
        albums=given.album_genre is None,
        dry_run=given.dry_run,
        spoken_word=getattr(given, "spoken_word", False),
        min_score=given.min_score,
        ratio=given.ratio,
        max_tags=given.max_tags,
        ways=ways(given),
        leantag=given.leantag,
        listen=listen,
        max_mem_bytes=max_mem_bytes,
        max_gpu_mem_bytes=given.max_gpu_mem,
    )
