"""All stages for one file: this module *is* the flow."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import get_args

import numpy as np
import numpy.typing as npt

from lean_tagger import write
from lean_tagger.card import ResamplerSpec, load_card
from lean_tagger.decide import tag_plan
from lean_tagger.decide.decider import ask
from lean_tagger.errors import ConfigError, TooShortError
from lean_tagger.jobs import Identity
from lean_tagger.listen import effort as efforts
from lean_tagger.listen import shared_pass
from lean_tagger.listen.decode import BLOCK_SAMPLES, Audio, AudioPosition, DecoderName, open_audio
from lean_tagger.listen.decode.audio_proof import proof
from lean_tagger.listen.decode.parts import Unsteady, open_parts
from lean_tagger.listen.label_scores import Words
from lean_tagger.listen.network import Network, Prediction
from lean_tagger.listen.onnx_session import DeviceName
from lean_tagger.listen.part_windows import PartWindows
from lean_tagger.listen.pooling import POOLS, PoolName, Scores, Tally
from lean_tagger.listen.read_ahead import ahead
from lean_tagger.listen.resample import resample
from lean_tagger.listen.stopping import Confidence, choices
from lean_tagger.rules import DEFAULT, Policy, Rules, adjusted

__all__ = ["Tagger", "Taggram", "stream"]

DEFAULT_MODEL = "msd-musicnn"

POLICIES = get_args(Policy)

SHORTEST_SECONDS = 0.5
"""Less than this is no music to judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taggram:
    """What a model heard, window by window.

    Attributes
    ----------
    logits : (n_windows, n_labels) float32
        Before the sigmoid.
    labels : tuple of str
        Names of the columns.
    start_seconds : (n_windows,) float64
        Where in the track each window's first patch frame is centred.

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


class Tagger:
    """Score and tag files with models that are loaded once, each in the same pass.

    Parameters
    ----------
    model : str or sequence of str
        A model's name, or the path of a card or of the ``.onnx`` beside one. Of several, each
        fills the fields that no earlier one is sure enough of.
    device : {'auto', 'cpu', 'cuda', 'rocm'}
        Where the network runs; see `network.Network`.
    threads : int
        Cores to keep busy: from 2 on, decoding has a thread of its own.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        See `decode.open_audio`.
    pool : {'logit-mean', 'prob-mean', 'max'}, optional
        How windows become one score; the card's way by default.
    hop_seconds : float, optional
        Distance between windows, rounded to whole patch frames; by default the card's
        (windows touch).
    on_window : callable, optional
        Called as ``on_window(path, reader)`` after every window; what it raises ends the file.
    effort : str
        How much of a track is heard: ``full`` is all of it, ``balanced`` and ``fast`` stop
        when more would hardly change the tags, a number is that many windows; see `effort`.
    rules : Rules
        By which the tags are chosen, as far as it matters when to stop.
    labels : str, optional
        A file of words (``.npz``) in place of those of the card; see `label_scores`.
    gpu_bytes : int
        What the networks may take of a GPU's memory, each an equal part; 0 is no limit.

    Raises
    ------
    ConfigError, ModelError
        The card or the weights are not usable, or an option makes no sense.

    Attributes
    ----------
    spec, pooling
        The first model's card, and how its windows become one score.
    device : str
        Where the networks run.
    words : mapping of int to Words
        What scores words, by the place of the model that does.
    decodes_ahead : bool
        Whether decoding has a thread of its own; may be changed from file to file.

    Notes
    -----
    One object scores one file at a time: its buffers are used anew for each. Memory does not
    grow with the length of a track, save for `taggram`'s result.

    Examples
    --------
    >>> from lean_tagger import Tagger
    >>> tagger = Tagger(["msd-musicnn", "mtt-musicnn"])
    >>> scores = tagger.score("song.mp3")
    >>> for each in [scores, *scores.others]:
    ...     print(each.model, "-", each.top(1)[0][0])
    msd-musicnn - electronic
    mtt-musicnn - techno
    """

    def __init__(
        self,
        model: str | Sequence[str] = DEFAULT_MODEL,
        *,
        device: DeviceName = "auto",
        threads: int = 1,
        decoder: DecoderName = "auto",
        pool: PoolName | None = None,
        hop_seconds: float | None = None,
        on_window: Callable[[str, AudioPosition], None] | None = None,
        notice: Callable[[str], None] | None = None,
        effort: str = "full",
        rules: Rules = DEFAULT,
        labels: str | None = None,
        gpu_bytes: int = 0,
    ) -> None:
        _check_choices(device=device, decoder=decoder, pool=pool, threads=threads)
        names = [model] if isinstance(model, str) else model
        self._asked = ask(names, pool=pool, hop_seconds=hop_seconds, labels=labels)
        self.spec, self.pooling = self._asked[0].card, self._asked[0].pooling
        self._decoder: DecoderName = decoder
        self._effort = _effort(effort, models=len(self._asked))
        self._choices = choices(self.spec.labels, rules)
        self._on_window = on_window
        self.decodes_ahead = threads > 1
        # As if each head had a backbone of its own.
        most_networks = sum(2 if it.card.backbone else 1 for it in self._asked)
        load = partial(
            Network,
            device=device,
            threads=max(1, threads - 1),
            notice=notice,
            gpu_bytes=-(-gpu_bytes // most_networks),
        )
        self._stems = shared_pass.stems(self._asked, load)
        networks = [network for stem in self._stems for network in stem.networks]
        self.device = networks[0].model.device
        self.words: dict[int, Words] = {
            network.number: network.model.words
            for network in networks
            if network.number is not None and network.model.words is not None
        }

    def score(self, path: str | os.PathLike[str], *, only: Sequence[int] | None = None) -> Scores:
        """Listen to a file and return what the models heard.

        Parameters
        ----------
        path : str
            The file.
        only : sequence of int, optional
            Places of the models that are to hear it, ascending; all by default.

        Returns
        -------
        Scores
            Of the first model; those of the rest are its `others`.

        Raises
        ------
        FileError
            The file cannot be read, holds no audio, or less than 0.5 s of it.
        """
        path = os.fsdecode(path)
        if self._effort is not efforts.FULL:
            scores = self._score_part(path)
            if scores is not None:
                return scores
        wanted = range(len(self._asked)) if only is None else only
        tallies = {number: Tally(self._asked[number]) for number in wanted}
        with self._opened(path, wanted) as (audio, predictions):
            for number, prediction in predictions:
                tallies[number].add(prediction.logits, prediction.embedding)
            seconds, skipped, digest = audio.seconds, audio.seconds_skipped, audio.digest()
        first, *others = (
            self._worded(
                number, tally.scores(seconds=seconds, seconds_skipped=skipped, digest=digest)
            )
            for number, tally in tallies.items()
        )
        return replace(first, others=tuple(others))

    def _score_part(self, path: str) -> Scores | None:
        """Hear windows until they are enough; None where a track is to be heard whole."""
        tally, (stem,) = Tally(self._asked[0]), self._stems
        try:
            with open_parts(path, decoder=self._decoder) as segments:
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

    def _worded(self, number: int, scores: Scores) -> Scores:
        """Compare words with the whole track: with the mean of its windows' embeddings."""
        if number not in self.words or scores.embedding is None:
            return scores
        return replace(scores, values=self.words[number].scores(scores.embedding))

    def _listen_at(
        self, path: str, excerpts: PartWindows, numbers: Iterable[int]
    ) -> Iterator[Prediction]:
        """Yield what the first model says of the windows of these numbers."""
        (stem,) = self._stems
        for number in numbers:
            for _, prediction in stem.hear(excerpts.window(number), (0,)):
                yield prediction
            if self._on_window is not None:
                self._on_window(path, excerpts)
        for _, prediction in stem.finish((0,)):
            yield prediction

    def taggram(self, path: str | os.PathLike[str]) -> Taggram:
        """Listen to a file and return every window's logits.

        Raises
        ------
        FileError
            As `score`.
        """
        path = os.fsdecode(path)
        with self._opened(path, (0,)) as (_, predictions):
            rows = [prediction.logits.copy() for _, prediction in predictions]
        hop = self.pooling.hop * self.spec.frontend.hop_samples / self.spec.sample_rate_hz
        return Taggram(
            logits=np.concatenate(rows),
            labels=tuple(label.name for label in self.spec.labels),
            start_seconds=np.arange(len(rows), dtype=np.float64) * hop,
        )

    def tag(
        self,
        path: str | os.PathLike[str],
        *,
        policy: Policy | None = None,
        rules: Rules = DEFAULT,
        dry_run: bool = False,
    ) -> tag_plan.TagPlan:
        """Listen to a file and write what its genre and mood fields lack.

        Parameters
        ----------
        path : str
            The file.
        policy : {'fill', 'merge', 'overwrite'}, optional
            What becomes of values that are there already; as the rules say by default.
        rules : Rules
            The fields to fill, when a label is sure enough, and what it is called.
        dry_run : bool
            Plan only.

        Raises
        ------
        FileError
            As `score`; WriteError if the tags cannot be written safely. The file is then as
            it was.

        Examples
        --------
        >>> from lean_tagger import Tagger
        >>> tagger = Tagger()
        >>> tagger.tag("song.mp3").changes["genre"]
        ('Electronic',)
        >>> tagger.tag("song.mp3").changes  # it has one now
        {}
        """
        path = os.fsdecode(path)
        if policy is not None and policy not in POLICIES:
            raise ConfigError(f"no policy {policy!r}; there are {', '.join(POLICIES)}")
        scores = self.score(path)
        previous = write.read(path) if write.supported(path) else {}
        plan = self.plan(path, scores, previous, policy=policy, rules=rules)
        if plan.changes and not dry_run:
            self.apply(plan, expected=scores.digest)
        return plan

    def plan(
        self,
        path: str,
        scores: Scores,
        previous: Mapping[str, tuple[str, ...]],
        *,
        policy: Policy | None = None,
        rules: Rules = DEFAULT,
    ) -> tag_plan.TagPlan:
        """Decide what to write, from scores and what the file holds now; see `tag`.

        Parameters
        ----------
        path : str
            The file; not opened.
        scores : Scores
            From `score`.
        previous : mapping of str to tuple of str
            From `write.read`.
        policy, rules
            As for `tag`.
        """
        return tag_plan.propose(
            path,
            self._asked,
            scores.heard(Identity(0, 0, 0), previous),
            rules=adjusted(rules, policy=policy),
        )

    def apply(self, plan: tag_plan.TagPlan, *, expected: str | None = None) -> None:
        """Write a plan's changes, and verify by decoding what was written.

        Parameters
        ----------
        plan : TagPlan
            From `plan` or ``tag(dry_run=True)``.
        expected : str, optional
            `Scores.digest`; without it the original is decoded once more.

        Raises
        ------
        WriteError
            The change cannot be made without risk; the file is as it was.
        """
        fingerprint, answer = proof(plan.path, expected, decoder=self._decoder)
        write.write(
            plan.path,
            plan.changes,
            fingerprint=fingerprint,
            expected=answer,
            previous=plan.previous,
        )

    @contextmanager
    def _opened(
        self, path: str, wanted: Sequence[int]
    ) -> Iterator[tuple[Audio, Iterator[tuple[int, Prediction]]]]:
        """Open a file, and what the networks say of it; no thread is left when it is closed."""
        with open_audio(path, decoder=self._decoder) as audio, ExitStack() as stack:
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
        """Yield what each model says of each window: … → resample → window → frontend → model."""
        stems = [stem for stem in self._stems if stem.numbers() & set(wanted)]
        for stem in stems:
            stem.begin()
        for stem, window in shared_pass.windows(blocks, stems):
            yield from stem.hear(window, wanted)
            if self._on_window is not None:
                self._on_window(path, audio)
        for stem in stems:
            yield from stem.finish(wanted)
        if audio.seconds < SHORTEST_SECONDS:
            raise TooShortError(path, f"only {audio.seconds:.2f} s of audio, too little to judge")


