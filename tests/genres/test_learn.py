"""The commands for one's own genres, over journals of made-up tracks."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import madeup
import pytest
from thinned import thinned

from lean_tagger.card import DerivedHead, Part, load_card
from lean_tagger.catalogue import user_models

ROOT = Path(__file__).parents[2]
CLASSES = ("Polka", "Ska", "Zydeco")


def lean_tag(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )


def said(*arguments: str | Path) -> dict[str, Any]:
    done = lean_tag(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAN_TAG_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return madeup.write(tmp_path / "j.sqlite3", madeup.library(CLASSES, tagged=6))


@pytest.mark.slow
def test_what_was_learnt_is_a_model_like_any_other(models: Path, journal: Path) -> None:
    report = said("learn", "--state", journal)
    assert report["name"] == "my-genres"
    assert report["overall"]["learnt"]["balanced_accuracy"] > 0.9
    assert [row["class"] for row in report["classes"]] == list(CLASSES)
    assert {path.suffix for path in models.iterdir()} == {".json", ".head", ".added"}
    card = load_card("my-genres")
    assert [part.name for part in card.parts] == list(madeup.BOTH)
    shown = lean_tag("models", "show", "my-genres")
    assert "Polka, Ska, Zydeco" in shown.stdout, shown.stderr
    retagged = said_lines("retag", "-n", "--model", "my-genres", "--state", journal)
    untagged = [it for it in retagged if it["type"] == "result" and it["scores"]]
    assert all(it["status"] == "skipped" for it in untagged)  # made-up files cannot be reached
    rows = [json.loads(line) for line in exported(journal).splitlines()]
    assert all(row["score: Ska"] is not None for row in rows)
    assert lean_tag("models", "remove", "my-genres").returncode == 0
    assert list(models.iterdir()) == []


def said_lines(*arguments: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lean_tag(*arguments, "--json").stdout.splitlines()]


def exported(journal: Path) -> str:
    return lean_tag("export", "--model", "my-genres", "--state", journal).stdout


@pytest.mark.slow
def test_the_same_tags_give_the_same_bytes(models: Path, journal: Path) -> None:
    said("learn", "--state", journal)
    first = (models / "my-genres.head").read_bytes()
    said("learn", "--replace", "--state", journal)
    (head,) = models.glob("my-genres*.head")
    assert head.read_bytes() == first


@pytest.mark.slow
def test_the_same_tags_give_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order Python's sets have in a process."""
    small = madeup.library([f"Genre {number}" for number in range(9)], artists=1, tracks=2)
    path = madeup.write(tmp_path / "j.sqlite3", [*madeup.library(CLASSES), *small])
    reports = []
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        each = [said(*command, "--state", path) for command in (("learn", "-n"), ("check",))]
        reports.append([{**it, "peak_bytes": 0} for it in each])
    assert reports[0] == reports[1] == reports[2]


@pytest.mark.slow
def test_corrections_come_in_with_update(tmp_path: Path) -> None:
    tracks = madeup.library(CLASSES)
    said("learn", "--name", "mine", "--state", madeup.write(tmp_path / "a.sqlite3", tracks))
    more = [*tracks, *madeup.library(["Mambo"])]
    later = madeup.write(tmp_path / "b.sqlite3", more)
    report = said("learn", "--update", "--name", "mine", "--state", later)
    assert "Mambo" in [row["class"] for row in report["classes"]]
    assert "Mambo" in [label.name for label in load_card("mine").labels]


@pytest.mark.slow
def test_a_name_that_is_taken_is_refused(journal: Path) -> None:
    said("learn", "--state", journal)
    again = lean_tag("learn", "--state", journal)
    assert again.returncode == 2
    assert "there is a model my-genres already" in again.stderr


@pytest.mark.slow
def test_a_dry_run_saves_nothing(models: Path, journal: Path) -> None:
    assert said("learn", "-n", "--state", journal)["name"] is None
    assert not models.exists()


def test_the_table_for_people_names_each_class(journal: Path) -> None:
    out = lean_tag("learn", "-n", "--state", journal).stdout
    assert all(name in out for name in CLASSES)
    assert "stock labels" in out


def test_an_embedding_of_one_model_is_enough(tmp_path: Path) -> None:
    tracks = madeup.library(CLASSES)
    path = madeup.write(tmp_path / "j.sqlite3", tracks, models=["msd-musicnn"])
    assert said("learn", "--state", path)["models"] == ["msd-musicnn"]


