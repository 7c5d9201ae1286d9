"""Count the instructions that our side of the flow executes for a minute of audio.

Times jitter, instructions do not: valgrind's callgrind counts those of decoding, of resampling
and of the front-end, in a process that does each for a short track and for one twice as long;
the difference is what the added minute costs, and loading Python drops out. ONNX Runtime is left
out: its kernels use AVX-512, which valgrind does not know. Needs valgrind and ffmpeg.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, child_environment, progress, write_table

STAGES = ("decode", "resample", "window", "front-end")
FORMATS = {
    "mp3": ("libmp3lame", "-b:a", "192k"),
    "flac": ("flac",),
    "m4a": ("aac", "-b:a", "192k"),
    "ogg": ("libvorbis", "-q:a", "5"),
    "opus": ("libopus", "-b:a", "128k"),
    "wav": ("pcm_s16le",),
}


def do(stage: str, path: str) -> None:
    """Do everything up to a stage; this is what valgrind runs."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from rolled import roll

    from lean_tagger.card import load_card
    from lean_tagger.listen import decode
    from lean_tagger.listen.frontend.log_mel import LogMel
    from lean_tagger.listen.resample import resample

    card = load_card("msd-musicnn")
    rate_hz, hop = card.sample_rate_hz, card.patch_frames * card.frontend.hop_samples
    frontend = LogMel(card.frontend, sample_rate_hz=rate_hz, patch_frames=card.patch_frames)
    with decode.open_audio(path) as audio:
        chunks = resample(audio, card.resampler, rate_hz=rate_hz, chunk_samples=rate_hz)
        windows = roll(
            chunks,
            window_samples=card.window_samples,
            hop_samples=hop,
            pad_samples=card.pad_samples,
        )
        if stage == "decode":
            for _ in audio:
                pass
        elif stage == "resample":
            for _ in chunks:
                pass
        else:
            for window in windows:
                if stage == "front-end":
                    frontend(window)


def count(stage: str, path: Path, folder: Path) -> int:
    """Return the instructions of a process that does everything up to a stage."""
    out = folder / "callgrind.out"
    command = [sys.executable, str(Path(__file__).resolve()), "--do", stage, str(path)]
    subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command],
        env={**child_environment(), "PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
    )
    lines = out.read_text(errors="replace").splitlines()
    return int(next(line for line in lines if line.startswith("summary:")).split()[1])


def make(source: Path, folder: Path, suffix: str, seconds: int) -> Path:
    """Return a file of a format and a length, looped from the source."""
    path = folder / f"{seconds}.{suffix}"
    codec, *options = FORMATS[suffix]
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-i", str(source)),
            *("-t", str(seconds), "-vn", "-c:a", codec, *options, str(path)),
        ],
        check=True,
    )
    return path


def main() -> None:
    """Print, and write where asked, million instructions a minute, by format and stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="music to make the formats from")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--out", type=Path, help="folder for instructions.md and .json")
    parser.add_argument("--do", choices=STAGES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.do:
        do(given.do, given.file)
        return
    if not (shutil.which("valgrind") and shutil.which("ffmpeg")):
        sys.exit("this needs valgrind and ffmpeg")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suffix in given.formats:
            long, short = (make(Path(given.file), folder, suffix, s) for s in (40, 10))
            row: dict[str, object] = {"format": suffix}
            before = 0.0
            for stage in STAGES:
                progress(f"{suffix}: {stage}")
                added = count(stage, long, folder) - count(stage, short, folder)
                upto = added * 60 / 30 / 1e6
                row[f"{stage}, M a minute"] = f"{upto - before:,.0f}"
                before = upto
            rows.append({**row, "together": f"{before:,.0f}"})
    write_table(rows, "instructions", given.out)


if __name__ == "__main__":
    main()
