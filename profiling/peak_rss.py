"""Measure the peak memory of the whole command against the length of a track.

Supervisor and workers together, per format. Next to the largest sum that was seen (looked at
fifty times a second) stands what the command itself reports: the sum of each process's own
peak, which is never less. The default takes about three minutes;
`--minutes 0.333 60 1440` is the whole of it, up to a day.

Nothing holds a long file: MP3, AAC, Ogg, Opus and M4A are the packets of a short one, over and
over, on disk; FLAC is encoded packet by packet; WAV is silence in a sparse file.
"""

import argparse
import json
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from common import (
    CLIPS,
    MIB,
    lean_tag,
    progress,
    pyplot,
    run,
    save_picture,
    write_table,
)

WAV_RATE_HZ = 22050
"""At 16 bits a day of it stays below the 4 GiB that a WAV file can count."""


def long_mp3(seconds: float, target: Path) -> None:
    """Write an MP3: the frames of the excerpt, over and over.

    An ID3 tag in front is left out, and so is the first frame, which tells players the
    length of the original.
    """
    source = CLIPS / "skyvibe.mp3"
    data = source.read_bytes()
    if data[:3] == b"ID3":
        size = int.from_bytes(bytes(data[6:10]), "big")
        # Four bytes of seven bits each (ID3v2.4, section 6.2).
        size = sum((size >> 8 * i & 0x7F) << 7 * i for i in range(4))
        data = data[10 + size :]
    data = data[data.index(data[:2], 4) :]
    from mutagen.mp3 import MP3

    with target.open("wb") as out:
        for _ in range(max(1, round(seconds / MP3(source).info.length))):
            out.write(data)


def long_wav(seconds: float, target: Path) -> None:
    """Write a sparse WAV of silence; it takes no room on the disk."""
    rate, size = WAV_RATE_HZ, 2 * round(seconds * WAV_RATE_HZ)
    head = struct.pack(
        "<4sI8sIHHIIHH", b"RIFF", 36 + size, b"WAVEfmt ", 16, 1, 1, rate, 2 * rate, 2, 16
    )
    with target.open("wb") as out:
        out.write(head + struct.pack("<4sI", b"data", size))
        out.truncate(44 + size)


def repeated(clip: str) -> Callable[[float, Path], None]:
    """Return a function that writes the packets of an excerpt over and over."""

    def write(seconds: float, target: Path) -> None:
        import av

        with av.open(str(CLIPS / clip)) as source, av.open(str(target), "w") as out:
            audio = source.streams.audio[0]
            stream = out.add_stream_from_template(audio)
            packets = [p for p in source.demux(audio) if p.dts is not None and p.dts >= 0]
            content = [(bytes(p), p.dts, p.duration) for p in packets]
            base = audio.time_base
            round_ticks = content[-1][1] + content[-1][2]
            for turn in range(max(1, round(seconds / float(round_ticks * base)))):
                for data, dts, duration in content:
                    packet = av.Packet(data)
                    packet.stream, packet.time_base, packet.duration = stream, base, duration
                    packet.dts = packet.pts = turn * round_ticks + dts
                    out.mux(packet)

    return write


def long_flac(seconds: float, target: Path) -> None:
    """Write a FLAC: the samples of the excerpt, over and over."""
    import av

    with av.open(str(CLIPS / "west.flac")) as source, av.open(str(target), "w") as out:
        audio = source.streams.audio[0]
        frames = list(source.decode(audio))
        stream = out.add_stream("flac", rate=audio.rate, options={"compression_level": "0"})
        stream.layout, stream.format = audio.layout.name, audio.format.name
        at = 0
        for _ in range(max(1, round(seconds * audio.rate / sum(f.samples for f in frames)))):
            for frame in frames:
                frame.pts, at = at, at + frame.samples
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


