"""Repair a damaged journal: keep every row that can still be read, and set the old file aside.

A row is recognised by the types of its values, even if the page that names its table is lost.
Files with lost rows are heard again, or recognised by their own LEANTAG.
"""

import contextlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lean_tagger.errors import StateError
from lean_tagger.jobs import from_uint16
from lean_tagger.store.compact import DAMAGE
from lean_tagger.store.location import put_in_place
from lean_tagger.store.pages import Pages, Row, Value
from lean_tagger.store.rows import to_values
from lean_tagger.store.schema import MIGRATIONS, migrate

_KEYS_INDEX = "index of keys"

_SHAPES = {
    "writes": r"nibt[fi]iii[bt][bt]",
    "files": r"biiitttii[fi]",
    "scores": r"titbb",
    "old scores": r"tttitbb",
    "keys": r"ntti$",
    _KEYS_INDEX: r"ttii$",
    "runs": r"nt[fi][fin]tttt[tn]$",
    "models": r"ttt$",
}
"""By table, the first types of its rows; see `Row.shape`."""

_OF_0_1_0 = 2
"""The last version with scores in a table without rowids."""

_LOST_RUNS = """INSERT INTO runs SELECT run, 'tag', min(at), NULL, '', '', '{}', '{}', 'lost'
    FROM writes WHERE run NOT IN (SELECT id FROM runs) GROUP BY run"""
"""Every write needs a run, or it cannot be taken back."""


def is_log_left(path: Path) -> bool:
    """Tell whether a journal is gone or empty, and its log is not.

    SQLite would delete the log, which in a young journal holds all there is.
    """
    try:
        return not (path.exists() and path.stat().st_size) and _log_of(path).stat().st_size > 0
    except OSError:
        return False


def _begin_again(path: Path) -> None:
    """Write a first page, without which SQLite does not read the log."""
    with contextlib.suppress(OSError), _log_of(path).open("rb") as log:
        # The SQLite file format, sections 1.3 and 4.1; for both, 2 means that there is a log.
        page_bytes = int.from_bytes(log.read(12)[8:], "big")
        if page_bytes in _PAGE_SIZES:
            head = b"SQLite format 3\0" + (page_bytes % 65535).to_bytes(2, "big") + b"\2\2\0\x40  "
            path.write_bytes(head.ljust(page_bytes, b"\0"))


_PAGE_SIZES = frozenset(1 << bits for bits in range(9, 17))


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def heal(path: Path, *, notice: Callable[[str], None]) -> bool:
    """Replace a damaged journal by its readable rows, and say so.

    Parameters
    ----------
    path : Path
        The journal; held but not open.
    notice : callable
        Called with a sentence about what is kept, and where the damaged one is now.

    Returns
    -------
    bool
        Whether anything is kept.

    Raises
    ------
    StateError
        There is no room, or renaming fails; the damaged journal is where it was.
    """
    if is_log_left(path):
        _begin_again(path)
    with (
        contextlib.suppress(sqlite3.Error, ValueError),
        contextlib.closing(sqlite3.connect(path)) as damaged,
    ):
        damaged.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the newest rows are in the log
    mended = path.with_name(path.name + ".mended")
    try:
        mended.unlink(missing_ok=True)
        with path.open("rb") as file:
            kept = _copy(Pages(file), mended)
    except (OSError, sqlite3.Error) as error:
        mended.unlink(missing_ok=True)
        raise StateError(
            f"the journal {path} is damaged and cannot be repaired: {error}"
        ) from error
    aside = put_in_place(mended, path)
    if kept["files"] or kept["writes"]:
        notice(
            f"the journal was damaged: {kept['files']} files and {kept['writes']} writes could be "
            f"read and are kept; the damaged one is now {aside}"
        )
    else:
        notice(
            f"the journal was damaged and is now {aside}; a new one starts from what "
            "lean-tag left in the files themselves"
        )
    return bool(kept["files"] or kept["writes"])


def _copy(pages: Pages, target: Path) -> Counter[str]:
    """Copy all rows into a new journal; return how many, by table."""
    kept: Counter[str] = Counter()
    version = pages.version if 0 < pages.version <= len(MIGRATIONS) else _version(pages)
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as journal:
        migrate(journal, MIGRATIONS[:version])
        columns = {table: _columns(journal, table) for table in _tables(version)}
        journal.execute("BEGIN")
        for table, values in _rows(pages, version):
            names = columns[table]
            if len(values) <= len(names):
                kept[table] += _insert(journal, table, names, values)
        if kept["writes"]:
            journal.execute(_LOST_RUNS)
        journal.execute("COMMIT")
        migrate(journal)
    return kept


def _version(pages: Pages) -> int:
    """Return the version of the rows, if the first page does not say it."""
    old = any(re.match(_SHAPES["old scores"], row.shape) for row in pages.rows())
    return _OF_0_1_0 if old else len(MIGRATIONS)


def _tables(version: int) -> list[str]:
    tables = ["writes", "files", "scores", "runs", "models"]
    return tables if version <= _OF_0_1_0 else [*tables, "keys"]


def _columns(journal: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in journal.execute(f"PRAGMA table_info({table})")]


def _rows(pages: Pages, version: int) -> Iterator[tuple[str, list[Value]]]:
    """Yield the table and the values of every row that makes sense."""
    scores = "old scores" if version <= _OF_0_1_0 else "scores"
    other = "scores" if version <= _OF_0_1_0 else "old scores"
    for row in pages.rows():
        table = _table_of(row)
        if table is None or table == other:
            continue
        values = list(row.values)
        if table == _KEYS_INDEX:  # it has the table's full contents
            if version > _OF_0_1_0:
                yield "keys", [values[3], *values[:3]]
            continue
        if values[0] is None:
            values[0] = row.rowid
        if _makes_sense(table, values):
            yield ("scores" if table == scores else table), values


def _table_of(row: Row) -> str | None:
    shape = row.shape
    return next((name for name, begins in _SHAPES.items() if re.match(begins, shape)), None)


def _makes_sense(table: str, values: list[Value]) -> bool:
    """Tell whether the values of a row can be read."""
    row: list[Any] = values
    try:
        match table:
            case "writes":
                to_values(row[8]), to_values(row[9])
            case "files" if row[11] is not None:
                to_values(row[11])
            case "scores":
                from_uint16(row[3])
            case "runs":
                json.loads(row[6]), json.loads(row[7])
            case "models":
                return isinstance(json.loads(row[2]), list)
    except DAMAGE:
        return False
    return True


def _insert(
    journal: sqlite3.Connection, table: str, names: Iterable[str], values: list[Value]
) -> int:
    """Insert the columns of a row; an earlier row with the same name stays."""
    into = ", ".join(f'"{name}"' for name, _ in zip(names, values, strict=False))
    marks = ", ".join("?" * len(values))
    statement = f"INSERT OR IGNORE INTO {table} ({into}) VALUES ({marks})"  # noqa: S608 - ours
    return journal.execute(statement, values).rowcount
