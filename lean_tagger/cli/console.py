"""Prints everything that a user or a program sees; nothing else prints.

Results go to standard output, one line per file: for people, or with ``--json`` for
programs. The rest (what runs, the progress bar, errors) goes to standard error. The bar
appears only if standard error is a terminal, columns and colours only if standard output
is one; a pipe gets plain lines with whole paths.

A file's name, or a message that quotes one, may hold anything but NUL and a slash, so all
text passes `terminal.escape` before it can reach a terminal.

Some modules are only needed for outcomes, and are loaded with the first one. Commands that only
read the journal have none, and start sooner.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from lean_tagger.cli.forecast import Forecast
from lean_tagger.cli.progress_bar import RunProgress
from lean_tagger.cli.result_json import to_json
from lean_tagger.cli.terminal import (
    OutputClosed,
    beginning,
    cells,
    columns,
    escape,
    pad,
    shorten,
)
from lean_tagger.errors import StateError
from lean_tagger.jobs import Failed, Job, Reported, Restored, Skipped, Tagged
from lean_tagger.system import memory

if TYPE_CHECKING:
    from lean_tagger.run.messages import Ready
    from lean_tagger.run.summary import Summary
    from lean_tagger.system.scratch import LongSet

_RED, _GREEN, _YELLOW, _CYAN, _DIM = "31", "32", "33", "36", "2"
_STATUS_COLOURS = {
    "tagged": _GREEN,
    "would tag": _CYAN,
    "undone": _GREEN,
    "would undo": _CYAN,
    "redone": _GREEN,
    "would redo": _CYAN,
    "unchanged": _DIM,
    "skipped": _YELLOW,
    "failed": _RED,
}
_STATUS_COLUMNS = max(map(len, _STATUS_COLOURS))
_LEAST_COLUMNS = 16  # for status and notes, on the narrowest terminal
_FANCY = ("·", "×", "…")  # noqa: RUF001 - a multiplication sign is meant


class Console:
    """The two streams of one run.

    Parameters
    ----------
    json_lines : bool
        JSON objects on standard output, and nothing else there.
    verbose : bool
        Also print files in which nothing changes.
    quiet : bool
        Print only failures and the summary; no bar, no notices.
    colour : {'auto', 'always', 'never'}
        ``auto`` respects ``NO_COLOR`` and ``TERM=dumb``, and colours only a terminal.
    base : str or None
        Folder to which names on a terminal are relative.
    max_mem_bytes : int
        Budget of the run, shown next to the memory in use.
    rss_bytes : callable
        Returns the memory in use; called at most ten times a second.
    out, err : text stream or None
        By default standard output and standard error.

    Attributes
    ----------
    by_default_model : bool
        The user chose no model, so another one can be recommended.
    replaces_junk : bool
        Genres that say nothing are replaced.
    """

    def __init__(
        self,
        *,
        json_lines: bool = False,
        verbose: bool = False,
        quiet: bool = False,
        colour: str = "auto",
        base: str | None = None,
        max_mem_bytes: int = 0,
        rss_bytes: Callable[[], int] = memory.current_rss_bytes,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self._json_lines, self._verbose, self._quiet = json_lines, verbose, quiet
        self._without_music = 0  # folders
        self._prefix = os.path.join(base, "") if base else ""
        self._max_mem_bytes, self.rss_bytes = max_mem_bytes, rss_bytes
        self.by_default_model = self.replaces_junk = False
        self._out, self._err = _usable(out or sys.stdout), _usable(err or sys.stderr)
        dumb = os.environ.get("TERM") == "dumb"
        self._columnar = self._out.isatty() and not json_lines
        plain = dumb or bool(os.environ.get("NO_COLOR")) or not self._columnar
        self._coloured = colour == "always" or (colour == "auto" and not plain)
        self.wants_total = self._err.isatty() and not quiet and not dumb
        unicode = all("utf" in (s.encoding or "utf-8").lower() for s in (self._out, self._err))
        self._dot, self._times, self._mark = _FANCY if unicode else ("|", "x", "...")
        self._progress = RunProgress(
            self._err,
            name=self._name,
            mark=self._mark,
            times=self._times,
            max_mem_bytes=max_mem_bytes,
        )
        self._forecast: Forecast | None = None
        self._longest_name = 0

    def close(self) -> None:
        """Remove the bar; results may still be printed."""
        self._progress.close()

    def start(self, *, model: str, device: str) -> None:
        """Say what will run, once, before the first file."""
        budget = memory.format_size(self._max_mem_bytes)
        self.notice(f"{model} on {device}, memory budget {budget}")

    def ready(self, worker: "Ready") -> None:
        """Say what runs when the first worker is ready; workers without a model do not count."""
        if worker.device:
            self.start(model=worker.model, device=worker.device)

    def notice(self, text: str) -> None:
        """Tell the user something that needs no action."""
        if not self._quiet:
            self._print(self._err, escape(text))

    def warning(self, text: str) -> None:
        """Say what the user is told only once, quiet or not."""
        self._print(self._err, escape(text))

    def line(self, text: str) -> None:
        """Print one line on standard output."""
        self._print(self._out, escape(text))

    def name(self, path: str, *, end: str = "\n") -> None:
        """Print a file's name on standard output byte for byte, for programs."""
        with self._open(self._out):
            self._out.flush()
            self._out.buffer.write(os.fsencode(path + end))
            self._out.flush()

    def width(self) -> int:
        """Return how many columns standard output has; 0 if it is not a terminal."""
        return columns() if self._columnar else 0

    def pieces(self, texts: Iterable[str]) -> None:
        """Print one line on standard output, each piece as it comes."""
        for text in texts:
            self._print(self._out, escape(text), end="")
        self.line("")

    def error(self, *sentences: str) -> None:
        """Say why the run ended early, a line each; also with ``--quiet``."""
        for sentence in sentences:
            self._print(self._err, f"lean-tag: {escape(sentence)}")

    def expect(
        self, found: Iterable[Job | Skipped | Failed], *, with_forecast: bool = False
    ) -> None:
        """Open the bar over what was found, and fit the columns to its names.

        With a forecast, say after the first files how long the rest takes.
        """
        jobs = total_bytes = 0
        for item in found:
            self._longest_name = max(self._longest_name, cells(self._name(item.path)))
            if isinstance(item, Job):
                jobs += 1
                total_bytes += item.size_bytes
        if with_forecast and not self._json_lines:
            self._forecast = Forecast(jobs, total_bytes)
        if self.wants_total and jobs:
            self._progress.open(jobs, total_bytes)

    def progress(self, job: Job, audio_seconds: float, fraction: float) -> None:
        """Note how much of a file is done; 0 when it is started."""
        self._progress.note(job, audio_seconds, fraction, self.rss_bytes)

    def set_down(self, path: str) -> bool:
        """Count a file as done and tell whether a worker was busy with it; print nothing."""
        return self._progress.set_down(path)

    @functools.cached_property
    def _aside(self) -> "LongSet":
        """The files that were heard in this run and are decided later, with their album."""
        from lean_tagger.system.scratch import LongSet

        return LongSet()

    def put_aside(self, path: str) -> None:
        """Take a file off the bar that will come again; it does not count as done yet."""
        self._progress.put_aside(path)
        self._aside.add(os.fsencode(path))

    def result(self, outcome: Reported) -> None:
        """Print the outcome of one file."""
        from lean_tagger.cli.outcome_words import heard_in

        active = self.set_down(outcome.path)
        name = os.fsencode(outcome.path)
        is_new = name in self._aside
        self._aside.discard(name)
        if heard := heard_in(outcome):
            size_bytes = heard.heard.identity.size_bytes if heard.heard is not None else 0
            if not active and size_bytes:
                self._progress.was_on_record(size_bytes)
            self._progress.add_music(0.0 if heard.known else heard.seconds)
            if self._forecast is not None and (text := self._forecast.add(heard, size_bytes)):
                self.notice(text)
        if self._json_lines:
            self._print(self._out, json.dumps(to_json(outcome)))
        elif isinstance(outcome, Failed) or not (
            self._quiet or (self._is_old_news(outcome) and not is_new)
        ):
            self._print(self._out, self._line(outcome))
        self._without_music += isinstance(outcome, Skipped) and outcome.kind == "no-music"

    def summary(self, summary: "Summary") -> None:
        """Print the summary of the run."""
        from lean_tagger.cli.advice import advices
        from lean_tagger.cli.summary_line import joined, summary_parts

        self.close()
        if self._json_lines:
            record = {"type": "summary", **dataclasses.asdict(summary)}
            rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in record.items()}
            self._print(self._out, json.dumps(rounded))
        elif summary.files == 0 or summary.files > self._without_music:
            parts = summary_parts(summary, list(_STATUS_COLOURS), times=self._times)
            self._print(self._out, joined(parts, dot=self._dot, columns=self.width()))
            for advice in advices(
                summary,
                by_default_model=self.by_default_model,
                replaces_junk=self.replaces_junk,
            ):
                self._print(self._out, escape(advice))

    def _is_old_news(self, outcome: Reported) -> bool:
        """Tell whether nothing about a file is new: a second run prints what changed."""
        if self._verbose or isinstance(outcome, Restored | Failed):
            return False
        if isinstance(outcome, Skipped):
            return outcome.known or (outcome.scored is not None and outcome.scored.known)
        return outcome.known and outcome.status == "unchanged"

    def _line(self, outcome: Reported) -> str:
        from lean_tagger.cli.outcome_words import heard_in, judgement

        status, notes = judgement(outcome)
        name, indent, room = self._name(outcome.path), 0, 0
        if self._columnar:
            width = columns()
            left = max(width - _STATUS_COLUMNS - 4 - _LEAST_COLUMNS, 8)
            name_columns = min(max(width * 34 // 100, 12), left, 44, self._longest_name or 44)
            indent = _STATUS_COLUMNS + 2 + name_columns + 2
            room = max(width - indent, _LEAST_COLUMNS)
            name = pad(shorten(name, name_columns, mark=self._mark), name_columns)
        heard = heard_in(outcome)
        note = f"({', '.join(notes)})" if heard and notes else ", ".join(notes)
        # Tags that were not written are cut to make room for the reason, so that a second run
        # over a library still takes one line per file.
        tag_room = room - cells(note) - 2 if status == "unchanged" else 0
        tags = self._tags(heard, tag_room if tag_room >= _LEAST_COLUMNS else room) if heard else ""
        fits = not room or not tags or cells(tags) + 2 + cells(note) <= room
        if room:
            note = ("\n" + " " * indent).join(textwrap.wrap(note, room))
        gap = "  " if fits else "\n" + " " * indent
        tags = self._paint(tags, _DIM if status == "unchanged" else "")
        if heard:
            note = self._paint(note, _YELLOW if heard.seconds_skipped else _DIM)
        head = self._paint(pad(status, _STATUS_COLUMNS), _STATUS_COLOURS[status])
        return f"{head}  {name}{'  ' if room else ': '}{tags}{gap if tags and note else ''}{note}"

    def _tags(self, heard: Tagged, room: int) -> str:
        """Return the values by field, strongest first; only what fits, if there is a limit."""
        from lean_tagger.cli.outcome_words import value_text
        from lean_tagger.fields import NUMBERS

        lists = [
            [f"{field} {value}" if field in NUMBERS else value for value in values]
            for field, values in heard.tags.items()
            if values
        ]
        full = [len(values) for values in lists]
        while True:
            text = f" {self._dot} ".join(
                ", ".join(
                    [*(value_text(v, heard) for v in values), *[self._mark][: n - len(values)]]
                )
                for values, n in zip(lists, full, strict=True)
            )
            longer = [values for values in lists if len(values) > 1]
            if not room or cells(text) <= room:
                return text
            if not longer:
                return beginning(text, room - cells(self._mark)) + self._mark
            min(longer, key=lambda values: heard.sureness.get(values[-1], 0.0)).pop()

    def _name(self, path: str) -> str:
        if self._columnar or self._progress.shown:
            path = path.removeprefix(self._prefix) or path
        return escape(path)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured and colour and text else text

    def _print(self, stream: TextIO, text: str, *, end: str = "\n") -> None:
        with self._progress.hidden(), self._open(stream):
            stream.write(text + end)
            stream.flush()  # a program at the other end wants each result at once

    @contextlib.contextmanager
    def _open(self, stream: TextIO) -> Iterator[None]:
        """Write to a stream that somebody may have closed."""
        try:
            yield
        except OSError as error:
            if stream is self._out:
                _discard(stream)
                if isinstance(error, BrokenPipeError):
                    raise OutputClosed from None
                raise StateError(f"cannot write the results: {error.strerror}") from error


def _discard(stream: TextIO) -> None:
    """Send what is still buffered and all later output to the null device.

    Python would otherwise try again at exit, and complain.
    """
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _usable(stream: TextIO | None) -> TextIO:
    """Return a stream that takes any text; the null device if the caller closed it."""
    if stream is None:  # Python's way of saying ">&-"
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream
