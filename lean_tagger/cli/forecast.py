"""The forecast of a long dry run: how long the rest takes, and how much would be rewritten."""

import time

from lean_tagger.cli.terminal import duration
from lean_tagger.jobs import Tagged
from lean_tagger.system.memory import format_size

AFTER_FILES = 100
"""Files that are heard before a forecast."""

LEAST_SECONDS = 60.0
"""A shorter rest needs no forecast."""


class Forecast:
    """Watches the first files of a dry run.

    Parameters
    ----------
    files : int
        To do in all.
    total_bytes : int
        Their size.
    """

    def __init__(self, files: int, total_bytes: int) -> None:
        self._files, self._total_bytes = files, total_bytes
        self._started = time.monotonic()
        self._heard = self._heard_bytes = self._written = self._written_bytes = 0
        self._done = self._done_bytes = 0

    def add(self, outcome: Tagged, size_bytes: int) -> str | None:
        """Count one file.

        Parameters
        ----------
        outcome : Tagged
            What became of it.
        size_bytes : int
            Of the file.

        Returns
        -------
        str or None
            The forecast, in one sentence, once enough files were heard; None before and after.
        """
        self._done += 1
        self._done_bytes += size_bytes
        if outcome.status == "would_tag":
            self._written += 1
            self._written_bytes += size_bytes
        if outcome.known:
            return None
        self._heard += 1
        self._heard_bytes += size_bytes
        return self._sentence() if self._heard == AFTER_FILES else None

    def _sentence(self) -> str | None:
        left_bytes = self._total_bytes - self._done_bytes
        # Bytes, not files: a library of long files after short ones is not twice as fast.
        speed = self._heard_bytes / max(time.monotonic() - self._started, 1e-3)
        left_seconds = left_bytes / max(speed, 1.0)
        if left_seconds < LEAST_SECONDS:
            return None
        files = round(self._files * self._written / self._done)
        rewritten = round(self._total_bytes * self._written_bytes / max(self._done_bytes, 1))
        return (
            f"after {self._done} of {self._files} files: the rest takes about "
            f"{duration(left_seconds)}; about {files} files ({format_size(rewritten)}) would be "
            "rewritten"
        )
