"""How much is done, as a bar on standard error."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from lean_tagger.cli.terminal import columns, pad, shorten
from lean_tagger.jobs import Job
from lean_tagger.system import memory

# Faster than anyone reads, and a hundredth of the cost of drawing at every window.
REDRAW_SECONDS = 0.1


def quiet_bar(**given: Any) -> Any:  # tqdm has no type hints
    """Return a bar of tqdm that only draws when it is told to; the parameters are tqdm's."""
    import threading

    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no watching thread: we redraw often enough
    tqdm.set_lock(threading.RLock())  # the default one loads multiprocessing
    return tqdm(leave=False, mininterval=0, miniters=0, **given)


class RunProgress:
    """How much of a run is done; a bar shows it once it is open.

    Parameters
    ----------
    stream : text stream
        Where the bar goes.
    name : callable
        Returns how a path is shown.
    mark, times : str
        What stands for a part that is cut out, and the multiplication sign.
    max_mem_bytes : int
        Budget of the run, shown next to the memory in use.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        name: Callable[[str], str],
        mark: str,
        times: str,
        max_mem_bytes: int,
    ) -> None:
        self._stream, self._name, self._mark, self._times = stream, name, mark, times
        self._max_mem_bytes = max_mem_bytes
        self._bar: Any = None
        self._active: dict[str, tuple[Job, float, float]] = {}  # seconds heard, fraction done
        self._jobs = self._jobs_done = self._bytes_done = 0
        self._audio_seconds = self._started = self._drawn = 0.0

    @property
    def shown(self) -> bool:
        """Whether there is a bar now."""
        return self._bar is not None

    def open(self, jobs: int, total_bytes: int) -> None:
        """Show a bar over so many files."""
        self._jobs = jobs
        # The pace of drawing is set by `note`.
        self._bar = quiet_bar(
            total=total_bytes, file=self._stream, bar_format="{bar}", smoothing=0.1
        )

    def close(self) -> None:
        """Remove the bar."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Make room for a line of text."""
        if self._bar is not None:
            self._bar.clear()
            self._stream.write("\x1b[K")  # the "^C" that a terminal echoes after the bar
        yield
        if self._bar is not None:
            self._bar.refresh()

    def note(
        self, job: Job, audio_seconds: float, fraction: float, rss_bytes: Callable[[], int]
    ) -> None:
        """Note how much of a file is done; 0 when it is started."""
        self._started = self._started or time.monotonic()
        self._active[job.path] = (job, audio_seconds, min(max(fraction, 0.0), 1.0))
        if self._bar is not None and time.monotonic() - self._drawn >= REDRAW_SECONDS:
            self._draw(job, rss_bytes())

    def set_down(self, path: str) -> bool:
        """Count a file as done, and tell whether a worker was busy with it."""
        active = self._active.pop(path, None)
        if active is not None:
            self._jobs_done += 1
            self._bytes_done += active[0].size_bytes
        return active is not None

    def put_aside(self, path: str) -> None:
        """Take a file off that will come again; it does not count as done yet."""
        self._active.pop(path, None)

    def was_on_record(self, size_bytes: int) -> None:
        """Count a file that no worker was busy with."""
        self._jobs_done += 1
        self._bytes_done += size_bytes

    def add_music(self, seconds: float) -> None:
        """Count the music of a file that is done, for the speed."""
        self._audio_seconds += seconds

    def _draw(self, job: Job, rss_bytes: int) -> None:
        self._drawn = time.monotonic()
        width = columns()
        self._bar.ncols = max(width - 3, 10)  # room for an echoed "^C", so that it does not wrap
        room = max(12, width * 3 // 10)
        name = pad(shorten(self._name(job.path), room, mark=self._mark), room)
        left = f"{self._jobs_done + 1:>{len(str(self._jobs))}}/{self._jobs}  {name}"
        elapsed = max(self._drawn - self._started, 1e-3)
        heard_seconds = self._audio_seconds + sum(s for _, s, _ in self._active.values())
        speed = f"{heard_seconds / elapsed:.0f}{self._times}" if heard_seconds else ""
        now, limit = map(memory.format_size, (rss_bytes, self._max_mem_bytes))
        right = f"{speed:>5}  {now.removesuffix(limit[-4:])}/{limit}"  # the unit, " MiB", once
        self._bar.bar_format = (
            f"{_braced(left)} {{bar}} {{percentage:3.0f}}% {_braced(right)}  {{remaining}} left"
        )
        position = self._bytes_done + sum(j.size_bytes * f for j, _, f in self._active.values())
        try:
            self._bar.update(position - self._bar.n)
        except OSError:  # the terminal is gone; the run goes on
            self._bar = None


def _braced(text: str) -> str:
    """Return text that survives `str.format`, which tqdm applies to the bar."""
    return text.replace("{", "{{").replace("}", "}}")
