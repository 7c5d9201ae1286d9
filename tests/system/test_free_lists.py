"""Free lists stay short in a long loop."""

import gc
import sys
from collections.abc import Iterable

from lean_tagger.system.free_lists import emptied

ITEMS = 1600


def more_blocks_after(numbers: Iterable[int]) -> int:
    """Return by how many blocks a loop grows that makes a tuple from a generator each time."""
    gc.collect()
    before = sys.getallocatedblocks()
    for number in numbers:
        tuple(number + i for i in range(12))
    return sys.getallocatedblocks() - before


def test_every_item_passes_in_order() -> None:
    assert list(emptied(range(ITEMS))) == list(range(ITEMS))


def test_a_long_loop_leaves_few_dead_tuples() -> None:
    assert more_blocks_after(emptied(range(ITEMS))) < ITEMS // 2
