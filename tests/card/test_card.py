"""A card is read whole or refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODELS, VARIANTS

from lean_tagger.card import installed_models, load_card, models_folder
from lean_tagger.errors import ConfigError


@pytest.mark.parametrize("name", MODELS + VARIANTS)
def test_shipped_cards_are_complete(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.path.is_file()
    assert card.window_samples == 186 * 256 + 512
    assert card.pad_samples == 256
    assert len(card.labels) == 50
    assert {label.kind for label in card.labels} > {"genre", "mood", "vocals"}
    assert card.licence.id == "ISC"
    assert 0.2 < card.accuracy.pr_auc < card.accuracy.roc_auc < 1


def test_the_shipped_models_are_listed() -> None:
    assert installed_models() == sorted((*MODELS, *VARIANTS, "standard"))


def test_an_unknown_model_is_met_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'msd-musicnn'"):
        load_card("msd-musicn")


def changed(tmp_path: Path, **changes: Any) -> str:
    card = json.loads((models_folder() / "msd-musicnn.json").read_text())
    for key, value in changes.items():
        if value is None:
            del card[key]
        else:
            card[key] = value
    path = tmp_path / "m.json"
    path.write_text(json.dumps(card))
    return str(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_frame": 187}, "unknown key 'patch_frame' .did you mean 'patch_frames'"),
        ({"patch_frames": None}, "'patch_frames' is missing"),
        ({"patch_frames": "187"}, "expected int, found str"),
        ({"patch_frames": True}, "expected int, found bool"),
        ({"patch_frames": 0}, "must be from 1 to"),
        ({"patch_frames": 10**12}, "must be from 1 to"),
        ({"sample_rate_hz": 10**8}, "must be from 1000 to"),
        ({"last_patch": "keep"}, "'keep' is not one of drop"),
        ({"labels": []}, "'labels' is empty"),
        ({"labels": [{"name": "x", "kind": "gener", "display": "X"}]}, "mean 'genre'"),
        ({"file": "../../etc/passwd"}, "a name next to the card"),
        ({"resampler": {}}, "resampler: the key 'kind' is missing"),
        ({"frontend": {}}, "frontend: the key 'kind' is missing"),
        ({"frontend": 3}, "frontend: expected a JSON object, found int"),
        ({"frontend": {"kind": "log_mels"}}, "mean 'log_mel'"),
        ({"frontend": {"kind": []}}, "frontend: kind: .. is not one of log_mel, samples"),
        ({"frontend": {"kind": "samples"}}, "'frames_bands' is not one of samples, 1_samples"),
        ({"frontend": {"kind": "samples", "gain": 0.0}}, "'gain' must be a number other than 0"),
        ({"frontend": {"kind": "samples", "n_fft": 512}}, "unknown key 'n_fft'"),
        ({"tensors": {"input": "mel"}}, "neither logits nor an embedding"),
        ({"tensors": {"input": "mel", "logits": "l", "batch": 0}}, "'batch' must be from 1 to"),
        ({"tensors": {"input": "x", "logits": "l", "layout": "bands"}}, "mean 'samples'|not one"),
        ({"tensors": {"input": "x", "logits": "l", "layout": "embedding"}}, "is not one of"),
        (
            {
                "label_vectors": {"file": "v.npz", "sha256": ""},
                "tensors": {"input": "mel", "logits": "l"},
            },
            "need an embedding",
        ),
        ({"label_vectors": {"file": "v.npz", "sha256": ""}}, "labels come from 'label_vectors'"),
        (
            {"label_vectors": {"file": "../v.npz", "sha256": ""}, "labels": []},
            "a name next to the card",
        ),
        ({"short_track": "repeat_samples"}, "without padding at the ends"),
        ({"head_of": "msd-vgg"}, "belongs in the card of 'msd-vgg'"),
        ({"head_of": "../msd-vgg"}, "must be the name of a model"),
        ({"head_of": "msd-vgh"}, "mean 'msd-vgg'"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_card(changed(tmp_path, **changes))


def test_unknown_keys_are_found_at_any_depth(tmp_path: Path) -> None:
    front = json.loads((models_folder() / "msd-musicnn.json").read_text())["frontend"]
    with pytest.raises(ConfigError, match=r"frontend: unknown key 'n_mel' .did you mean 'n_mels'"):
        load_card(changed(tmp_path, frontend={**front, "n_mel": 96}))


def test_a_whole_number_will_do_for_a_fraction(tmp_path: Path) -> None:
    front = json.loads((models_folder() / "msd-musicnn.json").read_text())["frontend"]
    card = load_card(changed(tmp_path, frontend={**front, "f_max_hz": 8000}))
    assert card.frontend.f_max_hz == 8000.0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 200_000])
def test_what_is_no_card_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(ConfigError):
        load_card(str(tmp_path / "m.json"))


def test_a_card_is_found_beside_its_weights(tmp_path: Path) -> None:
    changed(tmp_path)
    assert load_card(str(tmp_path / "m.onnx")).name == "msd-musicnn"
    with pytest.raises(ConfigError, match="No such file"):
        load_card(str(tmp_path / "other.onnx"))


def changed_frontend(tmp_path: Path, **changes: Any) -> str:
    front = json.loads((models_folder() / "msd-musicnn.json").read_text())["frontend"]
    return changed(tmp_path, frontend=front | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_gain": 0.0}, "'log_gain' must be from"),
        ({"compression": "ln_offset"}, "'log_offset' must be from"),
        ({"compression": "db"}, "'log_floor' must be from"),
        ({"compression": "ln"}, "mean 'ln_offset'|not one of"),
        ({"frame_samples": 513}, "'frame_samples' must be from 2 to 512"),
        ({"divisor": 0.0}, "'divisor' not 0"),
        ({"divisor": float("nan")}, "'divisor' not 0"),
        ({"range_below_max": -1.0}, "'range_below_max' must be from"),
        ({"patch_samples": 10_000}, "'patch_samples' must be 47616 or more"),
        ({"patch_samples": 1 << 40}, "more than an hour|must be 47616"),
        ({"patch_samples": 50_000, "padding": "zero_past_end"}, "for whole tracks"),
    ],
)
def test_a_front_end_that_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_card(changed_frontend(tmp_path, **changes))


def test_a_value_that_is_the_default_leaves_identity(tmp_path: Path) -> None:
    """So a key that a later version knows changes no identity of today."""
    said = load_card(changed_frontend(tmp_path, mean=0.0, divisor=1.0)).identity
    assert said == load_card("msd-musicnn").identity


CHANGES: list[dict[str, Any]] = [
    {"activation": "sigmoid"},
    {"last_patch": "repeat"},
    {"short_track": "zero"},
    {"tensors": {"input": "mel", "logits": "logits", "layout": "bands_frames"}},
    {"frontend": {"window": "hann_symmetric"}},
    {"frontend": {"padding": "zero"}},
    {"frontend": {"compression": "ln_offset", "log_offset": 0.01}},
    {"frontend": {"compression": "ln_offset", "log_offset": 0.02}},
    {"frontend": {"mean": 1.0}},
    {"frontend": {"mean": 1.0, "n_mels": 95}},
    {"frontend": {"n_mels": 95}},
    {"hop_frames": 100},
    {"sha256": "0" * 64},
]


def test_what_decides_scores_decides_identity(tmp_path: Path) -> None:
    seen = {load_card("msd-musicnn").identity}
    for changes in CHANGES:
        front = changes.get("frontend")
        path = changed_frontend(tmp_path, **front) if front else changed(tmp_path, **changes)
        identity = load_card(path).identity
        assert len(identity) == 64
        assert identity not in seen
        assert load_card(path).identity == identity
        seen.add(identity)


def test_what_decides_nothing_leaves_identity(tmp_path: Path) -> None:
    first = load_card(changed(tmp_path, activation="sigmoid")).identity
    other = changed(tmp_path, activation="sigmoid", name="other", description="", licence=None)
    assert load_card(other).identity == first


def head(tmp_path: Path, **changes: Any) -> str:
    card = {
        "name": "moods",
        "description": "moods from msd-musicnn's embedding",
        "file": "moods.onnx",
        "sha256": "0" * 64,
        "head_of": "msd-musicnn",
        "tensors": {"input": "embedding", "logits": "moods", "layout": "embedding"},
        "activation": "softmax",
        "pooling": "logit-mean",
        "labels": [{"name": "happy", "kind": "mood", "display": "Happy"}],
    }
    (tmp_path / "moods.json").write_text(json.dumps(card | changes))
    return str(tmp_path / "moods.json")


def test_a_head_hears_what_its_backbone_hears(tmp_path: Path) -> None:
    card, backbone = load_card(head(tmp_path)), load_card("msd-musicnn")
    assert card.backbone == backbone
    assert (card.frontend, card.patch_frames) == (backbone.frontend, backbone.patch_frames)
    assert card.identity != card.sha256


def test_a_heads_backbone_may_lie_beside_it(tmp_path: Path) -> None:
    path = head(tmp_path, head_of="backbone")
    with pytest.raises(ConfigError, match="no model 'backbone'"):
        load_card(path)
    Path(changed(tmp_path)).rename(tmp_path / "backbone.json")
    first = load_card(path)
    assert first.backbone is not None
    assert first.backbone.folder == str(tmp_path)
    Path(changed(tmp_path, sha256="1" * 64)).rename(tmp_path / "backbone.json")
    assert load_card(path).identity != first.identity


def test_a_head_of_what_gives_no_embedding_is_refused(tmp_path: Path) -> None:
    tensors = {"input": "mel", "logits": "logits"}
    Path(changed(tmp_path, tensors=tensors)).rename(tmp_path / "backbone.json")
    with pytest.raises(ConfigError, match="'backbone' gives no embedding"):
        load_card(head(tmp_path, head_of="backbone"))
    with pytest.raises(ConfigError, match="'moods' is a head itself"):
        load_card(head(tmp_path, head_of="moods"))


def test_a_heads_input_is_an_embedding(tmp_path: Path) -> None:
    tensors = {"input": "embedding", "logits": "moods"}
    with pytest.raises(ConfigError, match="'frames_bands' is not one of embedding"):
        load_card(head(tmp_path, tensors=tensors))
