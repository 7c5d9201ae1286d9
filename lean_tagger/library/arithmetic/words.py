"""Compute every file's share of a query's words, in one pass over scores and files.

A word stands for a file where its texts contain it, or where a label that it means is strong. To
look that up file by file would take a minute for a million: a score lies somewhere else for each.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from lean_tagger.jobs import SCORE_STEPS
from lean_tagger.library.query import Query
from lean_tagger.library.query_sql import Condition
from lean_tagger.library.query_tests import folded, texts_of
from lean_tagger.library.vocabulary import STRONG_SHARE, Label, Scale, meant_by, scale_of
from lean_tagger.store.features import Features
from lean_tagger.store.tracks import Tracks

Shares = npt.NDArray[np.float32]

_TOGETHER = 2000
"""Rows in a block: about 1 MB."""


def condition(
    query: Query, features: Features, tracks: Tracks, labels: Sequence[Label] = ()
) -> Condition:
    """Return the condition of a query, with its words looked up."""
    return Condition(
        query, features, tracks, labels, shares=shares_of(query.words, features, tracks, labels)
    )


def shares_of(
    words: Sequence[str], features: Features, tracks: Tracks, labels: Sequence[Label]
) -> dict[str, memoryview]:
    """Return every file's share of each word.

    Returns
    -------
    dict of str to (n,) float32
        By the row of a file: 0 for nothing; by its texts all, 1; by scores a share of the highest
        in the library, of the strongest of the labels that the word means.
    """
    scales = scales_of(features, [meant_by(word, labels) for word in words])
    ((last,),) = tracks.database.rows("SELECT coalesce(max(rowid), 0) FROM files")
    audio = np.zeros(last + 1, np.int64)
    said = np.zeros((len(words), last + 1), bool)
    wanted = [folded(word) for word in words]
    for block in _files(tracks, last):
        rows = [row for row, _, _ in block]
        audio[rows] = _hashed([digest for _, digest, _ in block])
        for number, word in enumerate(wanted):
            said[number, rows] = [word in text for _, _, text in block]
    found = _heard(features, scales, audio)
    np.maximum(found, said, out=found)  # a match in a text is a share of 1
    return {word: memoryview(row) for word, row in zip(words, found, strict=True)}


def _files(tracks: Tracks, last: int) -> Iterator[list[tuple[int, str | None, str]]]:
    """Yield row, audio, and all texts of files, folded for comparison, in blocks."""
    rows = tracks.database.rows(
        "SELECT rowid, digest, path, fields, artist, albumartist, album, title FROM files "
        "WHERE rowid <= ?",
        (last,),
    )
    while block := list(islice(rows, _TOGETHER)):
        yield [(row, digest, folded("\0".join(texts_of(*texts)))) for row, digest, *texts in block]


def scales_of(features: Features, words: Sequence[Sequence[Label]]) -> list[dict[Label, Scale]]:
    """Return the scales of the labels that some words mean, in this library.

    They come from an even sample of the journal; labels without a track on record are left out.
    """
    found: list[dict[Label, Scale]] = [{} for _ in words]
    for key in {label.key for labels in words for label in labels}:
        scores = [scores for block in features.sample(key) for _, scores in block]
        lengths = np.array([len(it) // 2 for it in scores], int)
        values = _matrix(scores, max((lengths.max(), 1)) if len(lengths) else 1)
        for labels, scales in zip(words, found, strict=True):
            for label in labels:
                numbers = values[lengths > label.index, min(label.index, values.shape[1] - 1)]
                if label.key == key and len(numbers):
                    share = STRONG_SHARE / len(labels)
                    scales[label] = scale_of(label, np.sort(numbers).tolist(), share=share)
    return found


def _heard(
    features: Features, words: Sequence[Mapping[Label, Scale]], audio: npt.NDArray[np.int64]
) -> Shares:
    """Return the strength of each word's labels in every file: (words, files) float32.

    Parameters
    ----------
    audio : (files,) int64
        Their digests, as `_hashed` has them. As texts a million would not fit.
    """
    known, places = np.unique(audio, return_inverse=True)
    shares = np.zeros((len(words), len(known)), np.float32)
    keys = {features.key_id(label.key) or 0: label.key for of in words for label in of}
    for key_id, digests, scores in _scores(features, sorted(keys)):
        own = [
            {label.index: scale for label, scale in of.items() if label.key == keys[key_id]}
            for of in words
        ]
        hashes = _hashed(digests)
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        there = known[at] == hashes
        at = at[there]
        shares[:, at] = np.maximum(shares[:, at], _strengths(scores, own)[:, there])
    return shares[:, places]


def _scores(
    features: Features, keys: Sequence[int]
) -> Iterator[tuple[int, list[str], list[bytes]]]:
    """Yield some models' scores in the order of the journal's file, key by key."""
    if not keys:
        return
    marks = ",".join("?" * len(keys))
    rows = features.database.rows(
        f"SELECT key, digest, uint16 FROM scores NOT INDEXED WHERE key IN ({marks})",  # noqa: S608 - marks of ours
        keys,
    )
    while block := list(islice(rows, _TOGETHER)):
        for key in keys:
            own = [row for row in block if row[0] == key]
            if own:
                yield key, [digest for _, digest, _ in own], [scores for _, _, scores in own]


def _strengths(scores: Sequence[bytes], words: Sequence[Mapping[int, Scale]]) -> Shares:
    """Return the strength of each word's strongest label in some tracks, as a share of the highest.

    Parameters
    ----------
    scores : sequence of bytes
        As `jobs.to_uint16` packs them.
    words : sequence of (mapping of int to Scale)
        By the indices of their labels.

    Returns
    -------
    (words, n) float32
        0 where none is strong.
    """
    found = np.zeros((len(words), len(scores)), np.float32)
    count = max((index + 1 for of in words for index in of), default=0)
    values = _matrix(scores, count)
    for row, of in zip(found, words, strict=True):
        for index, scale in of.items():
            score = values[:, index] / SCORE_STEPS
            share = np.where(score >= scale.strong, score / scale.highest, 0)
            np.maximum(row, share.astype(np.float32), out=row)
    return found


def _matrix(scores: Sequence[bytes], count: int) -> npt.NDArray[np.uint16]:
    """Return the first scores of each track, (n, count); 0 for missing ones."""
    size = 2 * count
    data = b"".join(it[:size].ljust(size, b"\0") for it in scores)
    return np.frombuffer(data, "<u2").reshape(len(scores), count)


def _hashed(digests: Sequence[str | None]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, digests), np.int64, len(digests))
