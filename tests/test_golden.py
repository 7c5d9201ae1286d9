"""What 0.1.0 left in people's files and in their journals goes on working.

The files are 0.1.0's own work and are never made again: see ``golden/v0.1.0/README.md``. What is
hashed or looked up by name in them must keep its name, whatever the code calls it by now.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from goldenfiles import GOLDEN, Golden, before, packets_md5, said, tags_of
from thinned import thinned

ROOT = Path(__file__).parents[1]
USUAL = ("--merge", "--min-score", "0.04")
RUNS = {
    "again": (("music", "undone/redone.ogg"), (*USUAL, "--max-tags", "2")),
    "again, retagged": (("retagged",), (*USUAL, "--max-tags", "1")),
    "again, part": (("part",), (*USUAL, "--max-tags", "2", "--effort", "2")),
    "again, two": (
        ("two",),
        (*USUAL, "--max-tags", "2", "--model", "msd-musicnn", "--model", "mtt-musicnn"),
    ),
}
"""The runs of 0.1.0, by the name under which it has said what a second one comes to."""

RULES = ("--rules", GOLDEN / "rules.toml")
RETAGS: dict[str, tuple[tuple[str, ...], tuple[str | Path, ...]]] = {
    "retag": (("music", "retagged", "undone", "part"), RULES),
    "retag, usual": (("music",), ()),
    "retag, player": (("music",), ("--player", "plex", "--min-score", "0.02")),
    "retag, album": (("music",), ("--album-genre", "--min-score", "0.02")),
}

Records = list[dict[str, Any]]


@pytest.fixture
def golden(tmp_path: Path) -> Golden:
    return Golden(tmp_path)


def lean_tag(*arguments: str | Path, state: Path, plain: bool = False) -> Records:
    """Run the command; return the records that it prints, but for its first and last words."""
    command = [sys.executable, "-m", "lean_tagger", *arguments, "--state", state]
    done = subprocess.run(
        command if plain else [*command, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode in {0, 1}, done.stderr
    records = [] if plain else [json.loads(line) for line in done.stdout.splitlines()]
    return [it for it in records if it.get("type") not in {"start", "summary"}]


def results(golden: Golden, *arguments: str | Path, state: Path | None = None) -> dict[str, Any]:
    """Run the command; return its results by the files' names."""
    found = lean_tag(*arguments, state=state or golden.state)
    return {
        str(Path(it["path"]).relative_to(golden.root)): it for it in found if it["type"] == "result"
    }


def again(golden: Golden, name: str, *, state: Path | None = None) -> Records:
    """Do one of the runs of 0.1.0 once more."""
    paths, options = RUNS[name]
    files = (golden.root / it for it in paths)
    return lean_tag(*files, *options, "--jobs", "1", state=state or golden.state)


def by_path(records: Records) -> Records:
    return sorted(records, key=lambda it: str(it["path"]))


def assert_says(found: Any, expected: Any, where: str = "") -> None:
    """Check that all that 0.1.0 said is said; there may be keys that it did not know."""
    if isinstance(expected, dict):
        missing = expected.keys() - found.keys()
        assert not missing, where
        for key, value in expected.items():
            check = assert_leaves if key == "leantag" else assert_says
            check(found[key], value, f"{where}/{key}")
    elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_says(one, other, f"{where}/{expected[number].get('path', number)}")
    elif isinstance(expected, float):
        # Decided on, kept and said as a LEANTAG has them now: to half of 1/65,535; and both are
        # printed with six digits.
        assert found == pytest.approx(expected, rel=0, abs=0.5 / 65535 + 1e-6), where
    else:
        assert found == expected, where


def assert_leaves(found: list[str], expected: list[str], where: str) -> None:
    """Check that a LEANTAG leaves what 0.1.0's did; the form of the scores is a shorter one."""
    if found == expected:  # 0.1.0's own, still in the file
        return
    assert len(found) == len(expected), where
    for new, old in zip(map(json.loads, found), map(json.loads, expected), strict=True):
        assert len(new["uint16"]) < len(json.dumps(old["scores"])), where
        assert {**{field: [] for field in new["wrote"]}, **new["over"]} == old["over"], where
        for key in ("model", "pool", "hop", "audio", "windows", "seconds", "wrote"):
            assert new[key] == old[key], f"{where}/{key}"


def written(golden: Golden) -> dict[str, dict[str, list[str]]]:
    return {name: tags_of(path) for name, path in golden.files().items()}


