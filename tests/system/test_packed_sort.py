"""Names are sorted without being kept as objects."""

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from lean_tagger.system import packed_sort
from lean_tagger.system.packed_sort import PackedSort

names = st.lists(st.binary(max_size=30).map(lambda name: name.replace(b"\0", b"")), max_size=60)


@given(names, st.integers(1, 7))
@settings(max_examples=200)
def test_names_come_in_order_as_often_as_they_were_given(given_names, block):
    before, packed_sort.BLOCK = packed_sort.BLOCK, block
    try:
        assert list(PackedSort(iter(given_names))) == sorted(given_names)
    finally:
        packed_sort.BLOCK = before


def test_they_can_be_gone_through_twice_at_the_same_time():
    backwards = [b"%06d" % number for number in reversed(range(3 * packed_sort.BLOCK + 1))]
    both = PackedSort(backwards)
    assert list(zip(both, both, strict=True)) == [(name, name) for name in reversed(backwards)]


def test_a_name_takes_a_few_bytes():
    count = 20 * packed_sort.BLOCK
    tracemalloc.start()
    try:
        kept = PackedSort(b"%06d - A Song of Some Length.mp3" % n for n in range(count))
        assert sum(1 for _ in kept) == count
        assert tracemalloc.get_traced_memory()[1] < 15 * count
    finally:
        tracemalloc.stop()
