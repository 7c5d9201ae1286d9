"""Walking files and folders, on real trees."""

import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lean_tagger.jobs import Failed, Identity, Job, Skipped
from lean_tagger.run import find_files


@pytest.fixture(autouse=True)
def tree(tmp_path, monkeypatch) -> Path:
    """An empty folder that is also the current one, so that paths stay short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"music")


def paths(*given_paths: str, **options: bool) -> list[str]:
    """Return the jobs' paths; anything else fails the test."""
    found = list(find_files.walk(given_paths, **options))
    assert all(isinstance(item, Job) for item in found), found
    return [item.path for item in found]


def found_job(path: str) -> Job:
    """Return the job that the walk should make of a file of five bytes."""
    info = Path(path).stat()
    return Job(path, 5, Identity(5, info.st_mtime_ns, info.st_ino))


def failures(*given_paths: str) -> list[tuple[str, str]]:
    found = list(find_files.walk(given_paths))
    assert all(isinstance(item, Failed) for item in found), found
    return [(item.path, item.kind) for item in found]


def test_a_folder_is_walked_in_sorted_order_with_sizes():
    put("m/b/2.flac", "m/b/1.mp3", "m/a.ogg", "m/c.opus")
    names = ["m/a.ogg", "m/b/1.mp3", "m/b/2.flac", "m/c.opus"]
    assert list(find_files.walk(["m"])) == [found_job(name) for name in names]


def test_only_audio_extensions_count_in_a_folder_whatever_their_case():
    put("m/1.MP3", "m/2.FlaC", "m/3.mp+", "m/4.m4a", "m/cover.jpg", "m/notes.txt", "m/mp3", "m/x.")
    assert paths("m") == ["m/1.MP3", "m/2.FlaC", "m/3.mp+", "m/4.m4a"]


def test_a_given_file_is_tried_whatever_its_name():
    put("recording", ".hidden.mp3", "a.txt")
    assert paths("recording", ".hidden.mp3", "./a.txt") == ["recording", ".hidden.mp3", "./a.txt"]


def test_storage_cruft_and_hidden_names_are_passed_over():
    put(
        "m/@eaDir/1.mp3",
        "m/#recycle/1.mp3",
        "m/.@__thumb/1.mp3",
        "m/$RECYCLE.BIN/1.mp3",
        "m/._1.mp3",
        "m/.lean-tag-x.mp3",
        "m/.git/1.mp3",
        "m/sub/1.mp3",
    )
    assert paths("m") == ["m/sub/1.mp3"]


def test_a_hidden_folder_that_is_given_is_walked():
    put(".music/1.mp3")
    assert paths(".music") == [".music/1.mp3"]


def test_linked_files_are_taken_and_linked_folders_only_on_request():
    put("other/1.mp3", "album/2.mp3")
    Path("m").mkdir()
    Path("m/1.mp3").symlink_to("../other/1.mp3")
    Path("m/album").symlink_to("../album")
    assert paths("m") == ["m/1.mp3"]
    assert paths("m", follow_symlinks=True) == ["m/1.mp3", "m/album/2.mp3"]


def test_a_linked_folder_that_is_given_is_walked():
    put("album/2.mp3")
    Path("link").symlink_to("album")
    assert paths("link") == ["link/2.mp3"]


def test_loops_of_links_are_walked_once():
    put("m/a/1.mp3")
    Path("m/a/up").symlink_to("..")
    Path("m/self").symlink_to(".")
    Path("m/again").symlink_to("a")
    assert paths("m", follow_symlinks=True) == ["m/a/1.mp3"]


@pytest.mark.slow
def test_a_walk_can_stay_on_one_file_system():
    top, mounted = Path("/dev"), Path("/dev/shm")
    if not mounted.is_dir() or top.stat().st_dev == mounted.stat().st_dev:
        pytest.skip("nothing is mounted there")
    with tempfile.TemporaryDirectory(dir=mounted) as folder:
        song = Path(folder, "1.mp3")
        song.write_bytes(b"x")
        found = [it.path for it in find_files.walk([str(top)])]
        assert str(song) in found
        left = [it.path for it in find_files.walk([str(top)], one_file_system=True)]
        assert not any(it.startswith(str(mounted)) for it in left)
        assert [it.path for it in find_files.walk([folder], one_file_system=True)] == [str(song)]


def test_a_link_to_itself_is_one_clear_failure():
    Path("loop.mp3").symlink_to("loop.mp3")
    assert failures("loop.mp3") == [("loop.mp3", "unreadable")]
    assert failures(".") == [("./loop.mp3", "unreadable")]


def test_the_same_file_given_twice_is_done_once(tree):
    put("m/1.mp3", "m/2.mp3")
    Path("link.mp3").symlink_to("m/1.mp3")
    assert paths("m/1.mp3", "m/../m/1.mp3", str(tree / "m/1.mp3"), "link.mp3") == ["m/1.mp3"]
    assert paths("m", "m/1.mp3", "link.mp3", "m/", ".") == ["m/1.mp3", "m/2.mp3"]
    assert paths("link.mp3", "m") == ["link.mp3", "m/2.mp3"]


def test_a_link_beside_its_target_gives_way_to_it():
    put("m/z.mp3")
    Path("m/a.mp3").symlink_to("z.mp3")
    assert paths("m") == ["m/z.mp3"]


