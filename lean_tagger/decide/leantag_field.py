"""The LEANTAG field: what lean-tag leaves in a file of what it heard and did.

JSON, so that any program can read it: the model, the audio's digest, every score, and for
each field what was written and what stood there before. By the first a file is known again
without hearing it, also when the journal is lost; by the last our own values are told from
the person's. What further models heard stands in ``others``, under their names.
"""

import json
from collections.abc import Mapping, Sequence

import lean_tagger
from lean_tagger.jobs import Asked, Heard, Identity, Ours, Values

_SHA_DIGITS = 16  # enough to tell models apart, and short in a tag
_DAMAGE = (KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError)
"""What reading may raise where the field is missing, of an older lean-tag, or not ours."""


def of(heard: Heard, asked: Sequence[Asked]) -> dict[str, object]:
    """Return what is to be said of a file that these models heard."""
    models = [_of_one(it, by) for it, by in zip(heard.each(), asked, strict=True)]
    said = {"lean-tag": lean_tagger.__version__, **models[0]}
    others = {by.card.name: model for by, model in zip(asked[1:], models[1:], strict=True)}
    return {**said, "others": others} if others else said


def _of_one(heard: Heard, by: Asked) -> dict[str, object]:
    """Return what is to be said of what one model heard."""
    ranked = sorted(zip(by.card.labels, heard.values, strict=True), key=lambda item: -item[1])
    return {
        "model": by.card.name,
        "sha256": by.card.identity[:_SHA_DIGITS],
        "pool": by.pooling.pool,
        "hop": by.pooling.hop,
        "audio": heard.digest,
        "windows": heard.windows,
        "seconds": round(heard.seconds, 3),
        "skipped": round(heard.seconds_skipped, 3),
        "repeated": heard.repeated,
        **_part(heard),
        # Every digit: a rounded score may meet a threshold or a rival that it did not meet
        # before, and what is recognised by this field would be written once more.
        "scores": {label.name: float(score) for label, score in ranked},
    }


def _part(heard: Heard) -> dict[str, object]:
    """Return what is to be said where not all of a track was heard."""
    if heard.effort == "full":
        return {}
    return {
        "effort": heard.effort,
        "of_windows": heard.of_windows,
        "confidence": round(heard.confidence, 3),
    }


def signed(said: Mapping[str, object], kept: Mapping[str, Ours]) -> str:
    """Return the text of the field, with what we wrote and over what."""
    whole = {
        **said,
        "wrote": {field: ours.written for field, ours in kept.items()},
        "over": {field: ours.before for field, ours in kept.items()},
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def heard_in(fields: Values, by: Asked, *, identity: Identity) -> Heard | None:
    """Return what a file's LEANTAG field says that this model heard in it, if it did."""
    try:
        whole = json.loads(fields["leantag"][0])
        said = whole.get("others", {}).get(by.card.name, whole)
        heard = Heard(
            identity=identity,
            digest=str(said["audio"]),
            values=tuple(float(said["scores"][label.name]) for label in by.card.labels),
            embedding=b"",
            windows=int(said["windows"]),
            seconds=float(said["seconds"]),
            seconds_skipped=float(said["skipped"]),
            repeated=bool(said["repeated"]),
            fields=fields,
            effort=str(said.get("effort", "full")),
            of_windows=int(said.get("of_windows", 0)),
            confidence=float(said.get("confidence", 1.0)),
        )
        same = (said["sha256"], said["pool"], said["hop"]) == (
            by.card.identity[:_SHA_DIGITS],
            by.pooling.pool,
            by.pooling.hop,
        )
    except _DAMAGE:
        return None
    return heard if same and all(0 <= value <= 1 for value in heard.values) else None


def ours_in(fields: Values) -> dict[str, Ours]:
    """Return what a file's LEANTAG field says that we wrote, and over what."""
    try:
        said = json.loads(fields["leantag"][0])
        return {
            field: Ours(tuple(map(str, said["wrote"][field])), tuple(map(str, before)))
            for field, before in said["over"].items()
        }
    except _DAMAGE:
        return {}
