"""``lean-tag similar`` and ``path``: tracks that sound like a song, or lead from one to another."""

from lean_tagger.cli.child_ahead import child_ahead
from lean_tagger.cli.signals import Stop

_MODULE = "lean_tagger.library.arithmetic.similar"


def run(arguments: list[str], stop: Stop) -> int:
    """List the tracks that are most alike."""
    with child_ahead(arguments, _MODULE) as child:
        from lean_tagger.cli import nearest  # late: the child works at the same time

        return nearest.similar(arguments, stop, child)


def path(arguments: list[str], stop: Stop) -> int:
    """List tracks that lead from one song to another."""
    with child_ahead(arguments, _MODULE) as child:
        from lean_tagger.cli import nearest  # late: the child works at the same time

        return nearest.path(arguments, stop, child)
