"""Which values an undo, or its redo, restores."""

from lean_tagger.jobs import Restore, RestoreStatus, Values

OTHER_FILE = (
    "another file has this name now and was left alone; lean-tag undo FOLDER finds the moved one "
    "by its audio"
)


def restore_status(*, redo: bool, dry_run: bool) -> RestoreStatus:
    """Return the report on a file with restored values."""
    if redo:
        return "would_redo" if dry_run else "redone"
    return "would_undo" if dry_run else "undone"


def to_restore(
    restore: Restore, present: Values
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return what to write, and the values of fields that somebody has changed since.

    Parameters
    ----------
    restore : Restore
        What the fields held before us, and what we wrote.
    present : mapping of str to tuple of str
        What they hold now.
    """
    changes: dict[str, tuple[str, ...]] = {}
    kept: dict[str, tuple[str, ...]] = {}
    for field, ours in restore.fields.items():
        there = present.get(field, ())
        if there == ours.before:
            continue
        if there == ours.written:
            changes[field] = ours.before
        else:
            kept[field] = there
    return changes, kept
