"""Take back what was written: from the journal's writes to jobs that restore.

A field is put back only where it still holds what we wrote. The restoring is a write like
any other, on record before it happens, and can itself be taken back: that is ``redo``.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from lean_tagger.jobs import Job, Ours, Outcome, Restore, Skipped
from lean_tagger.store.journal import Journal, Write
from lean_tagger.store.judge import identify

FORWARD = frozenset({"tag", "retag", "redo"})
"""Commands whose writes ``undo`` takes back; ``redo`` takes back those of ``undo``."""


def last_run(journal: Journal, *, under: Iterable[str], redo: bool) -> int | None:
    """Return the last run that wrote something which still stands, or None."""
    commands = {"undo"} if redo else FORWARD
    return journal.last_run_that_wrote(commands, under=under)


def chain(writes: Iterable[Write]) -> dict[str, Ours]:
    """Return what is to be restored in one file, over several writes.

    Parameters
    ----------
    writes : iterable of Write
        Into one file, the last one first.

    Returns
    -------
    dict
        By field: what the last one wrote, and what stood there before the first one. Where
        somebody changed a value between two writes, it goes back to theirs.
    """
    fields: dict[str, Ours] = {}
    for write in reversed(list(writes)):
        for field, written in write.written.items():
            before = write.previous.get(field, ())
            earlier = fields.get(field)
            if earlier is not None and earlier.written == before:
                before = earlier.before
            fields[field] = Ours(written, before)
    return fields


def undo_jobs(writes: Iterable[Write]) -> Iterator[Job | Outcome]:
    """Yield a job that restores for each file that was written.

    Parameters
    ----------
    writes : iterable of Write
        File by file, of each the last one first.
    """
    for path, group in groupby(writes, key=lambda write: write.path):
        mine = list(group)
        try:
            identity = identify(path)
        except OSError as error:
            message = f"it cannot be reached now: {error.strerror}"
            yield Skipped(path=path, kind="missing", message=message)
            continue
        restore = Restore(fields=chain(mine), writes=tuple(write.id for write in mine))
        yield Job(path, identity.size_bytes, identity, restore=restore)
