"""Which files make one task of a cluster."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from lean_tagger.jobs import Job, Later, Outcome

LEAST_FILES, MOST_FILES = 20, 200
"""Fewer files a task, and the scheduler's work counts; more, and a lost worker costs much."""

ENOUGH_BYTES = 512 << 20
"""From so many bytes on a task is long enough: about a minute of one core."""


def is_heard(item: Job | Outcome | Later) -> TypeGuard[Job]:
    """Tell whether this is a file to hear; all other jobs are for the machine that writes."""
    return isinstance(item, Job) and not (item.heard or item.restore or item.recognise)


def batches(jobs: Iterable[Job], *, places: int) -> Iterator[tuple[Job, ...]]:
    """Yield jobs as tasks of 20 to 200 files, by their size.

    Parameters
    ----------
    jobs : iterable of Job
        Asked for one task ahead, not more.
    places : int
        How many tasks the cluster does at the same time. Where there are so few files that
        somebody would get none, all get the same number.
    """
    source = iter(jobs)
    first = list(itertools.islice(source, LEAST_FILES * places))
    if len(first) < LEAST_FILES * places:
        count = max(1, -(-len(first) // places))
        for start in range(0, len(first), count):
            yield tuple(first[start : start + count])
        return
    batch: list[Job] = []
    size_bytes = 0
    for job in itertools.chain(first, source):
        batch.append(job)
        size_bytes += job.size_bytes
        full = len(batch) >= LEAST_FILES and size_bytes >= ENOUGH_BYTES
        if full or len(batch) >= MOST_FILES:
            yield tuple(batch)
            batch, size_bytes = [], 0
    if batch:
        yield tuple(batch)
