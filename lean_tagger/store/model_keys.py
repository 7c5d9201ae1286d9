"""The keys under which the journal keeps a run's scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lean_tagger.jobs import Asked, Heard, Pooling
from lean_tagger.store.rows import Key

EMBEDDING = "embedding"
"""Takes the place of the pooling if an embedding is kept without scores."""


@dataclass(frozen=True, slots=True)
class ModelKeys:
    """The keys of a run's models, in order.

    Attributes
    ----------
    scores : tuple of Key
        Of their scores.
    embeddings : tuple of (Key or None)
        Of their embeddings alone, if words are compared with them; else None.
    parts : tuple of tuple of Key
        For derived models, the keys of their parts; for others, empty.
    """

    scores: tuple[Key, ...]
    embeddings: tuple[Key | None, ...]
    parts: tuple[tuple[Key, ...], ...]

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> "ModelKeys":
        """Return the keys of these models."""
        return cls(
            scores=tuple(map(key_of, asked)),
            embeddings=tuple(map(_embedding, asked)),
            parts=tuple(tuple(map(key_of, it.parts)) for it in asked),
        )

    def lack_scores(self, heard: Heard) -> bool:
        """Tell whether words still have to be compared with an embedding on record."""
        return any(
            key is not None and not it.values
            for key, it in zip(self.embeddings, heard.each(), strict=True)
        )

    def parted(self, heard: Heard) -> tuple[Heard, tuple[Key, ...]]:
        """Separate what has its own row: parts, and embeddings that words are compared with.

        Returns
        -------
        Heard
            With these after its own `others`.
        tuple of Key
            The keys of all of them.
        """
        each, bare, keys = list(heard.each()), [], []
        for number, (key, it) in enumerate(zip(self.embeddings, heard.each(), strict=True)):
            # The part of the track was chosen for these words; other words may need more.
            if key is not None and it.embedding and it.effort == "full":
                bare.append(replace(it, values=(), others=()))
                keys.append(key)
                each[number] = replace(it, embedding=b"")
            bare += it.parts
            keys += self.parts[number][: len(it.parts)]
        return replace(each[0], others=(*each[1:], *bare)), (*self.scores, *keys)


def key_of(asked: Asked) -> Key:
    """Return the key of a model's scores."""
    return Key(model=asked.card.identity, pooling=asked.pooling)


def _embedding(asked: Asked) -> Key | None:
    """Return the key of the embedding alone, if words are compared with it.

    It depends neither on the words nor on the pooling.
    """
    card = asked.card
    if card.label_vectors is None:
        return None
    return Key(model=card.without_words, pooling=Pooling(EMBEDDING, asked.pooling.hop))
