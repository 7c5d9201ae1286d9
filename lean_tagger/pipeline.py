"""What happens to one file: examine, listen, decide, prove, write.

The command's workers and `tagger.Tagger` both use it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from lean_tagger import write
from lean_tagger.decide import leantag_field, spoken_word, tag_plan
from lean_tagger.decide.decider import Decider
from lean_tagger.decide.restore_plan import OTHER_FILE, restore_status, to_restore
from lean_tagger.decide.tag_plan import TagPlan
from lean_tagger.errors import (
    ChangedError,
    FileError,
    NoRoomError,
    NoTagSupportError,
    ObstacleError,
    SpokenWordError,
    StateError,
    UnreadableError,
    WriteError,
)
from lean_tagger.fields import FIELDS
from lean_tagger.jobs import (
    Heard,
    Identity,
    Job,
    Recognise,
    Recognised,
    Restore,
    Restored,
    Tagged,
    TagStatus,
    TrackInfo,
    Values,
    Writing,
)
from lean_tagger.listen.decode import DecoderName
from lean_tagger.listen.decode.audio_proof import proof
from lean_tagger.listen.effort import enough
from lean_tagger.listen.label_scores import Words
from lean_tagger.listen.recognise import digests, has_audio, recognise
from lean_tagger.rules import may_be_album
from lean_tagger.settings import Verify, WriteSettings
from lean_tagger.system.urls import is_url
from lean_tagger.write import FileState
from lean_tagger.write.spoken_word import marked

if TYPE_CHECKING:  # without a listener, no ONNX Runtime is loaded
    from lean_tagger.listen.listener import Listener

_USUAL = WriteSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was heard in a file, and what should be written into it.

    Attributes
    ----------
    file : FileState
        Its state when it was examined.
    heard : Heard
        What each model heard.
    known : bool
        An earlier run heard it.
    plan : TagPlan
        What should be written.
    """

    file: FileState
    heard: Heard
    known: bool
    plan: TagPlan


