"""``lean-tag export``, ``import`` and ``merge``: the journal's contents, from and to elsewhere."""

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lean_tagger.card import readable_cards
from lean_tagger.cli import options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.settings import Settings
from lean_tagger.store import exchange
from lean_tagger.store.journal import Key
from lean_tagger.store.resume import Resume
from lean_tagger.system.write_whole import written


def export(arguments: list[str], _: Stop) -> int:
    """Write scores and tags of every file on record."""
    parser = options.Parser(
        prog="lean-tag export",
        description="Write scores and tags of every file on record, as a table or line by line.",
    )
    add = parser.add_argument
    add("paths", nargs="?", metavar="FILE", help="where to write (default: standard output)")
    add("--format", choices=exchange.FORMATS, help="default: by the name, else jsonl")
    options.add_models(parser)
    options.add_state(parser)
    given = parser.parse_args(arguments)
    form = given.format or _format_of(given.paths or "")
    asked = Decider.of(Settings(models=options.models(given), labels=given.labels)).asked
    models = {Key(model=it.card.identity, pooling=it.pooling): it.card for it in asked}
    with (
        session.journal_to_read(given) as journal,  # first: a mistake must not empty the file
        _target(given.paths, form) as target,
    ):
        exchange.export(journal, models, target, form=form)
    return 0


def import_(arguments: list[str], _: Stop) -> int:
    """Add exports to the journal."""
    parser = options.Parser(
        prog="lean-tag import",
        description="Add an export to the journal. Files are recognised by their audio, "
        "wherever they are now.",
    )
    parser.add_argument("paths", nargs="+", metavar="FILE", help="from lean-tag export")
    parser.add_argument("--format", choices=exchange.FORMATS, help="default: by the name")
    options.add_state(parser)
    given = parser.parse_args(arguments)
    console = Console()
    cards = {card.identity: card for card in readable_cards()}
    with session.journal(given, console) as journal:
        resume = Resume(journal, "import", Settings(listen=False))
        for name in given.paths:
            form = given.format or _format_of(name)
            with _source(name, form) as source:
                count, left = exchange.import_(journal, cards, source, form=form, run=resume.run)
            without = f"; {left} left out, because their model is not installed" if left else ""
            console.line(f"{name}: {count} files{without}")
        resume.recorder.end({}, "done")
    return 0


def merge(arguments: list[str], _: Stop) -> int:
    """Merge other journals into this one."""
    parser = options.Parser(
        prog="lean-tag merge",
        description="Merge journals from other machines into this one (see lean-tag --shard).",
    )
    parser.add_argument("paths", nargs="+", metavar="JOURNAL", help="another journal.sqlite3")
    options.add_state(parser)
    given = parser.parse_args(arguments)
    console = Console()
    with session.journal(given, console) as journal:
        for name in given.paths:
            console.line(f"{name}: {exchange.merge(journal, Path(name).absolute())} files")
    return 0


_OTHER_FORMATS = frozenset({"tab", "tsv", "ods", "xls", "xlsx", "bz2", "gz", "xz", "zip", "zst"})


def _format_of(name: str) -> str:
    """Return the format that a file's name tells; JSON lines if it tells none.

    Raises
    ------
    ConfigError
        It tells one that we do not write.
    """
    ending = Path(name).suffix[1:].lower()
    if ending in _OTHER_FORMATS:
        raise ConfigError(
            f"there is no format .{ending} here: name the file .csv, .jsonl or .parquet, or give "
            "--format"
        )
    return ending if ending in exchange.FORMATS else "jsonl"


@contextlib.contextmanager
def _target(name: str | None, form: str) -> Iterator[IO[Any]]:
    if name is None and form == "parquet":
        raise ConfigError("Parquet is not text; name a file to write it to")
    try:
        if name is None:
            # Names that are not valid text keep their bytes.
            sys.stdout.reconfigure(errors="surrogateescape", newline="")  # type: ignore[union-attr]
            yield sys.stdout
            return
        with written(name, mark=exchange.MARKS[form]) as whole:
            yield (file := _in_form(whole, form))
            file.flush()
    except OSError as error:
        raise StateError(f"cannot write {name or 'the output'}: {error.strerror}") from error


@contextlib.contextmanager
def _source(name: str, form: str) -> Iterator[IO[Any]]:
    try:
        with Path(name).open("rb") as file:
            yield _in_form(file, form)
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from error


def _in_form(file: IO[bytes], form: str) -> IO[Any]:
    if form == "parquet":
        return file
    return io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
