"""How much of a track is heard: which windows, in which order, and how many are enough.

Windows are taken in the order of the golden ratio's multiples. Whenever this stops, the windows
heard so far are spread evenly over the whole track (each new one falls into one of the largest
gaps), and the same track always gives the same windows. They are heard in rounds; the first
rounds have one window each. After each round it is checked whether that is enough. Within a
round, windows are heard in the file's order. This module knows neither audio nor scores.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lean_tagger.jobs import Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """When to stop listening.

    Attributes
    ----------
    name : str
        The user's word: ``full``, ``balanced``, ``fast``, or a number of windows.
    first : int
        Windows of the first round; 0 hears all of them.
    most : int
        Most windows, however unsure the decision is; 0 is no limit.
    sure : float
        Confidence (0 to 1) that is enough; above 1, none is.
    """

    name: str
    first: int = 0
    most: int = 0
    sure: float = 2.0


FULL = Effort(name="full")

EFFORTS = {
    "full": FULL,
    "balanced": Effort(name="balanced", first=4, sure=0.88),
    "fast": Effort(name="fast", first=4, most=16, sure=0.70),
}
"""Efforts by name. `profiling/effort.py` measures what each is worth."""

ALMOST_ALL = 0.75
"""Beyond this share of the windows the rest is heard too: per window, reading a track from start
to end costs less than jumping."""

ROUND_SHARE = 16
"""A round is one window; later, one window for each so many windows heard before."""

MOST_WINDOWS = 100_000

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
_ONE = 1 << 64


def effort(name: str) -> Effort:
    """Return the effort of a name, or of a number of windows.

    Raises
    ------
    ValueError
        There is no such effort.
    """
    if name in EFFORTS:
        return EFFORTS[name]
    if name.isascii() and name.isdigit() and 0 < int(name[:9]) <= MOST_WINDOWS:
        count = int(name)
        return Effort(name=str(count), first=count, most=count)
    raise ValueError(
        f"{name!r} is not an effort: {', '.join(EFFORTS)}, or a number of windows from 1 to "
        f"{MOST_WINDOWS}"
    )


def order(n_windows: int) -> Iterator[int]:
    """Yield all numbers below `n_windows` once, so that they are spread evenly at any time.

    The fractional parts of 1/2 + k/φ (a Kronecker sequence: by the three-gap theorem the
    gaps between its first k points have at most three lengths), in whole numbers.
    """
    seen: set[int] = set()
    point = _ONE // 2
    while len(seen) < n_windows:
        number = point * n_windows >> 64
        if number not in seen:
            seen.add(number)
            yield number
        point = (point + _GOLDEN) % _ONE


def rounds(n_windows: int, wanted: Effort) -> Iterator[int]:
    """Yield the number of windows to have heard after each round, up to all of them.

    It is one more each time, later a sixteenth more: a check takes a twentieth of a window's
    time at first, and more with more windows. The caller stops when a round is enough.
    """
    limit = n_windows if not wanted.most else min(wanted.most, n_windows)
    count = wanted.first or n_windows
    while True:
        if count > ALMOST_ALL * n_windows:
            count = n_windows
        if count >= limit and limit < ALMOST_ALL * n_windows:
            count = limit
        yield count
        if count >= limit:
            return
        count += max(1, count // ROUND_SHARE)


def suffices(wanted: str, *, name: str, windows: int, of_windows: int) -> bool:
    """Tell whether the windows heard with one effort are enough for another.

    Parameters
    ----------
    wanted : str
        The name of the requested effort.
    name : str
        The effort with which the track was heard.
    windows, of_windows : int
        Number of windows heard, and of all windows.
    """
    if name == "full" or windows >= of_windows:
        return True
    if wanted.isdigit():
        return windows >= int(wanted)
    return name in {"fast": ("fast", "balanced"), "balanced": ("balanced",)}.get(wanted, ())


def enough(wanted: str | None, heard: Heard) -> bool:
    """Tell whether at least as much of a file was heard as a run would hear.

    Parameters
    ----------
    wanted : str or None
        The name of the run's effort; None if it hears nothing.
    heard : Heard
        What one model heard.
    """
    return wanted is None or suffices(
        wanted, name=heard.effort, windows=heard.windows, of_windows=heard.of_windows
    )
