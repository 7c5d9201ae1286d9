"""A bar for a file that is being fetched, if standard error is a terminal."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from lean_tagger.catalogue.fetch import Progress
from lean_tagger.cli.console import Console
from lean_tagger.cli.progress_bar import REDRAW_SECONDS, quiet_bar
from lean_tagger.cli.terminal import columns, escape


@contextlib.contextmanager
def transfer_bar(console: Console, name: str) -> Iterator[Progress]:
    """Show how much of a file has arrived.

    Parameters
    ----------
    console : Console
        Knows whether there is a terminal.
    name : str
        The file's.
    """
    if not console.wants_total:
        yield _nobody
        return
    bar: Any = None
    drawn = 0.0

    def told(have_bytes: int, total_bytes: int | None) -> None:
        nonlocal bar, drawn
        if bar is None:
            bar = quiet_bar(
                desc=escape(name),
                total=total_bytes,
                initial=have_bytes,
                file=sys.stderr,
                unit="B",
                unit_scale=True,
                ncols=columns(),
            )
        elif time.monotonic() - drawn >= REDRAW_SECONDS:
            drawn = time.monotonic()
            bar.update(have_bytes - bar.n)

    try:
        yield told
    finally:
        if bar is not None:
            bar.close()


def _nobody(have_bytes: int, total_bytes: int | None) -> None:
    """Show nothing."""
