"""The plugin for beets, with the real beets: it imports real files, and writes what we say."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mutagen
import psutil
import pytest
from conftest import DATA, SONGS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow
pytest.importorskip("beets", reason="needs beets >= 2.7")


class Beets:
    """A library of beets in a folder."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.music = folder / "library"
        self._home = folder / "beets"
        self._home.mkdir()
        config = {
            "directory": str(self.music),
            "library": str(self._home / "library.db"),
            "plugins": ["leantag"],
            "import": {"copy": True, "autotag": False, "write": True, "quiet": True},
            "leantag": options,
        }
        (self._home / "config.yaml").write_text(json.dumps(config))  # JSON is YAML

    def beet(self, *arguments: str | Path) -> str:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        return out + err

    def start(self, *arguments: str | Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "beets", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "BEETSDIR": str(self._home), "PYTHONPATH": str(ROOT)},
        )

    def fields(self, query: str = "") -> dict[str, tuple[str, str]]:
        """Return genres and moods by title, as the library has them."""
        rows = self.beet("ls", "-f", "$title|$genres|$moods", query).splitlines()
        return {row.split("|")[0]: tuple(row.split("|")[1:]) for row in rows if "|" in row}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Make an album of real files, one for each format, without genres."""
    folder = tmp_path / "An album"
    folder.mkdir()
    for number, song in enumerate(it for it in SONGS if it.suffix != ".wav"):
        copy = Path(shutil.copy(song, folder))
        file = mutagen.File(copy, easy=True)
        file.delete()
        file = mutagen.File(copy, easy=True)
        if file.tags is None:
            file.add_tags()
        for name, value in (("title", copy.name), ("artist", "A"), ("album", "An album")):
            file[name] = value
        file["tracknumber"] = str(number + 1)
        file.save()
    return folder


class Seen:
    """What of lean-tag ran below a process until that ended."""

    def __init__(self, process: subprocess.Popen, met: Callable[[str, psutil.Process], None]):
        self.by_kind: dict[str, set[psutil.Process]] = {"answer": set(), "worker": set()}
        self.peak_bytes = 0
        beets = psutil.Process(process.pid)
        while process.poll() is None:
            size_bytes = 0
            for child in beets.children(recursive=True):
                try:
                    line, child_bytes = " ".join(child.cmdline()), child.memory_info().rss
                except psutil.Error:  # it has ended meanwhile
                    continue
                kind = "worker" if "worker_main" in line else "answer"
                if "lean_tagger" in line:
                    for found in self.by_kind.values():
                        found.discard(child)  # until it runs its own program, it looks like us
                    self.by_kind[kind].add(child)
                    met(kind, child)
                size_bytes += child_bytes
            self.peak_bytes = max(self.peak_bytes, size_bytes)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)


def genres_in(path: Path) -> list[str]:
    return list(mutagen.File(path, easy=True).get("genre", []))


def test_an_import_sets_genres_and_beets_writes_them_into_the_files(album, tmp_path):
    before = {path: path.read_bytes() for path in album.iterdir()}
    beets = Beets(tmp_path)
    beets.beet("import", album)
    fields = beets.fields()
    assert len(fields) == len(list(album.iterdir()))
    assert fields["west.flac"][0]
    for path in beets.music.rglob("*.*"):
        title = mutagen.File(path, easy=True)["title"][0]
        assert "; ".join(genres_in(path)) == fields[title][0]
    assert {path: path.read_bytes() for path in album.iterdir()} == before  # beets copied them
    assert beets.beet("ls", "-a", "-f", "$genres").strip()


def test_the_journal_knows_what_beets_moved_and_wrote(album, tmp_path):
    beets = Beets(tmp_path)
    beets.beet("import", "--move", album)
    done = subprocess.run(
        [sys.executable, "-m", "lean_tagger", "-n", "--json", str(beets.music)],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        cwd=ROOT,
    )
    *results, summary = map(json.loads, done.stdout.splitlines())
    assert summary["audio_seconds"] == 0
    assert {it["status"] for it in results} == {"unchanged"}


def test_without_auto_the_command_does_it_and_pretending_does_not(album, tmp_path):
    beets = Beets(tmp_path, auto=False)
    beets.beet("import", album)
    assert {genres for genres, _ in beets.fields().values()} == {""}
    assert "genres = " in beets.beet("-v", "leantag", "--pretend")
    assert {genres for genres, _ in beets.fields().values()} == {""}
    beets.beet("leantag", "title:west.flac")
    assert {title for title, (genres, _) in beets.fields().items() if genres} == {"west.flac"}


def test_genres_that_are_there_stay_unless_forced_and_are_kept_if_asked(album, tmp_path):
    beets = Beets(tmp_path, auto=False)
    beets.beet("import", album)
    beets.beet("modify", "-y", "title:west.flac", "genres=Polka")
    beets.beet("leantag")
    assert beets.fields("title:west.flac")["west.flac"][0] == "Polka"
    beets.beet("leantag", "-f", "-k", "title:west.flac")
    kept = beets.fields("title:west.flac")["west.flac"][0]
    beets.beet("leantag", "-f", "title:west.flac")
    forced = beets.fields("title:west.flac")["west.flac"][0]
    assert kept == f"Polka; {forced}"


def test_a_file_that_cannot_be_heard_stops_no_import(album, tmp_path):
    broken = Path(shutil.copy(DATA / "west.flac", album / "broken.flac"))
    data = broken.read_bytes()
    broken.write_bytes(data[: len(data) // 50])
    beets = Beets(tmp_path)
    beets.beet("import", album)
    assert beets.fields()["west.flac"][0]


@pytest.fixture
def three_albums(tmp_path: Path) -> Path:
    """Make three albums of two files each."""
    shelf = tmp_path / "shelf"
    for number in range(3):
        folder = shelf / f"album {number}"
        folder.mkdir(parents=True)
        for song in ("west.flac", "skyvibe.mp3"):
            file = mutagen.File(shutil.copy(DATA / song, folder / f"{number}{song}"), easy=True)
            file.delete()
            file["title"], file["album"], file["artist"] = f"{number}{song}", folder.name, "A"
            file.save()
    return shelf


def test_one_lean_tag_hears_a_whole_import_and_ends_with_it(three_albums, tmp_path):
    beets = Beets(tmp_path, max_mem="300M")
    with beets.start("import", three_albums) as process:
        seen = Seen(process, lambda *_: None)
    assert {kind: len(found) for kind, found in seen.by_kind.items()} == {"answer": 1, "worker": 1}
    assert 0 < seen.peak_bytes <= 300 << 20
    assert not any(it.is_running() for found in seen.by_kind.values() for it in found)
    assert all(genres for genres, _ in beets.fields("west").values())


@pytest.mark.parametrize("kind", ["answer", "worker"])
def test_a_lean_tag_that_is_killed_loses_nothing_and_is_started_again(kind, three_albums, tmp_path):
    beets = Beets(tmp_path, auto=False, force=True)
    beets.beet("import", three_albums)
    killed: list[psutil.Process] = []

    def kill_once(met: str, child: psutil.Process) -> None:
        if met != kind or killed:
            return
        with contextlib.suppress(psutil.Error):
            # Before its first file, a worker that is killed says that none can work here.
            opened = [file.path for file in child.open_files()]
            if kind == "answer" or any(str(beets.music) in path for path in opened):
                child.kill()
                killed.append(child)

    with beets.start("leantag") as process:
        seen = Seen(process, kill_once)
    assert process.returncode == 0
    assert killed
    assert len(seen.by_kind["answer"]) == (2 if kind == "answer" else 1)
    assert len(beets.fields()) == 6
    assert all(genres for genres, _ in beets.fields("west").values())
