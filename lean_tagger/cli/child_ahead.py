"""A child that loads numpy while the command itself is still loading.

That halves the time of a short answer where there are two cores.
"""

import contextlib
from collections.abc import Iterator, Sequence

from lean_tagger.run.calculation import Child

_NOTHING_TO_ASK = {"-h", "--help", "-V", "--version"}


@contextlib.contextmanager
def child_ahead(arguments: Sequence[str], module: str) -> Iterator[Child | None]:
    """Yield a child that loads a module, and end it.

    None if there will be no query, or if a budget was given: one that is too small is refused
    before there is a child.
    """
    budget = any(it.startswith("--max-mem") for it in arguments)
    if budget or not arguments or _NOTHING_TO_ASK & set(arguments):
        yield None
        return
    with Child(module) as child:
        yield child
