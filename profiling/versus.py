r"""Compare lean-tag with what a user would write or install instead.

Same files, same machine, one run, taking turns; the programs are in `peers/`. Each is a
process of its own in an environment of its own, start-up included, and is never a dependency of
lean-tag. A short and a long file show what is start-up and what is work:

    python3 -m venv now
    now/bin/pip install pydub librosa onnxruntime essentia-tensorflow   # pydub: needs ffmpeg
    python3.7 -m venv then                # musicnn asks for numpy < 1.17, so Python 3.7
    then/bin/pip install musicnn
    then/bin/python profiling/peers/freeze_musicnn.py msd-musicnn.pb    # for Essentia
    python profiling/versus.py short.mp3 long.mp3 --python now/bin/python --python then/bin/python \
        --essentia-graph msd-musicnn.pb --bliss PROGRAM

The musicnn package with the TensorFlow of its time is slow for today. With a current one (here
`pip install 'tensorflow-cpu<2.19' 'tf-keras<2.19' 'numpy<2' librosa` and `pip install --no-deps
musicnn`), give that environment first. PROGRAM analyses the file that it is given, as the example
`analyze` of bliss-rs does. A peer that is in none of these environments is left out, and named. One
that takes more than --most is ended, and its row says so. Memory is that of the peer and all its
child processes; times are CPU seconds, which another load on the machine disturbs less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from common import MIB, ROOT, Run, lean_tag, progress, run, write_table

sys.path.insert(0, str(ROOT))

import lean_tagger
from lean_tagger.system.memory import parse_size

PEERS = Path(__file__).parent / "peers"
NETWORK = ROOT / "models" / "msd-musicnn.onnx"


@dataclass(slots=True)
class Peer:
    """One of those compared.

    Attributes
    ----------
    name : str
        What the table calls it.
    modules : tuple of str
        That an environment must have.
    arguments : list of str
        Program and what follows the music.
    command : list of str
        With an interpreter; empty where there is none for it.
    runs : list of Run
        So far.
    """

    name: str
    modules: tuple[str, ...]
    arguments: list[str]
    command: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def peers(music: str, graph: Path | None, bliss: Path | None) -> list[Peer]:
    """Return all that could be compared."""
    librosa = str(PEERS / "librosa_onnxruntime.py")
    both = ("librosa", "onnxruntime")
    found = [
        Peer("pydub, two lines (decodes only)", ("pydub",), [str(PEERS / "pydub_two_lines.py")]),
        Peer("librosa + onnxruntime, a window at a time", both, [librosa, str(NETWORK), "1"]),
        Peer("librosa + onnxruntime, one batch", both, [librosa, str(NETWORK), "0"]),
        Peer("musicnn", ("musicnn", "tensorflow"), [str(PEERS / "musicnn_package.py")]),
    ]
    essentia = [
        str(PEERS / "essentia_tensorflow.py"),
        str(graph),
        str(NETWORK.with_suffix(".json")),
    ]
    modules = ("essentia",) if graph else ("essentia", "and --essentia-graph")
    found.insert(3, Peer("essentia-tensorflow", modules, essentia))
    extractor = [str(PEERS / "music_extractor.py")]
    found.append(Peer("Essentia's MusicExtractor (describes, no genre)", ("essentia",), extractor))
    for peer in found:
        peer.arguments.insert(1, music)
    command = [str(bliss), music] if bliss else []
    found.append(Peer("bliss (describes, no tags)", ("--bliss",), [], command))
    return found


def find_interpreters(found: list[Peer], pythons: list[str]) -> None:
    """Give each peer the first interpreter that has its modules."""
    code = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
    for peer in found:
        for python in pythons if peer.arguments else ():
            command = [python, "-c", code, *peer.modules]
            if not subprocess.run(command, check=False, capture_output=True).returncode:
                peer.command = [python, *peer.arguments]
                break


def row(peer: Peer, ours: Peer, most_bytes: int) -> dict[str, object]:
    """Return medians of time and the largest peak, next to ours."""
    peak, our_peak = (max(r.peak_bytes for r in p.runs) for p in (peer, ours))
    cpu, our_cpu = (statistics.median(r.cpu_seconds for r in p.runs) for p in (peer, ours))
    names = "memory, times ours", "CPU, times ours"
    if any(r.status for r in peer.runs):
        ended = peak > most_bytes > 0
        why = f"> {most_bytes / MIB:.0f}, ended" if ended else f"status {peer.runs[-1].status}"
        blank = dict.fromkeys(("wall seconds", "CPU seconds", "peak MiB", *names), "-")
        ratio = f"> {most_bytes / our_peak:.0f}" if ended else "-"
        return {"program": peer.name, **blank, "peak MiB": why, names[0]: ratio, **_said(peer)}
    return {
        "program": peer.name,
        "wall seconds": f"{statistics.median(r.wall_seconds for r in peer.runs):.2f}",
        "CPU seconds": f"{cpu:.2f}",
        "peak MiB": f"{peak / MIB:.0f}",
        names[0]: f"{peak / our_peak:.1f}",
        names[1]: f"{cpu / our_cpu:.1f}",
        **_said(peer),
    }


def _said(peer: Peer) -> dict[str, object]:
    """Return the version and the best tags that a program printed."""
    lines = peer.runs[-1].output.splitlines()
    is_json = bool(lines) and not peer.runs[-1].status and lines[-1].startswith("{")
    said = json.loads(lines[-1]) if is_json else {}
    if "files" in said:  # our summary; the result stands before it
        scores = json.loads(lines[0])["scores"]
        said = {"top": list(scores)[:3], "version": f"lean-tag {lean_tagger.__version__}"}
    return {"best tags": ", ".join(said.get("top") or ["-"]), "version": said.get("version", "-")}


def options() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", help="music: a short and a long track")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="interpreter of an environment with peers; may be given again",
    )
    parser.add_argument("--essentia-graph", type=Path, metavar="FILE.pb")
    parser.add_argument("--bliss", type=Path, metavar="PROGRAM")
    parser.add_argument("--runs", type=int, default=1, help="of each (default: 1)")
    parser.add_argument("--most", type=parse_size, metavar="SIZE", help="default: half of the free")
    parser.add_argument("--out", type=Path, help="folder for versus.md and .json")
    given = parser.parse_args()
    if given.most is None:
        pages = os.sysconf("SC_AVPHYS_PAGES")
        given.most = pages * os.sysconf("SC_PAGE_SIZE") // 2
    return given


def compare(music: str, given: argparse.Namespace) -> list[dict[str, object]]:
    """Return one row per program for a file."""
    ours = Peer("lean-tag", (), [], lean_tag("-n", "--json", music))
    others = peers(music, given.essentia_graph, given.bliss)
    find_interpreters(others, given.python)
    present = [ours, *(peer for peer in others if peer.command)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    seconds = 0.0
    for turn in range(given.runs):
        for peer in present:
            progress(f"{music}, run {turn + 1} of {given.runs}: {peer.name}")
            done = run(
                peer.command,
                environment=None if peer is ours else environment,
                most_bytes=given.most,
                check=peer is ours,
            )
            peer.runs.append(done)
            if peer is ours:
                seconds = json.loads(done.output.splitlines()[-1])["audio_seconds"]
                if not seconds:
                    sys.exit(f"{music} says itself what was heard in it: take one without our tags")
            if done.status and done.peak_bytes <= given.most:
                print(f"{peer.name}: {done.errors[-500:]}", file=sys.stderr)
    for peer in others:
        if not peer.command:
            print(f"left out, for want of {', '.join(peer.modules)}: {peer.name}", file=sys.stderr)
    return [{"minutes": f"{seconds / 60:.0f}", **row(it, ours, given.most)} for it in present]


def main() -> None:
    """Print, and write where asked, one row per file and program."""
    given = options()
    rows = [row for file in given.files for row in compare(str(file), given)]
    write_table(rows, "versus", given.out)


if __name__ == "__main__":
    main()
