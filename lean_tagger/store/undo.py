"""Turn the journal's writes, or a file's LEANTAG, into jobs that take them back.

A field is restored only if it still holds what we wrote. Restoring is a write like any other:
it is on record before it happens, and ``redo`` can take it back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from lean_tagger.decide import leantag_field
from lean_tagger.decide.restore_plan import OTHER_FILE
from lean_tagger.errors import ChangedError
from lean_tagger.jobs import Failed, Identity, Job, Ours, Outcome, Restore
from lean_tagger.store.journal import Journal, Write
from lean_tagger.store.moved import comparable, continues, in_order, is_there, other_audio
from lean_tagger.store.whereabouts import Place, Whereabouts

FORWARD = frozenset({"tag", "retag", "redo"})
"""Commands with writes that ``undo`` takes back; ``redo`` takes back those of ``undo``."""

_NOT_FOUND = "lean-tag undo FOLDER finds moved and renamed files by their audio"


def last_run(journal: Journal, *, under: Iterable[str], redo: bool) -> int | None:
    """Return the last run with a write that is still in place, or None."""
    commands = {"undo"} if redo else FORWARD
    return journal.last_run_that_wrote(commands, under=under)


def chain(writes: Iterable[Write], *, to_the_first: bool = False) -> dict[str, Ours]:
    """Return what to restore in one file, over several writes.

    Parameters
    ----------
    writes : iterable of Write
        Into one file, the highest number first.
    to_the_first : bool
        Also take back writes that are not on record, by the LEANTAG that was there before.

    Returns
    -------
    dict
        By field: what the last write wrote, and what was there before the first one. If
        somebody changed a value between two writes, that value is restored.
    """
    fields: dict[str, Ours] = {}
    for write in in_order(reversed(list(writes))):
        for field, written in write.written.items():
            before = write.previous.get(field, ())
            earlier = fields.get(field)
            if earlier is not None and earlier.written == before:
                before = earlier.before
            fields[field] = Ours(written, before)
    if to_the_first and "leantag" in fields:
        left = leantag_field.ours_with_itself({"leantag": fields["leantag"].before})
        if left:  # LEANTAG knows whole fields; values of single tags follow from them
            fields = {name: ours for name, ours in fields.items() if "@" not in name}
        for field, ours in left.items():
            last = fields.get(field, ours)
            if last.before == ours.written:
                fields[field] = Ours(last.written, ours.before)
    return fields


def undo_jobs(
    whereabouts: Whereabouts,
    writes: Iterable[Write],
    *,
    to_the_first: bool = False,
    redo: bool = False,
) -> Iterator[Job | Outcome]:
    """Yield a job that restores each file that was written, and failures for those not found.

    There is at most one job for a name; what another file with this name held is not restored.

    Parameters
    ----------
    whereabouts : Whereabouts
        The journal's, to find a file under another name.
    writes : iterable of Write
        File by file, each file's latest first.
    to_the_first : bool
        See `chain`.
    redo : bool
        The writes come from an undo.
    """
    for name, group in groupby(writes, key=lambda write: write.path):
        place, taken = whereabouts.at(name), False
        for mine in _by_audio(group):
            audio = next((it.digest for it in mine if it.digest), "")
            if taken or (place and other_audio(place.digest, audio) and is_there(place)):
                yield Failed(path=name, kind=ChangedError.kind, message=OTHER_FILE)
                continue
            taken = True
            fields = chain(mine, to_the_first=to_the_first)
            numbers = tuple(it.id for it in mine)
            restore = Restore(fields=fields, writes=numbers, audio=audio, redo=redo)
            yield _job(whereabouts, name, restore)


def pass_on(journal: Journal, path: str, restore: Restore) -> None:
    """Let later writes into a file restore what it held before these, which are undone.

    Else each would bring back what these wrote, and no write on record would tell the value from
    before.
    """
    writes = journal.writes(under=[path], commands=FORWARD)
    order = in_order([it for it in writes if not other_audio(it.digest, restore.audio)][::-1])
    ours = [number for number, it in enumerate(order) if it.id in restore.writes]
    fields = dict(restore.fields)
    for later in order[max(ours) + 1 :] if ours else ():
        found = {name: fields.pop(name) for name in later.written if name in fields}
        undone = {
            name: it.before
            for name, it in found.items()
            if later.previous.get(name, ()) == it.written
        }
        if undone:
            journal.found_instead(later.id, {**later.previous, **undone})


def leantag_jobs(whereabouts: Whereabouts, under: Iterable[str]) -> Iterator[Job | Outcome]:
    """Yield a job for each file with a LEANTAG that alone says what we wrote and replaced.

    The journal was lost, or never had it. Files with writes on record that are in place are
    left out: those are taken back first.
    """
    for place in whereabouts.under(under):
        fields = leantag_field.ours_with_itself(place.fields)
        if fields and is_there(place) and not whereabouts.has_standing(place.path):
            audio = place.digest or leantag_field.audio_in(place.fields)
            yield _job(whereabouts, place.path, Restore(fields=fields, audio=audio))


def _job(whereabouts: Whereabouts, path: str, restore: Restore) -> Job | Outcome:
    """Return the job that restores a file, or why it cannot be restored."""
    try:
        identity = Identity.at(path)
    except OSError as error:
        message = f"it is not there any more ({error.strerror}); {_NOT_FOUND}"
        return Failed(path=path, kind="missing", message=message)
    check = restore.writes and not _as_left(whereabouts.at(path), identity, restore.audio)
    restore = replace(restore, check_audio=bool(check))
    return Job(path, identity.size_bytes, identity, restore=restore)


def _as_left(place: Place | None, identity: Identity, audio: str) -> bool:
    """Tell whether a file is unchanged since it was last examined, and has this audio."""
    if place is None or other_audio(place.digest, audio):
        return False
    if place.digest and audio and not comparable(place.digest, audio):
        return False
    return place.identity.matches(identity)


def _by_audio(writes: Iterable[Write]) -> list[list[Write]]:
    """Group the writes under one name by the file that had it; latest first."""
    files: list[list[Write]] = []
    for write in writes:
        later = files[-1][-1] if files else None
        if later is None or (
            other_audio(write.digest, later.digest) and not continues(write, later)
        ):
            files.append([])
        files[-1].append(write)
    return files
