"""From a memory budget and a measured worker to the shape of a run."""

from dataclasses import dataclass

from lean_tagger.errors import BudgetError
from lean_tagger.system.memory import format_size

SUPERVISOR_BYTES = 25 << 20
"""What the supervising process may grow to; a test holds it below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a run uses its budget.

    Attributes
    ----------
    workers : int
        Processes that listen at the same time, each to one file.
    threads : int
        Of the network in each; workers times threads never exceed the cores.
    share_bytes : int
        Memory that each worker may have.
    alone_bytes : int
        Memory that one worker may have when no other runs.
    """

    workers: int
    threads: int
    share_bytes: int
    alone_bytes: int


SPARE_BYTES = 4 << 20
"""By so much may the next start measure more, which is rounded up in steps."""


def least_bytes(needed_bytes: int) -> int:
    """Return the budget to ask for, in bytes, where one worker needs so much."""
    return SUPERVISOR_BYTES + needed_bytes + SPARE_BYTES


def shape(
    budget_bytes: int,
    needed_bytes: int,
    *,
    cores: int,
    files: int,
    model: str,
    machine_bytes: int | None = None,
) -> Shape:
    """Divide a budget.

    Workers come before threads: two workers do a library almost twice as fast, two threads
    do not, since decoding is most of the work and has one. Threads get what cores are left
    over, because the budget holds no more workers or there are no more files.

    Parameters
    ----------
    budget_bytes : int
        For the whole tree of processes.
    needed_bytes : int
        Least share of one worker, as measured.
    cores : int
        That may be busy at the same time: those there are, or fewer by ``--jobs``.
    files : int
        Files to do, as far as is known.
    model : str
        For the message; empty where none is loaded.
    machine_bytes : int or None
        What the machine or container allows, for the message too.

    Raises
    ------
    BudgetError
        Not even one worker fits.
    """
    available = budget_bytes - SUPERVISOR_BYTES
    if available < needed_bytes:
        asked_bytes = least_bytes(needed_bytes)
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
