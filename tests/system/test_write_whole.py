"""A file of ours comes whole or not at all, and replaces nothing of anybody else."""

import os
from pathlib import Path

import pytest

from lean_tagger.errors import ConfigError, StateError
from lean_tagger.system.write_whole import written, written_whole

MARK = b"ours"


def write(path: Path, data: bytes = b"ours, new") -> None:
    with written_whole(str(path), mark=MARK) as file:
        file.write(data)


def test_a_new_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with written_whole(str(path), mark=MARK) as file:
        file.write(b"ours, half")
        assert not path.exists()
    assert path.read_bytes() == b"ours, half"
    assert os.listdir(tmp_path) == ["page.html"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write(path, b"ours, old")

    def fail() -> None:
        with written_whole(str(path), mark=MARK) as file:
            file.write(b"ours, half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"ours, old"
    assert os.listdir(tmp_path) == ["page.html"]


def test_ours_is_replaced_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write(path, b"ours, old")
    path.chmod(0o640)
    write(path)
    assert path.read_bytes() == b"ours, new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_somebody_else_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"music" * 1000 + MARK)
    with pytest.raises(ConfigError, match="was not written by this command"):
        write(path)
    assert path.read_bytes() == b"music" * 1000 + MARK


def test_an_empty_file_is_nobody_s(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.touch()
    write(path)
    assert path.read_bytes() == b"ours, new"


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("page.html")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "page.html").read_bytes() == b"ours, new"


def test_folders_pipes_and_missing_folders_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(ConfigError, match="give another name"):
            write(tmp_path / name)
    with pytest.raises(ConfigError, match="there is no folder"):
        write(tmp_path / "nowhere" / "page.html")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateError, match="cannot write"):
        write(tmp_path / "page.html")


def test_a_pipe_gets_the_bytes_as_they_come_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with written(str(pipe), mark=b"ours") as file:
            file.write(b"ours, to a pipe")
        assert os.read(reader, 100) == b"ours, to a pipe"
        assert pipe.is_fifo()
    finally:
        os.close(reader)
    with pytest.raises(StateError, match="cannot write"), written(str(tmp_path), mark=b"ours"):
        pass
