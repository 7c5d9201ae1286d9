"""The plugin for beets, with the real beets: it imports real files, and writes what we say."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mutagen
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
        done = subprocess.run(
            [sys.executable, "-m", "beets", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd=ROOT,
            env={**os.environ, "BEETSDIR": str(self._home), "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

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