def test_tracks_with_several_genres_are_judged_class_by_class(tmp_path: Path) -> None:
    tracks = [
        replace(track, fields={"genre": (track.fields["genre"][0], "Party")})
        if number % 2
        else track
        for number, track in enumerate(madeup.library(CLASSES))
    ]
    report = said("learn", "--state", madeup.write(tmp_path / "j.sqlite3", tracks))
    assert report["several"]
    assert "Party" in [row["class"] for row in report["classes"]]


def test_small_classes_are_named_and_left_out_or_pooled(tmp_path: Path) -> None:
    small = madeup.library(["Mambo", "Csárdás"], tracks=2)
    path = madeup.write(tmp_path / "j.sqlite3", [*madeup.library(CLASSES), *small])
    rules = tmp_path / "rules.toml"
    rules.write_text('[tree]\n"Polka" = ["Csárdás"]\n')
    report = said("learn", "-n", "--state", path, "--rules", rules)
    assert [it["class"] for it in report["left_out"]] == ["Mambo"]
    assert report["pooled"] == [{"class": "Csárdás", "as": "Polka"}]


@pytest.mark.slow
def test_tracks_of_classes_that_are_left_out_hardly_get_one_of_the_others(tmp_path: Path) -> None:
    """What is learnt of three genres says nothing of music that is neither, and must know it."""
    small = madeup.library([f"Genre {number}" for number in range(12)], artists=2, tracks=4)
    path = madeup.write(tmp_path / "j.sqlite3", [*madeup.library(CLASSES), *small])
    report = said("learn", "--state", path)
    assert report["tracks"] == report["others"]["tracks"] == 96
    # Four of five that are written are right, so at most a quarter as many others are written.
    assert report["others"]["written"] <= 0.25
    assert report["overall"]["precision"] >= 0.8
    assert report["overall"]["coverage"] > 0.8
    card = load_card("my-genres")
    assert [label.name for label in card.labels] == list(CLASSES)
    (unknown,) = madeup.library(["Mambo"], artists=1, tracks=1)
    assert sum(DerivedHead(card)(madeup.parts(unknown, 900))) < 0.7  # the rest is something else


def test_few_tracks_of_other_classes_count_where_it_is_said_what_is_sure(tmp_path: Path) -> None:
    """Too few to learn what they are, but not too few to show that a class is not."""
    alike = [replace(it, fields={"genre": ("Rare",)}) for it in madeup.library(["Ska"], tracks=4)]
    tracks = [*madeup.library(CLASSES), *(replace(it, path=f"{it.path}x") for it in alike)]
    report = said("learn", "-n", "--state", madeup.write(tmp_path / "j.sqlite3", tracks))
    ska = next(row for row in report["classes"] if row["class"] == "Ska")
    assert report["others"]["tracks"] == 16
    assert ska["recall_above"] < 0.7


def test_other_spellings_are_one_class(tmp_path: Path) -> None:
    spelt = {0: "polka", 1: "POLKA"}
    tracks = [
        replace(track, fields={"genre": (spelt.get(number, track.sounds),)})
        for number, track in enumerate(madeup.library(CLASSES))
    ]
    report = said("learn", "-n", "--state", madeup.write(tmp_path / "j.sqlite3", tracks))
    assert [row["class"] for row in report["classes"]] == list(CLASSES)


def test_what_an_artist_has_by_hand_is_inherited(tmp_path: Path) -> None:
    path = madeup.write(tmp_path / "j.sqlite3", madeup.library(CLASSES))
    report = said("learn", "--inherit", "--state", path)
    assert report["inherited"]["precision"] == 1
    head = DerivedHead(load_card("my-genres"))
    assert head.inherited(artist="polka ARTIST 0", album="new") == "Polka"
    assert head.inherited(artist="somebody", album="Polka album 0") is None


@pytest.mark.slow
def test_what_is_mostly_something_else_by_hand_is_not_inherited(tmp_path: Path) -> None:
    tracks = [
        replace(it, fields={"genre": ("Rare",)}) if it.artist.endswith(" 0") and n % 8 > 2 else it
        for n, it in enumerate(madeup.library(CLASSES, artists=5))
        if not it.artist.startswith("Ska artist 0")
    ]
    said("learn", "--inherit", "--state", madeup.write(tmp_path / "j.sqlite3", tracks))
    head = DerivedHead(load_card("my-genres"))
    assert head.inherited(artist="Polka artist 0", album="new") is None
    assert head.inherited(artist="Polka artist 1", album="new") == "Polka"


