"""Pack the data for the page's script: columns as JSON, numbers in Base64."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from lean_tagger.library.markup import packed, plain
from lean_tagger.library.page.gather import Gathered

_AS_THEY_ARE = (
    "names",
    "titles",
    "years",
    "folders",
    "artists",
    "albums",
    "statuses",
    "reasons",
    "seconds",
)
"""Columns of `gather.Rows`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Results computed from embeddings and scores, a row for each track.

    Attributes
    ----------
    rows : dict of str to int
        The row of each track, by the digest of its audio.
    axes : int
        Numbers in a vector.
    vectors : bytes
        int8, `axes` for each track.
    places : bytes
        Two little-endian uint16 for each track: x and y, 0 to 65,535.
    labels : tuple of str
        Of the first model.
    heard : bytes
        The strongest labels of each track, three bytes each: the number of the label as a
        little-endian uint16, and its score in percent.
    sounds : list of int
        The number of the strongest genre label; -1 if there is none.
    """

    rows: dict[str, int]
    axes: int = 0
    vectors: bytes = b""
    places: bytes = b""
    labels: tuple[str, ...] = ()
    heard: bytes = b""
    sounds: tuple[int, ...] = ()


def script_data(found: Gathered, sound: Sound) -> Iterator[str]:
    """Yield the script's data, as JSON that is safe in HTML, a column at a time.

    Lists have an entry for each file. Numbers there are indices in `texts` or `labels`, or, for
    ``sound``, rows of the columns after it (-1: none). In ``before``, 0 means the same as in
    ``genres``, and -1 nothing.
    """
    for number, (name, column) in enumerate(_columns(found, sound)):
        yield f'{"," if number else "{"}"{name}":{packed(column)}'
    yield "}"


def _columns(found: Gathered, sound: Sound) -> Iterator[tuple[str, object]]:
    rows = found.rows
    for name in _AS_THEY_ARE:
        yield name, getattr(rows, name)
    yield "genres", [_one_or_many(it) for it in rows.genres]
    yield (
        "before",
        [
            0 if it == now else _one_or_many(it) or -1
            for it, now in zip(rows.before, rows.genres, strict=True)
        ],
    )
    yield "sound", [sound.rows.get(digest, -1) for digest in rows.digests]
    yield "texts", {name: it.texts() for name, it in rows.texts.items()}
    yield "axes", sound.axes
    yield "vectors", _base64(sound.vectors)
    yield "places", _base64(sound.places)
    yield "labels", [plain(label) for label in sound.labels]
    yield "heard", _base64(sound.heard)
    yield "sounds", list(sound.sounds)


def _one_or_many(numbers: list[int]) -> int | list[int]:
    """Return the shorter form: 0 for none, a number for one."""
    return numbers if len(numbers) > 1 else numbers[0] if numbers else 0


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
