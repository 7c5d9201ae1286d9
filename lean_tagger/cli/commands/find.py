"""``lean-tag find QUERY``: the tracks on record that match."""

from lean_tagger.cli.child_ahead import child_ahead
from lean_tagger.cli.signals import Stop


def run(arguments: list[str], stop: Stop) -> int:
    """List the tracks that a query describes."""
    with child_ahead(arguments, "lean_tagger.library.arithmetic.search") as child:
        from lean_tagger.cli import finding  # late: the child works at the same time

        return finding.find(arguments, stop, child)
