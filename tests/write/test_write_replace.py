"""A file is replaced whole or not at all, and keeps all that belongs to it."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from audiofiles import fingerprint, make

from lean_tagger import write
from lean_tagger.errors import (
    BeingWrittenError,
    DecodeError,
    OverBudgetError,
    StateError,
    UnreadableError,
    WriteError,
)

VALUES = {"genre": ["Rock"], "mood": ["sad"], "leantag": ["x"]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "a.flac", "flac")


def assert_untouched(path: Path, content: bytes) -> None:
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_mode_owner_and_attributes_stay_and_the_time_is_new(path: Path) -> None:
    path.chmod(0o2640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
        path.chmod(0o2640)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    try:
        os.setxattr(path, "user.rating", b"\0five\xff")
    except OSError:
        pytest.skip("no extended attributes here")
    before = path.stat()
    write.write(str(path), VALUES, fingerprint=fingerprint)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert os.getxattr(path, "user.rating") == b"\0five\xff"
    assert after.st_mtime > before.st_mtime
    assert after.st_ino != before.st_ino


def test_access_lists_stay(path: Path) -> None:
    if not shutil.which("setfacl"):
        pytest.skip("setfacl is not installed")
    if subprocess.run(["setfacl", "-m", "u:1234:r", path], check=False).returncode:
        pytest.skip("no access lists here")
    before = os.getxattr(path, "system.posix_acl_access")
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert os.getxattr(path, "system.posix_acl_access") == before


def test_a_copy_whose_audio_differs_is_thrown_away(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(WriteError, match="audio"):
        write.write(str(path), VALUES, fingerprint=fingerprint, expected="another")
    assert_untouched(path, before)


@pytest.mark.parametrize("error", [OverBudgetError("x", "no"), KeyboardInterrupt(), SystemExit(1)])
def test_an_exception_in_the_middle_leaves_nothing_behind(path: Path, error: BaseException) -> None:
    before, seen = path.read_bytes(), []

    def failing(name: str) -> str:
        seen.append(name)
        assert Path(name).name.startswith(".")
        assert Path(name).name.endswith(".flac")
        assert Path(name).stat().st_mode & 0o777 == 0o600
        raise error

    with pytest.raises(type(error)):
        write.write(str(path), VALUES, fingerprint=failing, expected="x")
    assert len(seen) == 1
    assert getattr(error, "path", str(path)) == str(path)
    assert_untouched(path, before)


def test_a_copy_that_does_not_decode_is_thrown_away(path: Path) -> None:
    def failing(name: str) -> str:
        raise DecodeError(name, "no")

    before = path.read_bytes()
    with pytest.raises(WriteError, match="not decode") as caught:
        write.write(str(path), VALUES, fingerprint=failing, expected="x")
    assert caught.value.path == str(path)
    assert_untouched(path, before)


def test_the_name_leads_to_the_old_file_until_the_new_one_is_proven(path: Path) -> None:
    before = path.read_bytes()

    def looking(name: str) -> str:
        assert path.read_bytes() == before
        return fingerprint(name)

    write.write(str(path), VALUES, fingerprint=looking)
    assert write.read(str(path)) == {key: tuple(value) for key, value in VALUES.items()}


@pytest.mark.parametrize("what", ["content", "times", "another file", "gone"])
def test_a_file_that_changes_meanwhile_is_left_to_whoever_changed_it(path: Path, what: str) -> None:
    def changing(_: str) -> str:
        if what == "content":
            with path.open("ab") as file:
                file.write(b"more")
        elif what == "times":
            os.utime(path)
        elif what == "another file":
            shutil.copy2(path, path.with_name("b.flac"))
            path.with_name("b.flac").rename(path)
        else:
            path.unlink()
        return "same"

    with pytest.raises(WriteError, match="while it was being tagged"):
        write.write(str(path), VALUES, fingerprint=changing, expected="same")
    assert [p.name for p in path.parent.iterdir()] == ([] if what == "gone" else ["a.flac"])
    if what != "gone":
        assert write.read(str(path)) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")
def test_a_file_that_a_program_begins_to_write_is_left_to_it(path: Path) -> None:
    """Also when it has not written anything yet: what it writes next would be lost."""
    before = path.read_bytes()
    with contextlib.ExitStack() as other_program:

        def opening(_: str) -> str:
            other_program.enter_context(path.open("r+b"))
            return "same"

        with pytest.raises(BeingWrittenError):
            write.write(str(path), VALUES, fingerprint=opening, expected="same")
        assert_untouched(path, before)
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert write.read(str(path))["genre"] == ("Rock",)


def test_a_hard_linked_file_is_refused(path: Path) -> None:
    os.link(path, path.with_name("b.flac"))
    before = path.read_bytes()
    with pytest.raises(WriteError, match="hard link"):
        write.write(str(path), VALUES, fingerprint=fingerprint)
    assert path.read_bytes() == before
    assert path.samefile(path.with_name("b.flac"))


def test_a_symbolic_link_stays_and_its_file_is_tagged(path: Path) -> None:
    folder = path.parent / "links"
    folder.mkdir()
    link = folder / "link.flac"
    link.symlink_to("../a.flac")
    write.write(str(link), VALUES, fingerprint=fingerprint)
    assert link.readlink() == Path("../a.flac")
    assert write.read(str(path))["genre"] == ("Rock",)
    assert list(folder.iterdir()) == [link]


def test_a_file_marked_read_only_is_refused_even_for_root(path: Path) -> None:
    path.chmod(0o444)
    before = path.read_bytes()
    with pytest.raises(WriteError, match="read-only"):
        write.write(str(path), VALUES, fingerprint=fingerprint)
    assert_untouched(path, before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_folder_that_may_not_be_written_is_named(path: Path) -> None:
    path.parent.chmod(0o555)
    try:
        with pytest.raises(WriteError, match="folder"):
            write.write(str(path), VALUES, fingerprint=fingerprint)
    finally:
        path.parent.chmod(0o755)


def test_a_file_that_may_not_be_read_or_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        write.write(str(tmp_path / "missing.flac"), VALUES, fingerprint=fingerprint)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_the_file_is_as_it_was(path: Path, tiny_disk: Path) -> None:
    full = tiny_disk / "a.flac"
    content = path.read_bytes() + bytes(70_000)
    full.write_bytes(content)
    with pytest.raises(StateError, match="disk is full") as caught:
        write.write(str(full), VALUES, fingerprint=lambda _: "same")
    assert isinstance(caught.value.__cause__, OSError)
    assert_untouched(full, content)


def test_a_read_only_file_system_is_named(path: Path, tiny_disk: Path) -> None:
    there = Path(shutil.copy(path, tiny_disk / "a.flac"))
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(WriteError, match="mounted read-only"):
        write.write(str(there), VALUES, fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StateError),
        (errno.EDQUOT, StateError),
        (errno.EROFS, WriteError),
        (errno.EACCES, WriteError),
        (errno.EIO, WriteError),
    ],
)
@pytest.mark.parametrize("call", ["open", "fsync", "replace", "fchmod"])
def test_every_failing_system_call_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[Exception]
) -> None:
    before, real_open = path.read_bytes(), os.open

    def failing(*arguments: object, **more: object) -> int:
        if call == "open" and not arguments[1] & os.O_CREAT:  # type: ignore[operator]
            return real_open(*arguments, **more)  # type: ignore[arg-type]
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(kind):
        write.write(str(path), VALUES, fingerprint=lambda _: "same")
    monkeypatch.undo()
    assert_untouched(path, before)


def test_a_long_suffix_and_a_long_name_do_not_matter(path: Path) -> None:
    long = path.rename(path.with_name("No. 1 " + "x" * 230 + ". with everybody"))
    write.write(str(long), VALUES, fingerprint=fingerprint)
    assert write.read(str(long))["genre"] == ("Rock",)
