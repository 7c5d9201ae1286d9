"""Run several models in one pass; a stage that they share runs once.

::

    blocks ─┬─ resample ─┬─ window ─ frontend ─┬─ model
            │            │                     └─ model ─┬─ head
            │            │                               └─ head
            │            └─ window ─ frontend ─── model
            └─ resample ─── window ─ frontend ─── model

A block from the decoder goes through all stages before the next one is read, so no buffer grows.
Another model costs its network, and the stages that no earlier card has.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lean_tagger.card import ModelSpec
from lean_tagger.jobs import Asked
from lean_tagger.listen.decode.overs import Overs
from lean_tagger.listen.frontend import Frontend, frontend
from lean_tagger.listen.network import Network, Prediction
from lean_tagger.listen.resample import Resampler
from lean_tagger.listen.windows import Rolling

Window = npt.NDArray[np.float32]


@dataclass(slots=True)
class StemNetwork:
    """A loaded network, and the heads that hear its embedding.

    Attributes
    ----------
    model : Network
        The network.
    number : int or None
        Its number among the run's models; None for a backbone that only heads need.
    heads : list of (int, Network)
        The heads, each with its number among the run's models.
    """

    model: Network
    number: int | None = None
    heads: list[tuple[int, Network]] = field(default_factory=list)
    _gathered: list[Window] = field(default_factory=list)

    def begin(self) -> None:
        """Forget the rest of a track that failed."""
        self._gathered.clear()

    def hear(self, patch: Window, wanted: Container[int]) -> Iterator[tuple[int, Prediction]]:
        """Yield the predictions of the wanted models for a patch.

        A graph with a fixed batch, or a GPU, waits until the batch is full: one patch would
        take as long as all.
        """
        if self.model.batch in {None, 1}:
            yield from self._say(patch, wanted)
            return
        self._gathered.append(patch.copy())
        if len(self._gathered) == self.model.batch:
            yield from self.finish(wanted)

    def finish(self, wanted: Container[int]) -> Iterator[tuple[int, Prediction]]:
        """Yield the predictions of the wanted models for the patches of an incomplete batch."""
        if self._gathered:
            patches = np.concatenate(self._gathered)
            self._gathered.clear()
            yield from self._say(patches, wanted)

    def _say(self, patches: Window, wanted: Container[int]) -> Iterator[tuple[int, Prediction]]:
        heads = [(number, head) for number, head in self.heads if number in wanted]
        if heads or self.number in wanted:
            said = self.model(patches)
            if self.number is not None and self.number in wanted:
                yield self.number, said
            for number, head in heads:
                yield number, head.of(said)


@dataclass(slots=True)
class Stem:
    """A front-end, and the networks that hear its patches.

    Attributes
    ----------
    card : ModelSpec
        Card of the first network; the parts that the stem needs are the same in all.
    hop_frames : int
        Patch frames from one window to the next.
    frontend : Frontend
        From a window to a patch.
    networks : list of StemNetwork
        The networks that get its patches.
    """

    card: ModelSpec
    hop_frames: int
    frontend: Frontend
    networks: list[StemNetwork] = field(default_factory=list)

    def numbers(self) -> set[int | None]:
        """Return the numbers of the run's models that use this front-end."""
        heads = {number for network in self.networks for number, _ in network.heads}
        return heads | {network.number for network in self.networks}

    def begin(self) -> None:
        """Prepare for a new track."""
        for network in self.networks:
            network.begin()

    def hear(self, window: Window, wanted: Container[int]) -> Iterator[tuple[int, Prediction]]:
        """Yield predictions of the wanted models for one or more windows, with their numbers."""
        patch = self.frontend(window)
        for network in self.networks:
            yield from network.hear(patch, wanted)

    def finish(self, wanted: Container[int]) -> Iterator[tuple[int, Prediction]]:
        """Yield predictions for windows that wait for a full batch."""
        for network in self.networks:
            yield from network.finish(wanted)

    def rolling(self) -> Rolling:
        """Return the rolling windows of a new track."""
        return Rolling(
            window_samples=self.card.window_samples,
            hop_samples=self.hop_frames * self.card.frontend.hop_samples,
            pad_samples=self.card.pad_samples,
            ends=self.card.ends,
        )


