"""``lean-tag rules``: start a rules file, or check one."""

from pathlib import Path

from lean_tagger import rules
from lean_tagger.card import load_card
from lean_tagger.cli import options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.settings import Settings


def run(arguments: list[str], _: Stop) -> int:
    """Write a commented rules file, or check one."""
    parser = options.Parser(
        prog="lean-tag rules",
        description="Your own vocabulary: what labels are called, and which of them are written.",
    )
    add = parser.add_argument
    add("paths", nargs="?", metavar="FILE", help=f"default: {_default_path()}")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--init", action="store_true", help="write a commented file to start from")
    what.add_argument("--check", action="store_true", help="say what is wrong, line by line")
    add("--model", default=Settings().model, metavar="NAME|PATH", help="the model that it is for")
    given = parser.parse_args(arguments)
    path = Path(given.paths) if given.paths else session.rules_path()
    return _init(path) if given.init else _check(path, given.model)


def _default_path() -> str:
    try:
        return str(session.rules_path())
    except ConfigError:
        return "none, without a home folder"


def _init(path: Path) -> int:
    console = Console()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(rules.template())
    except FileExistsError:
        console.error(f"{path} already exists; it was left as it is")
        return 2
    except OSError as error:
        console.error(f"cannot write {path}: {error.strerror}")
        return 5
    console.line(f"wrote {path}; edit it, then: lean-tag rules --check, lean-tag retag -n")
    return 0


def _check(path: Path, model: str) -> int:
    console = Console()
    complaints = rules.check(str(path))
    if complaints:
        console.error(*complaints)
        if len(complaints) > 1:
            console.error(f"{path}: {len(complaints)} mistakes")
        return 2
    warnings = rules.strangers(rules.load(str(path)), load_card(model).labels)
    for warning in warnings:
        console.notice(f"{path}: {warning}")
    nothing = "nothing wrong"
    console.line(f"{path}: {_counted(len(warnings), 'warning') if warnings else nothing}")
    return 0


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
