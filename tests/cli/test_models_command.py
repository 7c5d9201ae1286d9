"""The command ``lean-tag models``, end to end: the workers it starts are real ones."""

import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import DATA, MODELS, VARIANTS
from foreignmodels import STYLES, beside, effnet, effnet_metadata, head, head_metadata, write
from hostilemodels import HOSTILE, endless, hostile
from onnx import helper
from pace import slowdown
from thinned import thinned
from tinymodel import make

from lean_tagger.card import (
    family_card,
    installed_models,
    load_card,
    models_folder,
    shipped_models,
    user_models_folder,
)
from lean_tagger.cli.main import main

MIB = 1 << 20
ROOT = Path(__file__).parents[2]


ONE_IS_FAST = [
    pytest.param(name, marks=pytest.mark.slow) if number else name
    for number, name in enumerate(HOSTILE)
]
"""`test_hostile_models` has all of them in the fast tests, where a run is to use one."""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, which is not there yet."""
    folder = tmp_path / "own" / "models"
    monkeypatch.setenv("LEAN_TAG_MODELS", str(folder))
    return folder


@pytest.fixture
def models(own: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``lean-tag models ...``; return its exit code and what it said.

    In this process, but where there is a budget to keep: this one has a test suite in it.
    """
    assert not own.exists()

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        if "--max-mem" in arguments:
            command = [sys.executable, "-m", "lean_tagger", "models", *map(str, arguments)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        try:
            code = main(["models", *map(str, arguments)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A network with its card, to be added."""
    return make(tmp_path).with_suffix(".onnx")


# list, show


@pytest.mark.slow
def test_the_list_has_every_model_with_what_it_needs_and_how_fast_it_is(models, own, monkeypatch):
    """A second list runs nothing."""
    code, out, _ = models("list", "--json")
    found = {it["name"]: it for it in map(json.loads, out.splitlines())}
    assert code == 0
    assert sorted(found) == sorted((*MODELS, *VARIANTS, "standard"))
    for name, it in found.items():
        assert it["type"] == "model"
        assert it["shipped"] is True
        count = len(load_card(name).labels)
        assert (it["labels"], it["licence"], it["error"]) == (count, "ISC", None)
        assert sum(it["kinds"].values()) == count
        assert (MIB if name != "standard" else 1) < it["size_bytes"] < 3 * MIB
        assert 60 * MIB < it["least_bytes"] < 400 * MIB
        assert it["speed"] > 1
    assert not own.exists()
    monkeypatch.setattr(sys, "executable", "/nonexistent")  # no worker can be started with it
    assert models("list", "--json")[1] == out


@pytest.mark.slow
def test_the_list_is_a_table_for_people(models):
    code, out, _ = models()
    head, *lines = out.splitlines()
    assert code == 0
    assert head.split() == ["name", "labels", "size", "needs", "speed", "licence"]
    assert len(lines) == len((*MODELS, *VARIANTS, "standard"))
    assert all(line.endswith("ISC") for line in lines)


@pytest.mark.slow
def test_a_model_that_cannot_be_used_is_listed_with_the_reason(models, own, tiny):
    assert models("add", tiny)[0] == 0
    (own / "tiny.onnx").unlink()
    (own / "broken.json").write_text("{")
    code, out, _ = models("list", "--json")
    errors = {it["name"]: it["error"] for it in map(json.loads, out.splitlines())}
    assert code == 0
    assert "No such file" in errors["tiny"]
    assert "is not JSON" in errors["broken"]
    assert "NOT USABLE" in models("list")[1]


def test_a_page_shows_everything_about_a_model(models):
    code, out, _ = models("show", "msd-musicnn")
    assert code == 0
    sha256 = load_card("msd-musicnn").sha256
    for part in (sha256, "ISC", "kaiser_beta 14.769656459379492", "30: Rock, Pop"):
        assert part in out
    said = json.loads(models("show", "msd-musicnn", "--json")[1])
    assert said["card"]["frontend"]["n_mels"] == 96
    assert [it["name"] for it in said["card"]["labels"]][:2] == ["rock", "pop"]
    assert models("show", "nothing")[0] == 2


# add, remove


def test_a_network_with_its_card_is_added_and_found_by_name_everywhere(models, own, tiny):
    code, out, err = models("add", tiny)
    assert code == 0
    assert "added tiny: 3 labels" in out
    assert "a card of lean-tag" in err
    assert sorted(it.name for it in own.iterdir()) == ["tiny.added", "tiny.json", "tiny.onnx"]
    assert installed_models()[-1] == "tiny"
    assert load_card("tiny").path == own / "tiny.onnx"
    code, out, _ = models("test", DATA / "west.flac", "--model", "tiny", "--json")
    said = json.loads(out)
    assert (code, said["model"]) == (0, "tiny")
    assert {it["name"] for it in said["labels"]} == {"rock", "jazz", "chill"}


@pytest.mark.slow
def test_the_doctor_knows_a_model_that_was_added(models, tiny, capsys):
    models("add", tiny)
    main(["doctor", "--json"])
    names = [fit["model"] for fit in json.loads(capsys.readouterr().out)["models"]]
    assert names == [*shipped_models(), "tiny"]


def test_a_model_is_removed_whole(models, own, tiny):
    models("add", tiny)
    assert models("remove", "tiny")[:2] == (0, "removed tiny\n")
    assert list(own.iterdir()) == []
    code, _, err = models("remove", "tiny")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.slow
def test_weights_that_another_card_names_as_well_are_kept(models, own, tiny):
    models("add", tiny)
    other = {**json.loads((own / "tiny.json").read_text()), "name": "other"}
    (own / "other.json").write_text(json.dumps(other))
    assert models("remove", "other")[0] == 0
    assert models("verify", "tiny")[0] == 0


def test_what_is_not_the_persons_is_not_removed(models, own, tiny):
    models("add", tiny)
    before = sorted(models_folder().iterdir()), sorted(own.iterdir())
    for name in ("msd-musicnn", "../tiny", "", "a/b", ".json"):
        assert models("remove", name)[0] == 2, name
        assert (sorted(models_folder().iterdir()), sorted(own.iterdir())) == before, name


@pytest.mark.parametrize("name", ["msd-musicnn", "../out", "a b", "x.json", "", "-x", "a" * 200])
def test_a_name_that_cannot_be_is_refused(name, models, own, tiny):
    code, _, err = models("add", tiny, f"--name={name}")
    assert code == (0 if name == "" else 2)  # an empty one is none
    assert name == "" or err.splitlines()[-1].startswith("lean-tag: ")
    assert not (own.parent / "out.json").exists()


@pytest.mark.slow
def test_a_model_of_that_name_is_kept_unless_it_is_to_be_replaced(models, own, tmp_path, tiny):
    models("add", tiny)
    first = load_card("tiny")
    make(tmp_path, weights=lambda: np.ones((96, 3)))
    code, _, err = models("add", tiny)
    assert (code, load_card("tiny")) == (2, first)
    assert "--replace" in err
    assert models("add", tiny, "--replace")[0] == 0
    second = load_card("tiny")
    assert second.sha256 == hashlib.sha256(second.path.read_bytes()).hexdigest() != first.sha256
    assert not first.path.exists()
    assert models("add", tiny, "--replace")[0] == 0  # the same again
    assert len(list(own.iterdir())) == 3
    assert models("verify", "tiny")[0] == 0


@pytest.mark.slow
def test_another_name_adds_a_second_one(models, tiny):
    models("add", tiny)
    assert models("add", tiny, "--name", "other")[0] == 0
    assert load_card("other").name == "other"
    assert load_card("other").file == "other.onnx"


def test_weights_that_their_card_does_not_describe_are_refused(models, own, tiny):
    tiny.write_bytes(tiny.read_bytes() + b"\x42\x00")  # an empty field: still a network
    code, _, err = models("add", tiny)
    assert code == 3
    assert "is not the network that" in err
    assert list(own.iterdir()) == []


@pytest.mark.parametrize("name", ONE_IS_FAST)
def test_a_hostile_network_is_not_added_and_leaves_nothing(name, models, own, tmp_path):
    card = hostile(tmp_path, name)
    code, out, err = models("add", card.with_suffix(".onnx"), "--max-mem", "400M")
    assert (code, out) == (3, "")
    assert err.splitlines()[-1].startswith("lean-tag: ")
    assert not own.exists() or list(own.iterdir()) == []


@pytest.mark.slow
def test_a_network_that_never_ends_is_not_added(models, own, tiny):
    endless(tiny.with_suffix(".json"))
    code, _, err = models("add", tiny, "--timeout", "2")
    assert code == 3
    assert "it took much too long" in err
    assert list(own.iterdir()) == []


@pytest.mark.slow
def test_a_network_that_never_ends_once_it_hears_something_is_not_added(models, own, tiny):
    endless(tiny.with_suffix(".json"), once_it_hears=True)
    code, _, err = models("add", tiny, "--timeout", str(3 * slowdown()))  # 1 s to start in
    assert code == 3
    assert "failed on noise: it took much too long" in err
    assert list(own.iterdir()) == []


def test_an_interrupted_add_leaves_nothing_for_long(models, own, tmp_path, tiny):
    """Killed in the middle of a dry run that never ends; the next add sweeps."""
    (tmp_path / "slow").mkdir()
    card = make(tmp_path / "slow")
    endless(card)
    run = subprocess.Popen(
        [sys.executable, "-m", "lean_tagger", "models", "add", str(card.with_suffix(".onnx"))],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(own.glob(".adding-*/tiny.json")):
        assert run.poll() is None
    assert models("add", tiny)[0] == 11  # one at a time
    run.kill()
    run.wait()
    assert "tiny" not in installed_models()
    assert models("add", tiny)[0] == 0
    assert sorted(it.name for it in own.iterdir()) == ["tiny.added", "tiny.json", "tiny.onnx"]


def test_a_folder_that_cannot_be_written_is_named(models, own, tiny):
    own.parent.mkdir()
    own.write_text("a file")
    code, _, err = models("add", tiny)
    assert code == 5
    assert "LEAN_TAG_MODELS" in err


# Essentia's metadata


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A network with Essentia's metadata next to it."""
    return beside(effnet(tmp_path / "tiny-effnet-bsdynamic-1.onnx"), effnet_metadata())


def test_essentias_metadata_become_a_card(models, foreign):
    code, out, err = models("add", foreign, "--accept-licence")
    assert code == 0
    assert "added tiny-effnet-bsdynamic-1: 4 labels" in out
    assert "front-end of the family discogs-effnet" in err
    card, family = load_card("tiny-effnet-bsdynamic-1"), family_card("discogs-effnet")
    assert (card.tensors.input, card.tensors.logits) == ("melspectrogram", "activations")
    assert (card.tensors.embedding, card.activation) == ("embeddings", "sigmoid")
    assert (card.patch_frames, card.hop_frames) == (family["patch_frames"], family["hop_frames"])
    assert [label.name for label in card.labels] == list(STYLES)
    assert [label.display for label in card.labels] == [
        "Delta Blues",
        "Dub Techno",
        "RnB Swing",
        "Grunge",
    ]
    assert {label.kind for label in card.labels} == {"genre"}
    assert card.accuracy is not None
    assert card.accuracy.roc_auc == 0.95


def test_its_licence_has_to_be_accepted_and_when_it_was_is_kept(models, own, foreign):
    code, _, err = models("add", foreign)
    assert code == 2
    assert "non-commercial use only" in err
    assert "--accept-licence" in err
    assert not own.exists()
    models("add", foreign, "--accept-licence")
    record = json.loads((own / "tiny-effnet-bsdynamic-1.added").read_text())
    assert len(record["accepted"]) == len("2026-11-21")
    assert "NC" in record["licence"]
    assert "accepted" in models("show", "tiny-effnet-bsdynamic-1")[1]


def test_a_free_licence_needs_no_agreement(models, own, tmp_path):
    path = beside(effnet(tmp_path / "free.onnx"), effnet_metadata(license="Apache-2.0"))
    assert models("add", path)[0] == 0
    assert json.loads((own / "free.added").read_text())["accepted"] is None


def test_a_person_at_a_terminal_is_asked(own, foreign):
    assert _typed("y\n", foreign) == 0
    assert (own / "tiny-effnet-bsdynamic-1.json").exists()


def test_a_person_may_say_no(own, foreign):
    assert _typed("\n", foreign) == 2
    assert not own.exists()


def _typed(answer: str, network: Path) -> int:
    """Add a network at a terminal, and type an answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        return subprocess.run(
            [sys.executable, "-m", "lean_tagger", "models", "add", str(network)],
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            timeout=300,
            check=False,
        ).returncode
    finally:
        os.close(ours)
        os.close(theirs)


def test_without_metadata_the_shape_tells_the_family_and_yes_is_asked_for(models, own, tmp_path):
    path = effnet(tmp_path / "unknown.onnx")
    code, _, err = models("add", path)
    assert code == 2
    assert "the names of its labels are not known" in err
    names = tmp_path / "names.txt"
    names.write_text("\n".join(STYLES))
    code, _, err = models("add", path, "--labels", names)
    assert code == 2
    assert "assumed: it is a network of the family discogs-effnet" in err
    assert err.splitlines()[-1].endswith("to agree, add --yes")
    assert models("add", path, "--labels", names, "--yes")[0] == 2  # nor is its licence known
    code, _, _ = models("add", path, "--labels", names, "--yes", "--accept-licence")
    assert code == 0
    assert json.loads((own / "unknown.added").read_text())["assumed"]


def test_a_model_by_its_path_is_heard_with_as_well(models, tiny):
    code, out, _ = models("test", DATA / "west.flac", "--model", tiny, "--top", "1")
    assert code == 0
    assert out.count("\n") == 1


# verify, test


@pytest.mark.slow
def test_all_models_are_verified(models, tiny):
    models("add", tiny)
    code, out, err = models("verify", "--json")
    found = {it["name"]: it for it in map(json.loads, out.splitlines())}
    assert (code, err) == (0, "")
    assert list(found) == installed_models()
    assert all(it["error"] is None and it["type"] == "verified" for it in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_IS_FAST)
def test_a_model_that_became_hostile_is_found(name, models, own, tiny):
    models("add", tiny)
    HOSTILE[name][0](own / "tiny.json")
    code, out, err = models("verify", "msd-vgg", "tiny", "--max-mem", "400M")
    assert code == 3
    assert out.startswith("msd-vgg: good, 50 labels")
    assert err.startswith("lean-tag: tiny: ")
    assert err.count("\n") == 1
    assert HOSTILE[name][1] in err


def test_a_flipped_bit_is_found(models, own, tiny):
    models("add", tiny)
    content = bytearray((own / "tiny.onnx").read_bytes())
    content[-20] ^= 1
    (own / "tiny.onnx").write_bytes(content)
    code, _, err = models("verify", "tiny")
    assert code == 3
    assert "damaged or replaced" in err


def test_what_a_model_hears_now_is_printed_strongest_first(models):
    code, out, _ = models("test", DATA / "west.flac", "--top", "5")
    lines = [line.split() for line in out.splitlines()]
    scores = [float(line[0]) for line in lines]
    assert (code, len(lines)) == (0, 5)
    assert scores == sorted(scores, reverse=True)
    assert {line[-1] for line in lines} <= {"genre", "mood", "instrument", "vocals", "era", "other"}


def test_the_file_that_is_tested_is_not_written(models, tmp_path):
    song = tmp_path / "song.flac"
    shutil.copy(DATA / "west.flac", song)
    before = song.read_bytes()
    assert models("test", song)[0] == 0
    assert song.read_bytes() == before


@thinned("what", ["none", "folder", "pipe", "text"], fast=1)
def test_a_file_that_is_no_music_is_one_sentence(what, models, tmp_path):
    path = tmp_path / "song.mp3"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "text":
        path.write_text("no music" * 100)
    code, out, err = models("test", path)
    assert (code, out, err.count("\n")) == (1, "", 1)


# The command itself


def test_a_word_that_is_no_command_is_one_sentence(models):
    code, out, err = models("frobnicate")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "verify" in err


@pytest.mark.parametrize("command", ["list", "show", "add", "get", "remove", "verify", "test"])
def test_every_command_has_help(command, models):
    code, out, _ = models(command, "--help")
    assert code == 0
    assert f"lean-tag models {command}" in out
    assert f"lean-tag models {command}" in models("--help")[1].replace("[list]", "list")


def test_verifying_loads_nothing_heavy_here():
    script = (
        "import sys\nfrom lean_tagger.cli.main import main\n"
        "code = main(['models', 'verify', 'msd-vgg', '--json'])\n"
        "heavy = {'av', 'numpy', 'onnxruntime', 'mutagen', 'psutil'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "0 []"


# Where models are


def test_the_folder_for_data_holds_the_models_unless_another_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("LEAN_TAG_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_models_folder() == tmp_path / "lean-tag/models"
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_models_folder() == tmp_path / "home/.local/share/lean-tag/models"
    monkeypatch.setenv("LEAN_TAG_MODELS", str(tmp_path / "mine"))
    assert user_models_folder() == tmp_path / "mine"


def test_a_shipped_model_comes_before_one_of_the_same_name(own, tmp_path):
    own.mkdir(parents=True)
    shutil.copy(make(tmp_path), own / "msd-musicnn.json")
    assert load_card("msd-musicnn").folder == str(models_folder())
    assert installed_models().count("msd-musicnn") == 1


def test_a_head_without_its_backbone_is_refused_with_what_to_do(models, tmp_path):
    path = beside(head(tmp_path / "mood.onnx"), head_metadata("happy", "non_happy"))
    code, _, err = models("add", path, "--accept-licence")
    assert code == 2
    assert "it is a head that takes 8 numbers of tiny-effnet-bs64-1" in err
    assert "--head-of" in err


@pytest.mark.slow
def test_a_head_is_added_heard_with_and_keeps_its_backbone(models, own, tmp_path, foreign):
    assert models("add", foreign, "--accept-licence")[0] == 0
    path = beside(head(tmp_path / "mood.onnx"), head_metadata("happy", "non_happy"))
    code, out, err = models("add", path, "--accept-licence")
    assert code == 0
    assert "added mood: Happy, " in out
    assert "it takes the embeddings of tiny-effnet-bsdynamic-1" in err
    card = load_card("mood")
    assert (card.head_of, card.activation) == ("tiny-effnet-bsdynamic-1", "softmax")
    said = json.loads(models("test", DATA / "west.flac", "--model", "mood", "--json")[1])
    scores = {it["name"]: it["score"] for it in said["labels"]}
    assert sum(scores.values()) == pytest.approx(1, abs=0.02)  # windows are averaged as logits
    code, _, err = models("remove", "tiny-effnet-bsdynamic-1")
    assert (code, "mood is a head of" in err) == (2, True)
    assert models("remove", "mood")[0] == models("remove", "tiny-effnet-bsdynamic-1")[0] == 0
    assert list(own.iterdir()) == []


@pytest.fixture
def two_classes(models, tmp_path, foreign) -> str:
    """A head with a class that says something and one that does not, of an unknown licence."""
    assert models("add", foreign, "--accept-licence")[0] == 0
    metadata = head_metadata("non_sad", "sad", license="unknown")
    path = beside(head(tmp_path / "mood_sad.onnx"), metadata)
    assert models("add", path, "--accept-licence")[0] == 0
    return "mood_sad"


@pytest.mark.slow
def test_of_two_classes_the_one_that_says_something_is_shown(models, two_classes):
    (line,) = (it for it in models("list")[1].splitlines() if it.startswith(two_classes))
    assert line.split()[1] == "Sad"
    page = models("show", two_classes)[1]
    assert "mood" in page
    assert "1: Sad" in page
    heard = models("test", DATA / "west.flac", "--model", two_classes, "--top", "5")[1]
    assert heard.split()[1:] == ["Sad", "mood"]
    assert not any("Not Sad" in text for text in (line, page, heard))
    row = json.loads(models("show", two_classes, "--json")[1])
    assert row["kinds"] == {"mood": 1}


@pytest.mark.slow
def test_a_licence_that_is_not_known_is_a_question(models, two_classes):
    (line,) = (it for it in models("list")[1].splitlines() if it.startswith(two_classes))
    assert line.endswith("not known: may you use it?")
    page = models("show", two_classes)[1]
    assert "not known: may you use it?" in page
    assert json.loads(models("show", two_classes, "--json")[1])["licence"] is None


def test_a_page_says_what_a_model_needs_and_how_fast_it_is_here(models):
    _, page, _ = models("show", "mtt-vgg")
    assert re.search(r"needs +\d+ MiB, all processes together, as measured here", page)
    assert re.search(r"speed +\d+ x real time on one core \(cpu\)", page)


def test_a_network_that_gives_an_embedding_only_is_added(models, tmp_path):
    path = beside(effnet(tmp_path / "backbone.onnx"), effnet_metadata(classes=[]))
    assert models("add", path, "--accept-licence")[0] == 0
    assert models("verify", "backbone")[0] == 0
    assert load_card("backbone").tensors.logits is None


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 64])
def test_a_network_that_insists_on_a_batch_is_added_and_heard_with(batch, models, tmp_path):
    metadata = effnet_metadata()
    any_batch = beside(effnet(tmp_path / "any.onnx"), metadata)
    fixed = beside(effnet(tmp_path / "fixed.onnx", batch=batch), metadata)
    heard = []
    for path in (any_batch, fixed):
        assert models("add", path, "--accept-licence")[0] == 0
        out = models("test", DATA / "west.flac", "--model", path.stem, "--json")[1]
        heard.append({it["name"]: it["score"] for it in json.loads(out)["labels"]})
    assert heard[0] == pytest.approx(heard[1], abs=1e-4)
    assert load_card("fixed").tensors.batch == batch


def test_what_is_wrong_with_a_card_is_said_of_the_file_that_was_given(models, own, tiny):
    card = tiny.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), "pooling": "median"}))
    code, _, err = models("add", tiny)
    assert code == 2
    assert err.splitlines()[-1].startswith(f"lean-tag: {card}: pooling: 'median'")
    assert list(own.iterdir()) == []


def test_a_network_of_terabytes_is_refused_unread(models, tmp_path):
    path = tmp_path / "sparse.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    code, _, err = models("add", path)
    assert (code, "larger than 2 GiB" in err) == (3, True)
    make(tmp_path)
    (tmp_path / "tiny.onnx").unlink()
    path.rename(tmp_path / "tiny.onnx")
    code, _, err = models("test", DATA / "west.flac", "--model", tmp_path / "tiny.json")
    assert (code, "larger than 2 GiB" in err) == (3, True)


def test_a_broken_model_of_the_persons_does_not_stop_an_import(own, tmp_path):
    own.mkdir(parents=True)
    (own / "broken.json").write_text("{")
    (tmp_path / "nothing.jsonl").write_text("")
    assert main(["import", str(tmp_path / "nothing.jsonl")]) == 0


@pytest.mark.slow  # `test_doctor` has a damaged model in the fast tests
def test_a_broken_model_of_the_persons_does_not_stop_the_doctor(own, capsys):
    own.mkdir(parents=True)
    (own / "broken.json").write_text("{")
    assert main(["doctor", "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "broken does not start" in problem["what"]
    assert problem["remedy"] == "Or: lean-tag models remove broken"


@thinned("family", ["birdnet-2.4", "clap-htsat-unfused", "maest-10s", "yamnet"], fast=1)
def test_a_network_of_a_family_is_added_by_naming_that(family, models, tmp_path):
    card = family_card(family)
    front, frames = card["frontend"], card["patch_frames"]
    patch = {"1": 1, "frames": frames, "samples": frames, "bands": front.get("n_mels")}
    shape = [patch[axis] for axis in card["tensors"].get("layout", "frames_bands").split("_")]
    axes = list(range(1, len(shape) + 1))
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "w"], ["y"]),
    ]
    path = write(
        tmp_path / "it.onnx",
        nodes,
        [("x", [card["tensors"].get("batch") or "n", *shape])],
        [("y", ["n", 3])],
        {"one": np.array([1]), "w": np.ones((1, 3), np.float32)},
    )
    agreed = ["--yes", "--accept-licence"]
    if card["tensors"]["logits"] is not None:
        (tmp_path / "names.txt").write_text("rock\njazz\nhappy\n")
        agreed += ["--labels", tmp_path / "names.txt"]
    code, _, err = models("add", path, "--family", family, *agreed)
    assert (code, f"front-end of the family {family}" in err) == (0, True)
    assert models("test", DATA / "west.flac", "--model", "it")[0] == 0
