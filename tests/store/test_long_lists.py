"""Lists of files in order, however long they are and whatever the files are called."""

import os
from itertools import repeat, zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lean_tagger.errors import StateError
from lean_tagger.store.long_lists import AlbumList, FolderFiles

names = st.binary(min_size=1, max_size=6).filter(lambda it: b"\0" not in it).map(os.fsdecode)
keys = st.none() | st.tuples(names) | st.tuples(names, st.sampled_from(["", "One"]))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(names, keys)), st.lists(st.tuples(names, keys)))
def test_files_come_by_album_in_the_order_in_which_they_were_added(files, voters):
    """Albums, too: each where its first file came. Voters come only where there is an album."""
    listed, expected = AlbumList(), {}
    for number, (path, key) in enumerate(files):
        listed.add(path, key)
        expected.setdefault(number if key is None else key, ([], []))[0].append(path)
    for path, key in voters:
        listed.add_voter(path, key)
        if key in expected:
            expected[key][1].append(path)
    for album, (undecided, voting) in zip_longest(listed, expected.values()):
        assert list(album) == [*undecided, *voting]
        assert list(album.undecided()) == undecided
        assert len(album) == len(undecided) + len(voting)
    listed.clear()
    assert list(listed) == []


def test_an_album_can_be_gone_through_twice_at_the_same_time():
    listed = AlbumList()
    for number in range(5):
        listed.add(str(number), ("one",))
    (album,) = listed
    assert list(zip(album, album, strict=True)) == [(str(n), str(n)) for n in range(5)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), names, st.booleans())))
def test_a_file_of_a_folder_is_undecided_once_it_was_said(said):
    files = FolderFiles()
    for folder, path, undecided in said:
        files.put(folder, path, undecided=undecided)
    files.forget(2)
    for folder in range(3):
        undecided = {path for it, path, yes in said if it == folder != 2 and yes}
        others = {path for it, path, _ in said if it == folder != 2} - undecided
        assert list(files.of(folder, undecided=True)) == sorted(undecided, key=os.fsencode)
        assert list(files.of(folder, undecided=False)) == sorted(others, key=os.fsencode)


def test_no_room_for_a_list_is_one_sentence():
    listed = AlbumList()
    listed.change("PRAGMA max_page_count = 8")
    paths = (f"/music/{number}.mp3" for number in range(10_000))
    with pytest.raises(StateError, match=r"cannot keep a list of files: .*full; set TMPDIR"):
        list(map(listed.add, paths, repeat(("one",))))
    assert next(paths, None), "all were listed"
