"""Measure the peak memory of the whole command against the length of a track.

Long MP3 files are made by repeating the packets of a short one, on disk; nothing holds them.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from common import ROOT, run, write_table

MIB = 1 << 20


def repeated(source: Path, seconds: float, target: Path) -> Path:
    """Write an MP3 of that length: the audio of `source`, over and over.

    An ID3 tag in front is left out, and so is the first frame, which tells players the
    length of the original.
    """
    data = source.read_bytes()
    if data[:3] == b"ID3":
        size = int.from_bytes(bytes(data[6:10]), "big")
        # Four bytes of seven bits each (ID3v2.4, section 6.2).
        size = sum((size >> 8 * i & 0x7F) << 7 * i for i in range(4))
        data = data[10 + size :]
    second_frame = data.index(data[:2], 4)
    data = data[second_frame:]
    from mutagen.mp3 import MP3

    times = round(seconds / MP3(source).info.length)
    with target.open("wb") as out:
        for _ in range(max(1, times)):
            out.write(data)
    return target


def main() -> None:
    """Print, and write where asked, one row per length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=ROOT / "tests/data/skyvibe.mp3")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1 / 3, 10, 60])
    parser.add_argument("--model", default="msd-musicnn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for peak_rss.md and .json")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in given.minutes:
            path = repeated(given.file, 60 * minutes, Path(folder) / "long.mp3")
            options = ["-n", "--json", "--model", given.model, "--threads", str(given.threads)]
            done = run([sys.executable, "-m", "lean_tagger", *options, str(path)])
            result, _ = map(json.loads, done.output.splitlines())
            rows.append(
                {
                    "minutes": f"{result['seconds'] / 60:.1f}",
                    "peak MiB": f"{done.peak_bytes / MIB:.1f}",
                    "wall seconds": f"{done.wall_seconds:.1f}",
                    "CPU seconds": f"{done.cpu_seconds:.1f}",
                    "times real time": f"{result['seconds'] / done.wall_seconds:.0f}",
                }
            )
            print(f"{rows[-1]['minutes']} min done", file=sys.stderr)
    write_table(rows, "peak_rss", given.out)


if __name__ == "__main__":
    main()
