"""``lean-tag service``: units for systemd, printed or installed."""

import argparse
import os
import pwd
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lean_tagger.cli import given_paths, options, session
from lean_tagger.cli.commands import tag
from lean_tagger.cli.console import Console
from lean_tagger.cli.notifying import players_of
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.system import folders
from lean_tagger.system.memory import format_size

if TYPE_CHECKING:
    from lean_tagger.always import units

_DESCRIPTION = """\
Make units for systemd: lean-tag-watch.service, which tags music as it arrives, and lean-tag.timer,
which tags what is new every night. Nothing is enabled; the last lines say how. Takes the
options of lean-tag PATH; see lean-tag --help."""

_SYSTEM_FOLDER = "/etc/systemd/system"


def run(arguments: list[str], _: Stop) -> int:
    """Print or install the units."""
    own, rest = _parse(arguments)
    given = tag.parse(rest)
    given_paths.require(given.paths)
    paths = [os.path.abspath(path) for path in given.paths]
    for path in paths:
        if not os.path.isdir(path):
            raise ConfigError(f"only a folder can be watched; {path} is not one")
    from lean_tagger.always import units  # late: --help has no use for it

    service = _service(own, given, _without_paths(rest, given.paths), paths)
    texts = units.units(service)
    console = Console()
    if not own.install:
        for name, text in texts.items():
            console.line(f"# {name}")
            for line in text.splitlines():
                console.line(line)
        return 0
    _install(texts, own.system, service.writable, console)
    return 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = options.Parser(
        prog="lean-tag service",
        usage="lean-tag service --print|--install [--system] [OPTIONS] PATH...",
        description=_DESCRIPTION,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--print", action="store_true", help="print the units")
    what.add_argument("--install", action="store_true", help="write them to where systemd looks")
    parser.add_argument(
        "--system",
        action="store_true",
        help="for the whole machine, from boot on (default: for you, from login on)",
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="with --system: run as this user (default: the owner of the first PATH)",
    )
    split = arguments.index("--") if "--" in arguments else len(arguments)
    own, rest = parser.parse_known_args(arguments[:split])
    if own.user is not None and not own.system:
        parser.error("--user goes with --system; without, the units are yours")
    return own, rest + arguments[split:]


def _without_paths(rest: list[str], paths: list[str]) -> list[str]:
    """Return the options alone; which arguments are paths is known."""
    left = list(rest)
    for path in reversed(paths):  # paths come last where they could be taken for a value
        at = len(left) - 1 - left[::-1].index(path)
        del left[at]
    return [it for it in left if it != "--"]


def _service(
    own: argparse.Namespace, given: argparse.Namespace, chosen: list[str], paths: list[str]
) -> "units.Service":
    """Return what the units should say.

    Raises
    ------
    ConfigError
        An option makes no sense in a unit.
    """
    from lean_tagger.always import units

    for name, value in (("--until", given.until), ("--only-in", given.only_in)):
        if value is not None:
            raise ConfigError(f"lean-tag service takes no {name}")
    players_of([it for it in given.notify if "://" in it])  # others are set up where the unit runs
    budget = session.budget_bytes(given.max_mem)
    if given.max_mem is None:
        chosen = ["--max-mem", format_size(budget).replace(" ", ""), *chosen]
    if own.system:
        environment = {"XDG_STATE_HOME": "/var/lib", "XDG_CACHE_HOME": "/var/cache"}
        writable: list[str] = []  # systemd makes them, as StateDirectory
    else:
        environment = {}
        writable = [str(folders.state()), str(folders.cache())]
    if given.state:
        writable.append(os.path.dirname(os.path.abspath(given.state)))
    return units.Service(
        program=_program(),
        options=chosen,
        paths=paths,
        budget_bytes=budget,
        writable=writable,
        environment=environment,
        system=own.system,
        user=(own.user or _owner(paths[0])) if own.system else "",
        network=bool(given.notify),
    )


def _program() -> list[str]:
    """Return how to start lean-tag: by the script next to this Python, or as a module."""
    installed = os.path.join(os.path.dirname(sys.executable), "lean-tag")
    script = installed if os.access(installed, os.X_OK) else shutil.which("lean-tag")
    return [os.path.abspath(script)] if script else [sys.executable, "-P", "-m", "lean_tagger"]


def _owner(path: str) -> str:
    number = os.stat(path).st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _install(
    texts: dict[str, str], system: bool, writable: Sequence[str], console: Console
) -> None:
    folder = Path(_SYSTEM_FOLDER) if system else folders.config().parent / "systemd/user"
    try:
        for needed in writable:  # systemd needs these folders to exist
            os.makedirs(needed, mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
            console.line(f"wrote {folder / name}")
    except OSError as error:
        hint = "; --system needs root" if system else ""
        raise StateError(f"cannot write {error.filename}: {error.strerror}{hint}") from error
    control = "systemctl" if system else "systemctl --user"
    console.line(f"{control} daemon-reload")
    console.line(f"{control} enable --now lean-tag-watch.service   # as it arrives, or:")
    console.line(f"{control} enable --now lean-tag.timer           # every night")
    if not system:
        console.line(
            "loginctl enable-linger                          # also while you are logged out"
        )
