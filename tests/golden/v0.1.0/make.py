"""Make what lean-tag 0.1.0 leaves behind; see README.md. Runs with 0.1.0 only.

Needs ffmpeg with libmp3lame, libvorbis, libopus and libspeex, Musepack's mpcenc, and strace, each
found by PATH. Nothing is remade when the program changes: what is here is to stay as it is.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import mutagen.apev2
import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from familycards import LABELS, completed  # noqa: E402 - the line above finds them
from goldenfiles import packets_md5, tags_of  # noqa: E402 - as above

from lean_tagger import spec  # noqa: E402 - as above

CLIPS = HERE.parents[1] / "data"
PLACE = "/golden"
"""Stands in the journal and in what was printed for the folder that the files are in."""

TITLE = ("title=A Title", "artist=Somebody", "album=An Album")
GENRE = (*TITLE, "genre=Folk Tales")

# Name: clip, seconds from its start, how it is encoded, what its tags are to hold.
MUSIC: dict[str, tuple[str, float, str, tuple[str, ...]]] = {
    "v23.mp3": ("skyvibe.mp3", 0, "libmp3lame -id3v2_version 3 -b:a 32k", GENRE),
    "v24.mp3": ("skyvibe.mp3", 2, "libmp3lame -id3v2_version 4 -b:a 32k", GENRE),
    "bare.mp3": ("skyvibe.mp3", 4, "libmp3lame -id3v2_version 0 -b:a 32k", ()),
    "ape-tag.mp3": ("skyvibe.mp3", 5.5, "libmp3lame -id3v2_version 0 -b:a 32k", ()),
    "id3.aac": ("celtic.m4a", 0, "aac -f adts -write_id3v2 1 -b:a 32k", GENRE),
    "a.flac": ("west.flac", 0, "flac -ar 8000", GENRE),
    "vorbis.ogg": ("hacienda.ogg", 0, "libvorbis -ar 22050 -b:a 32k", TITLE),
    "opus.opus": ("lava.opus", 0, "libopus -b:a 24k", GENRE),
    "flac.oga": ("west.flac", 2, "flac -ar 8000 -f ogg", TITLE),
    "speex.spx": ("lava.opus", 3, "libspeex -ar 16000 -b:a 16k", TITLE),
    "aac.m4a": ("celtic.m4a", 3, "aac -b:a 32k", GENRE),
    "alac.m4a": ("celtic.m4a", 6, "alac -ar 8000", ()),
    "riff.wav": ("farm.wav", 0, "pcm_s16le -ar 8000", ()),
    "aiff.aiff": ("farm.wav", 2, "pcm_s16be -ar 8000 -write_id3v2 1", TITLE),
    "wma.wma": ("hacienda.ogg", 3, "wmav2 -b:a 32k", GENRE),
    "wavpack.wv": ("west.flac", 4, "wavpack -ar 8000", GENRE),
    "true-audio.tta": ("west.flac", 6, "tta -ar 8000", ()),
    "musepack.mpc": ("lava.opus", 6, "mpc", ()),
    "dsd.dsf": ("hacienda.ogg", 6, "dsf", ()),
}
UNDONE = {
    "undone.mp3": ("skyvibe.mp3", 8, "libmp3lame -id3v2_version 4 -b:a 32k", GENRE),
    "undone.flac": ("west.flac", 7, "flac -ar 8000", ()),
    "redone.ogg": ("hacienda.ogg", 9, "libvorbis -ar 22050 -b:a 32k", GENRE),
}
RETAGGED = {
    "retagged.mp3": ("skyvibe.mp3", 2.2, "libmp3lame -id3v2_version 4 -b:a 32k", GENRE),
    "retagged.flac": ("west.flac", 1, "flac -ar 8000", ()),
}
TWO = {"two.mp3": ("skyvibe.mp3", 10, "libmp3lame -id3v2_version 4 -b:a 32k", GENRE)}
FAILED = {
    "short-ape.mp3": ("skyvibe.mp3", 6, "libmp3lame -id3v2_version 0 -b:a 32k", ()),
    "twice.mp3": ("skyvibe.mp3", 12, "libmp3lame -id3v2_version 4 -b:a 32k", GENRE),
    "killed.mp3": ("skyvibe.mp3", 14, "libmp3lame -id3v2_version 4 -b:a 32k", GENRE),
    "plain.au": ("farm.wav", 4, "pcm_mulaw -ar 8000", ()),
}
SECONDS, LONG_SECONDS = 2.0, 14.0
LONG = {"part.mp3", "ape-tag.mp3"}
USUAL = ("--merge", "--min-score", "0.04", "--max-tags", "2")


def encode(target: Path, clip: str, start: float, how: str, tags: tuple[str, ...]) -> None:
    """Encode a piece of a clip in mono."""
    seconds = LONG_SECONDS if target.name in LONG else SECONDS
    source = ["ffmpeg", "-v", "error", "-y", "-ss", str(start), "-t", str(seconds)]
    source += ["-i", str(CLIPS / clip), "-map_metadata", "-1", "-map", "0:a", "-ac", "1"]
    if how in {"mpc", "dsf"}:
        with tempfile.TemporaryDirectory() as folder:
            wav, made = Path(folder) / "a.wav", target
            rate = "44100" if how == "mpc" else "32000"
            subprocess.run([*source, "-ar", rate, wav], check=True)
            if how == "mpc":
                subprocess.run(["mpcenc", "--radio", "--silent", wav, made], check=True)
            else:
                made.write_bytes(dsd(wav))
        return
    encoder, *options = how.split()
    said = [part for tag in tags for part in ("-metadata", tag)]
    command = [*source, *said, "-fflags", "+bitexact", "-c:a", encoder, *options, target]
    subprocess.run(command, check=True)


def dsd(wav: Path) -> bytes:
    """Return a DSF file of 256,000 bits a second, by delta-sigma modulation."""
    samples = memoryview(wav.read_bytes()[44:]).cast("h")
    data, error, byte = bytearray(), 0, 0
    for sample in samples:
        for bit in range(8):  # the first one is the lowest
            error += sample - (32767 if error > 0 else -32767)
            byte = byte >> 1 | (128 if error > 0 else 0)
            if bit == 7:
                data.append(byte)
    data += b"\x69" * (-len(data) % 4096)
    numbers = (1, 0, 1, 1, 256_000, 1)
    fmt = b"fmt " + (52).to_bytes(8, "little") + b"".join(n.to_bytes(4, "little") for n in numbers)
    fmt += (8 * len(data)).to_bytes(8, "little") + (4096).to_bytes(4, "little") + bytes(4)
    chunk = b"data" + (12 + len(data)).to_bytes(8, "little") + data
    size = 28 + len(fmt) + len(chunk)
    head = b"DSD " + (28).to_bytes(8, "little") + size.to_bytes(8, "little") + bytes(8)
    return head + fmt + chunk


def make_files(root: Path) -> None:
    part = {"part.mp3": ("skyvibe.mp3", 5, "libmp3lame -id3v2_version 4 -b:a 24k", GENRE)}
    folders = {"music": MUSIC, "retagged": RETAGGED, "undone": UNDONE, "part": part, "two": TWO}
    folders["failed"] = FAILED
    for folder, files in folders.items():
        (root / folder).mkdir()
        for name, (clip, start, how, tags) in files.items():
            encode(root / folder / name, clip, start, how, tags)
    tag = mutagen.apev2.APEv2()
    tag.update({"Title": "A Title", "Genre": "Folk Tales"})
    tag.save(root / "music" / "ape-tag.mp3")
    tag.save(root / "failed" / "short-ape.mp3")
    (root / "failed" / "damaged.mp3").write_bytes(bytes(range(256)) * 8)
    os.link(root / "failed" / "twice.mp3", root / "failed" / ".other-name")


class Program:
    """lean-tag 0.1.0 with a journal, for files in a folder."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root, self.state = root, state

    def __call__(self, *arguments: str, before: tuple[str, ...] = ()) -> list[dict[str, object]]:
        """Run it, and return what it printed."""
        command = [*before, sys.executable, "-m", "lean_tagger", *arguments]
        command += ["--json", "--state", str(self.state)]
        if arguments[0] not in {"status", "runs", "explain"}:
            command += ["--jobs", "1", "--max-mem", "1G"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in {0, 1}:
            raise SystemExit(f"{command} ended with {done.returncode}")
        text = done.stdout.replace(str(self.root), PLACE).replace(str(self.state.parent), PLACE)
        return [json.loads(line) for line in text.splitlines()]

    def at(self, *names: str) -> list[str]:
        return [str(self.root / name) for name in names]


def leave_behind(program: Program) -> None:
    """Do all that is to stand in the journal."""
    at = program.at
    program(*at("music", "retagged", "undone"), *USUAL)
    # Another write into files that have one.
    program("retag", *at("retagged"), *USUAL[:-1], "1")
    program("undo", *at("undone"))
    program("redo", *at("undone/redone.ogg"))
    program(*at("part"), *USUAL, "--effort", "2")
    program(*at("two"), *USUAL, "--model", "msd-musicnn", "--model", "mtt-musicnn")
    # Hard links are refused, and so is a tag that makes FFmpeg doubt a short file's length (it
    # cuts the end where that is what the LAME header says): two writes that failed.
    names = ("failed/twice.mp3", "failed/short-ape.mp3", "failed/damaged.mp3", "failed/plain.au")
    program(*at(*names), *USUAL)
    # A worker that is killed as it is about to rename leaves an intent.
    calls = "rename,renameat,renameat2"
    trace = ("strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}")
    trace += ("-e", f"inject={calls}:signal=SIGKILL")
    program(*at("failed/killed.mp3"), *USUAL, before=trace)


def say(program: Program) -> dict[str, object]:
    """Return what 0.1.0 says to what is on record."""
    at = program.at
    other = ("--rules", str(HERE / "rules.toml"))
    asked = {
        "again": [*at("music", "undone/redone.ogg"), *USUAL],
        "again, retagged": [*at("retagged"), *USUAL[:-1], "1"],
        "again, part": [*at("part"), *USUAL, "--effort", "2"],
        "again, two": [*at("two"), *USUAL, "--model", "msd-musicnn", "--model", "mtt-musicnn"],
        "retag": ["retag", "-n", *at("music", "retagged", "undone", "part"), *other],
        "retag, usual": ["retag", "-n", *at("music")],
        "retag, player": ["retag", "-n", *at("music"), "--player", "plex", "--min-score", "0.02"],
        "retag, album": ["retag", "-n", *at("music"), "--album-genre", "--min-score", "0.02"],
        "explain": ["explain", *at("music/v24.mp3", "part/part.mp3"), *other],
        "status": ["status"],
        "runs": ["runs"],
        "undo": ["undo", "-n", "--all"],
    }
    said: dict[str, object] = {}
    for name, arguments in asked.items():
        with tempfile.TemporaryDirectory() as folder:
            own = Program(program.root, Path(folder) / "journal.sqlite3")
            shutil.copy(program.state, own.state)
            records = own(*arguments)
        if not name.startswith("again"):
            records = [{key: it[key] for key in it if key != "scores"} for it in records]
        said[name] = [it for it in records if it.get("type") not in {"start", "summary"}]
    return said


EXPORTED = ("music/v24.mp3", "music/vorbis.ogg", "music/dsd.dsf")


def export(program: Program) -> str:
    """Return the lines of some files, as 0.1.0 exports them."""
    command = [sys.executable, "-m", "lean_tagger", "export", "--state", str(program.state)]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    wanted = program.at(*EXPORTED)
    kept = [line for line in lines.splitlines(True) if json.loads(line)["path"] in wanted]
    return "".join(kept).replace(str(program.root), PLACE)


def make_models(folder: Path) -> None:
    """Write cards of every family, of heads, and of words; their weights are of no matter."""
    folder.mkdir()
    words = {"names": np.array(["Rock", "Calm"]), "kinds": np.array(["genre", "mood"])}
    vectors = np.linspace(-1, 1, 2 * 512).reshape(2, 512).astype("<f4")
    np.savez(folder / "words.npz", allow_pickle=False, **words, vectors=vectors)
    sha256 = hashlib.sha256((folder / "words.npz").read_bytes()).hexdigest()
    cards: dict[str, dict[str, object]] = {}
    for family in spec.families():
        cards[f"a-{family}"] = completed(family)
        if "labels" not in cards[f"a-{family}"]:
            cards[f"head-{family}"] = {
                "description": "A head.",
                "file": "head.onnx",
                "sha256": "1" * 64,
                "head_of": f"a-{family}",
                "tensors": {"input": "x", "logits": "y", "layout": "embedding"},
                "activation": "sigmoid",
                "pooling": "logit-mean",
                "labels": LABELS,
            }
    spoken = {"file": "words.npz", "sha256": sha256, "scale": 100.0}
    cards["words"] = completed("clap-htsat-unfused") | {"label_vectors": spoken}
    for name, card in cards.items():
        (folder / f"{name}.json").write_text(dumped(card | {"name": name}))


def main() -> None:
    shutil.rmtree(HERE / "models", ignore_errors=True)
    make_models(HERE / "models")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "library"
        root.mkdir()
        make_files(root)
        files = sorted(it for it in root.rglob("*") if it.is_file())
        before = {
            str(it.relative_to(root)): {"tags": tags_of(it), "audio": packets_md5(it)}
            for it in files
        }
        program = Program(root, Path(folder) / "journal.sqlite3")
        leave_behind(program)
        with sqlite3.connect(program.state) as journal:
            journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            journal.execute("PRAGMA journal_mode = DELETE")
        journal.close()
        said = say(program)
        (HERE / "export.jsonl").write_text(export(program))
        with sqlite3.connect(program.state) as journal:
            for table in ("files", "writes"):
                journal.execute(
                    f"UPDATE {table} SET path = CAST(replace(CAST(path AS TEXT), ?, ?) AS BLOB)",
                    (str(root), PLACE),
                )
            journal.commit()
            journal.execute("VACUUM")
        journal.close()
        shutil.rmtree(HERE / "library", ignore_errors=True)
        (root / "failed" / ".other-name").unlink()
        shutil.copytree(root, HERE / "library")
        shutil.copy(program.state, HERE / "journal.sqlite3")
        (HERE / "before.json").write_text(dumped(before))
        (HERE / "said.json").write_text(dumped(said))


def dumped(value: object) -> str:
    return json.dumps(value, indent=0, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
