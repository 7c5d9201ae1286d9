"""What happens to one file: look, listen, decide, prove, write.

`Pipeline` is this flow, for the command's workers and for `Tagger`, which is the public face.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from lean_tagger import write
from lean_tagger.decide import leantag_field, tag_plan
from lean_tagger.decide.decider import Decider, ask
from lean_tagger.decide.tag_plan import TagPlan
from lean_tagger.errors import ChangedError, ConfigError, UnreadableError, WriteError
from lean_tagger.jobs import (
    Heard,
    Identity,
    Job,
    Restore,
    Restored,
    Tagged,
    TagStatus,
    Values,
    Writing,
)
from lean_tagger.listen.decode import AudioPosition, DecoderName
from lean_tagger.listen.decode.audio_proof import proof
from lean_tagger.listen.effort import enough
from lean_tagger.listen.label_scores import Words
from lean_tagger.listen.listener import Listener, Taggram
from lean_tagger.listen.onnx_session import DeviceName
from lean_tagger.listen.pooling import POOLS, PoolName, Scores
from lean_tagger.listen.recognise import recognise
from lean_tagger.rules import DEFAULT, Policy, Rules, adjusted
from lean_tagger.settings import DEFAULT_MODEL, WriteSettings
from lean_tagger.write import FileState

__all__ = ["Decided", "Pipeline", "Tagger"]

POLICIES = get_args(Policy)

_USUAL = WriteSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was heard in a file, and what is to be written into it.

    Attributes
    ----------
    file : FileState
        What it held when it was looked at.
    heard : Heard
        By each model.
    known : bool
        An earlier run heard it.
    plan : TagPlan
        What is to be written.
    """

    file: FileState
    heard: Heard
    known: bool
    plan: TagPlan