def test_a_head_scores_as_its_arithmetic_says(models: Path, journal: Path) -> None:
    import base64

    import numpy as np

    said("learn", "--state", journal)
    file = json.loads((models / "my-genres.head").read_text())
    mean, scale, weights, bias = (
        np.frombuffer(base64.b64decode(file[name]), "<f4").astype(float)
        for name in ("mean", "scale", "weights", "bias")
    )
    row = np.random.default_rng(5).normal(size=400).astype("<f4")
    logits = weights.reshape(3, 400) @ ((row - mean) / scale) + bias
    wanted = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    parts = [Part(values=[0.0] * 50, embedding=half.tobytes()) for half in np.split(row, 2)]
    assert DerivedHead(load_card("my-genres"))(parts) == pytest.approx(tuple(wanted), abs=1e-12)


# Bad input: one sentence, and nothing is written


def ours(value: str) -> dict[str, tuple[str, ...]]:
    text = json.dumps({"lean-tag": "1", "wrote": {"genre": [value]}, "over": {}})
    return {"genre": (value,), "leantag": (text,)}


BAD = {
    "no tags": (madeup.library(CLASSES, tagged=0), (), "has a genre to learn from"),
    "one class": (madeup.library(["Polka"]), (), "have one genre, Polka"),
    "three tracks": (madeup.library(CLASSES, artists=1, tracks=1), (), "it takes two genres"),
    "one artist": (
        [replace(it, artist="A", album="") for it in madeup.library(CLASSES)],
        (),
        "by one artist",
    ),
    "only ours": (
        [replace(it, fields=ours(it.sounds)) for it in madeup.library(CLASSES)],
        (),
        "all written by lean-tag",
    ),
    "only junk": (
        [replace(it, fields={"genre": ("Other",)}) for it in madeup.library(CLASSES)],
        (),
        "say nothing",
    ),
    "empty journal": ([], (), "none of these files is on record"),
    "no moods": (madeup.library(CLASSES), ("--field", "mood"), "has a mood to learn from"),
    "no such path": (madeup.library(CLASSES), ("/nowhere/at all",), "there is no /nowhere"),
    "folders of nothing": (madeup.library(CLASSES), ("--from", "folders"), "needs the PATH"),
    "two sources": (
        madeup.library(CLASSES),
        ("--from", "tags", "--from", "x.csv"),
        "takes tags, or folders, or files",
    ),
    "no such model": (madeup.library(CLASSES), ("--model", "nothing"), "there is no model"),
}


@thinned("name", BAD, fast=4)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    models: Path, tmp_path: Path, name: str
) -> None:
    tracks, more, says = BAD[name]
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    done = lean_tag("learn", "--state", path, *more)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not models.exists() or not list(models.iterdir())


@thinned("name", BAD, fast=1)
def test_check_says_in_one_sentence_what_it_cannot_compare(tmp_path: Path, name: str) -> None:
    tracks, more, says = BAD[name]
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    done = lean_tag("check", "--state", path, "--m3u8", tmp_path / "wrong.m3u8", *more)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "wrong.m3u8").exists()


@thinned(
    ("data", "says"),
    [
        (b"name,style\na,b\n", "no columns 'path' and 'label'"),
        (b"path,label\ngone.mp3,Rock\n", "1 of the named files do not exist"),
        (b"path,label\n\xff\xff,Rock\n", "not UTF-8"),
        (b"", "no columns"),
    ],
    fast=1,
)
def test_a_bad_table_is_one_sentence(
    models: Path, journal: Path, tmp_path: Path, data: bytes, says: str
) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    done = lean_tag("learn", "--state", journal, "--from", tmp_path / "t.csv")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not models.exists()


def test_without_a_journal_it_says_so(tmp_path: Path) -> None:
    done = lean_tag("learn", "--state", tmp_path / "none.sqlite3")
    assert done.returncode == 5
    assert "no journal" in done.stderr


# Check


