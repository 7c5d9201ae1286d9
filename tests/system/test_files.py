"""A file is opened only if it is one, and nothing is waited for."""

import os
import socket
import threading
from pathlib import Path

import pytest

from lean_tagger.system.files import NotRegularError, open_regular, sync_folder


def open_descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


def test_a_regular_file_is_opened_for_reading(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    fd = open_regular(tmp_path / "a")
    try:
        assert os.read(fd, 100) == b"content"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def test_a_link_leads_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.close(open_regular(str(tmp_path / "link")))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", "Is a directory"),
        ("pipe", "it is not a regular file"),
        ("device", "it is not a regular file"),
    ],
)
def test_anything_else_is_refused_at_once_and_closed(
    kind: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path(os.devnull)
    before = open_descriptors()
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            open_regular(path)
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True)  # one that waits must not keep us
    thread.start()
    thread.join(timeout=300)
    assert [type(error) for error in raised] == [NotRegularError]
    assert raised[0].strerror == reason
    assert open_descriptors() == before


def test_a_socket_is_an_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(OSError, match="No such device"):
            open_regular(tmp_path / "s")


def test_syncing_a_folder_closes_it_and_never_fails(tmp_path: Path) -> None:
    before = open_descriptors()
    sync_folder(tmp_path)
    sync_folder(tmp_path / "missing")
    sync_folder("")
    assert open_descriptors() == before
