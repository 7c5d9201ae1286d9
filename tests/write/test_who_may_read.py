"""Who may read and write a file stays as it was: owner, group, mode, access lists, attributes."""

import os
import shutil
import subprocess
from pathlib import Path

import disks
import pytest
import tinymodel
from audiofiles import fingerprint, make
from command import Run
from conftest import shared
from somebody import open_folder, somebody
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import NoPermissionError, WriteError
from lean_tagger.settings import WriteSettings

VALUES = {"genre": ("Rock",), "mood": ("sad",), "leantag": ("x",)}
ACCESS = "system.posix_acl_access"

OWNER, ME, US = 4321, 4322, 4400
"""Whose file it is, who runs lean-tag, and the group that both are in."""


def everything(path: Path) -> tuple[int, int, int, dict[str, bytes]]:
    found = path.stat()
    names = sorted(os.listxattr(path))
    attributes = {name: os.getxattr(path, name) for name in names}
    return found.st_mode, found.st_uid, found.st_gid, attributes


def setfacl(*arguments: str | Path) -> None:
    if not shutil.which("setfacl"):
        pytest.skip("needs setfacl")
    if subprocess.run(["setfacl", *arguments], check=False).returncode:
        pytest.skip("no access lists here")


def tag(path: Path) -> None:
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert write.read(str(path)) == VALUES


# Access lists


@pytest.mark.parametrize("mode", [0o640, 0o664, 0o600, 0o777])
def test_what_a_folder_gives_to_new_files_does_not_come_to_an_old_one(
    tmp_path: Path, mode: int
) -> None:
    path = make(tmp_path / "a.flac", "flac")
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, OWNER, US)
    before = everything(path)
    assert ACCESS not in before[3]
    setfacl("-d", "-m", "u::rwx,g::r-x,u:1234:rw,g:1235:rwx,o::r-x", tmp_path)
    tag(path)
    assert everything(path) == before


@pytest.mark.parametrize("default", ["u:1234:---,o::---", "u:1236:rwx,o::rwx", None])
def test_a_file_keeps_its_own_access_list_and_not_its_folders(
    tmp_path: Path, default: str | None
) -> None:
    path = make(tmp_path / "a.mp3", "mp3")
    path.chmod(0o640)
    setfacl("-m", "u:1234:rw,g:1235:r,m::rw", path)
    if default:
        setfacl("-d", "-m", default, tmp_path)
    os.setxattr(path, "user.rating", b"\0five")
    before = everything(path)
    assert ACCESS in before[3]
    tag(path)
    assert everything(path) == before


