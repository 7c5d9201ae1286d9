"""Find files that were moved, renamed or retagged under their present names.

First every file that is new or has changed goes to a worker, which reads its fields and hashes its
audio (`to_recognise`, `note`). So does what is now under the earlier names of these files
(`in_doubt`). Then the writes into that audio get its new name (`follow`). A file that did not move
keeps its writes; a copy of it has none.
"""

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from lean_tagger.decide import leantag_field
from lean_tagger.jobs import PART, Failed, Identity, Job, Outcome, Recognise, Recognised, Skipped
from lean_tagger.store.journal import Journal, Write
from lean_tagger.store.whereabouts import Place, Whereabouts


def to_recognise(
    journal: Journal, found: Iterable[Job | Skipped | Failed], under: Sequence[str]
) -> Iterator[Job | Outcome]:
    """Yield a job for each file that is new or has changed, and failures for missing paths.

    So is one whose digest cannot be compared with that of a missing file: one of them was heard in
    part.

    Parameters
    ----------
    journal : Journal
        Open and held.
    found : iterable
        The walk of `under`.
    under : sequence of str
        Files and folders, as absolute names. The journal may know one that is gone; then its
        files are reported one by one.
    """
    where = journal.whereabouts
    writes = next(where.standing(), None) is not None

    @functools.cache
    def one_is_missing(in_part: bool) -> bool:
        return any(
            digest and digest.startswith(PART) != in_part and is_gone(where, path, digest)
            for path, digest, _ in where.standing()
        )

    def is_compared(known: Place) -> bool:
        in_part = known.digest.startswith(PART)
        return where.has_standing(known.path) or not one_is_missing(in_part)

    for item in found:
        if isinstance(item, Job):
            known = where.at(item.path)
            if (
                known is None
                or item.identity is None
                or not known.identity.matches(item.identity)
                or not is_compared(known)
            ):
                yield replace(item, recognise=Recognise(audio=writes or known is not None))
        elif item.path in under and next(journal.writes(under=[item.path]), None) is None:
            yield item


def in_doubt(whereabouts: Whereabouts, under: Iterable[str]) -> Iterator[Job]:
    """Yield a job for each earlier name of these files where another file may be now."""
    for place in whereabouts.under(under):
        for name in _other_names(whereabouts, place):
            yield from examined(whereabouts, name)


def _other_names(whereabouts: Whereabouts, place: Place) -> list[str]:
    """Return the other names under which something was written into a file's audio."""
    if not place.digest or not whereabouts.written_elsewhere(place.path, place.digest):
        return []
    return sorted({it.path for it in whereabouts.history(place.digest)} - {place.path})


def examined(whereabouts: Whereabouts, path: str) -> Iterator[Job]:
    """Yield a job that hashes the audio of a file, unless it is gone or unchanged."""
    try:
        identity = Identity.at(path)
    except OSError:
        return
    known = whereabouts.at(path)
    if known is None or not known.identity.matches(identity):
        yield Job(path, identity.size_bytes, identity, recognise=Recognise(audio=True))


def note(whereabouts: Whereabouts, found: Recognised, *, run: int) -> None:
    """Record a file with known audio, or with a LEANTAG that says what we wrote.

    Other audio under a known name is recorded too: what had this name is somewhere else.
    """
    digests = sorted(whereabouts.digests(found.digests), key=_is_stem)
    whole = [it for it in digests if not it.startswith(PART)]
    for part in set(digests) - set(whole):
        if whole:
            whereabouts.name_whole(part, whole[0])
    digest = (whole or digests or [""])[0]
    before = whereabouts.at(found.path)
    if before is not None and before.digest and not digest:
        # Of the same kind, so that the two can be compared.
        in_part = before.digest.startswith(PART)
        digest = next((it for it in found.digests if it.startswith(PART) == in_part), "")
    if before is not None and other_audio(before.digest, digest):
        whereabouts.forget(found.path)
    if digest or leantag_field.ours_in(found.fields):
        place = Place(path=found.path, identity=found.identity, digest=digest, fields=found.fields)
        whereabouts.note(place, run=run)


def _is_stem(digest: str) -> bool:
    """Tell whether a digest is known only up to the hyphen."""
    return "-" not in digest


def known_as(
    journal: Journal, path: str, look: Callable[[str], Recognised | None]
) -> tuple[str, list[Write]]:
    """Return the name under which a file is on record, and all writes into it, latest first.

    The name is empty if the file is on record under none.

    Parameters
    ----------
    journal : Journal
        It may be open only for reading.
    path : str
        The file's name now.
    look : callable
        Returns the present state of a file, if it has changed since it was last examined.
    """
    whereabouts = journal.whereabouts
    here, found = whereabouts.at(path), look(path)
    digests = whereabouts.digests(found.digests) if found else []
    name = path
    if digests and (here is None or here.digest not in digests):
        places = [it for digest in digests for it in whereabouts.of_audio(digest)]
        name = places[0].path if places else path
    elif here is not None and here.digest:
        if found and found.digests and not found.has(here.digest):
            return "", []  # another file has this name now
        digests = [here.digest]

    @functools.cache
    def was_its_name(name: str, digest: str) -> bool:
        if is_gone(whereabouts, name, digest) or _are_one(name, path):
            return True
        there = look(name)
        return there is not None and bool(there.digests) and not there.has(digest)

    writes = {
        it.id: it
        for digest in digests
        for it in whereabouts.history(digest)
        if it.path != path and was_its_name(it.path, digest)
    }
    for it in journal.writes(under=[path], states=("intent", "done", "undone")):
        if not any(other_audio(it.digest, digest) for digest in digests):
            writes[it.id] = it
    return name, [writes[number] for number in sorted(writes, reverse=True)]


