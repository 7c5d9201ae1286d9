"""Run a model in a worker under a budget, and measure its needs and speed.

This is the same as in a run: if a model is damaged, hangs, asks for gigabytes or gives no numbers,
only the worker is lost.
"""

import contextlib
import importlib.metadata
import json
import os
import random
import tempfile
import time
import wave
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lean_tagger
from lean_tagger.card import ModelSpec, load_card
from lean_tagger.errors import ConfigError, ModelError
from lean_tagger.jobs import Failed, Job, Outcome, Tagged
from lean_tagger.run import budget, find_files
from lean_tagger.run.messages import Ready
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings
from lean_tagger.system import folders

NOISE_SECONDS = 60
"""Seconds of noise for measuring, if they fill two windows."""

MOST_NOISE_SECONDS = 120
"""Most seconds of noise, for any window: a card may say hours, and noise takes 10 MB a minute."""

_RATE_HZ = 44_100


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model needs on this machine.

    Attributes
    ----------
    device : str
        The device on which the network ran.
    least_bytes : int
        Least budget of a run with it, for all processes together.
    speed : float
        Seconds of music per second, on one core, without decoding.
    """

    device: str
    least_bytes: int
    speed: float


def measure(model: str, *, max_mem_bytes: int, start_seconds: float) -> Measured:
    """Let a model listen to noise.

    Parameters
    ----------
    model : str
        Its name, or the path of its card.
    max_mem_bytes : int
        Budget of all processes together.
    start_seconds : float
        Time limit for loading, and for listening.

    Raises
    ------
    LeanTagError
        The model is not usable, or does not fit the budget.
    """
    card = load_card(model)
    window_seconds = card.window_samples / card.sample_rate_hz
    seconds = min(max(NOISE_SECONDS, round(2 * window_seconds)), MOST_NOISE_SECONDS)
    with _noise(seconds) as path:
        # With size 0, since a file gets more time for each byte.
        job = Job(path, 0)
        took_seconds, outcome, ready = _hear(model, job, max_mem_bytes, start_seconds)
    if not isinstance(outcome, Tagged):
        message = getattr(outcome, "message", "it did not listen")
        raise ModelError(f"the model {card.name} failed on noise: {message}")
    least_bytes = budget.least_bytes(ready.needed_bytes)
    return Measured(ready.device, least_bytes, outcome.seconds / took_seconds)


def hear(model: str, path: str, *, max_mem_bytes: int, start_seconds: float) -> Outcome:
    """Let a model listen to a file, and write nothing.

    Raises
    ------
    LeanTagError
        The model is not usable, or does not fit the budget; an error of the file is returned
        as `Failed`.
    """
    found = next(find_files.walk([path]), None)
    if os.path.isdir(path) or found is None:
        found = Failed(path=path, kind="not-a-file", message="it is a folder; give one file")
    _, outcome, _ = _hear(model, found, max_mem_bytes, start_seconds)
    return outcome


def _hear(
    model: str, found: Job | Outcome, max_mem_bytes: int, start_seconds: float
) -> tuple[float, Outcome, Ready]:
    """Return the seconds that a file took, its outcome, and the worker's needs."""
    options = Settings(models=(model,), dry_run=True, max_mem_bytes=max_mem_bytes)
    runner = Supervisor(
        options, jobs=1, patience_seconds=start_seconds, start_seconds=start_seconds
    )
    with contextlib.closing(runner):
        ready = runner.start(1)
        started = time.monotonic()
        outcome = next(runner.outcomes([found]))
        took_seconds = time.monotonic() - started  # without ending the worker
    return took_seconds, outcome, ready


@contextlib.contextmanager
def _noise(seconds: int) -> Iterator[str]:
    """Yield the path of a file with so much noise, in stereo like music."""
    numbers = random.Random(0)  # noqa: S311 - the same noise for everybody
    with tempfile.TemporaryDirectory(prefix="lean-tag-") as folder:
        path = str(Path(folder) / "noise.wav")
        with wave.open(path, "wb") as sound:
            sound.setparams((2, 2, _RATE_HZ, 0, "NONE", ""))
            for _ in range(seconds):
                sound.writeframesraw(numbers.randbytes(4 * _RATE_HZ))
        yield path


# Measurements are kept, so that a list of models need not load them all each time.


def remembered(card: ModelSpec) -> Measured | None:
    """Return the measurement of this model on this machine with these libraries."""
    try:
        return Measured(**_notes()[_key(card)])
    except (KeyError, TypeError):
        return None


def remember(card: ModelSpec, measured: Measured) -> None:
    """Keep a measurement; if it cannot be stored, it is measured again next time."""
    notes = {**_notes(), _key(card): asdict(measured)}
    with contextlib.suppress(OSError, ConfigError):
        path = _notes_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(notes, file)
        Path(file.name).replace(path)


def _notes() -> Mapping[str, Any]:
    try:
        notes = json.loads(_notes_path().read_bytes())
    except (OSError, ValueError, ConfigError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _notes_path() -> Path:
    return folders.cache() / "measured.json"


def _key(card: ModelSpec) -> str:
    try:
        runtime = importlib.metadata.version("onnxruntime")
    except importlib.metadata.PackageNotFoundError:
        runtime = "?"
    host = os.uname().nodename
    return f"{card.name} {card.identity} {lean_tagger.__version__} {runtime} {host}"