def test_nobody_may_open_the_copy_before_it_is_what_the_file_is(tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac", "flac")
    path.chmod(0o600)
    setfacl("-d", "-m", "u::rwx,u:1234:rwx,g::rwx,o::rwx", tmp_path)
    seen = []

    def looking(name: str) -> str:
        if Path(name) != path:
            seen.append(Path(name).stat().st_mode & 0o077)  # the mask of its access list, too
        return fingerprint(name)

    write.write(str(path), VALUES, fingerprint=looking)
    assert seen == [0]


def test_the_builder_of_access_lists_shows_what_was_there(tmp_path: Path, model: Path) -> None:
    builder = shared("faults") / "acl_of_folder" / "make.sh"
    setfacl("--version")
    folder = tmp_path / "music"
    if subprocess.run(["bash", builder, folder], check=False).returncode:
        pytest.skip("its user and group are not here, or no access lists")
    for path in folder.iterdir():
        path.chmod(path.stat().st_mode | 0o200)  # the clips are read-only
    before = {path.name: everything(path) for path in folder.iterdir()}
    run = Run("--min-score", "0", "--model", model, folder)
    assert set(run.statuses().values()) == {"tagged"}
    assert {path.name: everything(path) for path in folder.iterdir()} == before


# A file of somebody else's, in a folder that is shared


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinymodel.make(tmp_path_factory.mktemp("model"))


def share(folder: Path, *paths: Path, sticky: bool = False) -> None:
    os.chown(folder, OWNER, US)
    folder.chmod(0o3775 if sticky else 0o2775)
    for path in paths:
        os.chown(path, OWNER, US)
        path.chmod(0o664)


@thinned("sticky", [False, True], fast=1)
def test_a_file_of_somebody_elses_is_written_where_it_stands(model: Path, sticky: bool) -> None:
    me = somebody(ME, US)
    with open_folder() as top:
        music = top / "music"
        music.mkdir()
        path = make(music / "a.flac", "flac", 0.6)  # with room behind its tags
        mine = make(music / "b.flac", "flac", 0.8)
        share(music, path, sticky=sticky)
        os.chown(mine, ME, US)
        before, was, sound = everything(path), path.stat(), fingerprint(str(path))
        options = ("--min-score", "0", "--model", model, "--state", top / "journal")
        run = Run(*options, "-n", music, under=me)
        assert run.statuses() == {"a.flac": "would_tag", "b.flac": "would_tag"}
        run = Run(*options, music, under=me)
        assert run.statuses() == {"a.flac": "tagged", "b.flac": "tagged"}, run.results
        now = path.stat()
        assert everything(path) == before
        assert (now.st_ino, now.st_size) == (was.st_ino, was.st_size)
        assert write.read(str(path))["genre"]
        assert fingerprint(str(path)) == sound
        assert {it.name for it in music.iterdir()} == {"a.flac", "b.flac"}
        undone = Run("undo", "--state", top / "journal", under=me)
        assert undone.statuses() == {"a.flac": "undone", "b.flac": "undone"}
        assert write.read(str(path)) == {}
        assert everything(path) == before


@pytest.mark.slow
def test_one_without_room_is_left_alone_before_it_is_heard(model: Path) -> None:
    me = somebody(ME, US)
    with open_folder() as top:
        music = top / "music"
        music.mkdir()
        path = make(music / "a.ogg", "ogg", 0.6)  # Ogg has no room
        share(music, path)
        content = path.read_bytes()
        options = ("--min-score", "0", "--model", model, "--state", top / "journal", music)
        run = Run(*options, under=me)
        assert run.statuses() == {"a.ogg": "skipped"}
        assert run.results["a.ogg"]["windows"] == 0
        kind, message = run.error("a.ogg")
        assert kind == "no-permission"
        assert f"user {OWNER}" in message
        assert Run(*options, "-n", under=me).error("a.ogg") == (kind, message)
        assert path.read_bytes() == content
        assert [it.name for it in music.iterdir()] == ["a.ogg"]


def test_its_time_is_its_owners_to_keep(model: Path) -> None:
    me = somebody(ME, US)
    with open_folder() as top:
        music = top / "music"
        music.mkdir()
        path = make(music / "a.flac", "flac", 0.6)
        share(music, path)
        content = path.read_bytes()
        options = ("--min-score", "0", "--model", model, "--state", top / "journal", music)
        run = Run(*options, "--preserve-mtime", under=me)
        assert run.error("a.flac")[0] == "no-permission"
        assert "--preserve-mtime" in run.error("a.flac")[1]
        assert run.results["a.flac"]["windows"] == 0
        assert path.read_bytes() == content


@pytest.mark.slow
def test_one_that_may_not_be_written_is_left_alone(model: Path) -> None:
    me = somebody(ME, US)
    with open_folder() as top:
        music = top / "music"
        music.mkdir()
        path = make(music / "a.flac", "flac", 0.6)
        share(music, path)
        path.chmod(0o644)
        before, content = everything(path), path.read_bytes()
        options = ("--min-score", "0", "--model", model, "--state", top / "journal", music)
        run = Run(*options, under=me)
        assert run.error("a.flac")[0] == "no-permission"
        assert f"user {OWNER}" in run.error("a.flac")[1]
        assert run.results["a.flac"]["windows"] == 0
        assert (everything(path), path.read_bytes()) == (before, content)
        path.chmod(0o664)  # once it may, it is, and nothing has to be said
        assert Run(*options, under=me).statuses() == {"a.flac": "tagged"}


def test_its_other_names_are_not_written_where_they_are_to_be_parted() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else")
    with open_folder() as top:
        path = make(top / "a.flac", "flac")
        (top / "other").hardlink_to(path)
        share(top, path)
        content = path.read_bytes()
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([US])
                os.setresgid(ME, ME, ME)
                os.setresuid(ME, ME, ME)
                ways = WriteSettings(hardlinks="break")
                write.write(str(path), VALUES, fingerprint=lambda _: "same", ways=ways)
            except NoPermissionError:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert path.read_bytes() == content
        assert path.samefile(top / "other")


# File systems that give every file the same mode


@pytest.mark.slow
def test_where_all_modes_are_fixed_nothing_is_refused_for_it(model: Path) -> None:
    """NTFS as most fstab recipes have it: every file is root's and may be written by all."""
    disks.have("mkfs.ntfs", "ntfs-3g")
    me = somebody(ME)
    with open_folder() as top:
        image = disks.make(top / "image", 16, "mkfs.ntfs", "-F", "-q")
        how = "loop,uid=0,gid=0,umask=000,allow_other"
        with disks.mounted("-t", "ntfs-3g", "-o", how, image, at=top / "d", may_skip=True) as disk:
            paths = [make(disk / f"a.{kind}", kind, 0.6) for kind in ("mp3", "flac", "ogg")]
            names = {path.name for path in paths}
            sound = [fingerprint(str(path)) for path in paths]
            options = ("--min-score", "0", "--model", model, "--state", top / "journal", disk)
            run = Run(*options, "-n", under=me)
            assert run.statuses() == dict.fromkeys(names, "would_tag")
            run = Run(*options, under=me)
            assert run.statuses() == dict.fromkeys(names, "tagged"), run.results
            assert [fingerprint(str(path)) for path in paths] == sound
            assert {it.name for it in disk.iterdir()} == names


def test_a_file_whose_mode_would_change_all_the_same_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems take a chmod and forget it."""
    path = make(tmp_path / "a.flac", "flac")
    path.chmod(0o640)
    content = path.read_bytes()
    monkeypatch.setattr(os, "fchmod", lambda *_: None)
    with pytest.raises(WriteError, match="permissions could not be kept"):
        tag(path)
    assert path.read_bytes() == content
    assert [it.name for it in tmp_path.iterdir()] == ["a.flac"]


@pytest.mark.slow
def test_inodes_above_half_of_64_bits_stop_nothing(model: Path, tmp_path: Path) -> None:
    """As mergerfs makes them, by which many a NAS joins its disks."""
    disks.have("mergerfs")
    for name in ("one", "two", "all"):
        (tmp_path / name).mkdir()
    paths = [make(tmp_path / f / f"{f}.{k}", k, 0.6) for f, k in (("one", "mp3"), ("two", "flac"))]
    names = {path.name for path in paths}
    branches = f"{tmp_path}/one:{tmp_path}/two"
    how = ("-t", "fuse.mergerfs", "-o", "use_ino,inodecalc=path-hash", branches)
    with disks.mounted(*how, at=tmp_path / "all", may_skip=True) as pool:
        options = ("--min-score", "0", "--model", model, pool)
        for status in ("tagged", "unchanged"):
            run = Run(*options)
            assert run.statuses() == dict.fromkeys(names, status), run.said
        (pool / "one.mp3").rename(pool / "new.mp3")
        assert Run(*options).results["new.mp3"]["known"]
