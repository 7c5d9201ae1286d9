"""The worker: its models loaded once, one file at a time.

The only place that catches whatever a file can raise and makes it an outcome.
"""

import os
import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import IO

from lean_tagger import write
from lean_tagger.decide import leantag_field, tag_plan
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import (
    FileError,
    HardlinkedError,
    OverBudgetError,
    StateError,
    UnreadableError,
    WriteError,
)
from lean_tagger.jobs import (
    Asked,
    Failed,
    Heard,
    Identity,
    Job,
    Outcome,
    Restore,
    Restored,
    Skipped,
    TrackInfo,
    Values,
    Writing,
)
from lean_tagger.listen import decode, effort
from lean_tagger.listen.decode import AudioPosition, parts
from lean_tagger.listen.decode.audio_proof import PART, proof
from lean_tagger.listen.label_scores import Words
from lean_tagger.settings import Settings
from lean_tagger.system import temporary_files
from lean_tagger.system.memory import Guard, limit_data, peak_rss_bytes
from lean_tagger.tagger import Tagger

__all__ = ["Worker"]

HEADROOM_BYTES = 12 << 20
"""Kept free above what the rehearsal was seen to need: other decoders' tables, larger tags.
Over all formats of the tests the peak lies 1 to 8 MiB above the rehearsal's."""

REHEARSAL_SECONDS = 4

STEP_BYTES = 4 << 20