# What is known is not heard again


@pytest.mark.parametrize("name", RUNS)
def test_a_second_run_opens_no_music(golden: Golden, name: str) -> None:
    """In place of the music are zeros, in which nothing could be heard or recognised."""
    golden.silence()
    assert_says(by_path(again(golden, name)), by_path(said(name, golden.root)))


@pytest.mark.slow
def test_a_file_that_changed_is_recognised_by_its_audio(golden: Golden) -> None:
    """So the audio is hashed as 0.1.0 did, in every container; no LEANTAG tells it here."""
    lean_tag("undo", "--all", state=golden.state)
    for path in golden.files().values():
        os.utime(path, ns=(1, 1))
    for name, (paths, options) in RUNS.items():
        found = lean_tag("-n", *(golden.root / it for it in paths), *options, state=golden.state)
        assert {it["path"]: it["known"] for it in found} == {
            it["path"]: True for it in said(name, golden.root)
        }, name


@thinned("name", RUNS, fast=1)
def test_without_the_journal_a_file_is_recognised_by_its_leantag(
    golden: Golden, name: str, tmp_path: Path
) -> None:
    found = by_path(again(golden, name, state=tmp_path / "new.sqlite3"))
    assert {it["path"]: it["known"] for it in found} == {it["path"]: True for it in found}
    assert_says(found, by_path(said(name, golden.root)))


@pytest.mark.slow
def test_scores_that_were_exported_are_taken_in(golden: Golden, tmp_path: Path) -> None:
    """After an undo, so that no LEANTAG tells what the import did not."""
    lean_tag("undo", "--all", state=golden.state)
    export = tmp_path / "export.jsonl"
    export.write_text((GOLDEN / "export.jsonl").read_text().replace("/golden", str(golden.root)))
    new = tmp_path / "new.sqlite3"
    lean_tag("import", export, state=new, plain=True)
    paths = [json.loads(line)["path"] for line in export.read_text().splitlines()]
    found = lean_tag("-n", *paths, *RUNS["again"][1], state=new)
    assert {it["path"]: it["known"] for it in found} == dict.fromkeys(paths, True)


def test_a_journal_of_0_1_0_is_merged_into_another(golden: Golden, tmp_path: Path) -> None:
    new = tmp_path / "new.sqlite3"
    lean_tag("merge", golden.state, state=new, plain=True)
    golden.silence()
    assert_says(by_path(again(golden, "again", state=new)), by_path(said("again", golden.root)))


# What was written can be taken back


def test_undo_takes_back_every_write_that_stands(golden: Golden) -> None:
    tagged = written(golden)
    packets = {name: packets_md5(path) for name, path in golden.files().items()}
    found = results(golden, "undo", "--all")
    assert_says(
        by_path(list(found.values())),
        [it | {"status": "undone"} for it in by_path(said("undo", golden.root))],
    )
    after = written(golden)
    assert after == {name: it["tags"] for name, it in before().items()}
    assert {name for name in after if after[name] != tagged[name]} == {
        name for name, it in found.items() if it["restored"]
    }
    assert packets == {name: it["audio"] for name, it in before().items()}
    assert packets == {name: packets_md5(path) for name, path in golden.files().items()}
    # Nothing stands now that a second undo would take back.
    assert results(golden, "undo", "--all") == {}


@pytest.mark.slow
def test_redo_puts_back_what_undo_took(golden: Golden) -> None:
    tagged = written(golden)
    lean_tag("undo", "--all", state=golden.state)
    assert written(golden) != tagged
    lean_tag("redo", state=golden.state)
    assert written(golden) == tagged


def test_redo_takes_back_the_undo_that_0_1_0_did(golden: Golden) -> None:
    """One of the three files of that run was redone by 0.1.0 itself."""
    found = results(golden, "redo")
    assert set(found) == {"undone/undone.mp3", "undone/undone.flac"}
    assert tags_of(golden.root / "undone/undone.mp3")["TCON"] == [
        "Folk Tales",
        "Electronic",
        "Electro",
    ]


@thinned(
    ("run", "files"),
    [
        (2, {"retagged/retagged.flac"}),
        (4, {"undone/redone.ogg"}),
        (5, {"part/part.mp3"}),
        (6, {"two/two.mp3"}),
        (7, set()),
        (8, {"failed/killed.mp3"}),
    ],
    fast=1,
)
def test_one_run_of_0_1_0_is_undone_alone(golden: Golden, run: int, files: set[str]) -> None:
    tagged = written(golden)
    assert set(results(golden, "undo", "--run", str(run))) == files
    after = written(golden)
    changed = {name for name in tagged if after[name] != tagged[name]}
    assert changed == files - {"failed/killed.mp3"}  # which was killed before it was written


