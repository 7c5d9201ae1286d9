"""Send a million made-up files through a real Dask scheduler: memory, and processor time for each.

No audio is heard: a worker makes up what it would have heard. So what is left is what the engine
costs. The client runs in a process of its own, as the scheduler and the workers do. Processor time
is told for each, since on a busy machine the clock on the wall says little; the busier of
scheduler and client is what a large cluster waits for.

    python profiling/cluster_million.py --files 1000000
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import distributed
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from daskcluster import cluster

from lean_tagger.cluster import dask_executor
from lean_tagger.jobs import Heard, Identity, Job, Outcome, Tagged
from lean_tagger.settings import Settings

LABELS = [f"label {number}" for number in range(50)]
SONG_BYTES = 10 << 20
SONG_SECONDS, REAL_TIME_FACTOR = 240.0, 478.0


def made_up(jobs: tuple[Job, ...], _: object) -> list[Outcome]:
    """Return what a worker would, of the size that it would have."""
    return [_tagged(job) for job in jobs]


def _tagged(job: Job) -> Tagged:
    values = tuple(number / 50 for number in range(50))
    heard = Heard(
        identity=job.identity or Identity(1, 1, 1),
        digest="0" * 40,
        values=values,
        embedding=bytes(4 * 753),
        windows=80,
        seconds=SONG_SECONDS,
        seconds_skipped=0.0,
        repeated=False,
        fields={},
    )
    return Tagged(
        path=job.path,
        model="made up",
        status="would_tag",
        seconds=SONG_SECONDS,
        windows=80,
        seconds_skipped=0.0,
        repeated=False,
        scores=dict(zip(LABELS, values, strict=True)),
        tags={"genre": ("Rock",)},
        heard=heard,
    )


def _found(count: int) -> Iterator[Job]:
    for number in range(count):
        path = f"/music/artist {number // 100}/album {number // 10}/{number:07}.mp3"
        yield Job(path, SONG_BYTES, Identity(SONG_BYTES, number, number))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Path(folder), "--no-nanny", workers=given.workers) as made,
        distributed.Client(made.address, set_as_default=False) as client,
        # Hearing is what is not measured here.
        mock.patch.object(dask_executor, "hear_on_worker", made_up),
    ):
        runner = dask_executor.DaskExecutor(Settings(), dask_executor.Cluster(client))
        spent = Spent(psutil.Process(made.scheduler.pid), psutil.Process())
        tasks = 0
        for done, _ in enumerate(runner.outcomes(_found(given.files)), 1):
            if done % 10_000 == 0:
                spent.look()
                tasks = max(tasks, len(client.futures))
            if done % 100_000 == 0:
                spent.tell(done)
        spent.tell(given.files)
        runner.close()
    print(f"at most {tasks} futures")
    core_seconds = given.files * SONG_SECONDS / REAL_TIME_FACTOR
    for workers in (10, 100):
        hours = max(core_seconds / workers, spent.busiest_seconds) / 3600
        print(f"{workers} workers: {hours:.1f} h for songs of four minutes")


class Spent:
    """What scheduler and client have taken since this was made."""

    def __init__(self, *processes: psutil.Process) -> None:
        self._processes = processes
        self._peak_bytes = [0] * len(processes)
        self._before = [*map(_cpu_seconds, processes)]
        self._start = time.monotonic()

    @property
    def _seconds(self) -> list[float]:
        now = map(_cpu_seconds, self._processes)
        return [seconds - before for seconds, before in zip(now, self._before, strict=True)]

    @property
    def busiest_seconds(self) -> float:
        """Processor time of the busier one."""
        return max(self._seconds)

    def look(self) -> None:
        """Note how large they are."""
        now = [process.memory_info().rss for process in self._processes]
        self._peak_bytes = [*map(max, self._peak_bytes, now)]

    def tell(self, files: int) -> None:
        """Print it, after so many files."""
        print(f"{files} files in {time.monotonic() - self._start:.0f} s by the clock")
        for name, size, seconds in zip(
            ("scheduler", "client"), self._peak_bytes, self._seconds, strict=True
        ):
            each = seconds / files * 1e6
            print(f"  {name}: {size >> 20} MiB, {seconds:.0f} s of a core, {each:.0f} µs a file")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
