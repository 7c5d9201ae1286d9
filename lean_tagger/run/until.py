"""An end that was set beforehand: no file is begun after it."""

import datetime
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from lean_tagger.jobs import Job

_Item = TypeVar("_Item")


def next_time(clock: datetime.time, now: datetime.datetime) -> datetime.datetime:
    """Return when it is next that late, in local time without a zone.

    Parameters
    ----------
    clock : datetime.time
        Hours and minutes.
    now : datetime.datetime
        A run that begins in that very minute has a day.
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
    """Pass on what was found until the time has come; then stop, and say so.

    Parameters
    ----------
    found : iterable
        Jobs, and what became of the rest.
    end : datetime.datetime
        In local time, as `next_time` returns it.
    notice : callable
        Told once, if anything is left.
    now : callable, optional
        Returns the time; it may jump, as clocks do.
    """
    for item in found:
        if isinstance(item, Job) and now() >= end:
            notice(f"it is {end:%H:%M}: stopped as asked; the next run goes on from here")
            return
        yield item
