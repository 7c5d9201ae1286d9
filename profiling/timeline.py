"""Draw memory and CPU of a command and all its child processes over time.

    python profiling/timeline.py -o run.png --budget 300M -- lean-tag -n ~/Music

Memory is stacked by process; the dashed line is the budget. Next to the picture comes a table.
"""

import argparse
import sys
import time
from pathlib import Path

from common import MIB, ROOT, Sample, Tree, progress, pyplot, save_picture, write_table

sys.path.insert(0, str(ROOT))

from lean_tagger.errors import ConfigError
from lean_tagger.system.memory import parse_size

CPU_SECONDS = 0.25
"""Length of the steps over which CPU use is averaged: its clock ticks every 10 ms."""

SAY_SECONDS = 10.0
"""How often a long run says how far it is."""


def watch(command: list[str], every_seconds: float) -> tuple[list[Sample], int]:
    """Run a command with its output where ours goes, and return samples and exit status."""
    tree = Tree(command)
    samples: list[Sample] = []
    said = time.monotonic()
    for sample in tree.samples(every_seconds):
        if sample.rss_bytes:
            samples.append(sample)
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            progress(f"{sample.seconds:.0f} s, {sample.tree_bytes / MIB:.0f} MiB")
    return samples, tree.process.wait()


def cpu(samples: list[Sample]) -> tuple[list[float], list[float]]:
    """Return times and how many cores were busy up to each."""
    times, cores = [0.0], [0.0]
    before = samples[0]
    for sample in samples[1:]:
        seconds = sample.seconds - before.seconds
        if seconds >= CPU_SECONDS:
            times.append(sample.seconds)
            cores.append((sample.cpu_seconds - before.cpu_seconds) / seconds)
            before = sample
    return times, cores


def draw(samples: list[Sample], budget_bytes: int, title: str, path: Path) -> None:
    """Draw memory stacked by process above, busy cores below."""
    plt = pyplot()
    if plt is None:
        return
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(8, 5), sharex=True, height_ratios=(3, 1))
    seconds = [sample.seconds for sample in samples]
    pids = list(dict.fromkeys(pid for sample in samples for pid in sample.rss_bytes))
    sizes = [[sample.rss_bytes.get(pid, 0) / MIB for sample in samples] for pid in pids]
    upper.stackplot(seconds, sizes, labels=["first process", *[f"child {p}" for p in pids[1:]]])
    if budget_bytes:
        upper.axhline(budget_bytes / MIB, color="red", linestyle="--", label="budget")
    highest = max(budget_bytes, *(sample.tree_bytes for sample in samples)) / MIB
    upper.set(ylabel="memory, MiB", title=title, ylim=(0, 1.2 * highest))  # room for the legend
    if len(pids) < 8:  # more would hide the picture
        upper.legend(fontsize="small", loc="upper right", ncol=4)
    lower.step(*cpu(samples), where="pre", color="black", linewidth=0.8)
    lower.set(ylabel="busy cores", xlabel="seconds", ylim=(0, None))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    save_picture(figure, path)


def summary(samples: list[Sample], budget_bytes: int) -> dict[str, object]:
    """Return the one row of the table."""
    peak = max(sample.tree_bytes for sample in samples)
    last = samples[-1]
    return {
        "wall seconds": f"{last.seconds:.1f}",
        "CPU seconds": f"{last.cpu_seconds:.1f}",
        "peak MiB": f"{peak / MIB:.1f}",
        "of the budget": f"{peak / budget_bytes:.0%}" if budget_bytes else "",
        "processes at a time": max(len(sample.rss_bytes) for sample in samples),
        "in all": len({pid for sample in samples for pid in sample.rss_bytes}),
    }


def size(text: str) -> int:
    """Return bytes, or make argparse say what is wrong."""
    try:
        return parse_size(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main() -> None:
    """Watch, draw, and end with the command's own exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", type=Path, default=Path("timeline.png"), metavar="FILE.png")
    parser.add_argument("--budget", type=size, default=0, metavar="SIZE", help="draw this line")
    parser.add_argument("--every", type=float, default=0.02, metavar="S", help="default: 0.02")
    parser.add_argument("--title", help="default: the command")
    parser.add_argument("--out", type=Path, help="folder for timeline.md and .json")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND")
    given = parser.parse_args()
    samples, status = watch(given.command, given.every)
    if not samples:
        sys.exit("it ended before it could be looked at")
    write_table([summary(samples, given.budget)], "timeline", given.out)
    draw(samples, given.budget, given.title or " ".join(given.command)[:80], given.o)
    sys.exit(status)


if __name__ == "__main__":
    main()
