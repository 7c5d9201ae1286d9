"""Ask the user, where there is one."""

import sys

from lean_tagger.cli.console import Console
from lean_tagger.errors import ConfigError


def somebody_is_there() -> bool:
    """Tell whether somebody can see a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agree(
    console: Console, what: str, *, option: str, otherwise: str = "nothing was added"
) -> None:
    """Ask the user to agree, if there is one.

    Raises
    ------
    ConfigError
        Nobody is there, or the user does not agree.
    """
    if not somebody_is_there():
        raise ConfigError(f"{what}; to agree, add {option}")
    console.notice(f"{what}; agree? [y/N]")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfigError(otherwise)
