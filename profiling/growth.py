"""Measure whether memory grows from file to file.

Fills a folder with copies of the excerpts, damages some of them, tags them with the real
command, and after each result looks at the supervisor and at its workers. The slope is the
least-squares line through the second half of the files, so that what is loaded once does not
count as growth. Expected: 2 MiB or less per 1,000 files.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from common import (
    MIB,
    Tree,
    lean_tag,
    library,
    progress,
    pyplot,
    save_picture,
    write_table,
)


@dataclass(slots=True)
class Course:
    """What one command took after each of its files.

    Attributes
    ----------
    supervisor, workers : list of float
        MiB after each file; the workers' together.
    pids : set of int
        Of all workers that there were.
    failed : int
        Files that were reported as failed.
    summary : dict
        The command's last line.
    """

    supervisor: list[float] = field(default_factory=list)
    workers: list[float] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    failed: int = 0
    summary: dict[str, float] = field(default_factory=dict)


def watch(command: list[str], files: int) -> Course:
    """Run the command and look at its processes after each result."""
    course = Course()
    tree = Tree(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for line in tree.process.stdout:
        record = json.loads(line)
        if record["type"] == "summary":
            course.summary = record
            break
        course.failed += record["status"] == "failed"
        first, *others = tree.sample().rss_bytes.items()
        if not others:  # behind the last file the worker may have gone already
            continue
        course.supervisor.append(first[1] / MIB)
        course.workers.append(sum(size for _, size in others) / MIB)
        course.pids.update(pid for pid, _ in others)
        done = len(course.workers)
        if done % 100 == 0:
            progress(f"{done} of {files} files, workers {course.workers[-1]:.1f} MiB")
    tree.process.wait()
    return course


def row(name: str, sizes: list[float]) -> dict[str, object]:
    """Return means at the begin, in the middle and at the end, and the slope."""
    tenth, half = max(1, len(sizes) // 10), len(sizes) // 2
    line = statistics.linear_regression(range(half, len(sizes)), sizes[half:])
    return {
        "process": name,
        "MiB, first tenth of the files": f"{statistics.fmean(sizes[:tenth]):.2f}",
        "middle": f"{statistics.fmean(sizes[half : half + tenth]):.2f}",
        "last tenth": f"{statistics.fmean(sizes[-tenth:]):.2f}",
        "most": f"{max(sizes):.2f}",
        "MiB per 1,000 files": f"{1000 * line.slope:+.2f}",
    }


def draw(course: Course, path: Path) -> None:
    """Draw both courses over the number of files."""
    plt = pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(figsize=(7, 3.5))
    axes.plot(course.workers, linewidth=0.8, label="workers together")
    axes.plot(course.supervisor, linewidth=0.8, label="supervisor")
    axes.set(ylim=(0, None), xlabel="files done", ylabel="MiB", title="memory after each file")
    axes.grid(alpha=0.3)
    axes.legend()
    save_picture(figure, path)


def main() -> None:
    """Print, and write where asked, one row for the supervisor and one for the workers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000, help="default: 1000")
    parser.add_argument("--damaged", type=int, help="of them (default: one in twenty)")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time (default: 1)")
    parser.add_argument("-n", "--dry-run", action="store_true", help="listen only, write no tags")
    parser.add_argument("--scratch", type=Path, help="where to put 0.5 MB per file")
    parser.add_argument("--out", type=Path, help="folder for growth.md, .json and .png")
    given = parser.parse_args()
    damaged = given.files // 20 if given.damaged is None else given.damaged
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        progress(f"making {given.files} files")
        library(Path(folder), given.files, damaged=damaged)
        options = ["--json", "--jobs", str(given.jobs), *["-n"] * given.dry_run]
        course = watch(lean_tag(*options, folder), given.files)
    write_table(
        [row("supervisor", course.supervisor), row("workers", course.workers)], "growth", given.out
    )
    summary = course.summary
    print(
        f"\n{summary['files']} files, {damaged} damaged, {course.failed} of them refused; "
        f"{len(course.pids)} worker processes for {given.jobs} at a time; "
        f"peak reported {summary['peak_rss_bytes'] / MIB:.1f} MiB; {summary['wall_seconds']:.0f} s"
    )
    if given.out:
        draw(course, given.out / "growth.png")


if __name__ == "__main__":
    main()
