"""``lean-tag models``: list networks, show, add, fetch, check and remove them.

This process loads no library. What has to run does so in a worker, under a budget.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lean_tagger.card import (
    family_names,
    installed_models,
    load_card,
    onnx_graph,
    read_json,
    shipped_models,
    user_models_folder,
)
from lean_tagger.catalogue import add_model, downloads, licences, measure, propose_card, user_models
from lean_tagger.cli import ask, models_page, option_types, options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.cli.terminal import columns
from lean_tagger.errors import ConfigError, LeanTagError
from lean_tagger.jobs import Failed, Tagged
from lean_tagger.run.worker_clock import START_SECONDS
from lean_tagger.settings import Settings

_HELP = """\
lean-tag models [list]                  list all models
lean-tag models show NAME               everything about one
lean-tag models add FILE.onnx [CARD]    add one of your own
lean-tag models get [NAME]              fetch one that others publish; without NAME, list them
lean-tag models remove NAME             remove one of your own
lean-tag models verify [NAME...]        check that they are whole and run
lean-tag models test FILE               listen to a file and show the strongest labels

Each has its own --help. Your own models are in {folder};
LEAN_TAG_MODELS names another folder.
"""


def _own_folder() -> str:
    try:
        return str(user_models_folder())
    except ConfigError:
        return "nowhere, without a home folder"


def run(arguments: list[str], _: Stop) -> int:
    """Do what the first argument says; ``list`` without one."""
    if arguments[:1] in (["-h"], ["--help"]):
        for line in _HELP.format(folder=_own_folder()).splitlines():
            Console().line(line)
        return 0
    name = "list"
    if arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
    if name not in _COMMANDS:
        known = ", ".join(_COMMANDS)
        options.Parser(prog="lean-tag models").error(f"no command {name!r}; there are {known}")
    return _COMMANDS[name](arguments)


def _parser(name: str, description: str, *, runs: bool = True) -> options.Parser:
    """Return the parser of one command; `runs` tells whether it may start a worker."""
    parser = options.Parser(prog=f"lean-tag models {name}", description=description)
    add = parser.add_argument
    add("--json", action="store_true", help="for programs: one JSON object per line")
    if runs:
        options.add_budget(parser)
        add(
            *("--timeout", "--start-timeout"),
            type=option_types.seconds,
            default=START_SECONDS,
            metavar="S",
            help="give up on a model that takes longer to load, or to hear (default: %(default)g)",
        )
    return parser


def _list(arguments: list[str]) -> int:
    """Print a line for each model; measure those that were never measured here."""
    parser = _parser("list", "List all models, what each needs, and how fast it is.")
    parser.add_argument("--measure", action="store_true", help="measure them all again")
    given = parser.parse_args(arguments)
    console = Console(json_lines=given.json)
    shipped = shipped_models()
    rows = [models_page.read_row(name, shipped=name in shipped) for name in installed_models()]
    new = [it for it in rows if it.error is None and (given.measure or it.measured is None)]
    if new and console.wants_total:
        console.notice(f"measuring {len(new)} of them, once ...")
    measured = {it.name: _measured(it, given) for it in new}
    rows = [measured.get(it.name, it) for it in rows]
    lines = map(json.dumps, map(models_page.row_json, rows))
    for line in lines if given.json else models_page.table(rows):
        console.line(line)
    return 0


def _measured(row: models_page.Row, given: argparse.Namespace) -> models_page.Row:
    """Return a row with what its model needs here, or why it does not run."""
    assert row.card is not None  # noqa: S101 - narrows the type for mypy
    max_mem_bytes = session.budget_bytes(given.max_mem)
    try:
        found = measure.measure(row.name, max_mem_bytes=max_mem_bytes, start_seconds=given.timeout)
    except LeanTagError as error:
        return models_page.changed(row, measured=None, error=str(error))
    measure.remember(row.card, found)
    return models_page.changed(row, measured=found, error=None)


def _show(arguments: list[str]) -> int:
    """Print a page on a model; measure one that was never measured here."""
    parser = _parser("show", "Show everything about one model.")
    parser.add_argument("name", metavar="NAME", help="a model's name, or the path of its card")
    given = parser.parse_args(arguments)
    console = Console(json_lines=given.json)
    card = load_card(given.name)
    row = models_page.read_row(given.name, shipped=given.name in shipped_models())
    if row.error is None and row.measured is None:
        row = _measured(row, given)
    record = user_models.record(given.name)
    if given.json:
        said = {**models_page.row_json(row), "card": models_page.card_json(card), "record": record}
        console.line(json.dumps(said))
    else:
        for line in models_page.describe(row, record, columns=min(max(columns(), 60), 100)):
            console.line(line)
    return 0


def _add(arguments: list[str]) -> int:
    """Add a model to the user's own."""
    given = _add_options(arguments)
    console = Console(json_lines=given.json)
    weights = Path(given.file)
    graph = onnx_graph.read(weights)
    metadata, card = _metadata(weights, given.card)
    name = given.name or weights.stem
    user_models.check_name(name, replace=given.replace)
    classes = add_model.class_names(Path(given.labels)) if given.labels else None
    wishes = propose_card.Wishes(
        name=name, family=given.family, head_of=given.head_of, classes=classes
    )
    proposal = propose_card.propose(graph, metadata, wishes)
    for sentence in proposal.said:
        console.notice(f"found: {sentence}")
    for sentence in proposal.assumed:
        console.notice(f"assumed: {sentence}")
    if proposal.assumed and not given.yes:
        ask.agree(console, "what was assumed may be wrong, and make tags wrong", option="--yes")
    accepted = None
    if licences.needs_acceptance(proposal.licence):
        if not given.accept_licence:
            ask.agree(console, licences.terms(proposal.licence), option="--accept-licence")
        accepted = time.strftime("%Y-%m-%d")
    measured = add_model.add(
        weights,
        card,
        proposal,
        accepted=accepted,
        replace=given.replace,
        max_mem_bytes=session.budget_bytes(given.max_mem),
        start_seconds=given.timeout,
    )
    row = models_page.changed(
        models_page.read_row(name, shipped=False), measured=measured, error=None
    )
    if given.json:
        said = {"said": list(proposal.said), "assumed": list(proposal.assumed)}
        console.line(json.dumps({**models_page.row_json(row), "type": "added", **said}))
    else:
        console.line(f"added {name}: {models_page.in_short(row)}")
        console.line(f"hear with it: lean-tag -n --model {name} PATH")
    return 0


