"""Labels in one's own words: the list, the file of vectors, the scores, the whole way."""

import hashlib
import importlib.util
import io
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tracemalloc
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import ROOT, Run
from conftest import DATA
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tinytext import (
    DIM,
    VOCABULARY,
    arrays,
    make_joint,
    make_text_model,
    make_tokenizer,
    make_words,
    table,
)

from lean_tagger import Tagger, write
from lean_tagger.card import LabelVectors, ModelSpec, load_card, load_cards, read_words
from lean_tagger.catalogue.text.make_vectors import TextModel, save
from lean_tagger.catalogue.text.word_list import Phrase, parse
from lean_tagger.errors import ConfigError, ModelError
from lean_tagger.listen.label_scores import Words
from lean_tagger.listen.pooling import sigmoid
from lean_tagger.store import location

MIB = 1 << 20
TWO = {"low": [1.0, 0.0, 0.5], "high": [0.0, 2.0, 0.0]}

needs_tokenizers = pytest.mark.skipif(
    importlib.util.find_spec("tokenizers") is None,
    reason="needs the tokenizers library: pip install 'lean-tagger[text]'",
)

# The list


def test_a_list_says_words_their_kinds_and_what_the_network_reads() -> None:
    found = parse(
        "\ufeff# mine\nsynthwave\r\n\n [ Mood ]\nC# minor\nwistful =  a wistful song \n[genre]\nЭ",
        template="{}!",
    )
    assert found == (
        Phrase("synthwave", "synthwave!", "genre"),
        Phrase("C# minor", "C# minor!", "mood"),
        Phrase("wistful", "a wistful song", "mood"),
        Phrase("Э", "Э!", "genre"),
    )
    assert parse("a", kind="mood") == (Phrase("a", "This is a music.", "mood"),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "there is no word in it"),
        ("# only this\n\n[mood]\n", "there is no word in it"),
        ("Rock\nrock", "line 2: 'rock' was there before"),
        ("a\n[moods]\nb", r"line 2: \[moods\] is not one of genre, mood"),
        ("= text", "line 1: '= text' lacks text before or after"),
        ("name =", "line 1: 'name =' lacks"),
        ("a" * 121, "line 1: it is too long"),
        ("a = " + "b" * 2001, "line 1: it is too long"),
        ("be\x07ll", "line 1: it contains a character"),
        ("\n".join(map(str, range(2049))), "line 2049: there are more than 2048 words"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_with_its_line(content: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(content)


@pytest.mark.parametrize("template", ["no place", "{} {}", ""])
def test_a_template_has_one_place_for_the_word(template: str) -> None:
    with pytest.raises(ConfigError, match=r"must have one \{\}"):
        parse("a", template=template)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)


def free_of_marks(name: str) -> bool:
    return not name.startswith(("#", "\ufeff")) and "=" not in name and name.isprintable()


@given(
    st.lists(
        NAMES.filter(lambda it: free_of_marks(it) and not it.startswith("[")),
        min_size=1,
        unique_by=str.casefold,
    )
)
def test_every_word_of_a_list_comes_back_once_and_in_order(names: list[str]) -> None:
    assert [phrase.name for phrase in parse("\n".join(names))] == names


@given(st.text(max_size=200))
@example("[]")
@example("{}")
def test_any_text_is_a_list_or_refused(content: str) -> None:
    try:
        found = parse(content)
    except ConfigError:
        return
    assert found
    assert len({phrase.name.casefold() for phrase in found}) == len(found)
    assert all(phrase.name and phrase.text for phrase in found)


# The file


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    names=st.lists(NAMES.filter(str.isprintable), min_size=1, max_size=5, unique_by=str.casefold),
    dim=st.integers(1, 7),
    data=st.data(),
)
def test_what_numpy_saves_is_read_without_it(
    tmp_path: Path, names: list[str], dim: int, data: st.DataObject
) -> None:
    kinds = data.draw(st.none() | st.lists(st.sampled_from(["genre", "mood"]), min_size=len(names)))
    kinds = kinds and kinds[: len(names)]
    bias = data.draw(st.none() | st.floats(-20, 20, width=32))
    numbers = st.floats(-1e6, 1e6, width=32)
    rows = data.draw(st.lists(st.lists(numbers, min_size=dim, max_size=dim), min_size=len(names)))
    words = dict(zip(names, rows, strict=False))
    whole = arrays(words, kinds=kinds and np.array(kinds), bias=bias)
    save = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    save(tmp_path / "words.npz", **whole)
    found = read_words(tmp_path / "words.npz", vectors=True)
    assert [label.name for label in found.labels] == [label.display for label in found.labels]
    assert [label.name for label in found.labels] == names
    assert [label.kind for label in found.labels] == (kinds or ["genre"] * len(names))
    assert (found.dim, found.scale, found.bias) == (dim, 10.0, bias)
    assert np.array_equal(np.frombuffer(found.vectors, "<f4"), whole["vectors"].ravel())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"names": np.array(["low", "LOW"])}, "the word 'LOW' is in it twice"),
        ({"names": np.array(["low", " "])}, "the name ' ' cannot be written"),
        ({"names": np.array(["low", "a\nb"])}, "cannot be written"),
        ({"names": np.array(["low"])}, r"'vectors' must be 1 rows"),
        ({"names": np.array([], "U3")}, "it has 0 words"),
        ({"names": np.array([["low"], ["high"]])}, "'names' must be a list of texts"),
        ({"names": np.array([b"low", b"high"])}, "'names' must be a list of texts"),
        ({"names": np.array([1.0, 2.0])}, "'names' must be a list of texts"),
        ({"names": np.array(["low", "h" * 121])}, "'names' are too many or too long"),
        ({"names": None}, "it has no array 'names'"),
        ({"kinds": np.array(["genre"])}, "2 names and 1 kinds"),
        ({"kinds": np.array(["genre", "tempo"])}, "'tempo' is not one of genre, mood"),
        ({"vectors": None}, "it has no array 'vectors'"),
        ({"vectors": np.ones((2, 3))}, "float32, and is .* of '<f8'"),
        ({"vectors": np.ones((3, 3), "<f4")}, "'vectors' must be 2 rows"),
        ({"vectors": np.ones((2, 0), "<f4")}, "'vectors' must be 2 rows"),
        ({"vectors": np.ones(2, "<f4")}, "'vectors' must be 2 rows"),
        ({"vectors": np.asfortranarray(np.ones((2, 3), "<f4"))}, "column by column"),
        ({"vectors": np.ones((2, 8193), "<f4")}, "vectors of 8193 numbers are too long"),
        ({"scale": np.float32(0)}, "'scale' is 0"),
        ({"scale": np.float32(np.nan)}, "'scale' is nan"),
        ({"scale": np.ones(2, "<f4")}, "'scale' must be one float32"),
        ({"bias": np.float32(np.inf)}, "'bias' is inf"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    path = make_words(tmp_path / "words.npz", TWO, **changed)
    with pytest.raises(ConfigError, match=told):
        read_words(path)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    """A pickle would make the folder."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    for name in ("names", "vectors", "scale"):
        path = make_words(tmp_path / "words.npz", TWO, **{name: np.array([Trap()], object)})
        with pytest.raises(ConfigError, match="of a type that cannot be used"):
            read_words(path, vectors=True)
    assert not (tmp_path / "sprung").exists()


def npy(descr: str, shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("names", npy("<U999999", "(9,)")),
        ("names", npy("<U3", "(999999999,)")),
        ("names", npy("<U0", "(999999999,)")),
        ("vectors", npy("<f4", "(2, 999999999)")),
        ("vectors", npy("<f4", "(2, 8192)") + bytes(64 * MIB)),
        ("vectors", b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
        ("names", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535),
        ("vectors", b"\x93NUMPY\x02\x00" + struct.pack("<L", 8 * MIB) + b" " * 8 * MIB),
        ("names", npy("<U1", "(2,)", "ab".encode("utf-32-le")) + bytes(64 * MIB)),
        ("scale", bytes(64 * MIB)),
    ],
    ids=[
        *("letters", "names", "nothing", "numbers", "bomb", "header", "nested", "spaces"),
        *("trailing", "scale"),
    ],
)
def test_a_file_that_declares_much_is_refused_before_memory_is_asked_for(
    tmp_path: Path, member: str, data: bytes
) -> None:
    whole = {"names": npy("<U1", "(2,)", "ab".encode("utf-32-le"))}
    whole |= {"vectors": npy("<f4", "(2, 1)", bytes(8)), "scale": npy("<f4", "()", bytes(4))}
    path = tmp_path / "words.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (whole | {member: data}).items():
            archive.writestr(f"{name}.npy", content)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError):
            read_words(path, vectors=True)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_zip_of_countless_members_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(str(number), b"")
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match="holds 20000 arrays"):
            read_words(path)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_second_table_of_contents_is_not_followed(tmp_path: Path) -> None:
    """That of the longer zip format would be read wherever it says it is."""
    path = make_words(tmp_path / "words.npz", TWO)
    data = path.read_bytes()
    path.write_bytes(data[:-22] + struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1) + data[-22:])
    with pytest.raises(ConfigError, match="does not end as numpy ends one"):
        read_words(path)


def test_a_packing_that_takes_memory_as_it_likes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("names.npy", npy("<U1", "(1,)", b"a\0\0\0"))
    with pytest.raises(ConfigError, match="packed in a way"):
        read_words(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(at=st.integers(0, 10_000), bits=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_still_a_list_of_words(
    tmp_path: Path, at: int, bits: int, cut: bool
) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays(TWO, kinds=np.array(["genre", "mood"])))
    data = bytearray(buffer.getvalue())
    data[at % len(data)] ^= bits
    (tmp_path / "words.npz").write_bytes(data[: at % len(data)] if cut else data)
    try:
        found = read_words(tmp_path / "words.npz", vectors=True)
    except ConfigError:
        return
    assert len(found.labels) == 2
    assert len(found.vectors) == 4 * 2 * found.dim


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_what_is_no_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "words.npz").write_bytes(data)
    with pytest.raises(ConfigError):
        read_words(tmp_path / "words.npz")


def test_a_pipe_or_a_huge_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ConfigError, match="are not a file"):
        read_words(tmp_path / "pipe.npz")
    with (tmp_path / "huge.npz").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="is not a file of words"):
        read_words(tmp_path / "huge.npz")


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the words .*: No such file"):
        read_words(tmp_path / "none.npz")


# The scores


def words(tmp_path: Path, vectors: dict[str, Any], *, scale: Any = None, **more: Any) -> Words:
    path = make_words(tmp_path / "words.npz", vectors, **more)
    sha256 = "0" * 64
    card = load_card("msd-musicnn")
    given = LabelVectors(file=str(path), sha256=sha256, scale=scale)
    fields = {name: getattr(card, name) for name in card.__slots__}
    return Words(ModelSpec(**fields | {"label_vectors": given}))


@given(row=st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_words_of_one_kind_share_a_softmax_of_their_cosines(
    tmp_path: Path, row: list[float]
) -> None:
    kinds = np.array(["genre", "mood", "genre", "mood", "genre"])
    vectors = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    mine = words(tmp_path, dict(zip("abcde", vectors, strict=True)), kinds=kinds)
    norm = np.linalg.norm(row)
    unit = np.array(row) / norm if norm else np.zeros(3)
    cosine = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(float) @ unit
    found = mine.scores(np.array(row))
    for kind in ("genre", "mood"):
        powers = np.exp(10.0 * cosine[kinds == kind])
        assert found[kinds == kind] == pytest.approx(powers / powers.sum(), abs=1e-5)
        assert found[kinds == kind].sum() == pytest.approx(1.0)
    logits = mine.logits(np.array([row], np.float32))
    assert sigmoid(logits)[0] == pytest.approx(found, abs=1e-4)


def test_with_a_bias_each_word_is_judged_by_itself(tmp_path: Path) -> None:
    mine = words(tmp_path, {"low": [3.0, 0.0]}, bias=np.float32(-4.0))
    assert mine.scores(np.array([5.0, 0.0])) == pytest.approx(1 / (1 + np.exp(-6.0)))
    assert mine.scores(np.array([0.0, 1.0])) == pytest.approx(1 / (1 + np.exp(4.0)))


def test_the_cards_scale_is_stronger_than_the_files(tmp_path: Path) -> None:
    row = np.array([1.0, 0.0, 0.0])
    assert words(tmp_path, TWO, scale=100.0).scores(row)[0] > words(tmp_path, TWO).scores(row)[0]
    assert words(tmp_path, TWO, scale=10.0).scores(row) == pytest.approx(
        words(tmp_path, TWO).scores(row)
    )


@pytest.mark.parametrize("bias", [None, np.float32(-1e6)])
def test_no_scale_is_too_large_for_scores(tmp_path: Path, bias: Any) -> None:
    mine = words(tmp_path, TWO, scale=1e6, bias=bias)
    found = mine.scores(np.array([[1.0, 0.5, 0.0], [-1.0, 0.0, 0.0]]))
    assert ((found >= 0) & (found <= 1)).all()
    assert np.isfinite(mine.logits(np.ones((1, 3), np.float32))).all()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scale": None}, "have a scale"),
        ({"kinds": np.array(["genre", "mood"])}, "one genre, 'low', which would always fit best"),
        ({"vectors": np.array([[0, 0, 0], [1, 0, 0]], "<f4")}, "a vector is zero or not a number"),
        ({"vectors": np.array([[1, 0, 0], [np.nan, 0, 0]], "<f4")}, "zero or not a number"),
        ({"vectors": np.array([[1, 0, 0], [np.inf, 0, 0]], "<f4")}, "zero or not a number"),
    ],
)
def test_words_that_cannot_be_compared_are_refused(
    tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    path = make_words(tmp_path / "words.npz", TWO, **given)
    card = load_card(str(make_joint(tmp_path, path)))
    with pytest.raises(ConfigError, match=told):
        Words(card)


# The text network


def unit(*tokens: str) -> np.ndarray:
    row = table()[[VOCABULARY.index(token) for token in tokens]].mean(axis=0)
    return row / np.linalg.norm(row)


@needs_tokenizers
@pytest.mark.parametrize(
    ("shape", "output"),
    [
        ({}, None),
        ({"inputs": ("x", "y")}, None),
        ({"dtype": 6}, None),  # int32
        ({"length": 7}, None),
        ({"outputs": ("last_hidden_state",)}, None),
        ({"outputs": ("last_hidden_state",), "length": 7}, None),
        ({"outputs": ("last_hidden_state", "pooled", "text_embeds")}, None),
        ({"outputs": ("last_hidden_state", "pooled")}, "last_hidden_state"),
    ],
)
def test_a_text_network_is_asked_in_its_own_way(
    tmp_path: Path, shape: dict[str, Any], output: str | None
) -> None:
    """Filled up to a fixed length or not, pooled by it or by us: the same vector."""
    model = TextModel(make_text_model(tmp_path, **shape), make_tokenizer(tmp_path), output=output)
    assert model("This is LOW music") == pytest.approx(unit("this", "is", "low", "music"), abs=1e-6)


@needs_tokenizers
@pytest.mark.parametrize("length", ["tokens", 7])
def test_how_a_tokenizer_fills_up_is_not_heard(tmp_path: Path, length: int | str) -> None:
    path = make_tokenizer(tmp_path)
    filling = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None}
    filling |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"padding": filling}))
    model = TextModel(make_text_model(tmp_path, length=length), path)
    assert model("low music") == pytest.approx(unit("low", "music"), abs=1e-6)


@needs_tokenizers
@pytest.mark.parametrize(
    ("shape", "text", "told"),
    [
        ({"length": 3}, "low low low low", "4 tokens long, and the text model takes 3"),
        ({}, " ", "the tokenizer makes nothing of"),
        ({"outputs": ("pooled", "last_hidden_state"), "length": 2}, "low", None),
        ({"outputs": ("text_embeds", "pooled")}, "low", None),
    ],
)
def test_a_text_is_refused_that_would_be_cut(
    tmp_path: Path, shape: dict[str, Any], text: str, told: str | None
) -> None:
    model = TextModel(make_text_model(tmp_path, **shape), make_tokenizer(tmp_path))
    if told is None:
        assert len(model(text)) == DIM
    else:
        with pytest.raises(ConfigError, match=told):
            model(text)


@needs_tokenizers
def test_what_is_no_text_network_is_refused(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(tmp_path)
    odd = make_text_model(tmp_path, inputs=("input_ids", "pixels"))
    with pytest.raises(ModelError, match="has inputs input_ids, pixels"):
        TextModel(odd, tokenizer)
    joint = make_joint(tmp_path, make_words(tmp_path / "w.npz", TWO)).with_suffix(".onnx")
    with pytest.raises(ModelError, match="needs mel, which is not text"):
        TextModel(joint, tokenizer)
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot load the text model"):
        TextModel(tmp_path / "broken.onnx", tokenizer)
    with pytest.raises(ModelError, match="there is no text model"):
        TextModel(tmp_path / "none.onnx", tokenizer)
    with pytest.raises(ModelError, match="has no output 'x'"):
        TextModel(make_text_model(tmp_path), tokenizer, output="x")
    tokenizer.write_text("{}")
    with pytest.raises(ConfigError, match=r"is not a usable tokenizer\.json"):
        TextModel(make_text_model(tmp_path), tokenizer)


def test_a_file_of_words_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "words.npz"
    target.write_bytes(b"before")
    phrases = parse("a\nb")

    def failing() -> Any:
        yield np.ones(3, np.float32)
        raise ModelError("the second fails")

    with pytest.raises(ModelError):
        save(target, phrases, failing(), scale=1.0)
    assert target.read_bytes() == b"before"
    assert save(target, phrases, [np.ones(3, np.float32)] * 2, scale=2.0, bias=-1.0) == (2, 3)
    found = read_words(target)
    assert (found.scale, found.bias, len(found.labels)) == (2.0, -1.0, 2)
    assert [it.name for it in tmp_path.iterdir()] == ["words.npz"]


# The whole way


def lean_tag(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lean_tagger", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def python(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    (tmp_path / "Music").mkdir()
    return Path(shutil.copy(DATA / "west.flac", tmp_path / "Music"))


def direction(first: int, last: int) -> np.ndarray:
    row = np.full(DIM, 1e-3, np.float32)
    row[first:last] = 1.0
    return row


@pytest.fixture
def joint(tmp_path: Path) -> Path:
    """A joint network with a list: music has all bands, more of the low ones."""
    vectors = {"my low music": direction(0, 48), "my high music": -direction(48, 96)}
    return make_joint(tmp_path, make_words(tmp_path / "words.npz", vectors))


def other_words(tmp_path: Path, **more: Any) -> Path:
    vectors = {"all of it": direction(0, 96), "nothing": -direction(0, 96)}
    return make_words(tmp_path / "other.npz", vectors, **more)


@pytest.mark.slow
@needs_tokenizers
def test_ones_own_words_come_into_the_file(tmp_path: Path, song: Path) -> None:
    """From the list to the tag, with every program that it takes."""
    (tmp_path / "words.txt").write_text(
        "# mine\nDeep Cuts = low dark\nShrill Stuff = high\n[mood]\nneutral = even\nupset = loud\n"
    )
    made = lean_tag(
        *("labels", "make", tmp_path / "words.txt"),
        *("--text-model", make_text_model(tmp_path)),
        *("--tokenizer", make_tokenizer(tmp_path), "--scale", "100"),
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == f"{tmp_path / 'words.npz'}: 4 words, 96 numbers each\n"
    shown = lean_tag("labels", "show", tmp_path / "words.npz")
    sha256 = hashlib.sha256((tmp_path / "words.npz").read_bytes()).hexdigest()
    assert shown.stdout.splitlines()[1:] == [
        f"sha256 {sha256}, for a card",
        "genre (2): Deep Cuts, Shrill Stuff",
        "mood (2): neutral, upset",
    ]
    card = make_joint(tmp_path, tmp_path / "words.npz")
    run = Run("--model", card, song)
    assert (run.code, run.statuses()) == (0, {"west.flac": "tagged"})
    present = write.read(str(song))
    assert present["genre"] == ("Deep Cuts",)
    assert present["mood"] == ("neutral",)
    scores = run.results["west.flac"]["scores"]
    assert scores["Deep Cuts"] + scores["Shrill Stuff"] == pytest.approx(1.0, abs=1e-5)


def test_a_track_is_compared_by_the_mean_of_its_windows(joint: Path) -> None:
    """Kept as one row, and the same as all windows at once."""
    tagger = Tagger(str(joint))
    found = tagger.score(DATA / "farm.wav")
    assert found.n_windows > 1
    assert found.embedding is not None
    assert found.values == pytest.approx(Words(tagger.spec).scores(found.embedding))
    windows = sigmoid(tagger.taggram(DATA / "farm.wav").logits)
    assert windows.sum(axis=1) == pytest.approx(np.ones(found.n_windows), abs=1e-5)


def longer(path: Path) -> Path:
    """Write a track of which two windows are a part."""
    with wave.open(str(DATA / "farm.wav")) as short, wave.open(str(path), "wb") as sound:
        sound.setparams(short.getparams())
        sound.writeframes(short.readframes(short.getnframes()) * 4)
    return path


def test_a_part_of_a_track_can_be_enough_for_words(tmp_path: Path, joint: Path) -> None:
    found = Tagger(str(joint), effort="2").score(longer(tmp_path / "long.wav"))
    assert (found.n_windows, found.of_windows > 8) == (2, True)
    assert found.labels == ("my low music", "my high music")
    assert found.values.sum() == pytest.approx(1.0)


def heard_before(run: Run) -> bool:
    (found,) = run.results.values()
    return bool(found["known"])


@pytest.mark.slow
def test_other_words_are_compared_with_what_is_on_record(
    tmp_path: Path, joint: Path, song: Path
) -> None:
    first = Run("--model", joint, song)
    assert not heard_before(first)
    assert write.read(str(song))["genre"] == ("my low music",)
    other = other_words(tmp_path)
    second = Run("--model", joint, "--labels", other, song)
    assert (second.code, heard_before(second), second.statuses()) == (
        0,
        True,
        {"west.flac": "tagged"},
    )
    assert write.read(str(song))["genre"] == ("all of it",)
    again = Run("--model", joint, "--labels", other, song)
    assert (heard_before(again), again.statuses()) == (True, {"west.flac": "unchanged"})
    back = Run("--model", joint, song)
    assert (heard_before(back), back.statuses()) == (True, {"west.flac": "tagged"})
    for run, whole in ((second, other), (back, tmp_path / "words.npz")):
        (found,) = run.results.values()
        fresh = Tagger(str(joint), labels=str(whole)).score(song).as_dict()
        # On record to half of 1/65,535.
        assert found["scores"] == pytest.approx(fresh, abs=0.5 / 65535 + 1e-6)


@pytest.mark.slow
def test_retag_compares_other_words_without_the_network(
    tmp_path: Path, joint: Path, song: Path
) -> None:
    Run("--model", joint, song)
    joint.with_suffix(".onnx").unlink()
    run = Run("retag", "--model", joint, "--labels", other_words(tmp_path), song.parent)
    assert (run.code, run.statuses()) == (0, {"west.flac": "tagged"})
    assert write.read(str(song))["genre"] == ("all of it",)


@pytest.mark.slow
def test_a_moved_file_is_compared_without_being_heard(
    tmp_path: Path, joint: Path, song: Path
) -> None:
    Run("--model", joint, "-n", song)
    moved = song.rename(song.with_name("moved.flac"))
    run = Run("--model", joint, "--labels", other_words(tmp_path), moved)
    assert (heard_before(run), run.statuses()) == (True, {"moved.flac": "tagged"})


@pytest.mark.slow
def test_a_part_of_a_track_is_no_base_for_other_words(tmp_path: Path, joint: Path) -> None:
    """Which windows were enough depends on the words."""
    long = longer(tmp_path / "long.wav")
    Run("--model", joint, "--effort", "2", "-n", long)
    run = Run("--model", joint, "--labels", other_words(tmp_path), "--effort", "2", "-n", long)
    assert not heard_before(run)


@pytest.mark.slow
def test_the_embedding_is_on_record_once(tmp_path: Path, joint: Path, song: Path) -> None:
    for labels in ((), ("--labels", other_words(tmp_path)), ()):
        Run("--model", joint, *labels, song)
    with sqlite3.connect(location.default_path()) as connection:
        rows = connection.execute(
            "SELECT pool, length(uint16), length(embedding) FROM scores JOIN keys ON keys.id = key "
            "ORDER BY pool"
        ).fetchall()
    connection.close()
    assert rows == [("embedding", 0, 4 * DIM), ("logit-mean", 4, 0), ("logit-mean", 4, 0)]


@pytest.mark.slow
def test_without_the_journal_the_file_itself_says_what_words_fit(
    tmp_path: Path, joint: Path, song: Path
) -> None:
    Run("--model", joint, song)
    elsewhere = ("--state", tmp_path / "other.sqlite3")
    run = Run("--model", joint, *elsewhere, song)
    assert (heard_before(run), run.statuses()) == (True, {"west.flac": "unchanged"})
    other = Run("--model", joint, *elsewhere, "--labels", other_words(tmp_path), "-n", song)
    assert not heard_before(other)


@pytest.mark.slow
def test_scores_of_words_are_exported(tmp_path: Path, joint: Path, song: Path) -> None:
    labels = ("--model", joint, "--labels", other_words(tmp_path))
    Run(*labels, "-n", song)
    (line,) = lean_tag("export", *labels).stdout.splitlines()
    said = json.loads(line)
    assert said["score: all of it"] + said["score: nothing"] == pytest.approx(1.0)


@pytest.mark.slow
def test_an_album_is_not_decided_by_what_was_not_compared_yet(
    tmp_path: Path, joint: Path, song: Path
) -> None:
    Run("--model", joint, song)
    labels = ("--model", joint, "--labels", other_words(tmp_path))
    first = Run("retag", *labels, "--album-genre", song.parent)
    assert first.results == {}
    assert "1 tracks were only compared with other words" in first.said
    Run("retag", *labels, "-n", song.parent)
    assert Run("retag", *labels, "--album-genre", song.parent).statuses() == {"west.flac": "tagged"}
    assert write.read(str(song))["genre"] == ("all of it",)


@pytest.mark.slow
def test_an_album_is_decided_by_words(tmp_path: Path, joint: Path, song: Path) -> None:
    shutil.copy(DATA / "farm.wav", song.parent)
    Run("--model", joint, "-n", song.parent)
    labels = ("--labels", other_words(tmp_path))
    run = Run("--model", joint, *labels, "--album-genre", "--overwrite", song.parent)
    assert run.code == 0
    assert write.read(str(song))["genre"] == ("all of it",)


@pytest.mark.slow
def test_two_models_hear_with_one_list(tmp_path: Path, joint: Path, song: Path) -> None:
    run = Run(
        *("--model", "mtt-musicnn", "--model", joint, "--labels", other_words(tmp_path)), song
    )
    (found,) = run.results.values()
    assert (found["model"], list(found["others"])) == ("mtt-musicnn", ["joint"])
    assert set(found["others"]["joint"]["scores"]) == {"all of it", "nothing"}


@pytest.mark.parametrize("dim", [DIM - 1, DIM + 1])
def test_words_of_another_network_are_refused_before_any_music(
    tmp_path: Path, joint: Path, song: Path, dim: int
) -> None:
    vectors = {"a": np.eye(dim, dtype=np.float32)[0], "b": np.eye(dim, dtype=np.float32)[1]}
    path = make_words(tmp_path / "foreign.npz", vectors)
    run = Run("--model", joint, "--labels", path, song)
    assert (run.code, run.results) == (2, {})
    assert f"vectors of {dim} numbers, from another network" in run.said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--labels", "{folder}/words.npz"), "msd-musicnn was not trained with text"),
        (("--model", "{folder}/joint.json", "--labels", "none.npz"), "cannot read the words"),
        (("--model", "{folder}/joint.json", "--labels", "README.md"), "is not a file of words"),
    ],
)
def test_words_that_cannot_be_used_end_the_run_before_any_music(
    joint: Path, song: Path, arguments: tuple[str, ...], told: str
) -> None:
    run = Run(*(it.format(folder=joint.parent) for it in arguments), song)
    assert (run.code, run.results) == (2, {})
    assert told in run.said
    assert len(run.said.splitlines()) == 1


def test_words_that_are_not_the_cards_are_refused(tmp_path: Path, joint: Path) -> None:
    make_words(tmp_path / "words.npz", TWO)
    with pytest.raises(ConfigError, match="are not the ones in the card of joint"):
        load_card(str(joint))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": [{"name": "x", "kind": "genre", "display": "x"}]}, "leave 'labels' out"),
        ({"tensors": {"input": "mel", "logits": "logits"}}, "need an embedding"),
    ],
)
def test_a_card_says_labels_in_one_way(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_card(str(make_joint(tmp_path, make_words(tmp_path / "w.npz", TWO), **change)))


def test_scores_depend_on_the_words_and_not_on_the_files_name(tmp_path: Path) -> None:
    first = make_words(tmp_path / "a.npz", TWO)
    card = make_joint(tmp_path, first)
    named = Path(shutil.copy(first, tmp_path / "b.npz"))
    other = make_words(tmp_path / "c.npz", TWO, scale=np.float32(11.0))
    mine, same, different = (
        load_cards([str(card)], words=it and str(it))[0] for it in (None, named, other)
    )
    assert mine.identity == same.identity != different.identity
    vectors = {"file": first.name, "sha256": hashlib.sha256(first.read_bytes()).hexdigest()}
    sharper = make_joint(tmp_path, first, name="x", label_vectors=vectors | {"scale": 9.0})
    assert load_card(str(sharper)).identity != mine.identity
    assert mine.without_words == same.without_words == different.without_words
    assert mine.without_words not in {mine.identity, different.identity}


def test_whoever_reads_a_card_with_words_loads_no_numpy(joint: Path) -> None:
    script = (
        f"import sys; from lean_tagger.card import load_card; card = load_card({str(joint)!r}); "
        "print([label.name for label in card.labels], 'numpy' in sys.modules)"
    )
    done = python(script)
    assert done.stdout == "['my low music', 'my high music'] False\n"


@pytest.mark.memory
def test_the_command_stays_small_with_thousands_of_words(tmp_path: Path, song: Path) -> None:
    vectors = np.random.default_rng(1).normal(size=(2048, DIM))
    many = {f"word number {number}": row for number, row in enumerate(vectors)}
    card = make_joint(tmp_path, make_words(tmp_path / "many.npz", many))
    done = python(
        "import sys; from lean_tagger.cli.main import main; "
        f"main(['-q', '-n', '--model', {str(card)!r}, {str(song)!r}]); "
        "status = open('/proc/self/status').read(); "
        "print('numpy' in sys.modules, status.split('VmHWM:')[1].split()[0])"
    )
    loaded, peak_kib = done.stdout.splitlines()[-1].split()  # behind the summary
    assert loaded == "False"
    assert int(peak_kib) < 25 << 10


def test_without_the_tokenizers_library_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\n")
    text = make_text_model(tmp_path)
    script = (
        "import sys; sys.modules['tokenizers'] = None; from lean_tagger.cli.main import main; "
        f"sys.exit(main(['labels', 'make', {str(tmp_path / 'words.txt')!r}, '--text-model', "
        f"{str(text)!r}, '--tokenizer', {str(make_tokenizer(tmp_path))!r}]))"
    )
    done = python(script)
    assert (done.returncode, done.stdout) == (2, "")
    assert "install it with: pip install" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("make", "none.txt"), "cannot read none.txt"),
        (("make", "{folder}/latin.txt"), "is not UTF-8"),
        (("make", "{folder}/long.txt"), "is too long for a list"),
        (("make", "{folder}/words.txt", "-o", "words.zip"), "should end in .npz"),
        (("make", "{folder}/words.txt", "--template", "x"), "must have one {}"),
        (("make", "{folder}/words.txt", "--scale", "0"), "is not a number above 0"),
        (("make", "{folder}/words.txt", "--bias", "nan"), "is not a number"),
        (("show", "{folder}/words.txt"), "is not a file of words"),
    ],
)
def test_what_labels_cannot_do_is_said_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "long.txt").write_bytes(b"#" * (MIB + 1))
    given = [it.format(folder=tmp_path) if "{folder}" in it else it for it in arguments]
    if given[0] == "make":
        given += ["--text-model", "none.onnx", "--tokenizer", "none.json"]
    done = lean_tag("labels", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert json.dumps(done.stderr).count("Traceback") == 0
