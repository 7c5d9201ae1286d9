"""A real Dask cluster for tests: a scheduler and workers, each a process, over TCP."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_SECONDS = 120.0


@dataclass
class TestCluster:
    """What runs, and where."""

    __test__ = False

    folder: Path
    address: str
    scheduler: subprocess.Popen
    workers: list[subprocess.Popen] = field(default_factory=list)

    def add_worker(self, *options: str) -> subprocess.Popen:
        """Start one more worker, with one thread; it has a nanny unless the options say no."""
        name = f"w{len(self.workers)}"
        command = [sys.executable, "-m", "distributed.cli.dask_worker", self.address]
        usual = ["--nthreads", "1", "--no-dashboard", "--name", name]
        usual += ["--local-directory", str(self.folder / name), "--memory-limit", "1GiB"]
        self.workers.append(_start([*command, *usual, *options], self.folder / f"{name}.log"))
        return self.workers[-1]

    def wait_for(self, count: int) -> None:
        """Wait until so many workers are there."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=START_SECONDS)


def _start(command: list[str], log: Path) -> subprocess.Popen:
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
                "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            },
            cwd=ROOT,
        )


@contextlib.contextmanager
def cluster(folder: Path, *options_of_workers: str, workers: int = 2) -> Iterator[TestCluster]:
    """Give a cluster; all its processes end with the context.

    A task whose worker is lost twice is given up, which Dask's usual four would only make slower.
    """
    told = folder / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    options = ["--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", str(told)]
    scheduler = _start([*command, *options], folder / "scheduler.log")
    made = None
    try:
        end = time.monotonic() + START_SECONDS
        address = None
        while address is None and time.monotonic() < end and scheduler.poll() is None:
            time.sleep(0.1)
            with contextlib.suppress(OSError, ValueError):  # not there, or not whole yet
                address = json.loads(told.read_text())["address"]
        assert address is not None, (folder / "scheduler.log").read_text()
        made = TestCluster(folder, address, scheduler)
        for _ in range(workers):
            made.add_worker(*options_of_workers)
        made.wait_for(workers)
        yield made
    finally:
        for process in [*(made.workers if made else []), scheduler]:
            process.terminate()  # a nanny takes its worker along
        for process in [*(made.workers if made else []), scheduler]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
