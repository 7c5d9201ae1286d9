"""The command's own process takes no more for a large library than for a small one."""

from collections.abc import Iterator
from pathlib import Path

import largelibrary
import pytest
from largelibrary import peak_mib
from thinned import thinned

from lean_tagger.run.budget import SUPERVISOR_BYTES

pytestmark = [
    pytest.mark.memory,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc"),
]

MOST_MIB = SUPERVISOR_BYTES >> 20
SIZES = [3_000, pytest.param(100_000, marks=pytest.mark.slow)]


class Library:
    """Files of no music, a journal that has heard them, and one in which they failed."""

    def __init__(self, folder: Path, tracks: int) -> None:
        self.music, self.flat = folder / "music", folder / "flat"
        self.heard, self.failed, self.one, self.heard_flat = (
            folder / name for name in ("heard", "failed", "one", "heard flat")
        )
        self.paths = largelibrary.make(self.music, tracks)
        largelibrary.remember(self.heard, self.paths)
        largelibrary.remember(self.one, self.paths[:1])
        in_one_folder = largelibrary.make(self.flat, tracks, flat=True)
        largelibrary.remember(self.failed, in_one_folder, failed=True)
        largelibrary.remember(self.heard_flat, in_one_folder)


@pytest.fixture(scope="module", params=SIZES)
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield Library(tmp_path_factory.mktemp("library"), request.param)


@pytest.mark.slow
def test_looking_at_the_journal(library: Library) -> None:
    assert peak_mib("status", "--state", library.heard) < MOST_MIB
    assert peak_mib("status", "--json", "--state", library.failed) < MOST_MIB
    assert peak_mib("runs", "--state", library.heard) < MOST_MIB
    assert peak_mib("explain", library.paths[0], "--state", library.heard) < MOST_MIB


@thinned("form", ["jsonl", "csv"], fast=1)
def test_an_export(library: Library, form: str) -> None:
    assert peak_mib("export", "--format", form, "--state", library.heard) < MOST_MIB


def test_a_merge(library: Library) -> None:
    assert peak_mib("merge", library.heard, "--state", library.one) < MOST_MIB


@pytest.mark.slow
def test_a_second_run(library: Library) -> None:
    assert peak_mib("-n", library.music, "--state", library.heard) < MOST_MIB


def test_a_flat_folder_of_failures(library: Library) -> None:
    assert peak_mib("-n", library.flat, "--state", library.failed) < MOST_MIB


@pytest.mark.slow
@thinned("options", [(), ("--album-genre",)], fast=1)
def test_a_flat_folder_that_was_heard(library: Library, options: tuple[str, ...]) -> None:
    assert peak_mib("-n", *options, library.flat, "--state", library.heard_flat) < MOST_MIB


@pytest.mark.slow
@thinned("options", [(), ("--album-genre",)], fast=1)
def test_a_retag(library: Library, options: tuple[str, ...]) -> None:
    assert peak_mib("retag", "-n", *options, "--state", library.heard) < MOST_MIB


@pytest.mark.slow  # a worker looks into each file
def test_an_undo(library: Library) -> None:
    assert peak_mib("undo", "-n", "--max-mem", "150M", "--state", library.heard) < MOST_MIB
