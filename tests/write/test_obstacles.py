"""What stands in the way of writing is told before a file is heard, and by a dry run too."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import disks
import pytest
import tinymodel
from audiofiles import make
from command import Run
from somebody import open_folder, somebody

from lean_tagger import write
from lean_tagger.errors import NoRoomError
from lean_tagger.settings import WriteSettings
from lean_tagger.system import mounts, obstacles

ME = 4322


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinymodel.make(tmp_path_factory.mktemp("model"))


@pytest.fixture
def top() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def marked(path: Path) -> None:
    path.chmod(0o444)


def linked(path: Path) -> None:
    path.with_name("other name").hardlink_to(path)


def closed(path: Path) -> None:
    os.chown(path, ME, ME)
    path.parent.chmod(0o755)


def not_mine(path: Path) -> None:
    path.chmod(0o644)


def mine_but_not_for_me(path: Path) -> None:
    os.chown(path, ME, ME)
    path.chmod(0o464)


OBSTACLES = {
    marked: ("read-only", "chmod u+w"),
    linked: ("hard-linked", "--hardlinks"),
    closed: ("no-permission", "folder"),
    not_mine: ("no-permission", "somebody else, user 0"),
    mine_but_not_for_me: ("no-permission", "chmod u+w"),
}


def test_it_is_told_before_listening_and_by_a_dry_run(top: Path, model: Path) -> None:
    me = somebody(ME)
    told = {f"{place.__name__}.ogg": expected for place, expected in OBSTACLES.items()}
    files = []
    for number, place in enumerate(OBSTACLES, start=1):
        music = top / place.__name__
        music.mkdir()
        # No two sound the same: what is known of one would be known of all.
        path = make(music / f"{place.__name__}.ogg", "ogg", 0.5 + number / 10)
        path.chmod(0o666)
        music.chmod(0o777)
        place(path)
        files.append(path)
    content = {path: path.read_bytes() for path in files}
    there = {path.parent: set(path.parent.iterdir()) for path in files}
    options = ("--min-score", "0", "--model", model, "--state", top / "journal", *files)
    run = Run(*options, under=me)
    assert run.statuses() == dict.fromkeys(told, "skipped")
    for name, (kind, word) in told.items():
        assert run.error(name)[0] == kind
        assert word in run.error(name)[1]
        assert run.results[name]["windows"] == 0  # nothing was heard for nothing
    errors = {name: run.error(name) for name in told}
    dry = Run(*options, "-n", under=me)
    assert dry.statuses() == dict.fromkeys(told, "skipped")
    assert {name: dry.error(name) for name in told} == errors
    assert all(it["scores"] for it in dry.results.values())  # a dry run is all for them
    for again in (Run(*options, "-n", under=me), Run(*options, under=me)):
        assert all(it["known"] for it in again.results.values())  # and they are kept
        assert {name: again.error(name) for name in told} == errors
    assert {path: path.read_bytes() for path in files} == content
    assert {folder: set(folder.iterdir()) for folder in there} == there


@pytest.mark.slow
def test_once_it_is_gone_the_file_is_tagged_without_being_asked_for_again(
    model: Path, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.flac", "flac", 0.6)
    marked(path)
    options = ("--min-score", "0", "--model", model, path)
    assert Run(*options).statuses() == {"a.flac": "skipped"}
    path.chmod(0o644)
    assert Run(*options).statuses() == {"a.flac": "tagged"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")
def test_a_file_that_another_program_writes_is_left_to_it(model: Path, tmp_path: Path) -> None:
    """Otherwise the other program would go on writing into a file without a name."""
    path = make(tmp_path / "a.flac", "flac", 0.6)
    whole = path.read_bytes()
    options = ("--min-score", "0", "--model", model, path)
    with path.open("r+b"):
        for dry in ((), ("-n",)):
            run = Run(*options, *dry)
            assert run.statuses() == {"a.flac": "skipped"}
            assert run.error("a.flac")[0] == "being-written"
    assert path.read_bytes() == whole
    assert Run(*options).statuses() == {"a.flac": "tagged"}


def test_a_file_that_needs_no_writing_has_no_obstacle(model: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac", "flac", 0.6)
    options = ("--min-score", "0", "--model", model, path)
    assert Run(*options).statuses() == {"a.flac": "tagged"}
    marked(path)
    assert Run(*options).statuses() == {"a.flac": "unchanged"}
    assert Run(*options, "-n").statuses() == {"a.flac": "unchanged"}


@pytest.mark.slow
def test_an_album_hears_its_protected_tracks_and_tells_of_each_once(
    model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in (1, 2):
        make(folder / f"{number}.flac", "flac", 0.5 + number / 10)
    marked(folder / "2.flac")
    run = Run("--min-score", "0", "--model", model, "--album-genre", folder)
    assert run.statuses() == {"1.flac": "tagged", "2.flac": "skipped"}
    assert run.summary["files"] == 2
    assert run.results["2.flac"]["scores"]


@pytest.mark.slow
def test_undo_says_what_stands_in_its_way(model: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac", "flac", 0.6)
    assert Run("--min-score", "0", "--model", model, path).statuses() == {"a.flac": "tagged"}
    marked(path)
    content = path.read_bytes()
    for options in (("-n",), ()):
        undone = Run("undo", *options)
        assert undone.statuses() == {"a.flac": "failed"}
        assert undone.error("a.flac")[0] == "read-only"
    assert path.read_bytes() == content


def test_a_protected_folder_is_told_as_that(tmp_path: Path) -> None:
    disks.have("mkfs.ext4", "chattr")
    image = disks.ext4(tmp_path / "image")
    with disks.mounted("-o", "loop", image, at=tmp_path / "disk", may_skip=True) as disk:
        path = make(disk / "a.flac", "flac", 0.6)
        for flag, what in (("i", disk), ("a", disk), ("a", path)):
            subprocess.run(["chattr", f"+{flag}", what], check=True)
            found = write.obstacle(str(path))
            subprocess.run(["chattr", f"-{flag}", what], check=True)
            assert found is not None
            assert found.kind == "read-only"
            assert ("folder" in found.message) == (what == disk)
        assert write.obstacle(str(path)) is None


# Room


@pytest.mark.slow
def test_a_disk_without_room_for_a_copy_is_told_before_listening(
    model: Path, tmp_path: Path
) -> None:
    disks.have()
    how = ("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    with disks.mounted(*how, at=tmp_path / "disk", may_skip=True) as disk:
        path = make(disk / "a.wav", "wav", 4)
        options = ("--min-score", "0", "--model", model, path)
        dry = Run(*options, "-n")
        assert dry.statuses() == {"a.wav": "skipped"}
        assert dry.error("a.wav")[0] == "no-room"
        run = Run(*options)
        assert run.code == 5
        assert "the disk is full" in run.said
        assert run.results == {}
        assert [it.name for it in disk.iterdir()] == ["a.wav"]


def test_what_may_share_its_blocks_is_not_refused_for_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks.have()
    how = ("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    with disks.mounted(*how, at=tmp_path / "disk", may_skip=True) as disk:
        path = make(disk / "a.wav", "wav", 4)
        with pytest.raises(NoRoomError):
            obstacles.refuse_without_room(str(path))
        for kind in ("btrfs", "zfs", "fuse.mergerfs", "nfs4"):
            table = [mounts.Mount(str(disk), kind, read_only=False)]
            monkeypatch.setattr(mounts, "table", lambda table=table: table)
            obstacles.refuse_without_room(str(path))
        sparse = disk / "b.wav"
        with sparse.open("wb") as file:
            file.truncate(1 << 40)
        obstacles.refuse_without_room(str(sparse))


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        *((it, True) for it in ("ext4", "btrfs", "nfs4", "xfs", "zfs", "fuse.mergerfs")),
        *((it, False) for it in ("vfat", "cifs", "fuseblk", "fuse.sshfs", "9p", "ntfs3")),
    ],
)
def test_where_files_may_all_have_one_owner_only_the_write_can_tell(kind: str, keeps: bool) -> None:
    assert mounts.Mount("/", kind, read_only=False).keeps_owners == keeps


@pytest.mark.parametrize("hardlinks", ["skip", "break", "in-place"])
def test_a_plain_file_of_ours_has_no_obstacle(tmp_path: Path, hardlinks: str) -> None:
    path = make(tmp_path / "a.flac", "flac")
    assert write.obstacle(str(path), WriteSettings(hardlinks=hardlinks)) is None
    assert [it.name for it in tmp_path.iterdir()] == ["a.flac"]


def test_several_names_are_an_obstacle_as_far_as_was_asked_for(tmp_path: Path) -> None:
    roomy, full = make(tmp_path / "a.flac", "flac"), make(tmp_path / "b.ogg", "ogg")
    for path in (roomy, full):
        path.with_name(f"{path.name}.other").hardlink_to(path)

    def kind(path: Path, hardlinks: str) -> str | None:
        found = write.obstacle(str(path), WriteSettings(hardlinks=hardlinks))
        return found and found.kind

    assert [kind(roomy, it) for it in ("skip", "break", "in-place")] == ["hard-linked", None, None]
    assert kind(full, "in-place") == "hard-linked"