def test_undo_of_a_retag_brings_back_what_the_first_run_wrote(golden: Golden) -> None:
    path = golden.root / "retagged/retagged.flac"
    assert tags_of(path)["genre"] == ["Indie"]
    lean_tag("undo", "--run", "2", state=golden.state)
    assert tags_of(path)["genre"] == ["Indie", "Folk"]


# What was heard is decided on as before


@thinned("name", RETAGS, fast=2)
def test_retag_decides_as_0_1_0_did(golden: Golden, name: str) -> None:
    """With the rules that it had: bars for single labels came later, and can be turned off."""
    paths, options = RETAGS[name]
    if "--rules" not in options:
        rules = golden.root / "rules.toml"
        rules.write_text("[genre]\nbars = false\nabstain = false\n")
        options = (*options, "--rules", rules)
    found = lean_tag("retag", "-n", *(golden.root / it for it in paths), *options,
                     state=golden.state)  # fmt: skip
    expected = by_path(said(name, golden.root))
    if name != "retag, album":
        assert_says(by_path(found), expected)
        return
    for now, old in zip(by_path(found), expected, strict=True):
        for field, values in old["tags"].items():
            # Of what an album is unsure, its tracks now say it themselves.
            assert now["tags"][field] == values or not values


def test_by_default_retag_takes_back_only_labels_that_have_a_bar_now(golden: Golden) -> None:
    found = lean_tag("retag", "-n", golden.root / "music", state=golden.state)
    barred = {"Jazz", "Indie", "Experimental"}
    of_old = by_path(said("retag, usual", golden.root))
    for now, old in zip(by_path(found), of_old, strict=True):
        genres, then = now["tags"]["genre"], old["tags"]["genre"]
        assert genres == [it for it in then if it not in barred or it in genres]
        assert {it for it in then if it not in genres} <= barred


def test_explain_says_what_0_1_0_said(golden: Golden) -> None:
    paths = [golden.root / it for it in ("music/v24.mp3", "part/part.mp3")]
    found = lean_tag("explain", *paths, *RULES, state=golden.state)
    assert_says(found, said("explain", golden.root))


@pytest.mark.parametrize("command", ["status", "runs"])
def test_what_is_on_record_is_told_as_before(golden: Golden, command: str) -> None:
    expected = said(command, golden.root)
    if command == "status":
        expected[0]["writes"] -= 2  # 0.1.0 counted what its own undo wrote, too
    assert_says(lean_tag(command, state=golden.state), expected)


def test_what_failed_stays_set_aside_and_can_be_tried_again(golden: Golden) -> None:
    names = ("damaged.mp3", "short-ape.mp3")
    paths = [golden.root / "failed" / name for name in names]
    options = RUNS["again"][1]
    found = lean_tag(*paths, *options, state=golden.state)
    assert {it["error"]["kind"] for it in found} == {"set-aside"}
    found = lean_tag(paths[0], *options, "--retry-failed", state=golden.state)
    assert [it["error"]["kind"] for it in found] == ["decode"]


# Names in which something is kept

SHIPPED = {
    "msd-musicnn": "12a1defc2fd6d257209b3d1661a223d35729dce9daea61ca567611966fc0e71e",
    "msd-musicnn-int8": "3084717a610d278ab35f1ed8f6289f8417cab8bd68a8b61e06fc5eadb79c7f6c",
    "msd-vgg": "732b1b8501b43a6f7df8adaa9fecc5ffeb972bd4bed71ea14c24ccf09f851d91",
    "mtt-musicnn": "865ab44c111c5d1c3f3e16f7c92bac7aad06cd20b1338c3f360fbb8d3df6e83e",
    "mtt-vgg": "f559fb03e65a6635f16b77195f875b85af63c1ec1b8fd212d603470820b57ea5",
}


def identities(golden: Golden, *models: str) -> dict[str, str]:
    """Return the key under which the journal keeps the scores of each model."""
    asked = [part for model in models for part in ("--model", model)]
    lean_tag("retag", "-n", golden.root / "failed/damaged.mp3", *asked, state=golden.state)
    with sqlite3.connect(golden.state) as journal:
        found = dict(journal.execute("SELECT name, sha256 FROM models").fetchall())
    journal.close()
    return {name: found[name] for name in models}


