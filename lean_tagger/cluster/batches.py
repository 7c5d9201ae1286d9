"""Group files into tasks for a cluster."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from lean_tagger.jobs import Job, Later, Outcome

LEAST_FILES, MOST_FILES = 20, 200
"""With fewer files per task, the scheduler's work counts; with more, a lost worker costs much."""

ENOUGH_BYTES = 512 << 20
"""With so many bytes a task is long enough: about a minute on one core."""


def is_heard(item: Job | Outcome | Later) -> TypeGuard[Job]:
    """Tell whether a job needs hearing; the rest is for the machine that writes."""
    return isinstance(item, Job) and not (item.heard or item.restore or item.recognise)


def batches(jobs: Iterable[Job], *, places: int) -> Iterator[tuple[Job, ...]]:
    """Yield jobs as tasks of 20 to 200 files, by their size.

    Parameters
    ----------
    jobs : iterable of Job
        Read one task ahead, not more.
    places : int
        How many tasks the cluster does at the same time. If there are too few files for all
        places, each task gets the same number.
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