class Pipeline:
    """The one way to tag a file.

    Parameters
    ----------
    decider : Decider
        The models, and the rules.
    listener : Listener or None
        The same models, loaded; None decides only on what was heard before.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        With which the audio is recognised, and proved to be the same after a write.
    ways : WriteSettings
        How files are written; the version of an ID3 tag is that of the rules.
    dry_run : bool
        Listen and decide, write nothing.
    before_write : callable, optional
        Told what is about to be written, before anything changes on the disk; what it raises
        ends the job.
    """

    def __init__(
        self,
        decider: Decider,
        listener: Listener | None,
        *,
        decoder: DecoderName = "auto",
        ways: WriteSettings = _USUAL,
        dry_run: bool = False,
        before_write: Callable[[Writing], None] | None = None,
    ) -> None:
        self._decider, self._listener = decider, listener
        self._words = listener.words if listener else _words(decider)
        self._decoder: DecoderName = decoder
        self._ways = replace(ways, id3_version=decider.rules.layout.id3_version)
        self._dry_run = dry_run
        self._before_write = before_write or (lambda _: None)

    # The flow

    def decide(self, job: Job) -> Decided:
        """Listen to a file, unless it was heard before, and decide what to write into it.

        Raises
        ------
        ChangedError
            It is to be heard, and there is no listener.
        FileError
            As `Listener.score`.
        """
        file = write.look(job.path, with_track=self._decider.needs_track)
        heard, known = self._hear(job, file)
        track = file.track or heard.track
        heard = replace(heard, identity=file.identity, fields=file.fields, track=track)
        plan = self._decider.plan(job.path, heard, scores=job.scores)
        return Decided(file=file, heard=heard, known=known, plan=plan)

    def carry_out(self, decided: Decided) -> Tagged:
        """Write what was decided, and prove that the file lost nothing.

        Raises
        ------
        WriteError, UnreadableError
            Nothing can be written, or not safely; the file is as it was.
        """
        file, heard, changes = decided.file, decided.heard, decided.plan.changes
        if not changes:
            return self.outcome(decided, "unchanged")
        if file.obstacle is not None:
            raise file.obstacle
        if self._dry_run:
            return self.outcome(decided, "would_tag")
        file = self._write(file, changes, expected=heard.digest)
        heard = replace(heard, identity=file.identity, fields=file.fields)
        return self.outcome(replace(decided, heard=heard), "tagged")

    def restore(self, path: str, restore: Restore) -> Restored:
        """Put back what the fields held before us, where they still hold what we wrote.

        Raises
        ------
        WriteError, UnreadableError
            As `carry_out`.
        """
        file = write.look(path, with_track=False)
        if file.obstacle is not None:
            raise file.obstacle
        changes, kept = _to_restore(restore, file.fields)
        if changes and not self._dry_run:
            file = self._write(file, changes, expected=None)
        return Restored(
            path=path,
            status="would_restore" if self._dry_run else "restored",
            restored=changes,
            kept=kept,
            identity=file.identity,
            fields=file.fields,
        )

    def outcome(self, decided: Decided, status: TagStatus) -> Tagged:
        """Return what is reported, and put on record, of a file that was decided on."""
        return tag_plan.outcome(
            decided.plan, decided.heard, self._decider.asked, status, known=decided.known
        )

    # Its steps

    def _hear(self, job: Job, file: FileState) -> tuple[Heard, bool]:
        """Return what the models hear in a file, and whether all of it was known."""
        if job.heard is not None:
            return self._with_scores(job.heard), True
        each = recognise(job.path, self._candidates(job, file), decoder=self._decoder)
        heard = Heard.together(each)
        if heard is not None:
            return self._with_scores(heard), True
        if self._listener is None:
            message = "it is not what was heard any more; run lean-tag on it again"
            raise ChangedError(job.path, message)
        return self._with_scores(self._listener.complete(job.path, each)), False

    def _candidates(self, job: Job, file: FileState) -> Iterator[list[Heard]]:
        """Yield what each model may have heard in this audio in an earlier run.

        The journal knows, or the file itself: what we write into it names its audio.
        """
        effort = self._listener.effort if self._listener else None
        for number, by in enumerate(self._decider.asked):
            said = leantag_field.heard_in(file.fields, by, identity=file.identity)
            on_record = job.candidates[number] if job.candidates else ()
            each = [*on_record, *([said] if said else [])]
            yield [heard for heard in each if enough(effort, heard)]

    def _with_scores(self, heard: Heard) -> Heard:
        """Compare words with an embedding that is on record, where that is all that is."""
        first, *others = [
            it
            if it.values or number not in self._words
            else replace(it, values=self._words[number].of_stored(it.embedding))
            for number, it in enumerate(heard.each())
        ]
        return replace(first, others=tuple(others))

    def _write(self, file: FileState, changes: Values, *, expected: str | None) -> FileState:
        """Write, and return what the file then holds."""
        path, before = file.path, file.identity
        previous = {field: file.fields[field] for field in changes if field in file.fields}
        self._before_write(Writing(identity=before, changes=changes, previous=previous))
        try:
            _write_proved(
                path, changes, previous, expected=expected, decoder=self._decoder, ways=self._ways
            )
        except (UnreadableError, WriteError) as error:
            if write.identify(path).inode != before.inode:  # which says so if it is gone
                message = "it was replaced by another file meanwhile; the next run hears that one"
                raise WriteError(path, message) from error
            raise
        fields = {field: values for field, values in {**file.fields, **changes}.items() if values}
        return replace(file, identity=write.identify(path), fields=fields)


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
    listener : Listener
        The models, loaded.

    Notes
    -----
    One object scores one file at a time: its buffers are used again for each. Memory does not
    grow with the length of a track, save for `taggram`'s result.
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
        self.listener = Listener(
            self._asked,
            device=device,
            threads=threads,
            decoder=decoder,
            on_window=on_window,
            notice=notice,
            effort=effort,
            rules=rules,
            gpu_bytes=gpu_bytes,
        )
        self.device = self.listener.device

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
        return self.listener.score(path, only=only)

    def taggram(self, path: str | os.PathLike[str]) -> Taggram:
        """Listen to a file and return every window's logits, of the first model.

        Raises
        ------
        FileError
            As `score`.
        """
        return self.listener.taggram(path)

    def tag(
        self,
        path: str | os.PathLike[str],
        *,
        policy: Policy | None = None,
        rules: Rules = DEFAULT,
        dry_run: bool = False,
    ) -> TagPlan:
        """Listen to a file and write what its genre and mood fields lack.

        A file whose LEANTAG field has the scores of these models is known by it, and is not
        heard again.

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
        """
        pipeline = Pipeline(
            self._decider(rules, policy),
            self.listener,
            decoder=self.listener.decoder,
            dry_run=dry_run,
        )
        decided = pipeline.decide(Job(os.fsdecode(path), size_bytes=0))
        pipeline.carry_out(decided)
        return decided.plan

    def plan(
        self,
        path: str,
        scores: Scores,
        previous: Mapping[str, tuple[str, ...]],
        *,
        policy: Policy | None = None,
        rules: Rules = DEFAULT,
    ) -> TagPlan:
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
        heard = scores.heard(Identity(0, 0, 0), previous)
        return self._decider(rules, policy).plan(path, heard)

    def apply(self, plan: TagPlan, *, expected: str | None = None) -> None:
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
        _write_proved(
            plan.path,
            plan.changes,
            plan.previous,
            expected=expected,
            decoder=self.listener.decoder,
            ways=_USUAL,
        )

    def _decider(self, rules: Rules, policy: Policy | None) -> Decider:
        if policy is not None and policy not in POLICIES:
            raise ConfigError(f"no policy {policy!r}; there are {', '.join(POLICIES)}")
        return Decider(self._asked, adjusted(rules, policy=policy))


def _write_proved(
    path: str,
    changes: Values,
    previous: Values,
    *,
    expected: str | None,
    decoder: DecoderName,
    ways: WriteSettings,
) -> None:
    """Write fields over what they held, and prove that the audio is what was heard."""
    fingerprint, answer = proof(path, expected, decoder=decoder)
    write.write(
        path,
        changes,
        fingerprint=fingerprint,
        expected=answer,
        previous=previous,
        ways=ways,
    )


def _to_restore(
    restore: Restore, present: Values
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return what to write, and what stands in fields that somebody has changed since."""
    changes: dict[str, tuple[str, ...]] = {}
    kept: dict[str, tuple[str, ...]] = {}
    for field, ours in restore.fields.items():
        there = present.get(field, ())
        if there == ours.before:
            continue
        if there == ours.written:
            changes[field] = ours.before
        else:
            kept[field] = there
    return changes, kept


def _words(decider: Decider) -> dict[int, Words]:
    """Return what scores words where nothing is to be heard, by the number of the model."""
    cards = [it.card for it in decider.asked]
    return {number: Words(card) for number, card in enumerate(cards) if card.label_vectors}


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