FORMATS: dict[str, Callable[[float, Path], None]] = {
    "mp3": long_mp3,
    "aac": repeated("celtic.m4a"),
    "m4a": repeated("celtic.m4a"),
    "ogg": repeated("hacienda.ogg"),
    "opus": repeated("lava.opus"),
    "flac": long_flac,
    "wav": long_wav,
}


def measure(paths: list[Path], jobs: int, model: str) -> dict[str, object]:
    """Run the command over files and return a row."""
    options = ["-n", "--json", "--model", model, "--jobs", str(jobs)]
    options += ["--hardlinks", "break"]  # of one file there are several, and nothing is written
    done = run(lean_tag(*options, *map(str, paths)))
    *results, summary = map(json.loads, done.output.splitlines())
    failed = [result["error"] for result in results if result["error"]]
    if failed:
        raise SystemExit(f"{paths[0].name}: {failed[0]}")
    return {
        "format": paths[0].suffix[1:],
        "minutes": f"{results[0]['seconds'] / 60:.1f}",
        "files at a time": jobs,
        "peak MiB, seen": f"{done.peak_bytes / MIB:.1f}",
        "peak MiB, reported": f"{summary['peak_rss_bytes'] / MIB:.1f}",
        "wall seconds": f"{done.wall_seconds:.1f}",
        "CPU seconds": f"{done.cpu_seconds:.1f}",
        "times real time": f"{summary['audio_seconds'] / done.wall_seconds:.0f}",
    }


def pretend_cores(count: int, folder: Path) -> None:
    """Let the command believe in so many cores: it starts no more workers than there are."""
    code = f"import os\nos.sched_getaffinity = lambda _: set(range({count}))\n"
    (folder / "sitecustomize.py").write_text(code)
    os.environ["PYTHONPATH"] = str(folder)


def rows(given: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Make each file, measure it and throw it away."""
    if given.scratch is not None:
        given.scratch.mkdir(parents=True, exist_ok=True)
    for name in given.formats:
        for minutes in given.minutes:
            with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
                path = Path(folder) / f"long.{name}"
                progress(f"{name}, {minutes:g} min: making it")
                FORMATS[name](60 * minutes, path)
                others = [path.with_name(f"long{i}.{name}") for i in range(1, max(given.jobs))]
                for other in others:
                    other.hardlink_to(path)
                for jobs in given.jobs:
                    progress(f"{name}, {minutes:g} min: {jobs} at a time")
                    yield measure([path, *others][:jobs], jobs, given.model)


def draw(found: list[dict[str, object]], path: Path) -> None:
    """Draw peak against length, a line per format: one file at a time.

    Of several short files the first is done before a second worker has started, which would look
    like memory that grows with length.
    """
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(figsize=(7, 4))
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in found:
        if row["files at a time"] == 1:
            point = float(str(row["minutes"])), float(str(row["peak MiB, seen"]))
            lines.setdefault(str(row["format"]), []).append(point)
    for name, points in lines.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", markersize=3, label=name)
    highest = max((size for points in lines.values() for _, size in points), default=1.0)
    axes.set(
        xscale="log", ylim=(0, 1.1 * highest), xlabel="length of the track, minutes", ylabel="MiB"
    )
    axes.set_title("peak memory of the whole command")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncol=2)
    save_picture(figure, path)


def main() -> None:
    """Print, and write where asked, one row per format, length and number of files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[1 / 3, 60])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument(
        "--jobs", type=int, nargs="+", default=[1], help="files at a time (default: 1)"
    )
    parser.add_argument(
        "--cores", type=int, help="pretend that there are so many, for as many workers"
    )
    parser.add_argument("--model", default="msd-musicnn")
    parser.add_argument("--scratch", type=Path, help="where to make the files; a day is 1.4 GB")
    parser.add_argument("--out", type=Path, help="folder for peak_rss.md, .json and .png")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.cores:
            pretend_cores(given.cores, Path(folder))
        found = list(rows(given))
    write_table(found, "peak_rss", given.out)
    if given.out:
        draw(found, given.out / "peak_rss.png")


if __name__ == "__main__":
    main()
