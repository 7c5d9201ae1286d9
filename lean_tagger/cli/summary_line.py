"""The summary of a run in words: counts, speed, memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lean_tagger.cli.terminal import cells, duration
from lean_tagger.system import memory

if TYPE_CHECKING:
    from lean_tagger.run.summary import Summary


def summary_parts(summary: "Summary", statuses: Sequence[str], *, times: str) -> list[str]:
    """Return the parts of a summary, each of which stays on one line.

    Parameters
    ----------
    summary : Summary
        The run's.
    statuses : sequence of str
        The statuses in the order in which they are counted.
    times : str
        The multiplication sign.
    """
    counts = {word: getattr(summary, word.replace(" ", "_")) for word in statuses}
    shown = [f"{count} {word}" for word, count in counts.items() if count]
    files = f"{summary.files} file{'' if summary.files == 1 else 's'}"
    parts = [f"{files}: {', '.join(shown)}" if shown else files]
    if summary.audio_seconds:
        speed = summary.audio_seconds / max(summary.wall_seconds, 1e-3)
        parts.append(
            f"{duration(summary.audio_seconds)} of music in {duration(summary.wall_seconds)} "
            f"({speed:.{0 if speed >= 9.5 else 1}f}{times} real time)"
        )
    peak, budget = map(memory.format_size, (summary.peak_rss_bytes, summary.max_mem_bytes))
    return [*parts, f"peak {peak} of {budget}"]


def joined(parts: Sequence[str], *, dot: str, columns: int) -> str:
    """Join the parts on one line, or on as few lines as the width allows; 0 is any width."""
    separator = f" {dot} "
    lines = [*parts[:1]]
    for part in parts[1:]:
        longer = lines[-1] + separator + part
        if columns and cells(longer) > columns:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)