def test_a_link_to_what_a_walk_passes_over_is_taken():
    put("m/.store/1.bin", "m/plain")
    Path("m/1.mp3").symlink_to(".store/1.bin")
    Path("m/2.mp3").symlink_to("plain")
    assert paths("m") == ["m/1.mp3", "m/2.mp3"]


def test_hard_links_are_two_files():
    """Writing one by renaming leaves the other as it was, so both have to be done."""
    put("m/1.mp3")
    Path("m/2.mp3").hardlink_to("m/1.mp3")
    assert paths("m") == ["m/1.mp3", "m/2.mp3"]


def test_a_folder_named_like_a_file_is_a_folder():
    put("m/live.mp3/1.ogg")
    assert paths("m") == ["m/live.mp3/1.ogg"]
    Path("other.mp3").symlink_to("m/live.mp3")
    put("x.ogg")
    assert paths(".") == ["./m/live.mp3/1.ogg", "./x.ogg"]


def test_a_folder_without_music_is_no_failure():
    put("m/cover.jpg")
    Path("empty").mkdir()
    found = list(find_files.walk(["m", "empty"]))
    assert all(isinstance(item, Skipped) for item in found)
    assert [(item.path, item.kind) for item in found] == [("m", "no-music"), ("empty", "no-music")]
    assert next(find_files.walk(["m"])).message == "no music files in this folder"


def test_a_folder_of_linked_folders_says_how_to_follow_them():
    put("other/1.mp3")
    Path("m").mkdir()
    Path("m/other").symlink_to("../other")
    (failed,) = find_files.walk(["m"])
    assert failed.kind == "no-music"
    assert "--follow-symlinks" in failed.message


def test_missing_empty_and_broken_are_told_apart():
    Path("m").mkdir()
    Path("m/empty.mp3").touch()
    Path("m/broken.mp3").symlink_to("nowhere")
    Path("m/ignored.txt").symlink_to("nowhere")
    assert failures("gone.mp3", "m/empty.mp3/x") == [
        ("gone.mp3", "missing"),
        ("m/empty.mp3/x", "missing"),
    ]
    assert failures("m") == [("m/broken.mp3", "not-a-file"), ("m/empty.mp3", "empty")]
    assert failures("m/broken.mp3") == [("m/broken.mp3", "not-a-file")]


def test_pipes_sockets_and_devices_are_not_opened():
    os.mkfifo("pipe.mp3")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp3")
        assert failures(".", "/dev/null") == [
            ("./pipe.mp3", "not-a-file"),
            ("./socket.mp3", "not-a-file"),
            ("/dev/null", "not-a-file"),
        ]


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "\ud800"])
def test_impossible_paths_are_failures(path):
    (failed,) = find_files.walk([path])
    assert isinstance(failed, Failed)
    assert failed.kind in {"missing", "unreadable"}


def test_an_unreadable_folder_is_a_failure_and_the_walk_goes_on():
    put("m/a/1.mp3", "m/b/2.mp3")
    Path("m/a").chmod(0)
    os.chmod(".", 0o755)
    as_root = os.geteuid() == 0
    if as_root:  # whom permission bits do not stop
        os.seteuid(65534)
    try:
        found = list(find_files.walk(["m"]))
    finally:
        if as_root:
            os.seteuid(0)
        Path("m/a").chmod(0o755)
    assert [type(item) for item in found] == [Failed, Job]
    assert (found[0].path, found[0].kind) == ("m/a", "unreadable")
    assert found[0].message == "cannot list this folder: Permission denied"


def test_a_tree_deeper_than_the_longest_path_ends_in_a_failure():
    put("m/1.mp3")
    home = Path.cwd()
    os.chdir("m")
    for _ in range(24):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    os.chdir(home)
    found = list(find_files.walk(["m"]))
    assert (found[0].path, found[0].size_bytes) == ("m/1.mp3", 5)
    assert [item.kind for item in found[1:]] == ["unreadable"]


def test_a_tree_deeper_than_the_recursion_limit_is_walked():
    depth = 300
    deep = "m/" + "d/" * depth + "1.mp3"
    put(deep)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        found = list(find_files.walk(["m"]))
    finally:
        sys.setrecursionlimit(limit)
    assert [(it.path, it.size_bytes) for it in found] == [(deep, 5)]


def test_a_name_that_is_no_unicode_keeps_its_bytes():
    with open(b"caf\xe9.mp3", "wb") as file:
        file.write(b"music")
    (path,) = paths(".")
    assert os.fsencode(path) == b"./caf\xe9.mp3"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(st.binary(min_size=1, max_size=20), max_size=5))
def test_any_names_are_found_exactly_once(tmp_path_factory, names):
    folder = os.fsencode(tmp_path_factory.mktemp("names"))
    made = set()
    for name in names:
        file = os.path.join(folder, name.translate(None, b"\0/") + b".mp3")
        with open(file, "wb") as out:
            out.write(b"music")
        if not os.path.basename(file).startswith(b"."):
            made.add(file)
    found = list(find_files.walk([os.fsdecode(folder)]))
    if made:
        assert sorted(os.fsencode(item.path) for item in found) == sorted(made)
    else:
        assert [item.kind for item in found] == ["no-music"]


def test_the_walk_looks_no_further_than_it_is_asked():
    put("a/1.mp3", "b/2.mp3")
    walking = find_files.walk(["a", "b"])
    assert next(walking) == found_job("a/1.mp3")
    put("b/1.mp3")
    assert [item.path for item in walking] == ["b/1.mp3", "b/2.mp3"]
