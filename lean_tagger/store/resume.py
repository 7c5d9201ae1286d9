"""One run and the journal: what earlier runs know is put to use, what it does is recorded.

`Judge` says what is left to do, `Recorder` writes down what was done. Jobs come from what was
found (`new_jobs`) or from what is on record (`stored_jobs`); `albums` and `undo` are two more
sources of them.
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
    """One run's use of the journal, in which it begins.

    Parameters
    ----------
    journal : Journal
        Open and held.
    command : str
        What was asked for.
    options : Settings
        The run's.

    Attributes
    ----------
    run : int
        Its number.
    keys : ModelKeys
        Under which its models' scores are kept.
    judge : Judge
        What is left to do.
    recorder : Recorder
        What was done.

    Raises
    ------
    ConfigError
        A model is not there, or has no labels.
    """

    def __init__(self, journal: Journal, command: str, options: Settings) -> None:
        decider = Decider.of(options)
        for it in decider.asked:
            if not it.card.labels:
                raise ConfigError(
                    f"{it.card.name} gives an embedding and no labels; ask for a head of it, or "
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
    """Yield what is left to do of what was found, and the outcome of the rest."""
    for item in found:
        yield judge.judge_found(item) if isinstance(item, Job) else item


def stored_jobs(judge: Judge, under: Iterable[str]) -> Iterator[Job | Outcome]:
    """Yield the same for every file on record that is one of these, or in these folders.

    None of them is heard again; one that changed is recognised by its audio, or left.
    """
    for known in judge.files(under):
        yield judge.judge_stored(known)
