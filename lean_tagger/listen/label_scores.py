"""Score labels that are words: how close a track's embedding is to each word's vector.

A joint audio-text network puts music and words into one space. The words' vectors are made once
(``lean-tag labels make``), so no text network runs while music is heard; a word costs one row of
a matrix.

From cosine to score
--------------------
``logit = scale · cosine + bias``, with the network's own learnt scale. The meaning of a logit
depends on how the network was trained; the file of words shows it by having a bias or not.

*Softmax over the words of one kind*, if there is no bias. CLAP and similar networks learn to pick
the right text out of a batch: a cosine only means "closer than the others", and 0.3 may be high
for one word and low for the next. So the words of one kind (all genres, all moods) compete, and
their scores add up to 1. A new word changes all scores of its kind. A single word would always
score 1, so it is refused. Music that fits none of the words still gets the closest one: give a
kind rivals such as "spoken word" that your rules ignore.

*Sigmoid*, if there is a bias. Networks trained with a sigmoid loss (SigLIP) learn a scale and a
bias with which each pair of sound and text is judged on its own; scores need no rivals.

Nothing grows with the track: the mean of the windows' embeddings is one row, kept as for any
other model and normalised once at the end. A window's own scores, for `taggram` and for the
confidence of a partial hearing, come from its own embedding in the same way.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lean_tagger.card import ModelSpec, read_words
from lean_tagger.errors import ConfigError

SURE = 1e-7
"""Keeps a probability away from 0 and 1, so that its logit is finite."""

Floats = npt.NDArray[np.float64]


class Words:
    """The words of one card.

    Parameters
    ----------
    spec : ModelSpec
        A card with ``label_vectors``.

    Raises
    ------
    ConfigError
        The file is not usable (see `card.label_vectors`), a vector is zero, a kind has only one
        word and nothing to compare it with, or the scale is not known.

    Attributes
    ----------
    dim : int
        Numbers in an embedding.
    """

    def __init__(self, spec: ModelSpec) -> None:
        given = spec.label_vectors
        if given is None:
            raise ValueError("the card has no words")
        path = Path(spec.folder) / given.file
        found = read_words(path, vectors=True)
        scale = found.scale if given.scale is None else given.scale
        if scale is None:
            raise ConfigError(f"neither the words {path} nor the card have a scale; see 'scale'")
        self.dim, self._path = found.dim, path
        self._scale, self._bias = scale, found.bias
        self._vectors = _directions(found.vectors, found.dim, path)
        kinds = [label.kind for label in found.labels]
        self._columns = [
            np.array([i for i, kind in enumerate(kinds) if kind == wanted])
            for wanted in dict.fromkeys(kinds)
        ]
        if found.bias is None and any(len(columns) == 1 for columns in self._columns):
            alone = next(found.labels[c[0]] for c in self._columns if len(c) == 1)
            raise ConfigError(
                f"the words {path} have one {alone.kind}, {alone.name!r}, which would always "
                "fit best; give it a rival"
            )

    def check(
        self, embedding: npt.NDArray[np.float32] | None, *, model: str
    ) -> npt.NDArray[np.float32]:
        """Return embeddings, and refuse those that do not belong to the words' space.

        Parameters
        ----------
        embedding : (n, dim) float32 or None
            The network's output.
        model : str
            Its name.

        Raises
        ------
        ConfigError
            It gives no embeddings, or they have another length.
        """
        if embedding is None or embedding.shape[-1] != self.dim:
            shape = () if embedding is None else embedding.shape[1:]
            what = f"embeddings shaped {shape}" if shape else "no embeddings"
            raise ConfigError(
                f"the model {model} gives {what}, and the words {self._path} are vectors of "
                f"{self.dim} numbers, from another network; make them with this model's text model"
            )
        return embedding

    def scores(self, embeddings: npt.NDArray[np.floating]) -> Floats:
        """Return a score for each word.

        Parameters
        ----------
        embeddings : (..., dim) floating
            Of any length; a zero vector fits all words equally.

        Returns
        -------
        (..., n) float64
            0 to 1; the module's docstring says what they mean.
        """
        rows = np.asarray(embeddings, np.float64)
        norms = np.linalg.norm(rows, axis=-1, keepdims=True)
        cosine = (rows / np.where(norms > 0, norms, 1.0)) @ self._vectors
        if self._bias is not None:
            # As `pooling.sigmoid`: without overflow at either end.
            return np.exp(-np.logaddexp(0.0, -(self._scale * cosine + self._bias)))
        found = np.empty_like(cosine)
        for columns in self._columns:
            logits = self._scale * cosine[..., columns]
            powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
            found[..., columns] = powers / powers.sum(axis=-1, keepdims=True)
        return found

    def of_stored(self, embedding: bytes) -> tuple[float, ...]:
        """Return a score for each word from an embedding on record.

        Parameters
        ----------
        embedding : bytes
            As in `jobs.Heard`: float32, little-endian.

        Raises
        ------
        ConfigError
            As `check`.
        """
        row = np.frombuffer(embedding, "<f4")[None]
        return tuple(map(float, self.scores(self.check(row, model="on record"))[0]))

    def logits(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the scores as logits for a sigmoid, (..., n) float32."""
        scores = np.clip(self.scores(embeddings), SURE, 1 - SURE)
        return (np.log(scores) - np.log1p(-scores)).astype(np.float32)


def _directions(data: bytes, dim: int, path: Path) -> Floats:
    """Return the vectors as columns of length 1, (dim, n)."""
    rows = np.frombuffer(data, "<f4").reshape(-1, dim).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ConfigError(f"the words {path} cannot be used: a vector is zero or not a number")
    return np.ascontiguousarray((rows / norms).T)
