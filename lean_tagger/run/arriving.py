"""Files that are still arriving: they are left alone until they are whole.

Otherwise only the part that is there would be heard.
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
    """Pass on what was found, but jobs of files that are still arriving as skipped.

    Parameters
    ----------
    found : iterable
        Jobs, and what became of the rest.
    seconds : float
        How long a file must not have changed.
    """
    for item in found:
        if isinstance(item, Job) and is_arriving(item.path, seconds):
            yield Skipped(path=item.path, kind=KIND, message="it is still arriving; next time")
        else:
            yield item


def is_arriving(path: str, seconds: float) -> bool:
    """Tell whether a file changed within the last seconds, or a program has it open for writing.

    A time in the future, such as from a server with another clock, says nothing.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False  # whoever opens it will say what is wrong
    age = time.time() - max(found.st_mtime, found.st_ctime)
    return 0 <= age < seconds or being_written(path)
