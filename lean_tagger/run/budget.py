"""Plan a run from a memory budget and the measured need of a worker."""

from dataclasses import dataclass

from lean_tagger.errors import BudgetError
from lean_tagger.system.memory import format_size

SUPERVISOR_BYTES = 25 << 20
"""Most memory of the supervising process; a test ensures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a run uses its budget.

    Attributes
    ----------
    workers : int
        Processes that listen at the same time, each to one file.
    threads : int
        Threads of the network in each; workers times threads never exceed the cores.
    share_bytes : int
        Memory that each worker may have.
    alone_bytes : int
        Memory that one worker may have when it runs alone.
    """

    workers: int
    threads: int
    share_bytes: int
    alone_bytes: int


SPARE_BYTES = 4 << 20
"""The next start may measure so much more, since needs are rounded up in steps."""


def least_bytes(needed_bytes: int) -> int:
    """Return the least budget, in bytes, if one worker needs so much."""
    return SUPERVISOR_BYTES + needed_bytes + SPARE_BYTES


def too_little(share_bytes: int) -> BudgetError:
    """Return the error for a process that needed more than its share, in bytes."""
    return BudgetError(
        f"this needs more than the {format_size(share_bytes)} that the budget leaves for it; "
        "allow more with --max-mem"
    )


def shape(
    budget_bytes: int,
    needed_bytes: int,
    *,
    cores: int,
    files: int,
    model: str,
    machine_bytes: int | None = None,
    host_bytes: int = 0,
) -> Shape:
    """Divide a budget.

    Workers come before threads: two workers are almost twice as fast, but two threads are not,
    since decoding is most of the work and uses one thread. Threads get the cores that are left
    if the budget allows no more workers or there are no more files.

    Parameters
    ----------
    budget_bytes : int
        Budget of the whole tree of processes.
    needed_bytes : int
        Least share of one worker, as measured.
    cores : int
        Cores that may be busy at the same time: all, or fewer by ``--jobs``.
    files : int
        Number of files to do, as far as known.
    model : str
        For the message; empty if none is loaded.
    machine_bytes : int or None
        What the machine or container allows, for the message too.
    host_bytes : int
        What the supervising process needs besides, because it does other things too.

    Raises
    ------
    BudgetError
        Not even one worker fits.
    """
    available = budget_bytes - host_bytes - SUPERVISOR_BYTES
    if available < needed_bytes:
        asked_bytes = least_bytes(needed_bytes) + host_bytes
        least = -(-asked_bytes >> 20)
        with_model = f"with {model} " if model else ""
        what = (
            f"a budget of {format_size(budget_bytes)} is too little: {with_model}a run needs "
            f"{least} MiB here"
        )
        if machine_bytes is not None and asked_bytes > machine_bytes:
            raise BudgetError(
                f"{what}, and this machine or container allows {format_size(machine_bytes)}; "
                "raise that limit"
            )
        raise BudgetError(f"{what} (--max-mem {least}M)")
    workers = max(1, min(cores, files, available // needed_bytes))
    return Shape(
        workers=workers,
        threads=max(1, cores // workers),
        share_bytes=available // workers,
        alone_bytes=available,
    )
