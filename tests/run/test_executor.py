"""Another executor can stand where the local supervisor does."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tinymodel
from conftest import DATA

from lean_tagger import write
from lean_tagger.cli import session
from lean_tagger.cli.main import main
from lean_tagger.jobs import Job, Outcome
from lean_tagger.run.executor import Executor
from lean_tagger.run.worker import Worker
from lean_tagger.settings import Settings
from lean_tagger.store.journal import Journal
from lean_tagger.system.memory import current_rss_bytes, peak_rss_bytes


class InThisProcess:
    """Does one job after the other, here."""

    def __init__(self, options: Settings, *, before_write: Any, **_: Any) -> None:
        self._options, self._before_write = options, before_write
        self.started = False

    def outcomes(self, found: Iterable[Job | Outcome]) -> Iterator[Outcome]:
        job: Job
        worker = Worker(self._options, before_write=lambda it: self._before_write(job, it))
        self.started = True
        for item in found:
            if isinstance(item, Job):
                job = item
                yield worker.do(job)
            else:
                yield item

    def rss_bytes(self) -> int:
        return current_rss_bytes()

    def peak_bytes(self) -> int:
        return peak_rss_bytes()

    def close(self) -> None:
        pass


def test_a_session_tags_resumes_and_undoes_with_another_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make: type[Executor] = InThisProcess
    monkeypatch.setattr(session, "Supervisor", make)
    model, state = str(tinymodel.make(tmp_path)), str(tmp_path / "journal")
    song = shutil.copy(DATA / "west.flac", tmp_path)
    tag = [song, "--model", model, "--state", state, "--min-score", "0"]
    assert main([*tag]) == 0
    written = write.read(song)
    assert written["genre"]
    assert main([*tag]) == 0
    assert write.read(song) == written
    with Journal(Path(state), locked=False) as journal:
        (it,) = journal.writes()
        assert it.written == written
    assert main(["undo", song, "--state", state]) == 0
    assert write.read(song) == {}
    with Journal(Path(state), locked=False) as journal:
        assert {it.state for it in journal.writes(states=("intent", "done", "undone"))} == {
            "done",
            "undone",
        }