def test_the_shipped_models_keep_their_identities(golden: Golden) -> None:
    """An identity hashes names and values of a card's keys: all that decides scores.

    It is the key to what was heard, in journals and (its first 16 digits) in LEANTAG. Where it
    changes, everybody's library is listened to again. So a key of the card keeps its name there,
    whatever a field of the class is called, and a new key has a default that does not count.
    """
    assert identities(golden, *SHIPPED) == SHIPPED


FAMILIES = {
    "a-birdnet-2.4": "160cd1bbb36c65dda61cb9a4d4cf12d446c7079e29d306034fcdceb4514cae8f",
    "a-discogs-effnet": "6c2af02680e7163a5a18ffe9235e30d468786c5087ff0806280fbe5afcb8fc99",
    "a-essentia-musicnn": "6a5a1e455c8ccfa25ffc0ba9e2b8c293005a8935d37f5ede2cf9d598c5242a70",
    "a-maest-10s": "4de345f3445c6cdcbe14181884a2db7091e77508c3651a2bcb8c937364f307cd",
    "a-maest-20s": "9ae25868653d37b698d8a3f093e0c8e8b6407c96742404bb3ef6a2c4500f3626",
    "a-maest-30s": "4d97fc2cc8f1212fcb2a577e984aaf78f73d3ec26fe36dd1d08e957779c83fd6",
    "a-maest-5s": "41419065c3e454d32fb691361d85efffdad12299225758f625a7a3123d0016ec",
    "a-musicnn": "0515eb5d76bc4dd681ab9f1366d9c5ac384dd77dfcde42baebe64bf1c2ff0dc7",
    "a-panns-cnn14": "80bf343fb265e669ae25d109d97fbe0d8f60697ef7def94f46d93d82147bad9f",
    "a-panns-cnn14-mel": "5df094623a420490a87b005023404d9af03bde073fe280d7c180d09a9be7e852",
    "a-sample-level-cnn": "c0ee8a7b15e360b75796ff687cb5b322a75988f3eddefcf62549f06138084696",
    "a-yamnet": "e3761e8972f8a25fde3f3580b4cb4d6c62849c54186ed80e93b981faac3bf37f",
    "head-clap-htsat-unfused": "313d5769646c98a6c343e5dc1697e16083e5f7b9953656314d83c2624edc2332",
    "head-essentia-vggish": "63afcf0577714834eb8933b492779d4696722666eeea4b543aea6301efd60c24",
    "head-mtr-plus-plus": "3794e1f91faaa0e6c81d1833a879ece5e27a065174033113f70c46e8ab94412e",
    "head-vggish": "38426f7324a8f2ef1913ae3765d108f5d022fdd9bda413de0c202a34b5618078",
    "words": "22f1d27142b4892a20d4757ea7f00006cfb0110443e75e88c7f90d1b13f8b296",
}


def test_cards_that_0_1_0_wrote_are_read_and_keep_their_identities(golden: Golden) -> None:
    """Every family, heads, and words; from the folder in which people have their models."""
    folder = Path(os.environ["XDG_DATA_HOME"]) / "lean-tag" / "models"
    shutil.copytree(GOLDEN / "models", folder)
    assert identities(golden, *FAMILIES) == FAMILIES


def test_a_change_in_place_that_was_cut_off_is_made_good(golden: Golden) -> None:
    """By the file that 0.1.0 leaves beside one with several names; see `inplace`."""
    path = golden.root / "music/v24.mp3"
    whole = path.read_bytes()
    lost, start = whole[30:90], 30
    path.write_bytes(whole[:start] + bytes(len(lost)) + whole[start + len(lost) :])
    head = {"name": path.name, "start": start, "bytes": len(lost), "crc": zlib.crc32(lost)}
    machine = zlib.crc32(os.uname().nodename.encode())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    undo = path.with_name(f".lean-tag-{machine:08x}-{gone.pid}-{1:08x}{2:08x}.undo")
    undo.write_bytes(json.dumps(head).encode() + b"\n" + lost)
    lean_tag("undo", "--all", path, state=golden.state)
    assert not undo.exists()
    assert tags_of(path) == before()["music/v24.mp3"]["tags"]
    assert packets_md5(path) == before()["music/v24.mp3"]["audio"]
