"""Pool the windows' logits into one score per label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from lean_tagger.card import Label
from lean_tagger.jobs import Asked, Heard, Identity, Values, quantised

PoolName = Literal["logit-mean", "prob-mean", "max"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a model heard in one track.

    Attributes
    ----------
    model : str
        Its name.
    labels : tuple of str
        Its labels, in output order.
    values : (n_labels,) float64
        Pooled probability of each label, 0 to 1; for a number, its mean.
    n_windows : int
        Windows heard.
    seconds : float
        Length of the track.
    seconds_skipped : float
        Length of the damage that was skipped.
    repeated : bool
        The track is shorter than one window and was repeated to fill it.
    digest : str
        Hash of the audio, independent of the tags; see `decode.Audio.digest`.
    given : str
        By what a copy is proved to hold the same; see `decode.Audio.given`. Empty where that was
        not asked for.
    embedding : (dim,) float32, optional
        Mean over the windows of what the network has before its last layer.
    effort : str
        The effort of listening; ``full`` also if a lower one ended up hearing everything.
    of_windows : int
        Windows of the whole track; 0 where all were heard.
    confidence : float
        Estimated probability that all windows would lead to the same tags, 0 to 1.
    others : tuple of Scores
        What the other models heard in the same pass, in order.
    numbers : tuple of Label
        The labels, if they are numbers.
    parts : tuple of Scores
        For a derived model, what its part models heard.

    Examples
    --------
    >>> from lean_tagger import Tagger
    >>> scores = Tagger().score("song.mp3")
    >>> scores.values.shape, scores.values.dtype
    ((50,), dtype('float64'))
    >>> scores.n_windows, round(scores.seconds)
    (6, 20)
    >>> print(f"rock {scores.as_dict()['rock']:.1%}")
    rock 0.5%
    """

    model: str
    labels: tuple[str, ...]
    values: npt.NDArray[np.float64]
    n_windows: int
    seconds: float
    seconds_skipped: float
    repeated: bool
    digest: str
    given: str = ""
    embedding: npt.NDArray[np.float32] | None = None
    effort: str = "full"
    of_windows: int = 0
    confidence: float = 1.0
    others: "tuple[Scores, ...]" = ()
    numbers: tuple[Label, ...] = ()
    parts: "tuple[Scores, ...]" = ()

    def as_dict(self) -> dict[str, float]:
        """Return ``{label: score}``, strongest first."""
        order = np.argsort(-self.values, kind="stable")
        return {self.labels[i]: float(self.values[i]) for i in order}

    def heard(self, identity: Identity, fields: Values) -> Heard:
        """Return this as plain data, for the file with this identity and these fields."""
        embedding = self.embedding
        kept = list(map(float, self.values))
        if self.numbers:
            kept = [label.share(value) for label, value in zip(self.numbers, kept, strict=True)]
        return Heard(
            identity=identity,
            digest=self.digest,
            given=self.given,
            values=quantised(kept),
            embedding=b"" if embedding is None else embedding.astype("<f4").tobytes(),
            windows=self.n_windows,
            seconds=self.seconds,
            seconds_skipped=self.seconds_skipped,
            repeated=self.repeated,
            fields=fields,
            effort=self.effort,
            of_windows=self.of_windows,
            confidence=self.confidence,
            others=tuple(other.heard(identity, fields) for other in self.others),
            parts=tuple(part.heard(identity, fields) for part in self.parts),
        )

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` strongest labels with their scores.

        Examples
        --------
        >>> from lean_tagger import Tagger
        >>> for label, score in Tagger().score("song.mp3").top(2):
        ...     print(label, f"{score:.2f}")
        electronic 0.64
        electro 0.25
        """
        return list(self.as_dict().items())[:count]


class Pool(Protocol):
    """Takes windows one by one, in float64; keeps only one row."""

    n_windows: int

    def add(self, logits: npt.NDArray[np.float32]) -> None:
        """Take the logits of a batch of windows, (n, n_labels) float32."""
        ...

    def values(self) -> npt.NDArray[np.float64]:
        """Return the pooled probabilities, (n_labels,) float64, 0 to 1."""
        ...


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return ``1 / (1 + exp(-x))`` in float64, without overflow at either end."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64)))


class _Mean:
    """The mean of the windows' logits or probabilities."""

    def __init__(
        self,
        before: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]],
        after: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    ) -> None:
        self.n_windows = 0
        self._before, self._after = before, after
        self._sum: npt.NDArray[np.float64] | None = None

    def add(self, logits: npt.NDArray[np.float32]) -> None:
        summed = self._before(logits).sum(axis=0)
        self._sum = summed if self._sum is None else self._sum + summed
        self.n_windows += len(logits)

    def values(self) -> npt.NDArray[np.float64]:
        if self._sum is None:
            raise ValueError("no window was added")
        return self._after(self._sum / self.n_windows)


class Average:
    """The mean of the windows' rows, in float64; None without rows."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum: npt.NDArray[np.float64] | None = None

    def add(self, rows: npt.NDArray[np.float32] | None) -> None:
        """Take (n, dim) float32, or None."""
        if rows is not None:
            summed = rows.sum(axis=0, dtype=np.float64)
            self._sum = summed if self._sum is None else self._sum + summed
            self._rows += len(rows)

    def value(self) -> npt.NDArray[np.float32] | None:
        """Return the mean, (dim,) float32."""
        return None if self._sum is None else (self._sum / self._rows).astype(np.float32)


class Tally:
    """One model's results for a track, collected window by window.

    Parameters
    ----------
    asked : Asked
        The model, and how its windows become one score.
    """

    def __init__(self, asked: Asked) -> None:
        self._card = asked.card
        are_numbers = asked.card.activation == "numbers"
        self._pool = _numbers() if are_numbers else POOLS[asked.pooling.pool]()
        self._embedding = Average()

    @property
    def n_windows(self) -> int:
        """Number of windows added."""
        return self._pool.n_windows

    def add(
        self, logits: npt.NDArray[np.float32], embedding: npt.NDArray[np.float32] | None
    ) -> None:
        """Take the network's output for a batch of windows; see `network.Prediction`."""
        self._pool.add(logits)
        self._embedding.add(embedding)

    def scores(self, *, seconds: float, **heard: Any) -> Scores:
        """Return the pooled scores; `heard` gives the other attributes of `Scores`."""
        card = self._card
        patch_samples = card.window_samples - 2 * card.pad_samples
        return Scores(
            model=card.name,
            labels=tuple(label.name for label in card.labels),
            values=self._pool.values(),
            n_windows=self._pool.n_windows,
            seconds=seconds,
            repeated=seconds < patch_samples / card.sample_rate_hz,
            embedding=self._embedding.value(),
            numbers=card.labels if card.activation == "numbers" else (),
            **heard,
        )


class _Max:
    """The largest probability of any window."""

    def __init__(self) -> None:
        self.n_windows = 0
        self._max: npt.NDArray[np.float64] | None = None

    def add(self, logits: npt.NDArray[np.float32]) -> None:
        top = np.asarray(logits, np.float64).max(axis=0)
        self._max = top if self._max is None else np.maximum(self._max, top)
        self.n_windows += len(logits)

    def values(self) -> npt.NDArray[np.float64]:
        if self._max is None:
            raise ValueError("no window was added")
        return sigmoid(self._max)


def _as_float64(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.asarray(logits, np.float64)


def _numbers() -> Pool:
    """Return the pool for numbers, which is always their mean."""
    return _Mean(_as_float64, lambda mean: mean)


POOLS: dict[str, Callable[[], Pool]] = {
    "logit-mean": lambda: _Mean(_as_float64, sigmoid),
    "prob-mean": lambda: _Mean(sigmoid, lambda mean: mean),
    "max": _Max,
}
"""Ways to pool. ``logit-mean`` (a geometric mean of odds) is the default; ``prob-mean`` is
what the original implementation prints."""