class Pipeline:
    """Tags a file; nothing else does.

    Parameters
    ----------
    decider : Decider
        The models, and the rules.
    listener : Listener or None
        The same models, loaded; with None, only what was heard before is decided again.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        Used to recognise audio, and to prove that a write did not change it.
    ways : WriteSettings
        How files are written; the rules choose the ID3 version.
    dry_run : bool
        Listen and decide, write nothing.
    spoken_word : bool
        Also tag podcasts and audiobooks.
    before_write : callable, optional
        Called with what is about to be written, before anything changes on the disk; an
        exception from it ends the job.
    """

    def __init__(
        self,
        decider: Decider,
        listener: "Listener | None",
        *,
        decoder: DecoderName = "auto",
        ways: WriteSettings = _USUAL,
        dry_run: bool = False,
        spoken_word: bool = True,
        before_write: Callable[[Writing], None] | None = None,
    ) -> None:
        self._decider, self._listener = decider, listener
        self._words = listener.words if listener else _words(decider)
        self._decoder: DecoderName = decoder
        self._ways = replace(ways, id3_version=decider.rules.layout.id3_version)
        self._dry_run, self._spoken_word = dry_run, spoken_word
        self._before_write = before_write or (lambda _: None)

    # The flow

    def decide(self, job: Job) -> Decided:
        """Listen to a file unless it was heard before, and decide what to write into it.

        Raises
        ------
        ChangedError
            It would have to be heard, and there is no listener.
        SpokenWordError
            It is a podcast or an audiobook, which were not asked for.
        FileError
            As `Listener.score`.
        """
        if is_url(job.path):
            return self._only_hear(job)
        file = write.look(
            job.path,
            with_track=self._decider.needs_track or self._decider.albums,
            ways=self._ways,
            may_change=self._decider.may_change,
        )
        if not self._spoken_word:
            _refuse_spoken_word(file)
        heard, known = self._hear(job, file)
        track = file.track or heard.track
        heard = replace(heard, identity=file.identity, fields=file.fields, track=track)
        scores = job.scores
        if scores is not None and self._decider.albums and not self.may_be_album(heard, job.path):
            scores = None  # its tags have changed since
        plan = self._decider.plan(job.path, heard, scores=scores)
        return Decided(file=file, heard=heard, known=known, plan=plan)

    def may_be_album(self, heard: Heard, path: str) -> bool:
        """Tell whether a file's tags say that it is on an album of one artist."""
        return may_be_album(tag_plan.track_of(path, heard.track))

    def waits_for_album(self, heard: Heard, path: str) -> bool:
        """Tell whether a file has to wait for its album; not one that was decided before."""
        return self.may_be_album(heard, path) and not leantag_field.ours_in(heard.fields)

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
            self._refuse(file.obstacle)
        if self._dry_run:
            return self.outcome(decided, "would_tag")
        file = self._write(
            file, changes, audio=heard.digest, expected=heard.digest, given=heard.given
        )
        heard = replace(heard, identity=file.identity, fields=file.fields)
        return self.outcome(replace(decided, heard=heard), "tagged")

    def restore(self, path: str, restore: Restore) -> Restored:
        """Restore the values from before our write, if the fields still hold what we wrote.

        Raises
        ------
        ChangedError
            Another file has this name now.
        WriteError, UnreadableError
            As `carry_out`.
        """
        file = write.look(path, with_track=None, ways=self._ways)
        if restore.check_audio and has_audio(path, restore.audio, decoder=self._decoder) is False:
            raise ChangedError(path, OTHER_FILE)
        obstacle = file.obstacle
        if obstacle is not None and not isinstance(obstacle, NoTagSupportError | ObstacleError):
            raise obstacle  # a file without room for fields holds none of ours
        each = {} if isinstance(obstacle, NoTagSupportError) else write.read_each(path)
        changes, kept = to_restore(restore, each)
        if changes and obstacle is not None:
            self._refuse(obstacle)
        if changes and not self._dry_run:
            file = self._write(file, changes, audio=restore.audio, expected=None)
        return Restored(
            path=path,
            status=restore_status(redo=restore.redo, dry_run=self._dry_run),
            restored={field: it for field, it in changes.items() if field in FIELDS},
            kept={field: it for field, it in kept.items() if field in FIELDS},
            identity=file.identity,
            fields=file.fields,
        )

    def recognise(self, path: str, what: Recognise) -> Recognised:
        """Return a file's fields and its audio's digests.

        Raises
        ------
        UnreadableError
            It does not exist any more.
        """
        file = write.look(path, with_track=what.track, ways=self._ways)
        found = digests(path, decoder=self._decoder) if what.audio else ()
        return Recognised(
            path=path,
            identity=file.identity,
            fields=file.fields,
            digests=found,
            track=file.track,
        )

    def outcome(self, decided: Decided, status: TagStatus) -> Tagged:
        """Return what is reported and put on record for a file that was decided."""
        return tag_plan.outcome(
            decided.plan, decided.heard, self._decider.asked, status, known=decided.known
        )

    # Its steps

    def _only_hear(self, job: Job) -> Decided:
        """Listen to a file at an address; its tags are neither read nor written."""
        message = "a file at an address is only heard; no tags are written into it"
        identity = job.identity or Identity(0, 0, 0)
        obstacle = NoTagSupportError(job.path, message)
        file = FileState(path=job.path, identity=identity, fields={}, obstacle=obstacle)
        heard, known = self._hear(job, file)
        heard = replace(heard, identity=identity, fields={}, track=TrackInfo())
        plan = self._decider.plan(job.path, heard)
        return Decided(file=file, heard=heard, known=known, plan=plan)

    def _hear(self, job: Job, file: FileState) -> tuple[Heard, bool]:
        """Return what the models hear in a file, and whether all of that was known."""
        if job.heard is not None:
            return self._with_scores(job.heard), True
        each = recognise(job.path, self._candidates(job, file), decoder=self._decoder)
        heard = Heard.together(each)
        if heard is not None:
            return self._with_scores(heard), True
        if self._listener is None:
            message = "its audio has changed since it was analysed; run lean-tag on it again"
            raise ChangedError(job.path, message)
        obstacle = file.obstacle
        if not (obstacle is None or isinstance(obstacle, NoTagSupportError) or self._dry_run):
            self._refuse(obstacle)  # a dry run only wants the scores, which are kept
        heard = self._listener.complete(job.path, each, for_write=not self._dry_run)
        return self._with_scores(heard), False

    def _candidates(self, job: Job, file: FileState) -> Iterator[list[Heard]]:
        """Yield what each model may have heard in this audio in an earlier run.

        From the journal, or from the file itself: our LEANTAG in it names its audio.
        """
        effort = self._listener.effort if self._listener else None
        for number, by in enumerate(self._decider.asked):
            said = leantag_field.heard_in(file.fields, by, identity=file.identity)
            on_record = job.candidates[number] if job.candidates else ()
            each = [*on_record, *([said] if said else [])]
            yield [
                heard
                for heard in each
                if enough(effort, heard) and (heard.embedding or not job.with_embedding)
            ]

    def _refuse(self, obstacle: FileError) -> NoReturn:
        """Raise the obstacle; a full disk also stops the files after this one."""
        if isinstance(obstacle, NoRoomError) and not self._dry_run:
            raise StateError(obstacle.message)
        raise obstacle

    def _with_scores(self, heard: Heard) -> Heard:
        """Compare words with an embedding, if only that is on record."""
        first, *others = [
            it
            if it.values or number not in self._words
            else replace(it, values=self._words[number].of_stored(it.embedding))
            for number, it in enumerate(heard.each())
        ]
        return replace(first, others=tuple(others))

    def _write(
        self,
        file: FileState,
        changes: Values,
        *,
        audio: str,
        expected: str | None,
        given: str = "",
    ) -> FileState:
        """Write, and return the fields that the file then holds.

        Parameters
        ----------
        file : FileState
            The file.
        changes : mapping of str to tuple of str
            Field to its new values.
        audio : str
            Digest of its audio for the journal; empty if it is not known.
        expected, given : str
            As for `write_proved`.
        """
        path, before = file.path, file.identity
        try:
            with write.edit(path, ways=self._ways) as edit:
                full, previous = edit.in_full(changes)  # for undo: the values in each tag
                held = {name: values for name, values in previous.items() if values}
                decided_on = {f: file.fields.get(f, ()) for f in changes if f in FIELDS}
                self._before_write(
                    Writing(identity=before, changes=full, previous=held, audio=audio)
                )
                written = write_proved(
                    edit,
                    full,
                    {**previous, **decided_on},
                    expected=expected,
                    given=given,
                    decoder=self._decoder,
                    verify=self._ways.verify,
                )
        except (UnreadableError, WriteError) as error:
            if write.identify(path).inode != before.inode:  # raises if it is gone
                message = (
                    "it was replaced by another file during this run; the next run hears that one"
                )
                raise WriteError(path, message) from error
            raise
        identity = write.identify(path)
        fields = written.fields if identity == written.identity else write.read(path)
        return replace(file, identity=identity, fields=fields)