def test_wrong_tags_come_first_and_nothing_is_written(tmp_path: Path) -> None:
    tracks = madeup.library(CLASSES)
    wrong = {3: "Ska", 40: "Zydeco", 70: "Polka"}
    mixed = [
        replace(track, fields={"genre": (wrong.get(number, track.sounds),)})
        for number, track in enumerate(tracks)
    ]
    path = madeup.write(tmp_path / "j.sqlite3", mixed)
    playlist = tmp_path / "wrong.m3u8"
    report = said("check", "--state", path, "--m3u8", playlist)
    paths = [tracks[number].path for number in wrong]
    assert {it["path"] for it in report["wrong"][:3]} == set(paths)
    assert all(it["says"] in CLASSES for it in report["wrong"])
    assert 1 <= report["wrong_of_first"] <= 8
    low, high = report["wrong_of_first_range"]
    assert low <= report["wrong_of_first"] <= high
    assert set(playlist.read_text().splitlines()[1:4]) == set(paths)
    assert {it["album"] for it in report["mixed"]} == {
        tracks[number].album.casefold() for number in wrong
    }
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3, and music")
    assert lean_tag("check", "--state", path, "--m3u8", song).returncode == 2
    assert song.read_bytes() == b"ID3, and music"


def test_spellings_missing_and_junk_are_listed(tmp_path: Path) -> None:
    fields = {0: {"genre": ("polka",)}, 1: {}, 2: {"genre": ("Other", "(12)")}}
    tracks = [
        replace(track, fields=fields.get(number, track.fields))
        for number, track in enumerate(madeup.library(CLASSES))
    ]
    report = said("check", "--state", madeup.write(tmp_path / "j.sqlite3", tracks))
    assert report["spellings"] == [{"Polka": 29, "polka": 1}]
    assert report["missing"] == [tracks[1].path]
    assert report["junk"] == [{"path": tracks[2].path, "values": ["Other", "(12)"]}]


@pytest.mark.slow
def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    bad = os.fsdecode(b"/music/\xff\n.mp3")
    tracks = [
        replace(track, fields={"genre": ("Ska",)}, path=bad) if number == 3 else track
        for number, track in enumerate(madeup.library(CLASSES))
    ]
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    assert said("check", "--state", path)["wrong"][0]["path"] == bad
    assert "sounds like Polka" in lean_tag("check", "--state", path).stdout


# Eval


def test_a_model_is_held_against_tags(tmp_path: Path) -> None:
    tracks = [
        replace(track, fields={"genre": ("Rock",)}) if number % 2 else track
        for number, track in enumerate(madeup.library(CLASSES))
    ]
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    report = said("eval", "--state", path)
    assert [row["label"] for row in report["labels"]] == ["rock"]
    assert report["tracks"] == 48
    assert report["counts"]["unlabelled"] == 48


def test_magnatagatunes_layout_is_understood_and_empty_files_survived(tmp_path: Path) -> None:
    labels = [label.name for label in load_card("mtt-musicnn").labels]
    folder = tmp_path / "mtt"
    (folder / "a").mkdir(parents=True)
    lines, tracks = ["\t".join(["clip_id", *labels, "mp3_path"])], []
    for number in range(60):
        file = folder / "a" / f"{number}.mp3"
        file.write_bytes(b"" if number == 7 else b"x")
        ticks = ["1" if (number + at) % 3 == 0 else "0" for at in range(len(labels))]
        lines.append("\t".join([str(number), *ticks, f"a/{number}.mp3"]))
        tracks.append(madeup.Track(sounds="x", artist="a", fields={}, path=str(file)))
    lines.append("\t".join(["60", *["0"] * len(labels), "a/gone.mp3"]))
    table = tmp_path / "annotations_final.csv"
    table.write_text("\n".join(f'"{line}"'.replace("\t", '"\t"') for line in lines))
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    how = ("--model", "mtt-musicnn", "--annotations", table, "--max-mem", "200M")
    report = said("eval", "--state", path, *how, folder)
    assert report["peak_bytes"] < 100 << 20
    assert report["tracks"] == 59
    assert (report["counts"]["empty"], report["counts"]["missing"]) == (1, 1)
    assert len(report["labels"]) == 50
    assert 0.3 < report["macro"]["roc_auc"] < 0.7


