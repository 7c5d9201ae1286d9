"""Accept only regular expressions that are fast.

Python's `re` backtracks, and with a dozen characters an expression can make it do so for years.
Repetitions are what costs time. `refusal` allows only so many that the short names of labels are
matched in milliseconds.
"""

import re
import warnings

LONGEST_PATTERN = 200

LONGEST_NAME = 64
"""Longer names match no expression. The longest known label of any model has 24 characters."""

_MOST_OPEN = 3
"""Unlimited repetitions, as in ``.*``: 3 of them over 64 characters have at most 48,000 ways."""

_MOST_WAYS = 256
"""Choices and optional parts, multiplied. With the limit above this takes a tenth of a second."""

_VERBOSE = re.compile(r"\(\?[a-zA-Z]*x")

_TOKEN = re.compile(
    r"""
    (?P<escape>\\.)                                       # \d, \(, \1
  | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])                   # [a-z], []a]
  | (?P<comment>\(\?\#[^)]*\))
  | (?P<open>\((?:\?(?:P<\w+>|[:=!>]|<[=!]|[a-zA-Z-]*:))?)
  | (?P<close>\))
  | (?P<repeat>(?:[*+?]|\{(?:\d+,?|\d*,)\d*\})[?+]?)
  | (?P<either>\|)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def refusal(pattern: str) -> str | None:
    """Return why an expression is not accepted, in words; None if it is.

    Parameters
    ----------
    pattern : str
        As the user wrote it.
    """
    if len(pattern) > LONGEST_PATTERN:
        return f"the expression is longer than {LONGEST_PATTERN} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return f"this is not a regular expression: {error}"
    except Warning as warning:
        return f"this will mean something else in later versions of Python: {warning}"
    return _too_costly(pattern)


def _too_costly(pattern: str) -> str | None:
    """Count repetitions and choices in a valid expression."""
    if _VERBOSE.search(pattern):
        return "the flag x is not accepted in an expression"
    # For each open group: does it repeat or choose, and among how many?
    varied, branches = [False], [1]
    closed = False
    ways, open_ended = 1, 0
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "open":
            varied.append(False)
            branches.append(1)
        elif kind == "close":
            closed = varied.pop()
            varied[-1] |= closed
            ways *= branches.pop()
        elif kind == "either":
            varied[-1] = True
            branches[-1] += 1
        elif kind == "repeat":
            least, most = _times(token[0])
            if closed and (least, most) != (0, 1):
                return "a repeated group must not repeat or choose inside: it could take for ever"
            ways *= 2 if most == least + 1 else 1
            open_ended += most is None or most > least + 1
            varied[-1] |= most != least
        if kind != "close":
            closed = False
    return _too_many(open_ended, ways * branches[0])


def _too_many(open_ended: int, ways: int) -> str | None:
    """Judge the number of unlimited repetitions, and the product of the choices."""
    if open_ended > _MOST_OPEN:
        return f"more than {_MOST_OPEN} parts that repeat could take for ever"
    if ways > _MOST_WAYS:
        return "so many choices could take for ever"
    return None


def _times(repeat: str) -> tuple[int, int | None]:
    """Return the least and the most times; None is any number."""
    if repeat[0] in "*+":
        return 0, None
    if repeat[0] == "?":
        return 0, 1
    least, comma, most = repeat[1 : repeat.index("}")].partition(",")
    low = int(least or 0)
    return low, (int(most) if most else None) if comma else low
