"""Leave files alone that are still arriving, until they are whole.

An incomplete file would be heard only in part.
"""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from lean_tagger.jobs import Job, Skipped
from lean_tagger.system.being_written import being_written

_Item = TypeVar("_Item")

KIND = "arriving"


def settled(found: Iterable[_Item], seconds: float) -> Iterator[_Item | Skipped]:
    """Pass on what was found, but skip files that are still arriving.

    Parameters
    ----------
    found : iterable
        Jobs, and outcomes of the rest.
    seconds : float
        Time for which a file must not have changed.
    """
    for item in found:
        if isinstance(item, Job) and is_arriving(item.path, seconds):
            yield Skipped(
                path=item.path, kind=KIND, message="it is still arriving; the next run takes it"
            )
        else:
            yield item


def is_arriving(path: str, seconds: float) -> bool:
    """Tell whether a file changed within the last seconds, or is open for writing.

    A time in the future, as from a server with another clock, is ignored.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False  # opening it later will report what is wrong
    age = time.time() - max(found.st_mtime, found.st_ctime)
    return 0 <= age < seconds or being_written(path)
