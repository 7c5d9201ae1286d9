"""Export a journal as text or a table, import it, or merge it into another journal."""

import base64
import csv
import itertools
import json
import os
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from lean_tagger.card import ModelSpec
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.jobs import Asked, Heard, Identity, Pooling
from lean_tagger.store.journal import Journal, Key, Known
from lean_tagger.store.known_scores import KnownScores

_COLUMNS = (
    *("path", "status", "kind", "message", "genre", "mood", "model", "sha256", "pool", "hop"),
    *("seconds", "seconds_skipped", "windows", "repeated", "effort", "of_windows", "confidence"),
    *("size", "mtime_ns", "digest", "fields", "embedding"),
)
_SCORE = "score: "
_URI = "file://"
_ROWS = 1000  # of a Parquet file's group


def _records(journal: Journal, models: Mapping[Key, ModelSpec]) -> Iterator[dict[str, Any]]:
    """Yield a record of plain text and numbers for each file, one model after the other.

    A later model's part leaves out files that it did not hear.
    """
    for number, (key, card) in enumerate(models.items()):
        scores = KnownScores(journal, (Asked(card, key.pooling),))
        for known in scores.files([]):
            if known.heard is not None or number == 0:
                yield _record(known, key, card)


def _record(known: Known, key: Key, card: ModelSpec) -> dict[str, Any]:
    heard = known.heard
    record: dict[str, Any] = dict.fromkeys(_COLUMNS)
    record |= {
        "path": known.path,
        "status": known.status,
        "kind": known.kind,
        "message": known.message,
        "size": known.identity.size_bytes,
        "mtime_ns": known.identity.mtime_ns,
    }
    if heard is not None:
        record |= {
            "genre": "; ".join(heard.fields.get("genre", ())),
            "mood": "; ".join(heard.fields.get("mood", ())),
            "model": card.name,
            "sha256": key.model,
            "pool": key.pooling.pool,
            "hop": key.pooling.hop,
            "seconds": heard.seconds,
            "seconds_skipped": heard.seconds_skipped,
            "windows": heard.windows,
            "repeated": int(heard.repeated),
            "effort": heard.effort,
            "of_windows": heard.of_windows or heard.windows,
            "confidence": heard.confidence,
            "digest": heard.digest,
            "fields": json.dumps(heard.fields),
            "embedding": base64.b64encode(heard.embedding).decode(),
        }
    values = heard.values if heard else itertools.repeat(None)
    for label, value in zip(card.labels, values, strict=False):
        record[_SCORE + label.name] = None if value is None else label.shown(value)
    return record


def export(
    journal: Journal, models: Mapping[Key, ModelSpec], target: IO[Any], *, form: str
) -> None:
    """Write the record of every file.

    Parameters
    ----------
    journal : Journal
        Open.
    models : mapping of Key to ModelSpec
        The models with scores to export, and their labels. Each record is from one model; a
        table has a column for every label of all models.
    target : file
        Open for text, with ``surrogateescape`` and without translation of line ends; for
        Parquet, open for bytes.
    form : str
        One of `FORMATS`.
    """
    labels = [_SCORE + label.name for card in models.values() for label in card.labels]
    _WRITERS[form](_records(journal, models), [*_COLUMNS, *dict.fromkeys(labels)], target)


def _write_jsonl(records: Iterable[dict[str, Any]], _: list[str], target: IO[str]) -> None:
    for record in records:
        target.write(json.dumps(record) + "\n")


def _write_csv(records: Iterable[dict[str, Any]], columns: list[str], target: IO[str]) -> None:
    writer = csv.DictWriter(target, columns)
    writer.writeheader()
    for record in records:
        writer.writerow(record | {"path": _as_text(record["path"])})


