"""Shared by the commands for own genres: options, and the child process that calculates."""

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any

from lean_tagger.card import load_card
from lean_tagger.cli import options, session
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.genres.request import EvalRequest, Listened, Request
from lean_tagger.jobs import Pooling
from lean_tagger.rules import FIELDS
from lean_tagger.run.calculation import Calculation
from lean_tagger.store.rows import Key

USUAL: dict[str, Any] = {
    "paths": [],
    "field": "genre",
    "source": "tags",
    "files": [],
    "models": [],
    "rules": None,
}
"""The default way to learn."""

CHECK = "lean_tagger.genres.arithmetic.scan:check"
_LEAST_TRACKS, _LEAST_GROUPS = 5, 2
"""Least tracks and artists of a class for `check`: fewer than to learn, as nothing is written."""

EMBEDDINGS = ("msd-musicnn", "mtt-musicnn")
"""By measurement, both together separate a user's genres best."""

_SOURCES = ("tags", "folders")
_MODEL = f"models with the embeddings to use (default: {','.join(EMBEDDINGS)}, if on record)"


def add_source(parser: options.Parser) -> None:
    """Add the options that say where the classes come from."""
    add = parser.add_argument
    add("--field", choices=FIELDS, metavar="NAME", help=f"{' or '.join(FIELDS)} (default: genre)")
    add(
        "--from",
        dest="source",
        action="append",
        metavar="WHAT",
        help="tags (default), folders (each folder in PATH is a class), a playlist (.m3u), or a "
        "table with the columns path and label; may be repeated for files",
    )


def parse(
    arguments: list[str],
    name: str,
    description: str,
    add_own: Callable[[options.Parser], None],
    *,
    examples: str = "",
    model: str = _MODEL,
) -> argparse.Namespace:
    """Parse the arguments of one of these commands.

    Parameters
    ----------
    arguments : list of str
        The arguments after its name.
    name, description, examples : str
        The command's, for its help.
    add_own : callable
        Adds the options that only this command has.
    model : str
        The help of ``--model``.
    """
    parser = options.Parser(
        prog=f"lean-tag {name}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files and folders (default: all on record)")
    add_own(parser)
    add(
        "--model",
        action="extend",
        type=lambda text: text.split(","),
        metavar="NAME",
        help=model,
    )
    add("--rules", metavar="FILE", help="your own vocabulary: its genre tree and its junk")
    options.add_state(parser)
    options.add_budget(parser)
    add("--json", action="store_true", help="for programs: one JSON object per line")
    add("-q", "--quiet", action="store_true", help="no notices")
    add("-h", "--help", action="help", help="show this help and exit")
    return parser.parse_anywhere(arguments)


def how(given: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say about where the classes come from; empty if they do not.

    Raises
    ------
    ConfigError
        They contradict each other.
    """
    sources = given.source or []
    words = [it for it in sources if it in _SOURCES]
    files = [os.path.abspath(it) for it in sources if it not in _SOURCES]
    if len(set(words)) + bool(files) > 1:
        raise ConfigError("--from takes tags, or folders, or files, and no mixture of them")
    if words == ["folders"] and not given.paths:
        raise ConfigError("--from folders needs the PATH of their parent folder")
    return {
        "paths": [os.path.abspath(path) for path in given.paths],
        "field": given.field,
        "source": words[0] if words else "files" if files else None,
        "files": files,
        "models": given.model,
        "rules": os.path.abspath(given.rules) if given.rules else None,
    }


def there(paths: Sequence[str]) -> tuple[str, ...]:
    """Return absolute paths.

    Raises
    ------
    ConfigError
        One of them does not exist.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise ConfigError(f"there is no {path}")
    return tuple(map(os.path.abspath, paths))


def request(given: argparse.Namespace, said: dict[str, Any], **more: Any) -> Request:
    """Return the request for the child process.

    Raises
    ------
    ConfigError
        A model or the rules cannot be used, or a path does not exist.
    """
    rules = session.load_rules(said["rules"])
    return Request(
        journal=str(session.state_path(given)),
        under=there(said["paths"]),
        field=said["field"],
        source=said["source"],
        files=tuple(said["files"]),
        models=tuple(map(listened, said["models"] or EMBEDDINGS)),
        all_models=bool(said["models"]),
        precision=said.get("precision", 0.8),
        inherit=bool(said.get("inherit")),
        tree=rules.tree,
        **more,
    )


def check_request(given: argparse.Namespace, said: dict[str, Any], *, limit: int = 50) -> Request:
    """Return the request for `CHECK`; `said` holds what differs from `USUAL`.

    Raises
    ------
    ConfigError
        As `request`.
    """
    return request(
        given,
        USUAL | {key: value for key, value in said.items() if value},
        least_tracks=_LEAST_TRACKS,
        least_groups=_LEAST_GROUPS,
        limit=limit,
    )


def listened(name: str) -> Listened:
    """Return the model with the key of the embeddings to look for.

    Raises
    ------
    ConfigError
        It does not exist, or gives no embedding.
    """
    card = load_card(name)
    if card.tensors.embedding is None:
        raise ConfigError(f"{name} keeps no embedding to learn from")
    return Listened(
        name=card.name,
        key=Key(model=card.identity, pooling=Pooling(card.pooling, card.hop_frames)),
        labels=tuple((it.name, it.kind, it.display) for it in card.labels),
    )


def calculate(function: str, asked: Request | EvalRequest, *, max_mem_bytes: int) -> dict[str, Any]:
    """Run a function of `genres.arithmetic` in a child process, and return its report."""
    with Calculation(function, asked, max_mem_bytes=max_mem_bytes) as calculation:
        (report,) = calculation
    return {**report, "peak_bytes": calculation.peak_bytes}


def hear(said: dict[str, Any], given: argparse.Namespace, stop: Stop) -> None:
    """Hear what has not been heard yet; write no tags."""
    from lean_tagger.cli.commands import tag

    arguments = ["-n", "-q", "--model", ",".join(said["models"] or EMBEDDINGS)]
    if given.state:
        arguments += ["--state", given.state]
    if given.state_on_network:
        arguments += ["--state-on-network"]
    if given.max_mem:
        arguments += ["--max-mem", str(given.max_mem)]
    tag.run([*arguments, "--", *said["paths"]], stop)
