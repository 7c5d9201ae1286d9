"""Listen to a file with models that are loaded once: decode → resample → window → … → scores."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.decide.derived import Derived
from lean_tagger.errors import ConfigError, TooShortError
from lean_tagger.jobs import Asked, Heard, Identity
from lean_tagger.listen import effort as efforts
from lean_tagger.listen import shared_pass
from lean_tagger.listen.decode import BLOCK_SAMPLES, Audio, AudioPosition, DecoderName, open_audio
from lean_tagger.listen.decode.mp4_delay import mp4_delay
from lean_tagger.listen.decode.overs import Overs
from lean_tagger.listen.decode.packet_finders import Unsteady
from lean_tagger.listen.decode.parts import open_parts
from lean_tagger.listen.label_scores import Words
from lean_tagger.listen.network import Network, Prediction
from lean_tagger.listen.onnx_session import DeviceName
from lean_tagger.listen.part_windows import PartWindows
from lean_tagger.listen.pooling import Scores, Tally
from lean_tagger.listen.read_ahead import ahead
from lean_tagger.listen.stopping import Confidence, choices
from lean_tagger.rules import DEFAULT, Rules
from lean_tagger.system.urls import is_url

SHORTEST_SECONDS = 0.5
"""Less music than this cannot be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taggram:
    """What a model heard, window by window.

    Attributes
    ----------
    logits : (n_windows, n_labels) float32
        Before the sigmoid; numbers are unchanged.
    labels : tuple of str
        Names of the columns.
    start_seconds : (n_windows,) float64
        Position in the track of the centre of each window's first patch frame.

    Examples
    --------
    >>> from lean_tagger import Tagger
    >>> taggram = Tagger().taggram("song.mp3")
    >>> taggram.logits.shape, taggram.logits.dtype
    ((6, 50), dtype('float32'))
    >>> electronic = taggram.logits[:, taggram.labels.index("electronic")]
    >>> print(f"most electronic from {taggram.start_seconds[electronic.argmax()]:.1f} s on")
    most electronic from 6.0 s on
    """

    logits: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    start_seconds: npt.NDArray[np.float64]