def write_proved(
    edit: write.Edit,
    changes: Values,
    previous: Values,
    *,
    expected: str | None,
    decoder: DecoderName,
    verify: Verify,
    given: str = "",
) -> write.Written:
    """Write fields, and prove that the audio is what was heard.

    Parameters
    ----------
    edit : Edit
        The file.
    changes, previous : mapping of str to tuple of str
        Field to its new values, and what it holds now.
    expected : str or None
        The digest of the audio that was heard; None takes it as it is now.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        The decoder that heard it.
    verify : {'packets', 'full'}
        How that is proved.
    given : str
        `Scores.given` of when it was heard; empty where it was not heard just now.

    Raises
    ------
    FileError
        As `write.write`; the file is as it was.
    """
    fingerprint, answer = proof(edit.path, expected, decoder=decoder, verify=verify, given=given)
    return edit.write(changes, fingerprint=fingerprint, expected=answer, previous=previous)


def _refuse_spoken_word(file: FileState) -> None:
    found = spoken_word.reason(file.path, file.fields) or marked(file.path)
    if found:
        raise SpokenWordError(file.path, f"{found}; {spoken_word.MESSAGE}")


def _words(decider: Decider) -> dict[int, Words]:
    """Return the scorers of words when nothing is heard, by the number of the model."""
    cards = [it.card for it in decider.asked]
    return {number: Words(card) for number, card in enumerate(cards) if card.label_vectors}
