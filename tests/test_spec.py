"""A card is read whole or refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODELS, VARIANTS

from lean_tagger import spec
from lean_tagger.errors import ConfigError


@pytest.mark.parametrize("name", MODELS + VARIANTS)
def test_shipped_cards_are_complete(name: str) -> None:
    card = spec.load(name)
    assert card.name == name
    assert card.path.is_file()
    assert card.window_samples == 186 * 256 + 512
    assert card.pad_samples == 256
    assert len(card.labels) == 50
    assert {label.kind for label in card.labels} > {"genre", "mood", "vocals"}
    assert card.licence.id == "ISC"
    assert 0.2 < card.accuracy.pr_auc < card.accuracy.roc_auc < 1


def test_the_shipped_models_are_listed() -> None:
    assert spec.installed() == sorted(MODELS + VARIANTS)


def test_an_unknown_model_is_met_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'msd-musicnn'"):
        spec.load("msd-musicn")


def changed(tmp_path: Path, **changes: Any) -> str:
    card = json.loads((spec.models_folder() / "msd-musicnn.json").read_text())
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
        ({"file": "../../etc/passwd"}, "a name beside the card"),
        ({"resampler": {}}, "resampler: the key 'kind' is missing"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        spec.load(changed(tmp_path, **changes))


def test_unknown_keys_are_found_at_any_depth(tmp_path: Path) -> None:
    front = json.loads((spec.models_folder() / "msd-musicnn.json").read_text())["frontend"]
    with pytest.raises(ConfigError, match=r"frontend: unknown key 'n_mel' .did you mean 'n_mels'"):
        spec.load(changed(tmp_path, frontend={**front, "n_mel": 96}))


def test_a_whole_number_will_do_for_a_fraction(tmp_path: Path) -> None:
    front = json.loads((spec.models_folder() / "msd-musicnn.json").read_text())["frontend"]
    card = spec.load(changed(tmp_path, frontend={**front, "f_max_hz": 8000}))
    assert card.frontend.f_max_hz == 8000.0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 200_000])
def test_what_is_no_card_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(ConfigError):
        spec.load(str(tmp_path / "m.json"))


def test_a_card_is_found_beside_its_weights(tmp_path: Path) -> None:
    changed(tmp_path)
    assert spec.load(str(tmp_path / "m.onnx")).name == "msd-musicnn"
    with pytest.raises(ConfigError, match="No such file"):
        spec.load(str(tmp_path / "other.onnx"))
