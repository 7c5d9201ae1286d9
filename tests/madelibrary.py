"""Journals of made-up libraries, with embeddings, scores and tags as a test wants them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lean_tagger.card import load_card
from lean_tagger.jobs import Heard, Identity, Pooling, TrackInfo, quantised
from lean_tagger.store.journal import Journal, Key

MSD, MTT = (
    Key(model=load_card(name).identity, pooling=Pooling(pool="logit-mean", hop=187))
    for name in ("msd-musicnn", "mtt-musicnn")
)
NAMES = {MSD: "msd-musicnn", MTT: "mtt-musicnn"}
LABELS = {key: [label.name for label in load_card(name).labels] for key, name in NAMES.items()}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A track as a test wants it.

    Attributes
    ----------
    path : str
        Its file.
    digest : str
        Of its audio; by default told from the path.
    embeddings : mapping of Key to array
        By the models that heard it.
    scores : mapping of str to float
        By label, of any of these models; the rest is 0.
    """

    path: str
    digest: str = ""
    embeddings: Mapping[Key, np.ndarray] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 200.0
    track: TrackInfo | None = field(default_factory=TrackInfo)
    genre: tuple[str, ...] = ()
    mood: tuple[str, ...] = ()
    effort: str = "full"

    @property
    def audio(self) -> str:
        return self.digest or f"digest of {self.path!a}"

    def heard(self, key: Key) -> Heard:
        fields = {name: it for name, it in (("genre", self.genre), ("mood", self.mood)) if it}
        return Heard(
            identity=self.identity,
            digest=self.audio,
            values=quantised(self.scores.get(label, 0.0) for label in LABELS[key]),
            embedding=np.asarray(self.embeddings[key], "<f4").tobytes(),
            windows=10,
            seconds=self.seconds,
            seconds_skipped=0.0,
            repeated=False,
            fields=fields,
            track=self.track,
            effort=self.effort,
        )

    @property
    def identity(self) -> Identity:
        try:
            return Identity.at(self.path)
        except OSError:
            return Identity(1, 1, 1)


def make(state: Path, tracks: Iterable[Made], *, models: Sequence[Key] = (MSD, MTT)) -> Path:
    """Put tracks on record, each as heard by the models that it has embeddings of."""
    with Journal(state) as journal:
        journal._database.connection.execute("PRAGMA synchronous = OFF")
        for key in models:
            journal.note_model(key.model, name=NAMES[key], labels=LABELS[key])
        run = journal.begin_run("tag", version="0", model="", options={})
        for track in tracks:
            keys = [key for key in models if key in track.embeddings]
            if not keys:
                journal.record(
                    track.path, run=run, key=MSD, identity=track.identity, status="failed",
                    kind="decode", message="its audio is damaged",
                )  # fmt: skip
                continue
            first, *others = (track.heard(key) for key in keys)
            journal.record(
                track.path,
                run=run,
                key=keys[0],
                other_keys=keys[1:],
                identity=track.identity,
                status="tagged",
                heard=replace(first, others=tuple(others)),
            )
        journal.end_run(run, counts={}, ending="done")
    return state
