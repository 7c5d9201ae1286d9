"""``lean-tag models get``, end to end: real sockets, real workers, networks of the real shapes."""

import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Run
from conftest import DATA
from disks import mounted
from modelserver import ModelServer, answering, cut_after, drip, endless, hang_after, serving, to
from standins import standins
from thinned import thinned

from lean_tagger.card import installed_models, load_card
from lean_tagger.catalogue.downloads import entries
from lean_tagger.catalogue.fetch import part_path
from lean_tagger.catalogue.on_record import downloads_folder
from lean_tagger.catalogue.partial_file import PartialFile
from lean_tagger.cli.main import main

ROOT = Path(__file__).parents[2]
ENTRIES = tuple(entries())
GENRES = "mtg_jamendo_genre-discogs-effnet-1"
BACKBONE = "discogs-effnet-bsdynamic-1"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own" / "models"
    monkeypatch.setenv("LEAN_TAG_MODELS", str(folder))
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return folder


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Stand-ins of all entries, by where they are on the server."""
    return standins(tmp_path_factory.mktemp("standins"))


@pytest.fixture
def server(files: dict[str, bytes]) -> Iterator[ModelServer]:
    with serving() as running:
        running.files |= files
        yield running


@pytest.fixture
def get(
    own: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run ``lean-tag models get ...`` against the server; return code and what it said."""
    assert not own.exists()

    def run(*arguments: str, agreed: bool = True) -> tuple[int, str, str]:
        here = [] if "--url" in arguments or "--catalogue" in arguments else ["--url", server.url]
        agree = ["--accept-licence"] if agreed else []
        try:
            code = main(["models", "get", *arguments, *here, *agree])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def weights(name: str) -> str:
    """Return where the weights of an entry's first network are on the server."""
    return entries()[name].networks[0].weights


def models_in(folder: Path) -> list[str]:
    return sorted(it.stem for it in folder.glob("*.json"))


def parts(folder: Path) -> list[int]:
    return [it.stat().st_size for it in (folder / ".downloads").glob("*.part")]


# What there is


def test_without_a_name_everything_is_listed_and_nothing_is_asked(capsys, own):
    assert main(["models", "get"]) == 0
    out = capsys.readouterr().out
    assert all(any(line.startswith(f"{name} ") for line in out.splitlines()) for name in ENTRIES)
    for part in ("18.0 MB", "CC-BY-NC-SA-4.0", "https://essentia.upf.edu/models/", "msd-musicnn"):
        assert part in out
    assert not own.exists()


@pytest.mark.slow
def test_the_list_for_programs_says_what_is_here_and_what_is_not_confirmed(get, capsys):
    assert get("styles")[0] == 0
    main(["models", "get", "--json"])
    rows = {it["name"]: it for it in map(json.loads, capsys.readouterr().out.splitlines())}
    assert tuple(rows) == ENTRIES
    assert rows["styles"]["installed"] == rows["styles"]["models"] == [BACKBONE]
    assert rows["styles"]["size_bytes"] == 18_027_718
    assert rows["styles"]["pinned"] is True
    assert rows["moods"]["installed"] == []
    assert "sad" in rows["moods"]["unsure"]
    assert len(rows["moods"]["models"]) == 7


def test_what_is_not_in_the_list_is_one_sentence(get):
    code, out, err = get("mood")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "did you mean 'moods'?" in err


# Licences


def test_the_licence_is_shown_and_agreed_to_once(get, own, server):
    code, _, err = get("styles", agreed=False)
    assert code == 2
    assert "CC-BY-NC-SA-4.0: for non-commercial use only" in err
    assert err.splitlines()[-1].endswith("to agree, add --accept-licence")
    assert server.asked == []
    assert get("styles")[0] == 0
    server.asked.clear()
    code, _, err = get("jamendo-genres", agreed=False)  # agreed to, and on record
    assert (code, "licence" in err) == (0, False)
    assert all("jamendo" in path for path in server.paths())  # the backbone is there
    assert load_card(GENRES).head_of == BACKBONE
    record = json.loads((own / f"{GENRES}.added").read_text())
    assert record["licence"] == "CC-BY-NC-SA-4.0"
    assert len(record["accepted"]) == len("2026-11-29")
    assert record["from"] == server.url + weights("jamendo-genres")


