"""Measure what the flow costs compared with its bare parts, and what more cores are worth.

In one process, interleaved, each figure a median: bare decoding (packets to samples, nothing
else), decoding to the model's rate, the front-end, the network over patches that are ready,
and the whole (`Tagger.score`), all on one core, to which the process pins itself. Then wall
times of the whole on one core and on all of them; and, with --library, of the command with
--jobs 1 and with as many as there are cores, start included.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from common import ROOT, lean_tag, progress, run, write_table

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command does, before numpy is loaded
sys.path.insert(0, str(ROOT))

import av
import numpy as np

from lean_tagger import Tagger, stream
from lean_tagger.listen.frontend.log_mel import LogMel
from lean_tagger.listen.network import Network


def bare_decode(path: str) -> None:
    """Decode every packet and look at nothing."""
    with av.open(path) as container:
        audio = container.streams.audio[0]
        audio.codec_context.thread_count = 1
        for packet in container.demux(audio):
            packet.decode()


def stages(path: str, model: str) -> tuple[dict[str, Callable[[], object]], float, int]:
    """Return the parts to time, the seconds of audio and the number of windows."""
    tagger = Tagger(model)
    card = tagger.spec
    scores = tagger.score(path)
    window = np.random.default_rng(0).standard_normal(card.window_samples).astype(np.float32)
    frontend = LogMel(
        card.frontend, sample_rate_hz=card.sample_rate_hz, patch_frames=card.patch_frames
    )
    network = Network(card)
    patch = frontend(window).copy()

    def decode_and_resample() -> None:
        for _ in stream(path, card.sample_rate_hz, resampler=card.resampler):
            pass

    def all_windows(function: Callable[[object], object], value: object) -> Callable[[], object]:
        return lambda: [function(value) for _ in range(scores.n_windows)]

    return (
        {
            "a: bare decode": lambda: bare_decode(path),
            "b: decode and resample": decode_and_resample,
            "c: front-end": all_windows(frontend, window),  # type: ignore[arg-type]
            "d: bare network": all_windows(network, patch),  # type: ignore[arg-type]
            "e: the whole": lambda: tagger.score(path),
        },
        scores.seconds,
        scores.n_windows,
    )


def interleaved(
    parts: dict[str, Callable[[], object]], runs: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Return the median time of each part, all done in turn."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(runs):
        progress(f"{number + 1} of {runs}: {', '.join(parts)}")
        for name, part in parts.items():
            started = clock()
            part()
            times[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def on_cores(path: str, model: str, cores: list[int], runs: int) -> dict[str, float]:
    """Return the wall time of a file on one core and on all of them."""
    one, all_of_them = Tagger(model), Tagger(model, threads=len(cores))

    def score(tagger: Tagger, used: list[int]) -> None:
        os.sched_setaffinity(0, used)
        tagger.score(path)

    parts: dict[str, Callable[[], object]] = {
        "one file, 1 core": lambda: score(one, cores[:1]),
        f"one file, {len(cores)} cores": lambda: score(all_of_them, cores),
    }
    return interleaved(parts, runs, time.monotonic)


def on_library(folder: Path, cores: int, runs: int) -> dict[str, float]:
    """Return the wall time of the command over a folder, with one worker and with many."""

    def tag(jobs: int) -> Callable[[], object]:
        return lambda: run(lean_tag("-n", "--quiet", "--jobs", str(jobs), str(folder)), check=False)

    parts = {"library, --jobs 1": tag(1), f"library, --jobs {cores}": tag(cores)}
    return interleaved(parts, runs, time.monotonic)


def walls(seconds: dict[str, float]) -> list[dict[str, object]]:
    """Return rows of wall times, each next to the first."""
    first = next(iter(seconds.values()))
    return [
        {"what": key, "wall seconds": f"{value:.2f}", "times the first": f"{value / first:.2f}"}
        for key, value in seconds.items()
    ]


def main() -> None:
    """Print, and write where asked, seconds, milliseconds a window, and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="music, a few minutes at least")
    parser.add_argument("--model", default="msd-musicnn")
    parser.add_argument("--runs", type=int, default=5, help="of each part (default: 5)")
    parser.add_argument("--library", type=Path, help="a folder of some 40 tracks")
    parser.add_argument("--out", type=Path, help="folder for bench.md, cores.md and .json")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    parts, seconds, windows = stages(str(given.file), given.model)
    cost = interleaved(parts, given.runs, time.process_time)
    a, b, c, d, e = cost.values()
    rows = [
        {
            "part": name,
            "CPU seconds": f"{value:.2f}",
            "ms a window": f"{1000 * value / windows:.2f}",
            "times real time": f"{seconds / value:.0f}",
            "share of the whole": f"{value / e:.0%}",
        }
        for name, value in cost.items()
    ]
    for name, value in (("(a+d) / e", (a + d) / e), ("(b+c+d) / e", (b + c + d) / e)):
        empty = dict.fromkeys(list(rows[0])[1:-1], "")
        rows.append({"part": name, **empty, "share of the whole": f"{value:.0%}"})
    write_table(rows, "bench", given.out)
    rows = walls(on_cores(str(given.file), given.model, cores, given.runs))
    if given.library:
        os.sched_setaffinity(0, cores)
        rows += walls(on_library(given.library, len(cores), given.runs))
    print()
    write_table(rows, "cores", given.out)


if __name__ == "__main__":
    main()
