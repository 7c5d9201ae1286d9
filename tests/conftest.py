"""Where the tests' music is, and the models' resampler and front-end."""

import itertools
import os
import shutil
import signal
from pathlib import Path

import hypothesis
import pytest

# As the command line does it: one BLAS thread, so that 16-core machines test the same code.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Else each of the thousand processes that the tests start would compile all of our modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell lets what it starts with & ignore Ctrl-C, and so would every command that is tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from lean_tagger.card import ModelSpec, load_card

# A machine that does other things takes longer, which is no failure; and what generates music
# or files for an example is slow anywhere.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

# Temporary files stay in memory if there is room. On a disk, the tests make something durable ten
# thousand times, and a busy disk takes half an hour for that.
_RAM = Path("/dev/shm")
if os.access(_RAM, os.W_OK) and shutil.disk_usage(_RAM).free > 8 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_RAM))

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[2] / "shared"
"""Full tracks and damaged files, too many to commit; tests that use them skip without."""

CLIPS = ("skyvibe.mp3", "hacienda.ogg", "lava.opus", "celtic.m4a", "west.flac", "farm.wav")
SONGS = tuple(DATA / clip for clip in CLIPS)
"""The same; in other folders of `DATA` are files that are broken on purpose."""
MODELS = ("msd-musicnn", "mtt-musicnn", "msd-vgg", "mtt-vgg")
VARIANTS = ("msd-musicnn-int8",)
"""Faster ones, whose scores are not exactly the original's."""


_NUMBERS = itertools.count()


def shared(name: str) -> Path:
    """Return a folder of the shared test material, or skip the test."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs {name}/, which is not next to this checkout")
    return folder


@pytest.fixture(scope="session")
def card() -> ModelSpec:
    return load_card("msd-musicnn")


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep journal, rules and models of every test apart, and away from the user's own."""
    # Not by `mktemp`, which reads all names that are there, each time.
    own = tmp_path_factory.getbasetemp() / "own" / str(next(_NUMBERS))
    for name in ("STATE", "CONFIG", "CACHE", "DATA"):
        folder = own / name.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(f"XDG_{name}_HOME", str(folder))
    monkeypatch.delenv("LEAN_TAG_MODELS", raising=False)
