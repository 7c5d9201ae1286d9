"""Write what was heard as a table for other programs, one row per file."""

import importlib.util
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lean_tagger.cluster.hear import Row, row
from lean_tagger.decide import tag_plan
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Failed
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal
from lean_tagger.store.judge import Judge
from lean_tagger.store.model_keys import ModelKeys

_NEEDED = "--out needs pyarrow: pip install 'lean-tagger[parquet]'"

GROUP_ROWS = 1000
"""Rows held in memory at a time."""


def check(target: Path) -> None:
    """Refuse a table that could not be written in the end.

    Raises
    ------
    ConfigError
        It is a folder, there is none for it, or pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ConfigError(_NEEDED)
    if target.is_dir():
        raise ConfigError(f"--out {target} is a folder; name a file in it")
    if not os.access(target.parent, os.W_OK):
        raise ConfigError(
            f"--out {target}: there is no such folder, or nothing may be written there"
        )


def write(journal: Journal, settings: Settings, under: Iterable[str], target: Path) -> int:
    """Write a row for each file on record, and return how many there were.

    Parameters
    ----------
    journal : Journal
        Open.
    settings : Settings
        The models with the scores to write, and the rules for the tags.
    under : iterable of str
        Files and folders, absolute.
    target : Path
        A Parquet file; it takes this name when it is whole.

    Raises
    ------
    ConfigError
        pyarrow is not installed.
    OSError
        It cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError(_NEEDED) from error
    schema = _schema(pa)
    rows, count = _rows(journal, settings, under), 0
    part = target.with_name(f".{target.name}.part")
    try:
        with pq.ParquetWriter(part, schema) as writer:
            while group := list(itertools.islice(rows, GROUP_ROWS)):
                writer.write_table(pa.Table.from_pylist(group, schema))
                count += len(group)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


def _schema(pa: Any) -> Any:
    identity = pa.struct([("size", pa.int64()), ("mtime_ns", pa.int64()), ("inode", pa.uint64())])
    return pa.schema(
        [
            ("path", pa.binary()),  # a name need not be text
            ("identity", identity),
            ("digest", pa.string()),
            ("scores", pa.map_(pa.string(), pa.float32())),
            ("embedding", pa.binary()),
            ("tags", pa.map_(pa.string(), pa.list_(pa.string()))),
            ("seconds", pa.float64()),
            ("failure", pa.string()),
        ]
    )


def _rows(journal: Journal, settings: Settings, under: Iterable[str]) -> Iterator[Row]:
    decider = Decider.of(settings)
    judge = Judge(journal, decider, ModelKeys.of(decider.asked), settings)
    for known in judge.files(under):
        heard = known.heard
        if heard is None:
            # Only another model heard it, and the record has no failure.
            if known.message:
                failed = Failed(path=known.path, kind=known.kind, message=known.message)
                yield _for_arrow(row(known.path, failed))
            continue
        plan = decider.plan(known.path, heard)
        scored = tag_plan.outcome(plan, heard, decider.asked, "unchanged", known=True)
        yield _for_arrow(row(known.path, scored))


def _for_arrow(one: Row) -> Row:
    identity = one["identity"]
    names = ("size", "mtime_ns", "inode")
    return {
        **one,
        "path": os.fsencode(one["path"]),
        "identity": identity and dict(zip(names, identity, strict=True)),
        "scores": list(one["scores"].items()),
        "tags": [(field, list(values)) for field, values in one["tags"].items()],
    }
