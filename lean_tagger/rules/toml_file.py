"""Read a TOML file that a user has written, and say what is wrong with the file as a whole."""

import re
import tomllib

from lean_tagger.errors import ConfigError
from lean_tagger.rules.toml_lines import line_numbers
from lean_tagger.rules.toml_values import TableReader
from lean_tagger.system.files import open_regular

LARGEST_BYTES = 1 << 18
"""A tree of all two thousand genres of MusicBrainz takes a quarter of that."""

_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def text_of(path: str, what: str) -> str:
    """Return the text of a file.

    Parameters
    ----------
    path : str
        The file.
    what : str
        What it should hold, in the plural.

    Raises
    ------
    ConfigError
        It cannot be read, is too large, or is not UTF-8.
    """
    try:
        with open(open_regular(path), "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot read the {what} {path}: {reason}") from error
    if len(data) > LARGEST_BYTES:
        most = LARGEST_BYTES >> 10
        raise ConfigError(f"{path}:1: the file is larger than {most} KiB, too large to be {what}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: this is not UTF-8; save the file as UTF-8") from error


def reader_of(text: str, what: str, *, name: str) -> TableReader:
    """Return what takes values out of a text.

    Parameters
    ----------
    text : str
        The whole file.
    what : str
        As for `text_of`.
    name : str
        The file's name in complaints.

    Raises
    ------
    ConfigError
        It is not TOML; with the line.
    """
    text = text.replace("\r\n", "\n")
    try:
        return TableReader(tomllib.loads(text), line_numbers(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_not_toml(name, text, str(error))) from error
    except RecursionError as error:
        raise ConfigError(f"{name}:1: brackets are nested too deeply to be {what}") from error


def _not_toml(name: str, text: str, message: str) -> str:
    where = _AT_LINE.search(message)
    said = message[: where.start()] if where else message
    line = where[1] if where and where[1] else text.rstrip("\n").count("\n") + 1
    said = " ".join(said.split())
    return f"{name}:{line}: this is not TOML: {said[:1].lower()}{said[1:]}"
