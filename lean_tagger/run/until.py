"""End a run at a set time: no file is started after it."""

import datetime
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from lean_tagger.jobs import Job

_Item = TypeVar("_Item")


def next_time(clock: datetime.time, now: datetime.datetime) -> datetime.datetime:
    """Return the next time with this clock time, in local time without a zone.

    Parameters
    ----------
    clock : datetime.time
        Hours and minutes.
    now : datetime.datetime
        The present; a run that starts in the same minute gets a whole day.
    """
    end = datetime.datetime.combine(now.date(), clock)
    return end if end > now else end + datetime.timedelta(days=1)


def until(
    found: Iterable[_Item],
    end: datetime.datetime,
    notice: Callable[[str], None],
    *,
    now: Callable[[], datetime.datetime] = datetime.datetime.now,
) -> Iterator[_Item]:
    """Pass on what was found until the set time; then stop, and say so.

    Parameters
    ----------
    found : iterable
        Jobs, and outcomes of the rest.
    end : datetime.datetime
        The set time, from `next_time`.
    notice : callable
        Called once, if anything is left.
    now : callable, optional
        Returns the time; it may jump, as clocks do.
    """
    for item in found:
        if isinstance(item, Job) and now() >= end:
            notice(f"it is {end:%H:%M}: stopping as requested; the next run goes on from here")
            return
        yield item
