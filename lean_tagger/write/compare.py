"""Compare a finished copy with the original: all but our fields must be as it was."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from lean_tagger.write import visible
from lean_tagger.write.formats.all_tags import AllTags
from lean_tagger.write.formats.detect import parse
from lean_tagger.write.source import Piece, Source, opened, same, translated

_Item = tuple[str, Sequence[Piece]]
"""Something that is not ours: what it is called in messages, and its bytes."""


def compare(
    source: Source,
    before: AllTags,
    copied: str,
    wanted: Mapping[str, tuple[str, ...]],
    view: visible.View,
) -> dict[str, tuple[str, ...]]:
    """Compare the finished copy with the original, and return what our fields hold in it.

    Parameters
    ----------
    source : Source
        The original.
    before : AllTags
        Its tags.
    copied : str
        The copy's name.
    wanted : Mapping[str, tuple[str, ...]]
        What was to be written, from `AllTags.in_full`.
    view : View
        What other programs saw in the original.

    Raises
    ------
    WriteError
        If a value is missing, anything else has changed, or another program does not find
        what it found before.
    """
    with opened(copied) as copy_source, translated(source.path):
        copy_source.path = source.path
        after = parse(copy_source)
        if field := after.arrived(wanted):
            raise source.refuse(f"its format cannot hold the new {field}; nothing was written")
        removed = before.tagged and not after.tagged
        _compare(source, before, copy_source, after, removed=removed)
        if removed:  # it had no more than the other tags have
            return after.values()
        now = after.look(slack=True)
        missing = visible.lost(view, now, may_show_more=before.may_show_more)
        if not missing and after.tagged and not before.tagged:
            missing = visible.hidden(view, now)
        if missing:
            raise source.refuse(f"{missing}; nothing was written")
        return after.values()


def _compare(
    source: Source, before: AllTags, copy_source: Source, after: AllTags, *, removed: bool
) -> None:
    """Compare all bytes outside our fields."""
    rest, its_rest = before.rest, after.rest
    untouched = bool(rest and its_rest and same(source, [rest], copy_source, [its_rest]))
    kept: Iterator[_Item] = after.foreign(with_rest=not untouched)
    gone = set(before.removable()) if removed else set()

    def is_same(name: str, pieces: Sequence[Piece], found: _Item | None) -> bool:
        return (
            found is not None and found[0] == name and same(source, pieces, copy_source, found[1])
        )

    for name, pieces in before.foreign(with_rest=not untouched):
        # A new tag may add items, but none may be lost.
        found = next(kept, None)
        if is_same(name, pieces, found):
            continue
        if gone and source.digest(*pieces) in gone:
            kept = chain([found] if found else [], kept)
            continue
        while found is not None and not before.tagged and not is_same(name, pieces, found):
            found = next(kept, None)
        if not is_same(name, pieces, found):
            raise source.refuse(f"writing would change {name}; it was left as it was")
    if before.tagged and next(kept, None) is not None:
        raise source.refuse("writing would add more than our fields; it was left as it was")