def stream(
    path: str | os.PathLike[str],
    rate: int = 16000,
    chunk_seconds: float = 1.0,
    *,
    resampler: ResamplerSpec | None = None,
    decoder: DecoderName = "auto",
) -> Iterator[memoryview]:
    """Yield a file's audio as mono chunks of fixed size; memory does not grow with it.

    Parameters
    ----------
    path : str
        Any file that FFmpeg or libsndfile plays.
    rate : int
        Sample rate of the chunks, in Hz.
    chunk_seconds : float
        Length of a chunk; only the last one is shorter.
    resampler : ResamplerSpec, optional
        By default the one of the default model's card (kaiser_best of resampy 0.2).
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        See `decode.open_audio`.

    Yields
    ------
    memoryview
        float32, ±1 at full scale, ``round(rate · chunk_seconds)`` samples. A view of one
        buffer, valid until the next chunk is asked for: copy what you keep, for instance
        with ``numpy.array(chunk)``.

    Raises
    ------
    FileError
        The file cannot be read.
    ValueError
        A chunk would hold no sample.

    Examples
    --------
    >>> from lean_tagger import stream
    >>> loudest = max(max(abs(sample) for sample in chunk) for chunk in stream("song.mp3"))
    >>> print(f"{loudest:.2f} of full scale")
    1.15 of full scale
    """
    resampler = resampler or load_card(DEFAULT_MODEL).resampler
    chunk_samples = round(rate * chunk_seconds)
    with open_audio(os.fsdecode(path), decoder=decoder) as audio:
        yield from resample(audio, resampler, rate_hz=rate, chunk_samples=chunk_samples)


def _effort(name: str, *, models: int) -> efforts.Effort:
    try:
        effort = efforts.effort(str(name))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if models > 1 and effort is not efforts.FULL:
        raise ConfigError(
            "several models hear a track whole; leave --effort out, or give one --model"
        )
    return effort


def _check_choices(*, device: str, decoder: str, pool: str | None, threads: int) -> None:
    """Refuse what a type checker would, for those who have none."""
    choices: dict[str, tuple[object, tuple[object, ...]]] = {
        "device": (device, get_args(DeviceName)),
        "decoder": (decoder, get_args(DecoderName)),
        "pool": (pool, (None, *POOLS)),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ConfigError(f"no {name} {value!r}; there are {', '.join(map(str, allowed))}")
    if threads < 1:
        raise ConfigError(f"threads must be 1 or more, not {threads}")
