"""``lean-tag help [COMMAND]`` and ``lean-tag version``, for people who try words first."""

from lean_tagger.cli import main, options
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop


def run(arguments: list[str], _: Stop) -> int:
    """Show what ``lean-tag COMMAND --help`` shows."""
    return main.main([*arguments[:1], "--help"])


def version(_: list[str], __: Stop) -> int:
    """Show what ``lean-tag --version`` shows."""
    Console().line(options.VERSION)
    return 0
