"""Compare decoding and resampling with the ffmpeg program, per format, on one core.

Both read the same file and make mono samples at 16 kHz of it: ffmpeg with its own resampler, we
with the filter that the network was trained with. CPU seconds, each the median of interleaved
runs; the program's include its start, of some 50 ms, so take ten minutes of music or more.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, progress, write_table
from instructions import FORMATS, make

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command does, before numpy is loaded
sys.path.insert(0, str(ROOT))

from lean_tagger import stream

RATE_HZ = 16_000


def program_seconds(path: Path) -> float:
    """Return the CPU time that ffmpeg takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(path)),
            *("-ac", "1", "-ar", str(RATE_HZ), "-f", "f32le", "-y", os.devnull),
        ],
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def our_seconds(path: Path) -> float:
    """Return the CPU time that `stream` takes."""
    started = time.process_time()
    for _ in stream(path, RATE_HZ):
        pass
    return time.process_time() - started


def main() -> None:
    """Print, and write where asked, a row for each format."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="music to make the formats from")
    parser.add_argument("--seconds", type=int, default=900, help="of music (default: 900)")
    parser.add_argument("--runs", type=int, default=5, help="of each (default: 5)")
    parser.add_argument("--out", type=Path, help="folder for decode.md and .json")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix in FORMATS:
            progress(suffix)
            path = make(given.file, Path(folder), suffix, given.seconds)
            times = [(program_seconds(path), our_seconds(path)) for _ in range(given.runs)]
            theirs, ours = (statistics.median(column) for column in zip(*times, strict=True))
            rows.append(
                {
                    "format": suffix,
                    "ffmpeg, s": f"{theirs:.2f}",
                    "lean-tag, s": f"{ours:.2f}",
                    "ratio": f"{ours / theirs:.2f}",
                }
            )
    write_table(rows, "decode", given.out)


if __name__ == "__main__":
    main()
