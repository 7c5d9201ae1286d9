"""A playlist names files byte for byte, and no file that is not ours is touched."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DATA
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.errors import ConfigError, StateError
from lean_tagger.jobs import TrackInfo
from lean_tagger.library.playlist import Names, Playlist, parse_map, told, write
from lean_tagger.store.tracks import Track

PLAIN = Names()


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")


def files(path: Path) -> list[bytes]:
    return [line for line in lines(path) if line and not line.startswith(b"#")]


def test_it_is_extended_m3u_with_lengths_and_names(tmp_path: Path) -> None:
    tracks = [
        Track(
            path=f"{tmp_path}/a/1.mp3",
            info=TrackInfo(artist="Clara", title="Étude\nin C"),
            seconds=61.7,
        ),
        Track(path=f"{tmp_path}/b.mp3"),
    ]
    done = write(f"{tmp_path}/calm.m3u8", tracks, names=PLAIN)
    assert (done.tracks, done.changed, done.left_out) == (2, True, [])
    *head, mark, end = lines(tmp_path / "calm.m3u8")
    assert [line.decode() for line in head] == [
        "#EXTM3U",
        "#PLAYLIST:calm",
        "#EXTINF:62,Clara - Étude in C",
        "a/1.mp3",
        "#EXTINF:-1,b",
        "b.mp3",
    ]
    assert mark.startswith(b"#LEAN-TAG:")
    assert end == b""


@pytest.mark.parametrize(
    "name",
    ["caf\u00e9.mp3", "cafe\u0301.mp3", os.fsdecode(b"caf\xe9.mp3"), "日本語.mp3", "a\tb.mp3"],
)
def test_names_are_as_on_the_disk(name: str, tmp_path: Path) -> None:
    write(f"{tmp_path}/x.m3u8", [Track(path=f"{tmp_path}/{name}")], names=PLAIN)
    assert files(tmp_path / "x.m3u8") == [os.fsencode(name)]


@pytest.mark.parametrize("name", ["#1 hit.mp3", " space.mp3", "http:x.mp3"])
def test_names_that_would_be_misread_begin_with_a_dot(name: str, tmp_path: Path) -> None:
    write(f"{tmp_path}/x.m3u8", [Track(path=f"{tmp_path}/{name}")], names=PLAIN)
    assert f"./{name}".encode() in lines(tmp_path / "x.m3u8")


@pytest.mark.parametrize("name", ["a\nb.mp3", "a\rb.mp3", "a.mp3 "])
def test_names_that_no_line_can_hold_are_left_out_and_told(name: str, tmp_path: Path) -> None:
    tracks = [Track(path=f"{tmp_path}/{name}"), Track(path=f"{tmp_path}/b.mp3")]
    done = write(f"{tmp_path}/x.m3u8", tracks, names=PLAIN)
    assert files(tmp_path / "x.m3u8") == [b"b.mp3"]
    assert done.left_out == [f"{tmp_path}/{name}"]
    assert "1 left out" in told(done)[1]


def test_relative_names_lead_to_the_files(tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "a").mkdir(parents=True)
    (music / "a/1.mp3").write_bytes(b"1")
    (tmp_path / "elsewhere/lists").mkdir(parents=True)
    (music / "lists").symlink_to(tmp_path / "elsewhere/lists")
    (tmp_path / "link").symlink_to(music)
    for folder, track in (
        (music, music / "a/1.mp3"),
        (music / "a", music / "a/1.mp3"),
        (music / "lists", music / "a/1.mp3"),
        (tmp_path / "link", music / "a/1.mp3"),
        (tmp_path / "link/lists", tmp_path / "link/a/1.mp3"),
        (tmp_path / "elsewhere", tmp_path / "link/a/1.mp3"),
    ):
        write(f"{folder}/x.m3u8", [Track(path=str(track))], names=PLAIN)
        (name,) = files(folder / "x.m3u8")
        assert not name.startswith(b"/")
        real = os.path.realpath(folder / "x.m3u8")
        assert Path(os.path.dirname(real), os.fsdecode(name)).read_bytes() == b"1"
        os.unlink(real)


def test_maps_say_what_folders_are_called_elsewhere(tmp_path: Path) -> None:
    tracks = [Track(path="/srv/music/a/1.mp3"), Track(path="/srv/music2/2.mp3")]
    path = f"{tmp_path}/x.m3u8"
    for text, expected in (
        ("/srv/music=/data", [b"/data/a/1.mp3", b"/srv/music2/2.mp3"]),
        ("/srv/music/=/data/", [b"/data/a/1.mp3", b"/srv/music2/2.mp3"]),
        ("/srv/music=", [b"a/1.mp3", b"/srv/music2/2.mp3"]),
        ("/=smb://nas/", [b"smb://nas/srv/music/a/1.mp3", b"smb://nas/srv/music2/2.mp3"]),
    ):
        write(path, tracks, names=Names(maps=(parse_map(text),), absolute=True))
        assert files(Path(path)) == expected
    for text in ("/srv", "srv=/data", ""):
        with pytest.raises(ConfigError, match="FROM=TO"):
            parse_map(text)


def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    path = f"{tmp_path}/x.m3u8"
    tracks = [Track(path=f"{tmp_path}/a.mp3")]
    assert write(path, tracks, names=PLAIN).changed
    os.chmod(path, 0o640)
    before = os.stat(path)
    assert not write(path, tracks, names=PLAIN).changed
    assert os.stat(path).st_ino == before.st_ino
    assert write(path, [*tracks, Track(path=f"{tmp_path}/b.mp3")], names=PLAIN).changed
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["x.m3u8"]


@pytest.mark.parametrize(
    "foreign", [b"", b"#EXTM3U\na.mp3\n", b"\xff\x00", b"#LEAN-TAG: written by lean-tag, which\n"]
)
def test_a_file_of_somebody_elses_is_left(foreign: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.m3u8"
    path.write_bytes(foreign)
    with pytest.raises(ConfigError, match="not as lean-tag wrote it"):
        write(str(path), [], names=PLAIN)
    assert path.read_bytes() == foreign
    assert os.listdir(tmp_path) == ["x.m3u8"]


@given(st.data())
def test_a_playlist_that_somebody_changed_is_left(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.m3u8"
        write(str(path), [Track(path=f"{folder}/{n}.mp3") for n in range(3)], names=PLAIN)
        whole = path.read_bytes()
        at = data.draw(st.integers(0, len(whole)))
        changed = (
            whole[:at]
            + data.draw(st.binary(max_size=3))
            + whole[at + data.draw(st.integers(0, 2)) :]
        )
        path.write_bytes(changed)
        if changed == whole:
            write(str(path), [], names=PLAIN)
            return
        with pytest.raises(ConfigError):
            write(str(path), [], names=PLAIN)
        assert path.read_bytes() == changed


def test_a_folder_or_a_pipe_is_no_playlist(tmp_path: Path) -> None:
    (tmp_path / "folder.m3u8").mkdir()
    os.mkfifo(tmp_path / "pipe.m3u8")
    for name in ("folder.m3u8", "pipe.m3u8"):
        with pytest.raises(ConfigError, match="cannot read"):
            write(str(tmp_path / name), [], names=PLAIN)
    with pytest.raises(StateError, match="cannot write"):
        write(str(tmp_path / "nowhere/x.m3u8"), [], names=PLAIN)


def test_what_is_not_finished_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x.m3u8"
    write(str(path), [], names=PLAIN)
    before = path.read_bytes()

    def broken() -> Iterator[Track]:
        yield Track(path="/a.mp3")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(str(path), broken(), names=PLAIN)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.m3u8"]
    with Playlist(str(path), names=PLAIN) as playlist:
        playlist.add(Track(path="/a.mp3"))
    assert path.read_bytes() == before


# Read back by a player

MPD = shutil.which("mpd")
NAMES_FOR_MPD = (
    "plain.flac",
    "#1 hit.flac",
    "caf\u00e9.flac",
    "cafe\u0301.flac",
    "a b/c d.flac",
    "~.flac",
)


@pytest.mark.skipif(MPD is None, reason="needs mpd")
def test_mpd_plays_what_a_playlist_names(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for name in NAMES_FOR_MPD:
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DATA / "west.flac", music / name)
    (tmp_path / "lists").mkdir()
    tracks = [Track(path=str(music / name), seconds=10) for name in NAMES_FOR_MPD]
    write(str(music / "inside.m3u8"), tracks, names=PLAIN)
    names = Names(maps=(parse_map(f"{music}="),))
    write(str(tmp_path / "lists/mapped.m3u"), tracks, names=names)
    with Mpd(tmp_path) as mpd:
        assert mpd.files("inside.m3u8") == list(NAMES_FOR_MPD)
        assert mpd.files("mapped") == list(NAMES_FOR_MPD)


class Mpd:
    """A server of our own, which plays into nothing."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "socket"
        self._config = folder / "mpd.conf"
        self._config.write_text(
            f'music_directory "{folder}/music"\nplaylist_directory "{folder}/lists"\n'
            f'db_file "{folder}/db"\nbind_to_address "{self._socket}"\nlog_file "{folder}/log"\n'
            'audio_output {\n type "null"\n name "none"\n}\n'
        )

    def __enter__(self) -> "Mpd":
        assert MPD is not None
        self._process = subprocess.Popen([MPD, "--no-daemon", str(self._config)])
        ended = time.monotonic() + 60
        while not self._socket.exists() and time.monotonic() < ended:
            time.sleep(0.05)
        self.ask("update")
        while any(line.startswith("updating_db") for line in self.ask("status")):
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def ask(self, command: str) -> list[str]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._socket))
            with connection.makefile("rwb") as stream:
                stream.readline()
                stream.write(command.encode() + b"\n")
                stream.flush()
                found: list[str] = []
                while not (line := stream.readline().decode()).startswith(("OK", "ACK")):
                    found.append(line.rstrip("\n"))
                assert line.startswith("OK"), line
                return found

    def files(self, playlist: str) -> list[str]:
        """Load a playlist into the queue, and return what is in it, which the database knows."""
        self.ask("clear")
        self.ask(f'load "{playlist}"')
        return [
            it.removeprefix("file: ") for it in self.ask("playlistinfo") if it.startswith("file: ")
        ]
