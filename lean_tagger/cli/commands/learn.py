"""``lean-tag learn``: your own genres, from the part of the library that has them."""

import argparse
import contextlib
import json
import sys
from typing import Any

from lean_tagger.catalogue import learnt_model, user_models
from lean_tagger.cli import option_types, options, own_genres, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.genres_page import learnt_lines
from lean_tagger.cli.signals import Stop

_FUNCTION = "lean_tagger.genres.arithmetic.fit:learn"

_ABOUT = """\
Learn your own genres from what you have tagged, and say how right they are for artists that were
left out of the learning. No music file is changed."""
_EXAMPLES = """\
examples:
  lean-tag -n --model standard ~/Music     hear it once; nothing is written
  lean-tag learn ~/Music                   how right would your genres be? makes my-genres
  lean-tag retag -n --model my-genres      what would be written
  lean-tag learn --from folders ~/Music    each folder in ~/Music is a class
  lean-tag learn --from jazz.m3u --from rock.m3u
  lean-tag learn --update                  again, with your corrections
"""


def run(arguments: list[str], stop: Stop) -> int:
    """Learn, print how right it is, and save the model."""
    given = own_genres.parse(arguments, "learn", _ABOUT, _options, examples=_EXAMPLES)
    how = _how(given)
    console = Console(json_lines=given.json, quiet=given.quiet)
    max_mem_bytes = session.budget_bytes(given.max_mem)
    name = given.name or how.get("name") or f"my-{how['field']}s"
    if not given.dry_run:
        user_models.check_name(name, replace=bool(given.replace or given.update))
    request = own_genres.request(given, how)
    report = own_genres.calculate(_FUNCTION, request, max_mem_bytes=max_mem_bytes)
    if report["counts"]["unheard"] and _wants_hearing(given, report["counts"]["unheard"], console):
        own_genres.hear(how, given, stop)
        report = own_genres.calculate(_FUNCTION, request, max_mem_bytes=max_mem_bytes)
    if not given.dry_run:
        learnt_model.save(name, report, {**how, "name": name}, replace=True)
    said = {key: value for key, value in report.items() if key not in {"head", "labels"}}
    if given.json:
        console.line(json.dumps({**said, "name": None if given.dry_run else name}))
        return 0
    for line in learnt_lines(said):
        console.line(line)
    if given.dry_run:
        console.line("nothing was saved")
    else:
        console.line(f"saved as {name}; see what it would write: lean-tag retag -n --model {name}")
    return 0


def _options(parser: options.Parser) -> None:
    add = parser.add_argument
    add("-n", "--dry-run", action="store_true", help="say how right it would be, save nothing")
    add("--name", metavar="NAME", help="the model's name (default: my-genres, my-moods)")
    add("--update", action="store_true", help="learn your model again, with the settings it had")
    add("--replace", action="store_true", help="replace a model of that name")
    own_genres.add_source(parser)
    add(
        "--precision",
        type=option_types.share,
        metavar="P",
        help="lowest share of right values among those written (default: 0.8)",
    )
    add(
        "--inherit",
        action="store_true",
        default=None,
        help="where 9 of 10 tracks of an artist or album have one by hand, give it to the rest",
    )
    add("--listen", action="store_true", help="first listen to files that were not heard yet")


def _how(given: argparse.Namespace) -> dict[str, Any]:
    """Return how to learn: by the options, else as before with `--update`, else as usual."""
    said = own_genres.how(given) | {"precision": given.precision, "inherit": given.inherit}
    usual = own_genres.USUAL | {"precision": 0.8, "inherit": False, "name": given.name}
    if given.update:
        usual |= learnt_model.how_learnt(given.name or f"my-{given.field or 'genre'}s")
    return usual | {key: value for key, value in said.items() if value}


def _wants_hearing(given: argparse.Namespace, count: int, console: Console) -> bool:
    """Return whether to hear first what was not heard; ask, if a user is at the terminal."""
    if given.listen:
        return True
    text = f"{count} of these files have no embedding on record, and nothing is learnt from them"
    if given.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        console.notice(f"{text}; --listen hears them first")
        return False
    console.notice(f"{text}; hear them first? [y/N]")
    with contextlib.suppress(OSError):
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False