def stems(asked: Sequence[Asked], load: Callable[..., Network]) -> list[Stem]:
    """Load models, and return their front-ends, each once.

    Parameters
    ----------
    asked : sequence of Asked
        The run's models; their indices are their numbers.
    load : callable
        Loads the network of a card; with ``backbone``, a head of that one.
    """
    found: dict[object, Stem] = {}
    networks: dict[object, StemNetwork] = {}
    # Heads last: by then their backbone is loaded, if it is one of the run's models.
    for number in sorted(range(len(asked)), key=lambda n: asked[n].card.backbone is not None):
        card, hop_frames = asked[number].card, asked[number].pooling.hop
        body = card.backbone or card
        key = (*_front(body), hop_frames)
        network = networks.get((body.identity, key)) if card.backbone else None
        if network is None:
            network = networks[body.identity, key] = StemNetwork(load(body))
            if key not in found:
                found[key] = Stem(
                    body,
                    hop_frames,
                    frontend(
                        body.frontend,
                        sample_rate_hz=body.sample_rate_hz,
                        patch_frames=body.patch_frames,
                    ),
                )
            found[key].networks.append(network)
        if card.backbone:
            network.heads.append((number, load(card, backbone=network.model)))
        else:
            network.number = number
    return list(found.values())


def windows(
    blocks: Iterable[tuple[int, memoryview]],
    stems: Iterable[Stem],
    *,
    overs: Overs | None = None,
    delay: tuple[int, Window] | None = None,
) -> Iterator[tuple[Stem, Window]]:
    """Yield the windows of a track for each stem.

    Parameters
    ----------
    blocks : iterable of (int, memoryview)
        Rate in Hz and float32 mono samples; each is resampled once for every distinct resampler.
    stems : iterable of Stem
        The stems.
    overs : Overs, optional
        Holds samples louder than full scale, for stems that hear MP3s as integers.
    delay : (int, (n,) float32), optional
        Samples before the track's start, for stems that hear them; see `mp4_delay`.

    Yields
    ------
    (Stem, (window_samples,) float32)
        A view, valid until the next is asked for.
    """
    branches: dict[object, _Branch] = {}
    for stem in stems:
        card = stem.card
        key = (card.sample_rate_hz, card.resampler, card.decoding)
        if key not in branches:
            branches[key] = _Branch(card)
        branches[key].rolls.append((stem, stem.rolling()))
    for branch in branches.values():
        if delay is not None and branch.card.decoding.mp4_delay == "kept":
            yield from branch.push(*delay)
    start = 0
    for rate_hz, block in blocks:
        quiet = block if overs is None else overs.cut_off(start, np.asarray(block, np.float32))
        for branch in branches.values():
            yield from branch.push(rate_hz, quiet if branch.card.decoding.mp3 == "int16" else block)
        start += len(block)
    for branch in branches.values():
        yield from branch.finish()


class _Branch:
    """The stems of one resampler, with its state."""

    def __init__(self, card: ModelSpec) -> None:
        self.card = card
        self.rolls: list[tuple[Stem, Rolling]] = []
        self._resampler = Resampler(card.resampler, rate_hz=card.sample_rate_hz)

    def push(self, rate_hz: int, block: memoryview | Window) -> Iterator[tuple[Stem, Window]]:
        """Take a block; yield the windows that it completes."""
        yield from self._rolled(self._resampler.push(rate_hz, block))

    def finish(self) -> Iterator[tuple[Stem, Window]]:
        """Yield the windows at the track's end."""
        yield from self._rolled(self._resampler.finish())
        for stem, rolling in self.rolls:
            for window in rolling.finish():
                yield stem, window

    def _rolled(self, pieces: Iterable[Window]) -> Iterator[tuple[Stem, Window]]:
        for piece in pieces:
            for stem, rolling in self.rolls:
                for window in rolling.push(piece):
                    yield stem, window


def _front(card: ModelSpec) -> tuple[object, ...]:
    """Return everything that determines a model's patches."""
    return (
        card.sample_rate_hz,
        card.decoding,
        card.resampler,
        card.frontend,
        card.patch_frames,
        card.last_patch,
        card.short_track,
    )
