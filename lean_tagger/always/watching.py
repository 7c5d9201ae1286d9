"""Wait for music, and have it tagged when it has settled."""

import os
import selectors
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lean_tagger.always.batch import Batch
from lean_tagger.always.kernel import KernelEvents, TooManyFoldersError
from lean_tagger.always.polling import Look
from lean_tagger.always.roots import Root
from lean_tagger.always.settling import Settling
from lean_tagger.run.arriving import KIND
from lean_tagger.system import library_pages

ROOT_SECONDS = 10.0
"""How often we check that the folders are still there."""

READ_SECONDS = 1.0
"""Time between two reads of the kernel's queue: a file that is copied has an event per block."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 30.0, 600.0
"""Wait after a batch that could not run, for example if another run holds the journal."""

_HOPELESS = frozenset({2, 3, 4})
"""Exit codes of a first batch that the next one would repeat: options, model, budget."""

_MOST_WRITTEN = 20_000


class Watching:
    """Runs batches over what arrives.

    Parameters
    ----------
    paths : sequence of str
        Folders that exist.
    arguments : sequence of str
        Options and paths of each batch.
    settle_seconds, poll_seconds : float
        How long an album must be unchanged; how often we look if the kernel reports nothing.
    told : callable
        Called with each result of a batch.
    ended : callable
        Called after the last result of each batch.
    notice : callable
        Called once with each sentence for the user.
    """

    def __init__(
        self,
        paths: Sequence[str],
        arguments: Sequence[str],
        *,
        settle_seconds: float,
        poll_seconds: float,
        told: Callable[[dict[str, Any]], None],
        ended: Callable[[], None],
        notice: Callable[[str], None],
    ) -> None:
        self._arguments, self._told, self._ended, self._notice = arguments, told, ended, notice
        self._settle_seconds, self._poll_seconds = settle_seconds, poll_seconds
        self._roots = [Root(path) for path in paths]
        self._settling = Settling(settle_seconds)
        self._selector = selectors.DefaultSelector()
        self._kernel: KernelEvents | None = None
        self._looks: dict[str, Look] = {}
        self._batch: Batch | None = None
        self._doing: list[str] = []
        # During a batch: how often a name was moved to, and a written file was closed.
        self._events: Counter[tuple[str, bool]] = Counter()
        self._written: set[str] = set()  # by the batch
        self._look_at_roots_at = self._look_at = self._not_before = 0.0
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._worked = False

    def run(self) -> int:
        """Do what is there, then what arrives; return only if no batch can ever work.

        Returns
        -------
        int
            The exit code of the first batch, if options, model or budget cannot be used.
        """
        self._watch_all()
        self._start([os.path.join(root.path, "") for root in self._roots])
        while True:
            code = self._wait()
            if code is not None:
                return code
            now = time.monotonic()
            if now >= self._look_at_roots_at:
                self._look_at_roots(now)
            self._poll(now)
            due = self._settling.due()
            if due is None or self._batch is not None or now < max(due, self._not_before):
                continue
            self._look_at_roots(now)  # so that no batch searches a folder that has just gone
            if ready := self._take(now):
                self._start(ready)

    def close(self) -> None:
        """End a running batch; its present file is finished or as it was."""
        if self._batch is not None:
            self._batch.stop()
        if self._kernel is not None:
            self._kernel.close()
        self._selector.close()

    # What happens

    def _wait(self) -> int | None:
        """Wait for a moment or for an event; see `run`."""
        for key, _ in self._selector.select(self._seconds_to_wait()):
            if key.data == "kernel" and self._kernel is not None:
                self._kernel.read()
                time.sleep(0 if self._batch else READ_SECONDS)
            elif key.data == "batch" and self._batch is not None:
                records = self._batch.records()
                if records is None:
                    return self._end()
                for record in records:
                    self._hear(record)
        return None

    def _seconds_to_wait(self) -> float:
        now = time.monotonic()
        moments = [self._look_at_roots_at]
        if self._batch is None:
            moments += [self._look_at] if self._looks else []
            due = self._settling.due()
            moments += [max(due, self._not_before)] if due is not None else []
        return max(0.0, min(moments) - now)

    def _arrived(self, folder: str, name: str, moved: bool) -> None:
        """Note an event; the end of a batch shows which events it caused itself."""
        if self._batch is not None and name and len(self._events) < _MOST_WRITTEN:
            self._events[os.path.join(folder, name), moved] += 1
        else:
            self._settling.touch(folder if name else os.path.join(folder, ""), time.monotonic())

    def _hear(self, record: dict[str, Any]) -> None:
        path = str(record.get("path", ""))
        error = record.get("error") or {}
        if error.get("kind") == KIND:
            self._settling.touch(os.path.dirname(os.path.abspath(path)), time.monotonic())
            return
        if error.get("kind") == "missing" and any(path == root.path for root in self._roots):
            return  # it has just gone; `_look_at_roots` will see that
        if record.get("status") == "tagged" and len(self._written) < _MOST_WRITTEN:
            self._written.add(os.path.abspath(path))
        self._told(record)

    # Batches

    def _start(self, folders: list[str]) -> None:
        self._doing = folders
        self._batch = Batch(self._arguments, folders)
        self._selector.register(self._batch, selectors.EVENT_READ, "batch")
        library_pages.release()  # pages that only our start, or a batch's, needed

    def _end(self) -> int | None:
        """Handle the end of a batch; see `run`."""
        assert self._batch is not None, "only called while one is done"  # noqa: S101 - for mypy
        self._selector.unregister(self._batch)
        code = self._batch.end()
        if self._kernel is not None:
            self._kernel.read()  # all events of the batch are in the queue now
        self._batch = None
        now = time.monotonic()
        # Our copy is moved to a name once, and closed once after that.
        for (path, _), times in self._events.items():
            if times > 1 or path not in self._written:
                self._settling.touch(os.path.dirname(path), now)
        self._events.clear()
        self._written.clear()
        self._ended()
        if code in (0, 1):
            self._worked, self._retry_seconds, self._not_before = True, FIRST_RETRY_SECONDS, 0.0
            return None
        if code in _HOPELESS and not self._worked:
            return code
        self._notice(f"trying again in {self._retry_seconds:.0f} s")
        for folder in self._doing:
            self._settling.touch(folder, now - self._settle_seconds)
        self._not_before = now + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, LAST_RETRY_SECONDS)
        return None

    def _take(self, now: float) -> list[str]:
        """Return the folders that are ready and there."""
        if self._settling.overflowed:
            self._settling.clear()
            return [os.path.join(root.path, "") for root in self._roots if root.here]
        gone = [root.path for root in self._roots if not root.here]
        return [
            folder
            for folder in self._settling.take(now)
            if not any(f"{folder}/".startswith(os.path.join(path, "")) for path in gone)
        ]

    # Where to look

    def _watch_all(self) -> None:
        """Watch each folder in the way that works best there."""
        if self._kernel is not None:
            self._selector.unregister(self._kernel)
            self._kernel.close()
        self._kernel = None
        for root in self._roots:
            if root.here and not self._by_kernel(root):
                self._looks.setdefault(root.path, Look(root.path))
        if self._looks:
            self._look_at = 0.0  # later looks are compared with the first

    def _by_kernel(self, root: Root) -> bool:
        if not root.kernel_tells or root.path in self._looks:
            return False
        try:
            if self._kernel is None:
                self._kernel = KernelEvents(self._arrived, self._all_may_have_changed)
                self._selector.register(self._kernel, selectors.EVENT_READ, "kernel")
            self._kernel.add(root.path)
        except TooManyFoldersError:
            self._notice(
                f"{root.path} has more folders than can be watched; looking every "
                f"{self._poll_seconds:g} s instead"
            )
            return False
        except OSError:
            return False
        return True

    def _all_may_have_changed(self) -> None:
        for root in self._roots:
            self._settling.touch(os.path.join(root.path, ""), time.monotonic())

    def _poll(self, now: float) -> None:
        """Look where the kernel reports nothing; look again soon if something came."""
        if not self._looks or now < self._look_at or self._batch is not None:
            return
        came = False
        for root in self._roots:
            look = self._looks.get(root.path)
            if look is None or not root.here:
                continue
            try:
                changed = look.changed()
            except OSError:
                continue
            for folder in changed:
                came = True
                self._settling.touch(folder, time.monotonic())
        wait = min(self._settle_seconds, self._poll_seconds) / 2 if came else self._poll_seconds
        self._look_at = time.monotonic() + wait

    def _look_at_roots(self, now: float) -> None:
        """Find out which folders are there; do everything in one that is there again."""
        self._look_at_roots_at = now + ROOT_SECONDS
        back = False
        for root in self._roots:
            was_here = root.here
            if root.came_back():
                back = True
                if not was_here:
                    self._notice(f"{root.path} is there again")
                self._settling.touch(os.path.join(root.path, ""), now)
            elif was_here and not root.here:
                self._notice(f"{root.path} has disappeared; waiting for it")
        if back:
            self._watch_all()