class Worker:
    """Does jobs, one after the other.

    Parameters
    ----------
    options : Settings
        The run's.
    progress : callable, optional
        Called as ``progress(seconds, fraction)`` after each window: audio decoded so far and
        how far into the file that is, 0 to 1.
    notice : callable, optional
        Told what a person should know, once.
    before_write : callable, optional
        Told what is about to be written, before anything changes on the disk; what it raises
        ends the job.

    Raises
    ------
    ConfigError, ModelError
        See `Tagger`.

    Attributes
    ----------
    model, device : str
        What runs, all its models by name, and where; no device where nothing is to be heard.
    needed_bytes : int
        Least resident size with which it can work, as measured.
    """

    def __init__(
        self,
        options: Settings,
        *,
        progress: Callable[[float, float], None] | None = None,
        notice: Callable[[str], None] | None = None,
        before_write: Callable[[Writing], None] | None = None,
    ) -> None:
        self._options = options
        self._progress: Callable[[float, float], None] | None = None
        self._before_write = before_write or (lambda _: None)
        self._guard = Guard(0)
        self._tagger: Tagger | None = None
        self._decision = Decider(options)
        self._asked = self._decision.asked
        layout = self._decision.rules.layout
        self._ways = replace(options.ways, id3_version=layout.id3_version)
        self._folder = ""
        self.model, self.device = self._decision.names, ""
        if options.listen:
            self._tagger = Tagger(
                options.models,
                device=options.device,
                threads=options.threads,
                decoder=options.decoder,
                pool=options.pool,
                hop_seconds=options.hop_seconds,
                effort=options.effort,
                rules=self._decision.rules,
                labels=options.labels,
                gpu_bytes=options.max_gpu_mem_bytes,
                on_window=self._on_window,
                notice=notice,
            )
            self.device = self._tagger.device
            _rehearse(self._tagger)
        self._words = self._tagger.words if self._tagger else _words(self._asked)
        self._progress = progress
        measured_bytes = peak_rss_bytes() + HEADROOM_BYTES
        # Rounded up: the same model differs by 3 MiB between two starts.
        self.needed_bytes = -(-measured_bytes // STEP_BYTES) * STEP_BYTES

    def limit(self, share_bytes: int) -> None:
        """Keep to a share of memory from now on, in bytes; 0 is no limit."""
        self._guard.close()
        self._guard = Guard(share_bytes)
        limit_data(share_bytes)

    def use_cores(self, count: int) -> None:
        """Keep so many cores busy from now on: at most one more than the network has."""
        if self._tagger is not None:
            self._tagger.decodes_ahead = count > 1

    def do(self, job: Job) -> Outcome:
        """Do one file; whatever is wrong with *it* comes back as `Failed`.

        Raises
        ------
        LeanTagError
            What would go wrong with the next file too: a broken model, a full disk.
        """
        try:
            self._sweep(job.path)
            return self._tag(job) if job.restore is None else self._restore(job, job.restore)
        except FileError as error:
            return Failed(path=job.path, kind=error.kind, message=error.message)
        except MemoryError as error:
            refusal = OverBudgetError(job.path, str(error) or "one allocation was too large")
            return Failed(path=job.path, kind=refusal.kind, message=refusal.message)

    def _sweep(self, path: str) -> None:
        """Remove what a killed process left, once in each folder that we come to."""
        folder = os.path.dirname(os.path.realpath(path))  # noqa: PTH120 - names stay str
        if folder != self._folder and not self._options.dry_run:
            self._folder = folder
            temporary_files.sweep(folder)

    def _tag(self, job: Job) -> Outcome:
        path = job.path
        found = _look(path, with_track=self._decision.needs_track)
        each = [] if job.heard else self._recognised(job, found)
        heard = job.heard or Heard.together(each)
        known = heard is not None
        if heard is None:
            if self._tagger is None:
                message = "it is not what was heard any more; run lean-tag on it again"
                return Skipped(path=path, kind="changed", message=message)
            heard = _heard(self._tagger, path, each)
        heard = self._scored(heard)
        track = found.track or heard.track
        heard = replace(heard, identity=found.identity, fields=found.fields, track=track)
        self._guard.check(path)
        plan = self._decision.plan(path, heard, scores=job.scores)
        if self._options.dry_run and plan.changes and found.obstacle is None:
            return tag_plan.outcome(plan, heard, self._asked, "would_tag", known=known)
        return self._carry_out(plan, heard, found, known=known)

    def _carry_out(
        self, plan: tag_plan.TagPlan, heard: Heard, found: "_Found", *, known: bool
    ) -> Outcome:
        """Write what is planned, unless something stands in the way."""
        path, obstacle = plan.path, found.obstacle
        unchanged = tag_plan.outcome(plan, heard, self._asked, "unchanged", known=known)
        if not plan.changes:
            return unchanged
        if isinstance(obstacle, str):
            return Skipped(path=path, kind="no-tag-support", message=obstacle, scored=unchanged)
        try:
            if obstacle is not None:
                raise obstacle
            after = self._write(path, found, plan.changes, expected=heard.digest)
        except FileError as error:
            kind, message = error.kind, error.message
            left_alone = Skipped if isinstance(error, HardlinkedError) else Failed
            return left_alone(path=path, kind=kind, message=message, scored=unchanged)
        heard = replace(heard, identity=after.identity, fields=after.fields)
        return tag_plan.outcome(plan, heard, self._asked, "tagged", known=known)

    def _recognised(self, job: Job, found: "_Found") -> list[Heard | None]:
        """Return what each model heard in this audio in an earlier run, as far as it is known.

        The journal knows, or the file itself: what we write into it names its audio.
        """
        same = self._same_audio(job.path)
        each: list[Heard | None] = []
        for number, by in enumerate(self._asked):
            said = leantag_field.heard_in(found.fields, by, identity=found.identity)
            on_record = job.candidates[number] if job.candidates else ()
            candidates = filter(self._enough, [*on_record, *([said] if said else [])])
            each.append(next(filter(same, candidates), None))
        return each

    def _scored(self, heard: Heard) -> Heard:
        """Compare words with an embedding that is on record, where that is all that is."""
        each = [
            it
            if it.values or number not in self._words
            else replace(it, values=self._words[number].of_stored(it.embedding))
            for number, it in enumerate(heard.each())
        ]
        return replace(each[0], others=tuple(each[1:]))

    def _enough(self, heard: Heard) -> bool:
        """Tell whether as much of the file was heard as this run would hear."""
        return self._tagger is None or effort.suffices(
            self._options.effort,
            name=heard.effort,
            windows=heard.windows,
            of_windows=heard.of_windows,
        )

    def _same_audio(self, path: str) -> Callable[[Heard], bool]:
        """Return what tells whether something was heard in the audio of this file."""
        decoder = self._options.decoder
        packets = cache(lambda: decode.packet_hash(path))
        sampled = cache(lambda: parts.sampled_digest(path, decoder=decoder))

        def same(heard: Heard) -> bool:
            if heard.digest.startswith(PART):
                return sampled() == heard.digest
            return packets() == heard.digest.split("-")[0]

        return same

    def _write(
        self, path: str, found: "_Found", changes: Values, *, expected: str | None
    ) -> "_Found":
        """Write, and return what the file then holds."""
        full, previous = write.in_full(path, changes)  # for undo, in each tag of the file
        held = {name: values for name, values in previous.items() if values}
        decided_on = {f: found.fields.get(f, ()) for f in changes if f in write.FIELDS}
        self._before_write(Writing(identity=found.identity, changes=full, previous=held))
        fingerprint, answer = proof(path, expected, decoder=self._options.decoder)
        try:
            write.write(
                path,
                full,
                fingerprint=fingerprint,
                expected=answer,
                previous={**previous, **decided_on},
                ways=self._ways,
            )
        except (UnreadableError, WriteError) as error:
            now = _identity(path)  # says so if it is gone
            if now.inode != found.identity.inode:
                message = "it was replaced by another file meanwhile; the next run hears that one"
                raise WriteError(path, message) from error
            raise
        return replace(found, identity=_identity(path), fields=write.read(path))

    def _restore(self, job: Job, restore: Restore) -> Outcome:
        """Put back what the fields held before us, where they still hold what we wrote."""
        found = _look(job.path, with_track=False)
        if isinstance(found.obstacle, FileError):
            raise found.obstacle
        changes: dict[str, tuple[str, ...]] = {}
        kept: dict[str, tuple[str, ...]] = {}
        each = write.read_each(job.path)
        for field, ours in restore.fields.items():
            present = each.get(field, ())
            if present == ours.written:
                changes[field] = ours.before
            elif present != ours.before:
                kept[field] = present
        changes = {f: v for f, v in changes.items() if v != each.get(f, ())}
        if changes and not self._options.dry_run:
            found = self._write(job.path, found, changes, expected=None)
        return Restored(
            path=job.path,
            status="would_restore" if self._options.dry_run else "restored",
            restored={f: v for f, v in changes.items() if f in write.FIELDS},
            kept={f: v for f, v in kept.items() if f in write.FIELDS},
            identity=found.identity,
            fields=found.fields,
        )

    def _on_window(self, path: str, audio: AudioPosition) -> None:
        self._guard.check(path)
        if self._progress is not None:
            self._progress(audio.seconds, audio.progress())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a file is and holds now, and what stands in the way of writing it."""

    identity: Identity
    fields: Values
    obstacle: FileError | str | None
    track: TrackInfo | None


def _look(path: str, *, with_track: bool) -> _Found:
    identity = _identity(path)  # first: what changes behind our back is noticed next time
    fields: Values = {}
    obstacle: FileError | str | None = None
    try:
        if write.supported(path):
            fields = write.read(path)
        else:
            obstacle = "this kind of file has no place for tags that lean-tag can write"
    except FileError as error:
        obstacle = error
    track = write.track(path) if with_track else None
    return _Found(identity=identity, fields=fields, obstacle=obstacle, track=track)


def _heard(tagger: Tagger, path: str, each: Sequence[Heard | None]) -> Heard:
    """Let those models listen that have not heard this audio, and return what all heard."""
    scores = tagger.score(path, only=[n for n, heard in enumerate(each) if heard is None])
    new = iter(scores.heard(Identity(0, 0, 0), {}).each())
    heard = Heard.together([it or next(new) for it in each])
    assert heard is not None  # noqa: S101 - narrows the type for mypy
    return replace(heard, digest=scores.digest)


def _identity(path: str) -> Identity:
    try:
        found = os.stat(path)  # noqa: PTH116 - names may hold undecodable bytes
    except OSError as error:
        raise UnreadableError(path, f"it went away: {error.strerror}") from error
    return Identity(found.st_size, found.st_mtime_ns, found.st_ino)


def _words(asked: Sequence[Asked]) -> dict[int, Words]:
    """Return what scores words where nothing is to be heard, by the place of the model."""
    cards = [it.card for it in asked]
    return {number: Words(card) for number, card in enumerate(cards) if card.label_vectors}


def _rehearse(tagger: Tagger) -> None:
    """Score a few seconds of silence, so that the floor is measured and not guessed."""
    with _unnamed_file() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((2, 2, 44100, 0, "NONE", ""))
            sound.writeframes(bytes(4 * 44100 * REHEARSAL_SECONDS))
        file.flush()
        tagger.score(file.name if isinstance(file.name, str) else f"/proc/self/fd/{file.fileno()}")


def _unnamed_file() -> IO[bytes]:
    """Return a file in memory where the system has such, since no folder may be writable."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("lean-tag"), "w+b")  # noqa: PTH123 - a descriptor
    try:
        return tempfile.NamedTemporaryFile(suffix=".wav")
    except OSError as error:
        raise StateError(f"there is no folder for temporary files: {error}") from error
