"""Connect a run with the journal: use what earlier runs recorded, and record what it does.

`Judge` decides what is left to do, `Recorder` records what was done. Jobs come from files that were
found (`new_jobs`) or are on record (`stored_jobs`); `albums` and `undo` are two more sources.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

import lean_tagger
from lean_tagger.decide.decider import Decider
from lean_tagger.errors import ConfigError
from lean_tagger.jobs import Failed, Job, Outcome, Skipped
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal
from lean_tagger.store.judge import Judge
from lean_tagger.store.model_keys import ModelKeys
from lean_tagger.store.recorder import Recorder


class Resume:
    """One run's use of the journal; making it begins the run.

    Parameters
    ----------
    journal : Journal
        Open and held.
    command : str
        The command's name.
    options : Settings
        The run's.

    Attributes
    ----------
    run : int
        Its number.
    keys : ModelKeys
        The keys of its models' scores.
    judge : Judge
        Decides what is left to do.
    recorder : Recorder
        Records what was done.

    Raises
    ------
    ConfigError
        A model does not exist, or has no labels.
    """

    def __init__(self, journal: Journal, command: str, options: Settings) -> None:
        decider = Decider.of(options)
        for it in decider.asked:
            if not it.card.labels:
                raise ConfigError(
                    f"{it.card.name} gives an embedding and no labels; use one of its heads, or "
                    "give it words with --labels"
                )
        self.run = journal.begin_run(
            command,
            version=lean_tagger.__version__,
            model=decider.names,
            options=asdict(options),
        )
        self.keys = ModelKeys.of(decider.asked)
        for it in decider.asked:
            for card in (it.card, *it.card.parts):
                labels = [label.name for label in card.labels]
                journal.note_model(card.identity, name=card.name, labels=labels)
        self.judge = Judge(journal, decider, self.keys, options)
        self.recorder = Recorder(journal, self.run, self.keys)


def new_jobs(judge: Judge, found: Iterable[Job | Skipped | Failed]) -> Iterator[Job | Outcome]:
    """Yield jobs for the found files, and outcomes for those that need none."""
    for item in found:
        yield judge.judge_found(item) if isinstance(item, Job) else item


def stored_jobs(judge: Judge, under: Iterable[str]) -> Iterator[Job | Outcome]:
    """Yield the same for every file on record among these files and folders.

    None is heard again; one that has changed is recognised by its audio, or left alone.
    """
    for known in judge.files(under):
        yield judge.judge_stored(known)