class Listener:
    """Score files with models that are loaded once and share one pass.

    Parameters
    ----------
    asked : sequence of Asked
        The models, and how each pools its windows; their indices are their numbers.
    device, threads, decoder, on_window, notice, effort, rules, gpu_bytes
        As for `Tagger`.

    Raises
    ------
    ConfigError, ModelError
        The weights are not usable, or the effort makes no sense.

    Attributes
    ----------
    asked : sequence of Asked
        As given.
    decoder : str
        As given.
    effort : str
        The name of the effort.
    stems : list of Stem
        The loaded networks, by the front-ends that they share.
    device : str
        Where the networks run.
    words : mapping of int to Words
        Scorers of words, by the number of the model.
    decodes_ahead : bool
        Whether decoding has a thread of its own; may be changed from file to file.

    Notes
    -----
    One object scores one file at a time: its buffers are used again for each. Memory does not
    grow with the length of a track, except for `taggram`'s result.
    """

    def __init__(
        self,
        asked: Sequence[Asked],
        *,
        device: DeviceName = "auto",
        threads: int = 1,
        decoder: DecoderName = "auto",
        on_window: Callable[[str, AudioPosition], None] | None = None,
        notice: Callable[[str], None] | None = None,
        effort: str = "full",
        rules: Rules = DEFAULT,
        gpu_bytes: int = 0,
    ) -> None:
        self.asked = asked
        self.decoder: DecoderName = decoder
        self.decodes_ahead = threads > 1
        self._derived = Derived(asked)
        # What is really heard: a derived model's parts instead of itself, each once.
        self._heard = tuple(dict.fromkeys(of for it in asked for of in it.parts or (it,)))
        self._places = [[self._heard.index(of) for of in it.parts or (it,)] for it in asked]
        self._effort = _effort(effort, asked)
        self.effort = self._effort.name
        self._choices = choices(asked[0].card.labels, rules)
        self._on_window = on_window
        # As if each head had its own backbone.
        most_networks = sum(2 if it.card.backbone else 1 for it in self._heard)
        load = partial(
            Network,
            device=device,
            threads=max(1, threads - 1),
            notice=notice,
            gpu_bytes=-(-gpu_bytes // most_networks),
        )
        self.stems = shared_pass.stems(self._heard, load)
        networks = [network for stem in self.stems for network in stem.networks]
        self.device = networks[0].model.device
        words = {
            network.number: network.model.words
            for network in networks
            if network.number is not None and network.model.words is not None
        }
        self.words: dict[int, Words] = {
            number: words[places[0]]
            for number, places in enumerate(self._places)
            if number not in self._derived and places[0] in words
        }

    def score(
        self,
        path: str | os.PathLike[str],
        *,
        only: Sequence[int] | None = None,
        for_write: bool = False,
    ) -> Scores:
        """Listen to a file and return what the models heard; see `tagger.Tagger.score`.

        With `for_write`, what a copy is to be compared with is hashed by the way; see
        `decode.audio_proof`.
        """
        path = os.fsdecode(path)
        if self._effort is not efforts.FULL and not is_url(path):
            scores = self._score_part(path)
            if scores is not None:
                return scores
        wanted = range(len(self.asked)) if only is None else only
        tallies = {at: Tally(self._heard[at]) for n in wanted for at in self._places[n]}
        with self._opened(path, list(tallies), hashed=for_write) as (audio, predictions):
            for at, prediction in predictions:
                tallies[at].add(prediction.logits, prediction.embedding)
            of_audio: dict[str, Any] = {
                "seconds": audio.seconds,
                "seconds_skipped": audio.seconds_skipped,
                "digest": audio.digest(),
                "given": audio.given() if for_write else "",
            }
        heard = {at: tally.scores(**of_audio) for at, tally in tallies.items()}
        first, *others = (
            self._of_track(number, [heard[at] for at in self._places[number]]) for number in wanted
        )
        return replace(first, others=tuple(others))

    def complete(
        self, path: str, each: Sequence[Heard | None], *, for_write: bool = False
    ) -> Heard:
        """Let the models listen that have not heard this audio; return what all heard.

        Parameters
        ----------
        path : str
            The file.
        each : sequence of Heard or None
            What each model heard in it before.
        for_write : bool
            As for `score`.

        Raises
        ------
        FileError
            As `score`.
        """
        missing = [number for number, heard in enumerate(each) if heard is None]
        scores = self.score(path, only=missing, for_write=for_write)
        new = iter(scores.heard(Identity(0, 0, 0), {}).each())
        first, *others = [heard or next(new) for heard in each]
        return replace(first, digest=scores.digest, given=scores.given, others=tuple(others))

    def _score_part(self, path: str) -> Scores | None:
        """Hear windows until they are enough; None if the track has to be heard whole."""
        if self.asked[0].card.activation == "numbers":
            return None  # numbers have no threshold, so nothing tells when to stop
        tally, (stem,) = Tally(self.asked[0]), self.stems
        try:
            if stem.card.decoding.mp4_delay == "kept" and mp4_delay(path) is not None:
                return None  # the windows of such tracks begin elsewhere
            clipped = stem.card.decoding.mp3 == "int16"
            with open_parts(path, decoder=self.decoder, clipped=clipped) as segments:
                excerpts = PartWindows(segments, stem.card, hop_frames=stem.hop_frames)
                total, usable = excerpts.n_windows, excerpts.usable
                if self._effort.first > efforts.ALMOST_ALL * min(total, len(usable) + 1):
                    return None
                stem.begin()
                sure = Confidence(self._choices, n_windows=total)
                numbers = efforts.order(len(usable))
                for count in efforts.rounds(len(usable), self._effort):
                    chosen = sorted(islice(numbers, count - tally.n_windows))
                    for prediction in self._listen_at(path, excerpts, [usable[n] for n in chosen]):
                        tally.add(prediction.logits, prediction.embedding)
                        sure.add(prediction.logits)
                    if sure.value() >= self._effort.sure:
                        break
                scores = tally.scores(
                    seconds=segments.samples / segments.rate_hz,
                    seconds_skipped=0.0,
                    digest=segments.digest(),
                    effort=self._effort.name,
                    of_windows=total,
                    confidence=sure.value(),
                )
                return self._worded(0, scores)
        except Unsteady:
            return None

    def _of_track(self, number: int, heard: Sequence[Scores]) -> Scores:
        """Return a model's scores for a track, from what was heard in it."""
        if number not in self._derived:
            return self._worded(number, heard[0])
        parts = [it.heard(Identity(0, 0, 0), {}) for it in heard]
        derived = self._derived.heard(number, parts)
        if derived is None:
            raise ConfigError(f"{self.asked[number].card.name}: a part of it gives no embedding")
        card = self.asked[number].card
        return replace(
            heard[0],
            model=card.name,
            labels=tuple(label.name for label in card.labels),
            values=np.array(derived.values, np.float64),
            embedding=None,
            parts=tuple(heard),
        )

    def _worded(self, number: int, scores: Scores) -> Scores:
        """Compare words with the mean of the track's embeddings."""
        if number not in self.words or scores.embedding is None:
            return scores
        return replace(scores, values=self.words[number].scores(scores.embedding))

    def _listen_at(
        self, path: str, excerpts: PartWindows, numbers: Iterable[int]
    ) -> Iterator[Prediction]:
        """Yield the first model's predictions for the windows with these numbers."""
        (stem,) = self.stems
        for number in numbers:
            for _, prediction in stem.hear(excerpts.window(number), (0,)):
                yield prediction
            if self._on_window is not None:
                self._on_window(path, excerpts)
        for _, prediction in stem.finish((0,)):
            yield prediction

    def taggram(self, path: str | os.PathLike[str]) -> Taggram:
        """Listen to a file and return the first model's logits for every window.

        Raises
        ------
        FileError
            As `score`.
        """
        path = os.fsdecode(path)
        if 0 in self._derived:
            name = self.asked[0].card.name
            raise ConfigError(
                f"{name} judges whole tracks; use one of the models it was learnt from"
            )
        with self._opened(path, (self._places[0][0],)) as (_, predictions):
            rows = [prediction.logits.copy() for _, prediction in predictions]
        card, pooling = self.asked[0].card, self.asked[0].pooling
        hop = pooling.hop * card.frontend.hop_samples / card.sample_rate_hz
        return Taggram(
            logits=np.concatenate(rows),
            labels=tuple(label.name for label in card.labels),
            start_seconds=np.arange(len(rows), dtype=np.float64) * hop,
        )

    @contextmanager
    def _opened(
        self, path: str, wanted: Sequence[int], *, hashed: bool = False
    ) -> Iterator[tuple[Audio, Iterator[tuple[int, Prediction]]]]:
        """Open a file and the networks' predictions; no thread is left after closing."""
        with open_audio(path, decoder=self.decoder, hashed=hashed) as audio, ExitStack() as stack:
            blocks: Iterable[tuple[int, memoryview]] = audio
            if self.decodes_ahead:
                blocks = stack.enter_context(closing(ahead(audio, block_samples=BLOCK_SAMPLES)))
            yield audio, self._listen(path, audio, blocks, wanted)

    def _listen(
        self,
        path: str,
        audio: Audio,
        blocks: Iterable[tuple[int, memoryview]],
        wanted: Sequence[int],
    ) -> Iterator[tuple[int, Prediction]]:
        """Yield each model's prediction for each window: … resample → window → frontend → model."""
        stems = [stem for stem in self.stems if stem.numbers() & set(wanted)]
        for stem in stems:
            stem.begin()
        makers = [stem.card.decoding for stem in stems]
        audio.overs = Overs() if any(it.mp3 == "int16" for it in makers) else None
        delay = mp4_delay(path) if any(it.mp4_delay == "kept" for it in makers) else None
        for stem, window in shared_pass.windows(blocks, stems, overs=audio.overs, delay=delay):
            yield from stem.hear(window, wanted)
            if self._on_window is not None:
                self._on_window(path, audio)
        for stem in stems:
            yield from stem.finish(wanted)
        if audio.seconds < SHORTEST_SECONDS:
            raise TooShortError(path, f"only {audio.seconds:.2f} s of audio, too little to judge")


def _effort(name: str, asked: Sequence[Asked]) -> efforts.Effort:
    try:
        effort = efforts.effort(str(name))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if len(asked) > 1 and effort is not efforts.FULL:
        raise ConfigError(
            "several models always hear whole tracks; leave --effort out, or give one --model"
        )
    if asked[0].parts and effort is not efforts.FULL:
        raise ConfigError(f"{asked[0].card.name} always hears whole tracks; leave --effort out")
    return effort