def follow(whereabouts: Whereabouts, under: Iterable[str]) -> None:
    """Give the writes of files that were moved into these folders their present names."""
    for place in whereabouts.under(under):
        earlier = map(whereabouts.at, _other_names(whereabouts, place))
        adopt(whereabouts, place)
        for other in earlier:
            if other is not None:  # this file and another one may have changed their names
                adopt(whereabouts, other)


def follow_all(whereabouts: Whereabouts) -> None:
    """Do the same for every missing file that another run has seen again.

    And for every file that was written under several names, as through a linked folder.
    """
    for path, digest, _ in whereabouts.standing():
        if is_gone(whereabouts, path, digest):
            for place in _elsewhere(whereabouts, path, digest):
                adopt(whereabouts, place)
        elif whereabouts.written_elsewhere(path, digest) and (here := whereabouts.at(path)):
            adopt(whereabouts, here)


def count_lost(whereabouts: Whereabouts, commands: Iterable[str]) -> int:
    """Return the number of writes of these commands in files that cannot be found."""
    return sum(
        count
        for path, digest, count in whereabouts.standing(commands)
        if is_gone(whereabouts, path, digest)
        and not any(
            path in _earlier_names(whereabouts, place, whereabouts.history(digest))
            for place in _elsewhere(whereabouts, path, digest)
        )
    )


def _elsewhere(whereabouts: Whereabouts, path: str, digest: str) -> list[Place]:
    """Return the other files on record with this audio that exist."""
    places = list(whereabouts.of_audio(digest)) if digest else []
    return [it for it in places if it.path != path and is_there(it)]


def adopt(whereabouts: Whereabouts, place: Place) -> None:
    """Give a file the writes from its earlier names."""
    if not place.digest or not is_there(place):
        return
    while whereabouts.written_elsewhere(place.path, place.digest):
        history = whereabouts.history(place.digest)
        names = _earlier_names(whereabouts, place, history)
        if not names:
            return
        before = max(names, key=lambda name: _likeness(history, name, place))
        whereabouts.move(before, place.path, place.digest)


def _earlier_names(whereabouts: Whereabouts, place: Place, history: Sequence[Write]) -> list[str]:
    """Return the names that this file may have had; not those of other files that exist."""
    names = {it.path for it in history if it.path != place.path}
    gone = (
        name
        for name in sorted(names)
        if is_gone(whereabouts, name, place.digest) or _are_one(name, place.path)
    )
    return [name for name in gone if _one_story(history, place.path, name)]


def _are_one(name: str, other: str) -> bool:
    """Tell whether two names lead to one file, as through a linked folder."""
    try:
        return os.path.samefile(name, other)
    except OSError:
        return False


def is_there(place: Place) -> bool:
    """Tell whether a file is unchanged since it was last examined."""
    try:
        found = Identity.at(place.path)
    except OSError:
        return False
    return found.without_inode() == place.identity.without_inode()


def is_gone(whereabouts: Whereabouts, path: str, digest: str) -> bool:
    """Tell whether a name does not lead to this audio any more."""
    if not os.path.exists(path):
        return True
    there = whereabouts.at(path)
    return there is not None and other_audio(there.digest, digest)


def comparable(one: str, other: str) -> bool:
    """Tell whether two digests are known, and both of a part or both of the whole."""
    return bool(one and other) and one.startswith(PART) == other.startswith(PART)


def other_audio(one: str, other: str) -> bool:
    """Tell whether two digests are of different audio; a part and a whole cannot be compared."""
    if not comparable(one, other):
        return False
    return one.partition("-")[0] != other.partition("-")[0]  # one may be known only up to there


def continues(before: Write, after: Write) -> bool:
    """Tell whether a write found what an earlier one left."""
    left, met = before.written, after.previous
    if left.get("leantag") and left["leantag"] == met.get("leantag"):
        return True
    return all(met.get(field, ()) == left[field] for field in left.keys() & after.written.keys())


def in_order(writes: Iterable[Write]) -> list[Write]:
    """Return writes into one file in the order in which they happened.

    Parameters
    ----------
    writes : iterable of Write
        In the order of their numbers. That is wrong if a merge brought earlier ones, and the
        order of times is wrong if the clock was set back: what the writes found decides.
    """
    by_number = list(writes)
    by_time = sorted(by_number, key=lambda it: it.at)
    return min(by_number, by_time, key=_breaks)


def _breaks(writes: Sequence[Write]) -> int:
    """Return how often a write did not find what the one before it left."""
    return sum(not continues(before, after) for before, after in pairwise(writes))


def _one_story(history: Sequence[Write], *paths: str) -> bool:
    """Tell whether writes under two names may be into one file: each found what was left."""
    mine = in_order(it for it in history if it.path in paths)
    return all(continues(a, b) for a, b in pairwise(mine) if a.path != b.path)


def _likeness(history: Sequence[Write], path: str, place: Place) -> tuple[bool, bool, bool]:
    """Return how likely it is that this file had this name before."""
    last = in_order(it for it in history if it.path == path)[-1].written
    whole = {field: values for field, values in last.items() if "@" not in field}
    holds = all(place.fields.get(field, ()) == values for field, values in whole.items())
    (folder, name), (here, new) = os.path.split(path), os.path.split(place.path)
    return holds, name == new, os.path.basename(folder) == os.path.basename(here)
