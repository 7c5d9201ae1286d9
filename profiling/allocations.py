"""Show which lines allocate what there is at the peak of scoring one file.

Runs `Tagger.score` in a child process under memray, prints the largest allocations at the
moment of the peak, and draws all of them as a flame graph (HTML). memray sees what is asked
for, through malloc and mmap, Python's own objects included; what libraries load as code is not
in it, and memory that was asked for but never touched is.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import MIB, ROOT, child_environment, write_table

SCORE = "import sys; from lean_tagger import Tagger; Tagger(sys.argv[1]).score(sys.argv[2])"


def record(music: Path, model: str, folder: Path) -> Path:
    """Score the file under memray and return what memray wrote."""
    program, found = folder / "score.py", folder / "score.bin"
    program.write_text(SCORE)
    command = [sys.executable, "-m", "memray", "run", "-q", "--trace-python-allocators"]
    command += ["-o", str(found), str(program), model, str(music)]
    subprocess.run(command, check=True, env=child_environment())
    return found


def line(record: Any) -> tuple[str, str]:
    """Return where an allocation was made, and the line of ours that led to it."""
    stack = record.stack_trace()
    ours = next((frame for frame in stack if str(ROOT) in frame[1]), None)
    return _place(stack[0] if stack else None), _place(ours)


def _place(frame: tuple[str, str, int] | None) -> str:
    if frame is None:
        return "-"
    function, file, number = frame
    name = file.removeprefix(f"{ROOT}/").rpartition("site-packages/")[2]
    if name.startswith("/"):
        name = Path(name).name  # the standard library
    return f"{name}:{number} {function}" if not name.startswith("<") else name


def largest(found: Path, rows: int) -> tuple[list[dict[str, object]], int]:
    """Return the lines that held most at the peak, and the whole in bytes."""
    import memray

    reader = memray.FileReader(str(found))
    sums: dict[tuple[str, str], list[int]] = {}
    for allocation in reader.get_high_watermark_allocation_records(merge_threads=True):
        entry = sums.setdefault(line(allocation), [0, 0])
        entry[0] += allocation.size
        entry[1] += allocation.n_allocations
    order = sorted(sums.items(), key=lambda item: -item[1][0])
    total = sum(size for size, _ in sums.values())
    return [
        {
            "MiB": f"{size / MIB:.2f}",
            "share": f"{size / total:.0%}",
            "allocations": count,
            "line": place,
            "through": ours,
        }
        for (place, ours), (size, count) in order[:rows]
    ], total


def main() -> None:
    """Print the table, and write it and the flame graph."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="music")
    parser.add_argument("--model", default="msd-musicnn")
    parser.add_argument("--rows", type=int, default=15, help="of the table (default: 15)")
    parser.add_argument("-o", type=Path, default=Path("allocations.html"), metavar="FILE.html")
    parser.add_argument("--out", type=Path, help="folder for allocations.md and .json")
    given = parser.parse_args()
    if importlib.util.find_spec("memray") is None:
        sys.exit("memray is missing; install it next to lean-tag with: pip install memray")
    with tempfile.TemporaryDirectory() as folder:
        found = record(given.file.resolve(), given.model, Path(folder))
        rows, total = largest(found, given.rows)
        draw = [sys.executable, "-m", "memray", "flamegraph", "-f", "-o", str(given.o), str(found)]
        subprocess.run(draw, check=True, stdout=subprocess.DEVNULL)
    write_table(rows, "allocations", given.out)
    print(f"\n{total / MIB:.1f} MiB were allocated at the peak; flame graph: {given.o}")


if __name__ == "__main__":
    main()
