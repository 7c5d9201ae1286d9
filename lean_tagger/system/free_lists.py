"""Keep CPython's free lists short in a loop over a whole library.

CPython keeps up to 2,000 dead tuples of each length up to 20 for later use. A tuple made from a
generator is put into these lists but never taken from them, so they fill up: 3 MiB in a supervisor
after 30,000 files. Only a full collection empties them, and without garbage there is none.
"""

import gc
from collections.abc import Iterable, Iterator
from typing import TypeVar

_EVERY = 512
"""Items between two collections, which take about 8 ms each."""

_Item = TypeVar("_Item")


def emptied(items: Iterable[_Item]) -> Iterator[_Item]:
    """Pass items on, and empty the free lists now and then."""
    for number, item in enumerate(items, 1):
        yield item
        if number % _EVERY == 0:
            gc.collect()
