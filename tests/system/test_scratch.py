"""What is listed on the disk is as it would be in memory."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from lean_tagger.system.scratch import CACHE_KIB, LongSet


@settings(deadline=None)
@given(st.lists(st.binary(max_size=3)), st.lists(st.binary(max_size=3)))
def test_a_long_set_is_a_set(members, asked):
    listed = LongSet()
    for member in members:
        listed.add(member)
    for member in [*members, *asked]:
        assert (member in listed) == (member in set(members))
    for member in asked:
        listed.discard(member)
    for member in [*members, *asked]:
        assert (member in listed) == (member in set(members) - set(asked))


def test_what_outgrows_the_cache_is_still_there():
    listed, count = LongSet(), CACHE_KIB * 1024 // 50
    for number in range(count):
        listed.add(b"%0100d" % number)
    assert all(b"%0100d" % number in listed for number in range(0, count, 7))
    assert b"%0100d" % count not in listed


def test_a_set_may_be_gone_through_in_another_thread():
    listed, found = LongSet(), []
    listed.add(b"one")
    thread = threading.Thread(target=lambda: found.append(b"one" in listed))
    thread.start()
    thread.join()
    assert found == [True]
