"""A share that goes away in the middle of a run: waited for, and nothing said of its files."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CLIPS, DATA

from lean_tagger.errors import StateError
from lean_tagger.jobs import Job, Tagged
from lean_tagger.run.lost_mounts import (
    GIVE_UP_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_LOSSES,
    LostMounts,
)
from lean_tagger.run.supervisor import Supervisor
from lean_tagger.settings import Settings


class Share:
    """A folder that is mounted at another, and can be pulled out from under everybody."""

    def __init__(self, folder: Path) -> None:
        self.point = folder / "share"
        self._kept = folder / "kept"
        self._kept.mkdir()
        self.point.mkdir()

    def mount(self) -> bool:
        command = ["mount", "--bind", str(self._kept), str(self.point)]
        return bool(shutil.which("mount")) and subprocess.run(command, check=False).returncode == 0

    def vanish(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.point)], check=True)

    def jobs(self) -> list[Job]:
        for clip in CLIPS:
            shutil.copy(DATA / clip, self.point)
        return [Job(str(it), it.stat().st_size) for it in sorted(self.point.iterdir())]


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    made = Share(tmp_path)
    if not made.mount():
        pytest.skip("nothing can be mounted here")
    yield made
    while subprocess.run(["umount", str(made.point)], check=False, capture_output=True).returncode:
        if not made.point.is_mount():
            break


def test_a_run_waits_for_a_share_and_does_every_file(share: Share) -> None:
    jobs = share.jobs()
    said: list[str] = []

    def notice(text: str) -> None:
        said.append(text)
        if "waiting" in text:
            assert share.mount()

    def found() -> Iterator[Job]:
        yield from jobs[:2]
        share.vanish()
        yield from jobs[2:]

    options = Settings(max_mem_bytes=1 << 32)
    runner = Supervisor(options, jobs=1, patience_seconds=60, notice=notice)
    try:
        outcomes = list(runner.outcomes(found()))
    finally:
        runner.close()
    assert {it.path for it in outcomes} == {job.path for job in jobs}
    assert all(isinstance(it, Tagged) for it in outcomes)
    assert said == [
        f"{share.point} has disappeared; waiting for it",
        f"{share.point} is back; going on",
    ]


def test_each_wait_is_longer_than_the_one_before(share: Share) -> None:
    job, *_ = share.jobs()
    # Kept at 0; looks after 1 and 2 seconds, and then after 4.
    times = iter([0.0, 0.9, 1.1, 3.0, 3.2, 7.1, 7.3])
    away = LostMounts(lambda _: None, clock=lambda: next(times))
    share.vanish()
    assert away.keeps(job)
    assert [away.back() for _ in range(4)] == [[]] * 4
    share.mount()
    assert away.back() == []
    assert away.back() == [job]
    assert not away


def test_what_does_not_come_back_ends_the_run(share: Share) -> None:
    job, *_ = share.jobs()
    now = 0.0
    away = LostMounts(lambda _: None, clock=lambda: now)
    share.vanish()
    assert away.keeps(job)
    now = GIVE_UP_SECONDS
    assert away.back() == []
    now += LONGEST_WAIT_SECONDS
    with pytest.raises(StateError, match="did not come back; run lean-tag again"):
        away.back()


def test_a_file_that_drives_its_share_away_each_time_is_given_up_and_no_other(
    share: Share,
) -> None:
    job, other, *_ = share.jobs()
    now = 0.0
    away = LostMounts(lambda _: None, clock=lambda: now)
    for _ in range(MOST_LOSSES):
        share.vanish()
        assert away.keeps(job)
        share.mount()
        now += LONGEST_WAIT_SECONDS
        assert away.back() == [job]
    share.vanish()
    assert not away.keeps(job)
    assert away.keeps(other)


def test_what_is_deleted_or_cannot_be_read_is_not_waited_for(tmp_path: Path, share: Share) -> None:
    away = LostMounts(pytest.fail)
    assert not away.keeps(Job(str(tmp_path / "deleted.mp3"), 1))
    assert not away.keeps(Job(str(share.point / "deleted.mp3"), 1))
    assert not away.keeps(share.jobs()[0])
    (tmp_path / "link.mp3").symlink_to(tmp_path / "nothing.mp3")
    assert not away.keeps(Job(str(tmp_path / "link.mp3"), 1))
    assert not away
