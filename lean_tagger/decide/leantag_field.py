"""The LEANTAG field: what lean-tag records in a file about what it heard and did.

It is JSON: the model, the audio's digest, every score, and for each field what was written and
what it held before. The scores save hearing the file again if the journal is lost; the rest tells
our own values from the user's.

``short`` (about 400 bytes with the default model)::

    {"lean-tag":"0.1.0", "model":"msd-musicnn", "identity":"12a1defc2fd6d257",
     "pool":"logit-mean", "hop":187, "audio":"25464c87…-16000", "windows":9, "seconds":27.5,
     "uint16":"…", "wrote":{"genre":["Folk"]}, "over":{"genre":["Polka"]}}

``identity`` is the start of the model's identity, a hash of its weights and of everything in its
card that affects scores. ``uint16`` is base64 of one little-endian number per label, in the
model's order; 65,535 is a probability of 1. ``full`` has ``scores`` instead, from name to number.
A missing key has its default: ``skipped`` 0 seconds, ``repeated`` false, ``effort`` full, nothing
``over``. What other models heard is in ``others``, under their names. 0.1.0 wrote ``sha256``
instead of ``identity``, and ``scores`` with all digits; both are still read.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import lean_tagger
from lean_tagger.jobs import Asked, Heard, Identity, Ours, Values, from_uint16, to_uint16
from lean_tagger.settings import LeantagForm

_IDENTITY_DIGITS = 16  # enough to tell models apart, and short in a tag
_DAMAGE = (KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError)
"""What reading may raise if the field is missing, from an older lean-tag, or not ours."""


def of(
    heard: Heard,
    asked: Sequence[Asked],
    *,
    form: LeantagForm = "short",
    album: Sequence[Sequence[float]] | None = None,
) -> dict[str, object] | None:
    """Return what LEANTAG says about a file that these models heard; None for no field.

    It includes the scores of its `album` that decided it, for each model: they are not the
    track's own, and would change with a new track on the album.
    """
    if form == "none":
        return None
    models = [_of_one(it, by, form) for it, by in zip(heard.each(), asked, strict=True)]
    for said, scores, it in zip(models, album or (), heard.each(), strict=False):
        if tuple(scores) != tuple(it.values):
            said["album"] = b64encode(to_uint16(scores)).decode("ascii")
    said = {"lean-tag": lean_tagger.__version__, **models[0]}
    others = {by.card.name: model for by, model in zip(asked[1:], models[1:], strict=True)}
    return {**said, "others": others} if others else said


def _of_one(heard: Heard, by: Asked, form: LeantagForm) -> dict[str, object]:
    """Return the part about what one model heard."""
    usual: dict[str, object] = {"skipped": 0.0, "repeated": False}
    rare = {"skipped": round(heard.seconds_skipped, 3), "repeated": heard.repeated}
    return {
        "model": by.card.name,
        "identity": by.card.identity[:_IDENTITY_DIGITS],
        "pool": by.pooling.pool,
        "hop": by.pooling.hop,
        "audio": heard.digest,
        "windows": heard.windows,
        "seconds": round(heard.seconds, 3),
        **{name: value for name, value in rare.items() if value != usual[name]},
        **_part(heard),
        **_scores(heard, by, form),
    }


def _part(heard: Heard) -> dict[str, object]:
    """Return the part about a track that was not heard in full."""
    if heard.effort == "full":
        return {}
    return {
        "effort": heard.effort,
        "of_windows": heard.of_windows,
        "confidence": round(heard.confidence, 3),
    }


def _scores(heard: Heard, by: Asked, form: LeantagForm) -> dict[str, object]:
    """Return the scores; all decisions use exactly these numbers."""
    if form == "short":
        return {"uint16": b64encode(to_uint16(heard.values)).decode("ascii")}
    values = from_uint16(to_uint16(heard.values))
    ranked = sorted(zip(by.card.labels, values, strict=True), key=lambda item: -item[1])
    # Seven digits are enough to get the same number back.
    return {"scores": {label.name: round(label.shown(score), 7) for label, score in ranked}}


def signed(said: Mapping[str, object], kept: Mapping[str, Ours]) -> str:
    """Return the text of the field, with what we wrote and what it replaced."""
    whole = {
        **said,
        "wrote": {field: ours.written for field, ours in kept.items()},
        "over": {field: ours.before for field, ours in kept.items() if ours.before},
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def heard_in(fields: Values, by: Asked, *, identity: Identity) -> Heard | None:
    """Return what this model heard, from a file's LEANTAG field; None if it is not there."""
    try:
        whole = json.loads(fields["leantag"][0])
        said = whole.get("others", {}).get(by.card.name, whole)
        heard = Heard(
            identity=identity,
            digest=str(said["audio"]),
            values=_values(said, by),
            embedding=b"",
            windows=int(said["windows"]),
            seconds=float(said["seconds"]),
            seconds_skipped=float(said.get("skipped", 0.0)),
            repeated=bool(said.get("repeated", False)),
            fields=fields,
            effort=str(said.get("effort", "full")),
            of_windows=int(said.get("of_windows", 0)),
            confidence=float(said.get("confidence", 1.0)),
        )
        model = said["identity"] if "identity" in said else said["sha256"]
        same = (model, said["pool"], said["hop"]) == (
            by.card.identity[:_IDENTITY_DIGITS],
            by.pooling.pool,
            by.pooling.hop,
        )
    except _DAMAGE:
        return None
    return heard if same and all(0 <= value <= 1 for value in heard.values) else None


def _values(said: Mapping[str, Any], by: Asked) -> tuple[float, ...]:
    """Return the scores in the model's order.

    Raises
    ------
    ValueError, KeyError, TypeError
        They are not this model's.
    """
    if "uint16" not in said:
        return tuple(label.share(float(said["scores"][label.name])) for label in by.card.labels)
    values = from_uint16(b64decode(said["uint16"], validate=True))
    if len(values) != len(by.card.labels):
        raise ValueError("other labels")
    return values


def album_scores_in(fields: Values, asked: Sequence[Asked]) -> tuple[tuple[float, ...], ...] | None:
    """Return the album scores that decided a file, for each model; None if there are none."""
    try:
        whole = json.loads(fields["leantag"][0])
        each = [whole.get("others", {}).get(by.card.name, whole) for by in asked]
        found = []
        for said, by in zip(each, asked, strict=True):
            scores = from_uint16(b64decode(said["album"], validate=True))
            model = by.card.identity[:_IDENTITY_DIGITS]
            if said["identity"] != model or len(scores) != len(by.card.labels):
                return None
            found.append(scores)
    except _DAMAGE:
        return None
    return tuple(found)


def audio_in(fields: Values) -> str:
    """Return the audio's digest from a file's LEANTAG field; empty without one."""
    try:
        return str(json.loads(fields["leantag"][0])["audio"])
    except _DAMAGE:
        return ""


def ours_with_itself(fields: Values) -> dict[str, Ours]:
    """Return what LEANTAG says can be taken back, and LEANTAG itself."""
    ours = ours_in(fields)
    return {**ours, "leantag": Ours(fields["leantag"], ())} if ours else {}


def ours_in(fields: Values) -> dict[str, Ours]:
    """Return what we wrote, and what that replaced, from a file's LEANTAG field."""
    try:
        said = json.loads(fields["leantag"][0])
        return {
            field: Ours(tuple(map(str, written)), tuple(map(str, said["over"].get(field, ()))))
            for field, written in said["wrote"].items()
        }
    except _DAMAGE:
        return {}