@pytest.mark.slow
def test_only_what_is_asked_for_counts_wherever_the_annotations_are(tmp_path: Path) -> None:
    """So the test set of MagnaTagATune is its folders d, e and f."""
    tracks, lines = [], ["clip_id\trock\tjazz\tmp3_path"]
    for number in range(40):
        file = tmp_path / "mtt" / "cdef"[number % 4] / f"{number}.mp3"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"" if number in {1, 4} else b"x")  # one in c, one in d
        lines.append(f"{number}\t{number // 4 % 2}\t0\t{'cdef'[number % 4]}/{number}.mp3")
        tracks.append(madeup.Track(sounds="x", artist="a", fields={}, path=str(file)))
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    (tmp_path / "elsewhere").mkdir()
    for table in (tmp_path / "mtt" / "a.csv", tmp_path / "elsewhere" / "a.csv"):
        table.write_text("\n".join(lines))
        under = [tmp_path / "mtt" / name for name in "def"]
        report = said("eval", "--state", path, "--annotations", table, *under)
        assert report["tracks"] == 29
        wanted = {"files": 29, "unheard": 0, "unlabelled": 0, "empty": 1, "missing": 0}
        assert report["counts"] == wanted


def test_jamendos_layout_is_understood(tmp_path: Path) -> None:
    tracks, lines = [], ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
    for number in range(12):
        file = tmp_path / f"{number}{'.low' if number % 3 else ''}.mp3"
        file.write_bytes(b"x")
        tags = ["genre---rock", "mood/theme---sad"] if number % 2 else ["genre---pop"]
        lines.append("\t".join([str(number), "a", "b", f"{number}.mp3", "1.0", *tags]))
        tracks.append(madeup.Track(sounds="x", artist="a", fields={}, path=str(file)))
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    path = madeup.write(tmp_path / "j.sqlite3", tracks)
    report = said("eval", "--state", path, "--annotations", tmp_path / "t.tsv")
    found = {row["label"]: row["tracks"] for row in report["labels"]}
    assert (found["rock"], found["pop"]) == (6, 6)


@thinned(
    ("text", "says"),
    [
        (b"clip_id\trock\n1\t1\n", "no column 'path'"),
        (b"path\tx\na\t7\n", "must hold 0 or 1"),
        (b"path\tx\ty\na\t1\n", "fewer columns"),
        (b"path\na\n", "no columns of labels"),
        (b"", "no column 'path'"),
        (b"path,label\n\xff.mp3,rock\n", "not UTF-8"),
        (b"path,label\ngone.mp3,rock\n", "nothing can be compared"),
        (b"path,label\n" + b"x" * 200_000 + b",rock\n", "is not a table"),
    ],
    fast=2,
)
def test_annotations_that_are_none_are_refused(
    tmp_path: Path, journal: Path, text: bytes, says: str
) -> None:
    (tmp_path / "t.tsv").write_bytes(text)
    done = lean_tag("eval", "--state", journal, "--annotations", tmp_path / "t.tsv")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


@thinned(
    ("arguments", "says"),
    [
        (("--model", "msd-musicnn,mtt-musicnn"), "one model is measured at a time"),
        (("--model", "nothing"), "there is no model"),
        (("--annotations", "/nowhere/t.csv"), "cannot read /nowhere/t.csv"),
        (("--annotations", "/dev/null"), "/dev/null"),
        (("--field", "mood"), "nothing can be compared"),
        (("/nowhere",), "there is no /nowhere"),
    ],
    fast=2,
)
def test_what_eval_cannot_do_is_one_sentence(
    journal: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = lean_tag("eval", "--state", journal, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_damaged_head_is_refused(models: Path, journal: Path) -> None:
    said("learn", "--state", journal)
    (models / "my-genres.head").write_text("{}")
    done = lean_tag("retag", "-n", "--model", "my-genres", "--state", journal)
    assert done.returncode == 3
    assert "is not the one its card describes" in done.stderr


def test_a_model_on_which_one_was_learnt_is_not_removed(models: Path, journal: Path) -> None:
    said("learn", "--state", journal)
    for ending in (".json", ".onnx"):
        shutil.copy(ROOT / "models" / f"mtt-musicnn{ending}", models / f"own{ending}")
    card = json.loads((models / "my-genres.json").read_text())
    (models / "my-genres.json").write_text(json.dumps(card | {"also_of": ["own"]}))
    assert "own" in [path.stem for path in models.glob("*.json")]
    with pytest.raises(Exception, match="is a head of own"):
        user_models.remove("own")
