"""How text looks on a terminal: made harmless, measured, cut and padded."""

import unicodedata

# Invisible, but scripts and emoji need them, and they do not move the cursor.
_JOINERS = "\u200c\u200d"


class OutputClosed(Exception):  # noqa: N818 - an event, not an error
    """Nobody reads standard output any more, as after ``| head``."""


def escape(text: str) -> str:
    r"""Return text that cannot control a terminal, on one line.

    Control and format characters (ESC, newline, bidirectional overrides) come out as in a
    Python string, and undecodable bytes of a file name (PEP 383) as ``\xNN``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape_one, text))


def _escape_one(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    category = unicodedata.category(character)
    if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def cells(text: str) -> int:
    """Return how many columns of a terminal the (escaped) text takes."""
    return len(text) if text.isascii() else sum(map(_cells_of_one, text))


def _cells_of_one(character: str) -> int:
    if character in _JOINERS or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, columns: int, *, mark: str = "…") -> str:
    """Cut the middle out if it does not fit; the end tells more and keeps two thirds."""
    if cells(text) <= columns:
        return text
    room = max(0, columns - cells(mark))
    head = beginning(text, room - room * 2 // 3)
    tail = beginning(text[::-1], room - cells(head))[::-1]
    return head + mark + tail


def beginning(text: str, columns: int) -> str:
    """Return the longest beginning of the text that takes no more columns."""
    used = 0
    for index, character in enumerate(text):
        used += _cells_of_one(character)
        if used > columns:
            return text[:index]
    return text


def pad(text: str, columns: int) -> str:
    """Return the text, padded with spaces to a width."""
    return text + " " * (columns - cells(text))


def duration(seconds: float) -> str:
    """Return a time span for people."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def columns() -> int:
    """Return the terminal's width."""
    import shutil  # late: it loads three libraries for archives, 1 MiB of the supervisor's 25

    return shutil.get_terminal_size().columns
