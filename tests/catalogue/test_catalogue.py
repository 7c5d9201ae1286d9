"""A card made of what other people's files say: shapes, purposes, labels, licences."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from foreignmodels import (
    DIM,
    STYLES,
    effnet,
    effnet_metadata,
    head,
    head_metadata,
    matrix,
    write,
)
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from lean_tagger.card import Label, family_card, family_names, onnx_graph
from lean_tagger.catalogue import essentia, families, licences, propose_card
from lean_tagger.catalogue.label_kinds import labels, task_of
from lean_tagger.catalogue.propose_card import Proposal, Wishes
from lean_tagger.errors import ConfigError
from lean_tagger.rules import DEFAULT, FieldRules, decide


def propose(path: Path, metadata: dict[str, Any] | None = None, **wishes: Any) -> Proposal:
    return propose_card.propose(onnx_graph.read(path), metadata, Wishes(name="it", **wishes))


# Labels


@pytest.mark.parametrize(
    ("name", "task", "kind", "display"),
    [
        ("Rock---Grunge", "genre", "genre", "Grunge"),
        ("Hip Hop---RnB/Swing", "genre", "genre", "RnB Swing"),
        ("Non-Music---Field Recording", "genre", "other", "Field Recording"),
        ("happy", "mood", "mood", "Happy"),
        ("non_happy", "mood", "other", "Not Happy"),
        ("not_danceable", "any", "other", "Not Danceable"),
        ("danceable", "any", "mood", "Danceable"),
        ("film", "mood", "other", "Film"),
        ("dark", "mood", "mood", "Dark"),
        ("acoustic", "mood", "other", "Acoustic"),
        ("synth_lead", "instrument", "instrument", "Synth Lead"),
        ("acousticguitar", "instrument", "instrument", "Acoustic Guitar"),
        ("female", "vocals", "vocals", "Female Vocals"),
        ("voice", "vocals", "vocals", "Vocals"),
        ("hiphop", "any", "genre", "Hip-Hop"),
        ("Rock music", "any", "genre", "Rock"),
        ("Dog", "any", "other", "Dog"),
        ("80s", "genre", "era", "1980s"),
        ("polka", "genre", "genre", "Polka"),
    ],
)
def test_what_a_class_is_follows_from_its_name_and_what_the_model_is_for(name, task, kind, display):
    (label,) = labels([name], task=task)
    label.pop("parent", None)  # `test_label_parents` has that
    assert label == {"name": name, "kind": kind, "display": display}


def test_a_class_with_an_opposite_has_to_be_likelier_than_that_to_be_written():
    """Of "happy 11 %, non_happy 89 %" nothing is a mood; with a shipped model, 11 % would be."""
    happy, not_happy = labels(["happy", "non_happy"], task="mood")
    assert (happy["least"], "least" in not_happy) == (0.5, False)
    found = [Label(**it) for it in (happy, not_happy)]
    assert decide((0.49, 0.51), found, DEFAULT).chosen["mood"] == ()
    assert [value for value, _ in decide((0.51, 0.49), found, DEFAULT).chosen["mood"]] == ["Happy"]
    asked = FieldRules(name="mood", min_score=0.08, ratio=0.5, max_tags=2)
    asked = dataclasses.replace(asked, thresholds=(("happy", 0.1),))
    rules = dataclasses.replace(DEFAULT, fields=(asked,))
    assert [value for value, _ in decide((0.11, 0.89), found, rules).chosen["mood"]] == ["Happy"]


@pytest.mark.parametrize(
    ("texts", "task"),
    [
        (("mood_happy-discogs-effnet-1",), "mood"),
        (("it", "nsynth instrument"), "instrument"),
        (("it", "", "classification of music by mood (happy/non-happy)"), "mood"),
        (("gender-discogs-effnet-1",), "vocals"),
        (("genre_dortmund",), "genre"),
        (("panns",), "any"),
    ],
)
def test_what_a_model_is_for_follows_from_what_it_is_called(texts, task):
    assert task_of(*texts) == task


@given(st.lists(st.text(min_size=1, max_size=30), max_size=8))
def test_no_label_is_shown_with_what_players_part_values_at_or_with_control_characters(names):
    for name, label in zip(names, labels(names, task="genre"), strict=True):
        assert label["name"] == name
        assert not set(label["display"]) & set(";/,\n\x1b")


# Networks


def test_tensors_are_matched_by_shape_whatever_they_are_called(tmp_path):
    proposal = propose(effnet(tmp_path / "it.onnx"), effnet_metadata())
    assert proposal.card["tensors"] == {
        "input": "melspectrogram",
        "logits": "activations",
        "embedding": "embeddings",
        "layout": "frames_bands",
        "batch": None,
    }
    assert proposal.assumed == ()


def test_a_fixed_batch_is_kept(tmp_path):
    proposal = propose(effnet(tmp_path / "it.onnx", batch=64), effnet_metadata())
    assert proposal.card["tensors"]["batch"] == 64


def test_a_wrong_shape_in_the_metadata_does_no_harm(tmp_path):
    """As in mtg_jamendo_top50tags, which names 50 classes and says 56."""
    metadata = effnet_metadata()
    metadata["schema"]["outputs"][0]["shape"] = [64, 56]
    assert propose(effnet(tmp_path / "it.onnx"), metadata).card["tensors"]["logits"]


def test_another_number_of_classes_is_refused_with_both_numbers(tmp_path):
    path = effnet(tmp_path / "it.onnx", labels=5)
    with pytest.raises(ConfigError, match=r"names for 4 labels, but .*'activations' batch x 5"):
        propose(path, effnet_metadata())


def test_another_rate_than_the_familys_is_refused(tmp_path):
    inference = {"sample_rate": 22050, "algorithm": "TensorflowPredictEffnetDiscogs"}
    with pytest.raises(ConfigError, match=r"22050 Hz, but discogs-effnet hears 16000 Hz"):
        propose(effnet(tmp_path / "it.onnx"), effnet_metadata(inference=inference))


def test_an_algorithm_without_a_front_end_here_is_refused(tmp_path):
    inference = {"sample_rate": 11025, "algorithm": "TempoCNN"}
    with pytest.raises(ConfigError, match=r"name TempoCNN, but lean-tag has no front-end"):
        propose(effnet(tmp_path / "it.onnx"), effnet_metadata(inference=inference))


def test_patches_of_no_family_are_refused_with_their_shape(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)]
    path = write(tmp_path / "it.onnx", nodes, [("x", ["n", 77, 33])], [("y", ["n", 33])], {})
    with pytest.raises(ConfigError, match=r"takes 'x' n x 77 x 33, which is not a patch of any"):
        propose(path, classes=STYLES)
    with pytest.raises(ConfigError, match=r"which is not a patch of discogs-effnet"):
        propose(path, classes=STYLES, family="discogs-effnet")


def test_a_shape_that_two_families_share_decides_nothing(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)]
    path = write(tmp_path / "it.onnx", nodes, [("x", ["n", 187, 96])], [("y", ["n", 96])], {})
    names = tuple(map(str, range(96)))
    with pytest.raises(ConfigError, match=r"like these: .*musicnn.*; choose one with --family"):
        propose(path, classes=names)
    proposal = propose(path, classes=names, family="essentia-musicnn")
    assert proposal.card["frontend"] == family_card("essentia-musicnn")["frontend"]


def test_a_patch_that_lies_otherwise_in_the_tensor_is_known(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 3], keepdims=0)]
    path = write(tmp_path / "it.onnx", nodes, [("x", ["n", 1, 96, 128])], [("y", ["n", 96])], {})
    proposal = propose(path, classes=tuple(map(str, range(96))), family="discogs-effnet")
    assert proposal.card["tensors"]["layout"] == "1_bands_frames"


@pytest.mark.parametrize("name", family_names())
def test_every_family_is_known_by_its_own_shape(name, tmp_path):
    card = families.template(name)
    layout = card["tensors"].get("layout", "frames_bands").split("_")
    lengths = {"1": 1, "frames": card["patch_frames"], "samples": card["patch_frames"]}
    lengths["bands"] = card["frontend"].get("n_mels", 0)
    shape = ["n", *(lengths[axis] for axis in layout)]
    nodes = [helper.make_node("Flatten", ["x"], ["y"], axis=1)]
    path = write(tmp_path / "it.onnx", nodes, [("x", shape)], [("y", ["n", 5])], {})
    (fit,) = families.fits(onnx_graph.read(path), [name])
    assert (fit.family, fit.whole, "_".join(layout)) == (name, True, fit.layout)


def test_the_length_of_the_patch_tells_which_maest_it_is(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)]
    path = write(tmp_path / "it.onnx", nodes, [("x", [1, 626, 96])], [("y", [1, 96])], {})
    inference = {"sample_rate": 16000, "algorithm": "TensorflowPredictMAEST"}
    metadata = effnet_metadata(inference=inference, classes=[str(i) for i in range(96)])
    proposal = propose(path, metadata)
    assert "family maest-10s" in proposal.said[0]


def test_a_network_without_labels_gives_its_embedding_only(tmp_path):
    metadata = effnet_metadata(classes=[])
    tensors = propose(effnet(tmp_path / "it.onnx"), metadata).card["tensors"]
    assert (tensors["logits"], tensors["embedding"]) == (None, "embeddings")


def test_a_family_that_gives_an_embedding_only_needs_no_names(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2], keepdims=0)]
    path = write(tmp_path / "it.onnx", nodes, [("x", ["n", 1, 1001, 64])], [("y", ["n", 64])], {})
    card = propose(path, family="clap-htsat-unfused").card
    assert (card["tensors"]["logits"], card["tensors"]["embedding"]) == (None, "y")
    assert card["labels"] == []


# What the scores are


@pytest.mark.parametrize(("squash", "activation"), [("Sigmoid", "sigmoid"), ("Softmax", "softmax")])
def test_the_last_operator_tells_what_the_scores_are(squash, activation, tmp_path):
    path = effnet(tmp_path / "it.onnx", squash=squash)
    assert propose(path, effnet_metadata()).card["activation"] == activation


def test_scores_before_a_sigmoid_are_preferred_and_before_a_softmax_are_not(tmp_path):
    graph = onnx_graph.read(head(tmp_path / "a.onnx", squash="Sigmoid", twice=True))
    found = propose_card.find_outputs.find(graph, ("a", "b"), essentia.read({}), embedding=False)
    assert (found.logits, found.activation) == ("before", "logits")
    graph = onnx_graph.read(head(tmp_path / "b.onnx", squash="Softmax", twice=True))
    found = propose_card.find_outputs.find(graph, ("a", "b"), essentia.read({}), embedding=False)
    assert (found.logits, found.activation) == ("after", "softmax")


def test_a_graph_without_the_softmax_that_its_metadata_name_is_refused(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    path = write(
        tmp_path / "it.onnx", nodes, [("x", ["n", DIM])], [("y", ["n", 2])], {"w": matrix(DIM, 2)}
    )
    said = essentia.read(head_metadata("a", "b"))
    with pytest.raises(ConfigError, match=r"'y' is the input of the softmax"):
        propose_card.find_outputs.find(onnx_graph.read(path), ("a", "b"), said, embedding=False)


def test_an_operator_that_tells_nothing_is_an_assumption(tmp_path):
    path = effnet(tmp_path / "it.onnx", squash="Abs")
    metadata = effnet_metadata()
    metadata["schema"]["outputs"][0]["op"] = "?"
    proposal = propose(path, metadata)
    assert proposal.card["activation"] == family_card("discogs-effnet")["activation"]
    assert "though the operator Abs computes it" in proposal.assumed[0]


# Cards of ours


def test_a_card_on_top_of_a_family_says_only_what_differs(tmp_path):
    mine = {
        "family": "discogs-effnet",
        "tensors": {"input": "melspectrogram", "logits": "activations"},
        "labels": [{"name": name, "kind": "genre", "display": name} for name in "abcd"],
        "hop_frames": 128,
    }
    card = propose(effnet(tmp_path / "it.onnx"), mine).card
    assert card["hop_frames"] == 128
    assert card["frontend"] == family_card("discogs-effnet")["frontend"]
    assert card["tensors"]["input"] == "melspectrogram"
    assert "sources" not in card
    assert "family" not in card


# Metadata that make no sense

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = ("name", "classes", "schema", "inference", "dataset", "link", "licence", "description")


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_stands_in_metadata_is_read_or_refused_in_one_sentence(metadata):
    try:
        said = essentia.read(metadata)
    except ConfigError:
        return
    assert all(isinstance(name, str) for name in said.classes)


@given(key=st.sampled_from(["outputs", "inputs"]), value=JSON, below=JSON)
def test_whatever_stands_deeper_in_them_too(key, value, below):
    metadata = effnet_metadata(schema={key: value})
    metadata["inference"]["embedding_model"] = below
    metadata["dataset"] = {"metrics": value}
    assert essentia.read(metadata).classes == STYLES


@pytest.mark.parametrize("classes", ["rock", [1, 2], ["rock", ""], ["a", "a"], {"a": 1}])
def test_classes_that_are_no_list_of_different_names_are_refused(classes):
    with pytest.raises(ConfigError, match=r"'classes'"):
        essentia.read(effnet_metadata(classes=classes))


@pytest.mark.parametrize(
    ("licence", "needed"),
    [
        ("ISC", False),
        ("Apache-2.0", False),
        ("CC-BY-4.0", False),
        ("CC0-1.0", False),
        (licences.ESSENTIA, True),
        ("CC-BY-NC-SA-4.0", True),
        (licences.UNKNOWN, True),
        ("GPL-3.0", True),
    ],
)
def test_only_licences_that_allow_any_use_need_no_agreement(licence, needed):
    assert licences.needs_acceptance(licence) is needed


def test_a_head_takes_the_embeddings_of_the_model_that_it_was_made_for(tmp_path, monkeypatch):
    monkeypatch.setenv("LEAN_TAG_MODELS", str(tmp_path / "own"))
    path = head(tmp_path / "head.onnx")
    metadata = head_metadata("happy", "non_happy")
    with pytest.raises(ConfigError, match=r"takes 8 numbers of tiny-effnet-bs64-1"):
        propose(path, metadata)
    backbone = propose(effnet(tmp_path / "it.onnx"), effnet_metadata()).card
    _install(tmp_path / "own", "tiny-effnet-bsdynamic-1", backbone, effnet)
    card = propose(path, metadata).card
    assert card["head_of"] == "tiny-effnet-bsdynamic-1"
    assert card["tensors"]["layout"] == "embedding"
    assert (card["activation"], card["tensors"]["logits"]) == ("softmax", "after")
    assert [label["kind"] for label in card["labels"]] == ["mood", "other"]
    assert "frontend" not in card
    with pytest.raises(ConfigError, match=r"takes 8 numbers, but msd-musicnn gives 200"):
        propose(path, metadata, head_of="msd-musicnn")


def _install(folder: Path, name: str, card: dict[str, Any], make: Any) -> None:
    folder.mkdir()
    weights = make(folder / f"{name}.onnx")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    card = {**card, "name": name, "file": weights.name, "sha256": digest}
    (folder / f"{name}.json").write_text(json.dumps(card))


def test_a_head_of_another_dimension_than_any_backbone_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("LEAN_TAG_MODELS", str(tmp_path / "own"))
    backbone = propose(effnet(tmp_path / "it.onnx"), effnet_metadata()).card
    _install(tmp_path / "own", "tiny-effnet-1", backbone, effnet)
    with pytest.raises(ConfigError, match=r"takes 9 numbers"):
        propose(head(tmp_path / "head.onnx", dim=9), head_metadata("a", "b"))


def test_metadata_of_a_head_beside_a_network_that_takes_patches_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"describe a head, but the network takes batch x 128"):
        propose(effnet(tmp_path / "it.onnx"), head_metadata(*STYLES))