@thinned(("answer", "code"), [("y\n", 0), ("n\n", 2)], fast=1)
def test_a_person_at_a_terminal_is_asked_and_sees_a_bar(answer, code, own, server):
    ended, said = typed(answer, "models", "get", "styles", "--url", server.url)
    assert ended == code
    assert "non-commercial use only" in said
    assert (own / f"{BACKBONE}.json").exists() is (code == 0)
    if code == 0:
        assert f"{BACKBONE}.onnx: " in said
        assert "B/s" in said


def typed(answer: str, *arguments: str) -> tuple[int, str]:
    """Run the command at a terminal, and type an answer; return its exit code and all it said."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (25, 100))
    said = bytearray()

    def listen() -> None:
        while True:
            try:
                said.extend(os.read(ours, 4096))
            except OSError:  # nobody has the terminal any more
                return

    thread = threading.Thread(target=listen)
    thread.start()
    os.write(ours, answer.encode())
    command = [sys.executable, "-m", "lean_tagger", *arguments]
    seen = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        timeout=120,
        check=False,
        env=seen,
    )
    os.close(theirs)
    thread.join(10)
    os.close(ours)
    return done.returncode, said.decode(errors="replace")


# Each entry


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_is_fetched_with_its_backbone_and_heard_with(name, get, own, tmp_path):
    code, out, err = get(name)
    assert code == 0, err
    entry = entries()[name]
    assert set(entry.models) <= set(models_in(own))
    assert out.splitlines()[-1] == f"hear with it: lean-tag -n --model {name} PATH"
    assert "sha256" in err
    assert parts(own) == []
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    run = Run("-n", "--model", name, song)
    assert run.code == 0, run.said
    nothing_to_write = name in {"voice", "tonal"}
    assert run.statuses() == {"west.flac": "unchanged" if nothing_to_write else "would_tag"}


@pytest.mark.slow
def test_moods_are_written_and_undone(get, tmp_path):
    assert get("moods")[0] == 0
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    before = song.read_bytes()
    run = Run("--model", "moods", "--fields", "mood", song)
    assert (run.code, run.statuses()) == (0, {"west.flac": "tagged"})
    assert run.results["west.flac"]["tags"]["mood"][0] == "Happy"
    assert song.read_bytes() != before
    assert Run("undo", song).code == 0
    assert song.read_bytes() == before


@pytest.mark.slow
def test_an_entry_is_removed_whole(get, own, capsys):
    assert get("jamendo-genres")[0] == 0
    assert main(["models", "remove", "styles"]) == 2  # the other is a head of it
    assert main(["models", "remove", "jamendo-genres"]) == 0
    assert capsys.readouterr().out == f"removed {GENRES}\n"
    assert models_in(own) == [BACKBONE]
    assert main(["models", "remove", "jamendo-genres"]) == 2


def test_what_is_there_is_not_fetched_again(get, server):
    assert get("styles")[0] == 0
    server.asked.clear()
    assert get("styles")[1] == "styles is there\n"
    assert server.asked == []


@pytest.mark.slow
def test_what_is_there_may_be_replaced(get, server):
    assert get("styles")[0] == get("styles", "--replace")[0] == 0
    assert len(server.asked) == 4


@pytest.mark.slow
def test_a_style_stands_below_its_genre_and_what_is_no_music_is_not_written(get):
    assert get("styles")[0] == 0
    labels = {it.name: it for it in load_card(BACKBONE).labels}
    house = labels["Electronic---House"]
    assert (house.kind, house.display) == ("genre", "House")
    assert labels["Non-Music---Audiobook"].kind == "other"


def test_json_is_one_object_for_each_model(get):
    code, out, _ = get("styles", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(it["type"], it["name"]) for it in rows] == [("added", BACKBONE)]


# Another place


def test_the_address_of_one_file_may_be_given(get, server, own):
    server.files["elsewhere/own.onnx"] = server.files[weights("styles")]
    server.files["elsewhere/own.json"] = server.files[weights("styles").replace(".onnx", ".json")]
    assert get("styles", "--url", f"{server.url}elsewhere/own.onnx")[0] == 0
    assert models_in(own) == [BACKBONE]
    code, _, err = get("moods", "--url", f"{server.url}elsewhere/own.onnx")
    assert (code, "is 7 networks" in err) == (2, True)


@pytest.mark.parametrize("url", ["file:///etc/", "ftp://example.org/", "example.org", ""])
def test_an_address_that_is_none_is_refused(url, get, own):
    code, _, err = get("styles", "--url", url)
    assert (code, err.count("\n"), own.exists()) == (2, 1, False)


@pytest.mark.slow
def test_a_list_of_ones_own_says_where_and_what(get, server, own, tmp_path):
    content = server.files[weights("styles")]
    file = catalogue(tmp_path, server, sha256=hashlib.sha256(content).hexdigest())
    code, _, err = get("mine", "--catalogue", str(file))
    assert (code, "the one that lean-tag knows" in err) == (0, True)
    assert models_in(own) == [BACKBONE]


def catalogue(folder: Path, server: ModelServer, **known: str | int) -> Path:
    """Write a list with one entry, of a free licence, whose network is at the server."""
    pairs = "".join(f", {key} = {json.dumps(value)}" for key, value in known.items())
    path = folder / "own.toml"
    path.write_text(
        f'[source.here]\nbase = "{server.url}"\nholder = "us"\nlicence = "MIT"\nnotice = ""\n'
        f'[entry.mine]\nadds = "styles"\nsource = "here"\n'
        f'networks = [{{ weights = "{weights("styles")}"{pairs} }}]\n'
    )
    return path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the table 'source' is missing"),
        ("[source]\n[entry.a]\nadds = 'x'", "there is no source None"),
        ("= 3", "Invalid statement"),
        ("[source]\nentry = 3", "the table 'entry' is missing"),
        ("[source]\n[entry]\na = 3", "expected a table"),
    ],
)
def test_a_list_that_makes_no_sense_is_one_sentence(text, reason, get, tmp_path):
    (tmp_path / "bad.toml").write_text(text)
    code, _, err = get("mine", "--catalogue", str(tmp_path / "bad.toml"))
    assert (code, err.count("\n"), reason in err) == (2, 1, True)


# What goes wrong


def test_a_network_that_is_not_the_known_one_is_refused(get, server, own, tmp_path):
    file = catalogue(tmp_path, server, sha256="0" * 64)
    code, _, err = get("mine", "--catalogue", str(file))
    assert (code, "damaged or replaced" in err) == (3, True)
    assert (models_in(own), parts(own)) == ([], [parts(own)[0]])  # the metadata alone are kept
    code, _, err = get("mine", "--catalogue", str(file), "--accept-changed")
    assert (code, "not the one that lean-tag knows" in err) == (0, True)


@pytest.mark.slow
def test_another_length_than_the_known_one_is_refused(get, server, own, tmp_path):
    file = catalogue(tmp_path, server, size_bytes=1000)
    code, _, err = get("mine", "--catalogue", str(file))
    assert (code, "it is another file" in err, models_in(own)) == (6, True, [])
    assert get("mine", "--catalogue", str(file), "--accept-changed")[0] == 0


def test_a_network_that_became_another_since_it_first_came_is_refused(get, server, own):
    _, _, err = get("styles")
    assert "recorded now" in err
    path = weights("styles")
    server.files[path] += b"\x32\x00"  # an empty description: still a network
    assert main(["models", "remove", BACKBONE]) == 0
    code, _, err = get("styles")
    assert (code, "is not the file that came on" in err) == (3, True)
    assert models_in(own) == []


@pytest.mark.slow
def test_what_a_person_took_all_the_same_is_what_is_compared_with_later(get, server):
    assert get("styles")[0] == 0
    server.files[weights("styles")] += b"\x32\x00"
    assert get("styles", "--replace")[0] == 3
    assert load_card(BACKBONE).path.exists()  # what was there is there
    assert get("styles", "--replace", "--accept-changed")[0] == 0
    assert get("styles", "--replace")[0] == 0


def test_a_record_that_cannot_be_read_lets_nothing_pass(get, own):
    (own / ".downloads").mkdir(parents=True)
    (own / ".downloads" / "record.json").write_text("{")
    code, _, err = get("styles")
    assert (code, "cannot read the record" in err) == (5, True)


@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [
        (answering(404), 6, "404"),
        (answering(200, b"<html></html>", kind="text/html"), 6, "is a web page"),
        (answering(200, b"<html>no network</html>"), 3, "not an ONNX"),
        (to("http://127.0.0.1:9/else.onnx"), 6, "add --redirect-to 127.0.0.1:9"),
        (to("file:///etc/passwd"), 6, "not an address of http or https"),
        (endless, 6, "longer than 3 MiB"),
        (drip, 6, "arrived in"),
        (hang_after(5000), 6, "nothing arrived for too long"),
        (cut_after(5000), 6, "cut off after 5,000 of"),
    ],
    ids=["404", "page", "bytes", "elsewhere", "file", "endless", "drip", "hang", "cut"],
)
@thinned("which", ["weights", "metadata"], fast=1)
def test_what_does_not_come_is_one_sentence_and_no_model(
    how, code, reason, which, get, server, own
):
    path = weights("styles")
    if which == "metadata":
        path = path.replace(".onnx", ".json")
        code, reason = (2, "is not JSON") if reason == "not an ONNX" else (code, reason)
        reason = "longer than 1 MiB" if "longer" in reason else reason
        reason = "cut off after 5,000" if reason.startswith("cut") else reason
    server.behaves[path] = how
    found, out, err = get("styles", "--timeout", "1", "--max-size", "3M")
    assert (found, out) == (code, "")
    assert reason in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("lean-tag: ")
    assert models_in(own) == []


def test_what_was_cut_off_is_gone_on_with(get, server, own):
    path = weights("styles")
    server.behaves[path] = cut_after(100_000)
    assert get("styles")[0] == 6
    assert 100_000 in parts(own)
    server.asked.clear()
    assert get("styles")[0] == 0
    assert dict(server.asked)[path]["Range"] == "bytes=100000-"
    assert parts(own) == []


@pytest.mark.slow
def test_a_person_may_allow_another_server(server, own):
    with serving() as other:
        other.files = dict(server.files)
        server.behaves[weights("styles")] = to(other.url + weights("styles"))
        code, said = typed("y\ny\n", "models", "get", "styles", "--url", server.url)
    assert (code, "redirects to another server" in said) == (0, True)
    assert models_in(own) == [BACKBONE]


def test_a_full_disk_is_one_sentence_and_no_model(get, tmp_path, monkeypatch):
    at = tmp_path / "small"
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", at=at, may_skip=True):
        monkeypatch.setenv("LEAN_TAG_MODELS", str(at / "models"))
        code, out, err = get("styles")
        assert (code, out) == (5, "")
        assert "no room in" in err.splitlines()[-1]
        assert models_in(at / "models") == []
        assert sum(parts(at / "models")) < 100_000  # the weights have given their space back


def test_ctrl_c_is_one_sentence_and_what_has_come_is_kept(server, own):
    reached = threading.Event()
    server.behaves[weights("styles")] = hang_after(200_000, reached)
    command = [sys.executable, "-m", "lean_tagger", "models", "get", "styles"]
    run = subprocess.Popen(
        [*command, "--url", server.url, "--accept-licence"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reached.wait(300)
    while 200_000 not in parts(own):
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 130
    assert said.splitlines()[-1] == "lean-tag: stopped; the same command goes on from there"
    assert models_in(own) == []


def test_two_at_a_time_are_refused(get, server):
    address = server.url + weights("styles")
    with PartialFile(part_path(downloads_folder(), address)):
        code, _, err = get("styles")
    assert (code, "another lean-tag is fetching the same file" in err) == (11, True)


def test_a_network_that_does_not_run_is_not_added_and_what_came_before_is_there(get, server, own):
    path = weights("jamendo-genres")
    server.files[path] = server.files[weights("moodtheme")]  # of another shape than its metadata
    code, _, err = get("jamendo-genres")
    assert code == 2
    assert "there are names for 87 labels" in err.splitlines()[-1]
    assert server.url in err.splitlines()[-1] or GENRES in err.splitlines()[-1]
    assert models_in(own) == [BACKBONE]
    assert GENRES not in installed_models()


# Names of entries as models


def test_an_entry_that_is_not_here_yet_says_how_to_get_it():
    run = Run("-n", "--model", "moods", DATA / "west.flac")
    assert run.code == 2
    assert "lean-tag models get moods" in run.said
