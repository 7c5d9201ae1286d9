"""``lean-tag eval``: how right a model is, from what is on record."""

import json
import os
from collections.abc import Iterator
from typing import Any

from lean_tagger.cli import option_types, options, own_genres, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.genres_page import percent, table
from lean_tagger.cli.signals import Stop
from lean_tagger.decide.decider import ask
from lean_tagger.errors import ConfigError
from lean_tagger.genres.request import EvalRequest
from lean_tagger.rules import FIELDS
from lean_tagger.settings import Settings

_FUNCTION = "lean_tagger.genres.arithmetic.evaluate:evaluate"

_ABOUT = """\
Compare a model's scores on record with your own tags, or with an annotations file: MagnaTagATune's,
MTG-Jamendo's, or a table with path and label."""
_MODEL = f"the model to measure (default: {','.join(Settings().models)})"
_EXAMPLES = """\
examples:
  lean-tag eval ~/Music                       the default model against your own genres
  lean-tag eval --model my-genres ~/Music     a model that you learnt, also on what it learnt from
  lean-tag -n --model mtt-musicnn mtt/d       MagnaTagATune: hear it, then
  lean-tag eval --model mtt-musicnn --annotations mtt/annotations_final.csv mtt/d
"""


def run(arguments: list[str], _: Stop) -> int:
    """Print how right a model is."""
    given = own_genres.parse(arguments, "eval", _ABOUT, _options, examples=_EXAMPLES, model=_MODEL)
    console = Console(json_lines=given.json, quiet=given.quiet)
    names = tuple(given.model or Settings().models)
    if len(names) > 1:
        raise ConfigError("one model is measured at a time; give one --model")
    (asked,) = ask(names, pool=given.pool, hop_seconds=given.hop_seconds)
    request = EvalRequest(
        journal=str(session.state_path(given)),
        under=own_genres.there(given.paths),
        asked=asked,
        field=given.field or "genre",
        annotations=os.path.abspath(given.annotations) if given.annotations else "",
        junk=session.load_rules(given.rules).junk,
    )
    max_mem_bytes = session.budget_bytes(given.max_mem)
    report = own_genres.calculate(_FUNCTION, request, max_mem_bytes=max_mem_bytes)
    for line in [json.dumps(report)] if given.json else _lines(report):
        console.line(line)
    return 0


def _options(parser: options.Parser) -> None:
    add = parser.add_argument
    add("--annotations", metavar="FILE", help="the right labels (default: the files' own tags)")
    add("--field", choices=FIELDS, metavar="NAME", help=f"{' or '.join(FIELDS)} (default: genre)")
    add("--pool", choices=("logit-mean", "prob-mean", "max"), metavar="HOW", help="as in that run")
    add("--hop-seconds", type=option_types.seconds, metavar="S", help="as in that run")


def _lines(report: dict[str, Any]) -> Iterator[str]:
    macro, counts = report["macro"], report["counts"]
    yield (
        f"{report['model']}: {report['tracks']} tracks, {len(report['labels'])} labels; mean "
        f"ROC-AUC {_number(macro['roc_auc'])}, PR-AUC {_number(macro['pr_auc'])}; the best label "
        f"is right for {percent(report['accuracy'])}"
    )
    left = {
        "not heard by it": counts["unheard"],
        "not there": counts["missing"],
        "empty": counts["empty"],
        "without a label that it has": counts["unlabelled"],
    }
    if any(left.values()):
        yield "left out: " + ", ".join(f"{n} {what}" for what, n in left.items() if n)
    yield ""
    yield from table(
        ("label", "tracks", "ROC-AUC", "PR-AUC"),
        [
            (it["label"], str(it["tracks"]), _number(it["roc_auc"]), _number(it["pr_auc"]))
            for it in sorted(report["labels"], key=lambda it: -it["tracks"])
        ],
    )
    if report["curve"]:
        yield ""
        points = (
            f"{percent(it['precision'])} of {percent(it['coverage'])}" for it in report["curve"]
        )
        yield f"right, of the surest: {', '.join(points)}"
    if report["confusion"]:
        pairs = (
            f"{it['label']} as {it['taken_for']} ({it['n']})" for it in report["confusion"][:5]
        )
        yield f"mistaken most often: {', '.join(pairs)}"


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"