def _add_options(arguments: list[str]) -> argparse.Namespace:
    parser = _parser(
        "add",
        "Add a network of your own. A card or Essentia's metadata next to it (FILE.json) is used; "
        "without either, the shape of its input tells the family.",
    )
    add = parser.add_argument
    add("file", metavar="FILE.onnx", help="the network, all weights inside")
    add("card", nargs="?", metavar="CARD.json", help="a card of ours, or Essentia's metadata")
    add("--name", metavar="NAME", help="what to call it (default: as the file)")
    add(
        "--family",
        metavar="NAME",
        help=f"models with the same front-end: {', '.join(family_names())}",
    )
    add("--head-of", metavar="MODEL", help="the model that computes its embeddings")
    add("--labels", metavar="FILE", help="names of its labels, one per line")
    add("--replace", action="store_true", help="replace a model of that name")
    add("--yes", action="store_true", help="accept what was assumed")
    add("--accept-licence", action="store_true", help="agree to the licence; it is recorded")
    return parser.parse_args(arguments)


def _metadata(weights: Path, given: str | None) -> tuple[dict[str, Any] | None, Path | None]:
    """Return the contents of the file next to the weights, and its path."""
    path = Path(given) if given else weights.with_suffix(".json")
    if not given and not os.path.lexists(path):
        return None, None
    data = read_json(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is neither a card nor metadata: it holds no JSON object")
    return data, path


def _get(arguments: list[str]) -> int:
    """Fetch a network that others publish."""
    from lean_tagger.cli.commands import models_get  # late: nothing else may open a connection

    return models_get.run(arguments)


def _remove(arguments: list[str]) -> int:
    """Delete the files of a model, or of all that an entry of `models get` stands for."""
    parser = _parser("remove", "Remove a model of your own.", runs=False)
    parser.add_argument("name", metavar="NAME", help="a model's name, or what `models get` fetched")
    given = parser.parse_args(arguments)
    there = installed_models()
    members = [it for it in downloads.models_of(given.name) if it in there]
    for name in [given.name] if given.name in there else members or [given.name]:
        user_models.remove(name)
        done = {"type": "removed", "name": name}
        Console(json_lines=given.json).line(json.dumps(done) if given.json else f"removed {name}")
    return 0


def _verify(arguments: list[str]) -> int:
    """Run the models that are whole."""
    parser = _parser(
        "verify",
        "Check that models are whole and run: compare each with its SHA-256, then let it listen "
        "to noise in a worker under the budget.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    given = parser.parse_args(arguments)
    console, shipped, code = Console(json_lines=given.json), shipped_models(), 0
    for name in given.names or installed_models():
        row = models_page.read_row(name, shipped=name in shipped)
        if row.error is None:
            row = _measured(row, given)
        if given.json:
            console.line(json.dumps({**models_page.row_json(row), "type": "verified"}))
        elif row.error is None:
            console.line(f"{name}: good, {models_page.in_short(row)}")
        if row.error is not None:
            code = 3
            if not given.json:
                console.error(f"{name}: {row.error}")
    return code


def _test(arguments: list[str]) -> int:
    """Let a model listen to a file, and print what it is most sure of."""
    parser = _parser("test", "Listen to a file and show the strongest labels. Nothing is written.")
    add = parser.add_argument
    add("file", metavar="FILE", help="music")
    add("--model", default=Settings().model, metavar="NAME|PATH", help="default: %(default)s")
    add(
        "--top",
        type=option_types.count,
        default=10,
        metavar="N",
        help="labels (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    console, card = Console(json_lines=given.json), load_card(given.model)
    outcome = measure.hear(
        given.model,
        os.path.abspath(given.file),
        max_mem_bytes=session.budget_bytes(given.max_mem),
        start_seconds=given.timeout,
    )
    heard = outcome if isinstance(outcome, Tagged) else getattr(outcome, "scored", None)
    if heard is None:
        why = outcome.message if isinstance(outcome, Failed) else "it was not heard"
        console.error(f"{given.file}: {why}")
        return 1
    labels = card.labels if given.json else models_page.said(card)
    best = models_page.ranked(labels, heard.scores, top=given.top)
    if given.json:
        said = {"type": "test", "path": given.file, "model": card.name, "windows": heard.windows}
        console.line(json.dumps({**said, "seconds": round(heard.seconds, 3), "labels": best}))
    else:
        for line in models_page.ranking(best):
            console.line(line)
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "list": _list,
    "show": _show,
    "add": _add,
    "get": _get,
    "remove": _remove,
    "verify": _verify,
    "test": _test,
}