def _write_parquet(
    records: Iterator[dict[str, Any]], columns: list[str], target: IO[bytes]
) -> None:
    pa, pq = _pyarrow()
    kinds = {
        **dict.fromkeys(columns, pa.string()),
        **dict.fromkeys(
            ("hop", "windows", "of_windows", "repeated", "size", "mtime_ns"), pa.int64()
        ),
        **dict.fromkeys(("seconds", "seconds_skipped", "confidence"), pa.float64()),
        **{name: pa.float64() for name in columns if name.startswith(_SCORE)},
        "path": pa.binary(),  # a name need not be text
    }
    schema = pa.schema([(name, kinds[name]) for name in columns])
    with pq.ParquetWriter(target, schema) as writer:
        while rows := list(itertools.islice(records, _ROWS)):
            for row in rows:
                row["path"] = os.fsencode(row["path"])
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _as_text(path: str) -> str:
    """Return a path that any program can read; a name that is not UTF-8 becomes a file URI.

    Other programs refuse a whole table because of one wrong byte. Our paths are absolute, so
    none of them looks like a URI.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return _URI + urllib.parse.quote_from_bytes(os.fsencode(path))
    return path


def _from_text(text: str) -> str:
    """Return the path that `_as_text` wrote."""
    if text.startswith(_URI):
        return os.fsdecode(urllib.parse.unquote_to_bytes(text.removeprefix(_URI)))
    return text


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            "Parquet needs pyarrow: pip install 'lean-tagger[parquet]', or use csv or jsonl"
        ) from error
    return pyarrow, pyarrow.parquet


_WRITERS: dict[str, Callable[..., None]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
FORMATS = tuple(_WRITERS)
"""The formats that `export` writes and `import_` reads."""
MARKS = {
    "jsonl": f'{{"{_COLUMNS[0]}": "'.encode(),
    "csv": ",".join(_COLUMNS[:4]).encode(),
    "parquet": b"PAR1",
}
"""How the files begin that `export` writes."""


def _read_jsonl(source: Iterable[str]) -> Iterator[dict[str, Any]]:
    return map(json.loads, source)


def _read_csv(source: Iterable[str]) -> Iterator[dict[str, Any]]:
    for row in csv.DictReader(source):
        yield {**row, "path": _from_text(row["path"])}


def _read_parquet(source: IO[bytes]) -> Iterator[dict[str, Any]]:
    pa, pq = _pyarrow()
    try:
        for batch in pq.ParquetFile(source).iter_batches(_ROWS):
            for row in batch.to_pylist():
                yield {**row, "path": os.fsdecode(row["path"])}
    except pa.ArrowException as error:
        raise ValueError(str(error).partition("\n")[0]) from error


_READERS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
}


def import_(
    journal: Journal, cards: dict[str, ModelSpec], source: IO[Any], *, form: str, run: int
) -> tuple[int, int]:
    """Put exported files on record; return how many, and how many were left out.

    The files need not exist; those that do are recognised by their audio. Files are left out if
    their model is not installed, since nothing could be decided with it.

    Parameters
    ----------
    journal : Journal
        Open and held.
    cards : dict
        The models with scores that can be imported, by `ModelSpec.identity`.
    source : file
        The output of `export`, opened in the same way.
    form : str
        One of `FORMATS`.
    run : int
        The run that imports.

    Raises
    ------
    ConfigError
        A record does not have the form that `export` writes; earlier ones are on record.
    """
    records = _READERS[form](source)
    taken = 0
    for number in itertools.count(1):
        try:
            record = next(records, None)
            if record is None:
                return taken, number - 1 - taken
            taken += _take_in(journal, cards, record, run=run)
        except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
            raise ConfigError(
                f"record {number} is not what lean-tag export writes: {error}"
            ) from error
    raise AssertionError


def _take_in(
    journal: Journal, cards: dict[str, ModelSpec], record: dict[str, Any], *, run: int
) -> bool:
    path = str(record["path"])
    identity = Identity(int(record["size"]), int(record["mtime_ns"]), 0)
    heard, pooling = None, Pooling("", 0)
    card = cards.get(record["sha256"] or "")
    if record["sha256"] and card is None:
        return False
    if card is not None:
        pooling = Pooling(str(record["pool"]), int(record["hop"]))
        fields = {k: tuple(map(str, v)) for k, v in json.loads(record["fields"]).items()}
        heard = Heard(
            identity=identity,
            digest=str(record["digest"]),
            values=tuple(it.share(float(record[_SCORE + it.name])) for it in card.labels),
            embedding=base64.b64decode(record["embedding"] or ""),
            windows=int(record["windows"]),
            seconds=float(record["seconds"]),
            seconds_skipped=float(record["seconds_skipped"]),
            repeated=bool(int(record["repeated"])),
            fields=fields,
            # Older exports lack these, because everything was heard then.
            effort=(effort := str(record.get("effort") or "full")),
            of_windows=0 if effort == "full" else int(record["of_windows"]),
            confidence=float(record.get("confidence") or 1.0),
        )
    journal.record(
        path,
        run=run,
        key=Key(model=card.identity if card else "", pooling=pooling),
        identity=identity,
        status=str(record["status"]),
        kind=str(record["kind"]),
        message=str(record["message"]),
        heard=heard,
    )
    return True


def merge(journal: Journal, other: Path) -> int:
    """Take another journal in, and return how many of its files are now on record here.

    Of a file that both have, the later look counts. Runs and writes keep their order and get
    new numbers, so that they can be taken back from here.

    Raises
    ------
    ConfigError
        It is this journal itself.
    StateError
        The other one cannot be read, or is of another version of lean-tag.
    """
    if other.exists() and other.samefile(journal.path):
        raise ConfigError(f"{other} is the journal into which others are merged; see --state")
    try:
        with Journal(other, locked=False, on_network=True):
            pass  # it is one, and of this version
        return journal.attach(other)
    except sqlite3.Error as error:
        raise StateError(f"cannot read the journal {other}: {error}") from error
