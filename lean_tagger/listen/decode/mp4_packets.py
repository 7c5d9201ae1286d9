"""Find the packets of an MP4 by its own tables, which are read as needed.

FFmpeg reads these tables completely when it opens a file, and keeps 8 MiB for an hour of music.
Read piece by piece they take no memory. So FFmpeg only sees the first few entries (`cuts`), which
is enough to set up the decoder, and the packets come from here.

Source: ISO/IEC 14496-12, sections 8.6 (time) and 8.7 (layout); all numbers are big-endian.
Anything unusual (fragments, several edits, raw samples) is left to FFmpeg.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from lean_tagger.listen.decode.masked_file import Mask
from lean_tagger.system.containers import mp4
from lean_tagger.system.urls import Source, read_at

SHOWN_SAMPLES = 64
"""Number of packets that FFmpeg sees: about a second, which is enough to set up."""

LARGE_ITEM_BYTES = 1 << 16
"""Larger metadata items and all covers are hidden from FFmpeg."""

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"meta", b"ilst"}
_MOST_ATOMS = 10_000
_SLICE_ENTRIES = 4096
_UNIT_RATE = 0x00010000


class Sample(NamedTuple):
    """One packet: its position, and its time in the track's own ticks."""

    offset: int
    size: int
    start_ticks: int
    duration_ticks: int


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A table of fixed-size entries in the file.

    Attributes
    ----------
    fd : int
        The file; the caller's.
    offset : int
        Offset of the first entry.
    count : int
        Number of entries, at most what fits into the atom.
    layout : str
        Format of an entry for `struct`.
    count_offset : int
        Offset of the count.
    """

    fd: int | Source
    offset: int
    count: int
    layout: str
    count_offset: int

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield the entries; a few thousand are in memory at a time."""
        entry = struct.Struct(self.layout)
        for first in range(0, self.count, _SLICE_ENTRIES):
            size = min(_SLICE_ENTRIES, self.count - first) * entry.size
            data = read_at(self.fd, size, self.offset + first * entry.size)
            yield from entry.iter_unpack(data[: len(data) // entry.size * entry.size])

    def cut(self, count: int) -> Mask:
        """Return the patch that shows fewer entries."""
        return Mask(self.count_offset, struct.pack(">I", min(count, self.count)))


@dataclass(slots=True)
class Mp4Track:
    """Contents of the atoms of one track.

    Attributes
    ----------
    handler : bytes
        ``soun`` for audio.
    timescale : int
        Ticks per second.
    edits : tuple
        Entries of its edit list: duration (in ticks of the movie), start (in its own), rate.
    tables : dict
        `SampleTable` by the atom's name; ``co64`` is under ``stco``.
    """

    handler: bytes = b""
    timescale: int = 0
    edits: tuple[tuple[int, int, int], ...] = ()
    tables: dict[bytes, SampleTable] = field(default_factory=dict)
    movie_timescale: int = 0

    def plain(self) -> bool:
        """Tell whether `samples` gives exactly the packets that FFmpeg would."""
        starts = [start for _, start, _ in self.edits]
        return (
            self.timescale > 0
            and {b"stts", b"stsc", b"stsz", b"stco"} <= set(self.tables)
            and not {b"ctts", b"several", b"raw"} & set(self.tables)
            and all(rate == _UNIT_RATE for _, _, rate in self.edits)
            and (not starts or (starts[-1] >= 0 and starts[:-1] in ([], [-1])))
        )

    def cuts(self) -> list[Mask]:
        """Return patches that let FFmpeg see only the start of the tables."""
        chunks = samples = 0
        for _, count in self._chunks():
            chunks, samples = chunks + 1, samples + count
            if samples >= SHOWN_SAMPLES:
                break
        patches = []
        if chunks == 1 and samples > SHOWN_SAMPLES:
            # Everything in one chunk, as FFmpeg itself writes a minute of music: show less of it.
            samples = SHOWN_SAMPLES
            patches.append(Mask(self.tables[b"stsc"].offset + 4, struct.pack(">I", samples)))
        # FFmpeg refuses a run of chunks that begins after the last chunk.
        runs = sum(first <= chunks for first, _, _ in islice(self.tables[b"stsc"], chunks))
        shown = {b"stsz": samples, b"stco": chunks, b"stsc": runs}
        return patches + [t.cut(shown.get(name, samples)) for name, t in self.tables.items()]

    def samples(self) -> Iterator[Sample]:
        """Yield the packets in order, those before the edit's start with negative times."""
        start_ticks = -self.edits[-1][1] if self.edits else 0
        end_ticks = self.edit_seconds() * self.timescale
        sizes, durations = iter(self.tables[b"stsz"]), self._durations()
        for offset, count in self._chunks():
            position = offset
            for (size,), duration_ticks in zip(sizes, durations, strict=False):
                if start_ticks >= end_ticks:
                    return
                yield Sample(position, size, start_ticks, duration_ticks)
                start_ticks += duration_ticks
                position += size
                count -= 1  # noqa: PLW2901 - counts down what is left in this chunk
                if not count:
                    break

    def edit_seconds(self) -> float:
        """Return the length of the music by the edit list; decoded samples after it are padding."""
        if not self.edits or not self.edits[-1][0] or not self.movie_timescale:
            return math.inf
        return self.edits[-1][0] / self.movie_timescale

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """Yield the offset of each chunk, and its number of samples."""
        runs = iter(self.tables[b"stsc"])
        _, count, _ = next(runs, (1, 0, 0))
        following = next(runs, None)
        for number, (offset,) in enumerate(self.tables[b"stco"], 1):
            while following is not None and following[0] <= number:
                count, following = following[1], next(runs, None)
            if count:
                yield offset, count

    def _durations(self) -> Iterator[int]:
        last = 0
        for count, last in self.tables[b"stts"]:
            for _ in range(count):
                yield last
        while True:  # if the table is too short, repeat the last duration, as FFmpeg does
            yield last


def scan(fd: int | Source, size_bytes: int) -> tuple[Mp4Track | None, list[Mask]]:
    """Read the atoms of an MP4 file.

    Returns
    -------
    track : Mp4Track or None
        The only audio track, if its packets can be read here.
    patches : list of Mask
        They make FFmpeg skip covers, large items, and the tables that `track` reads.
    """
    movie = _Movie(fd)
    movie.walk(0, size_bytes, b"")
    audio = [track for track in movie.tracks if track.handler == b"soun"]
    if len(audio) != 1 or movie.fragmented or not audio[0].plain():
        return None, movie.patches
    audio[0].movie_timescale = movie.timescale
    cuts = [cut for track in movie.tracks if track.plain() for cut in track.cuts()]
    return audio[0], movie.patches + cuts


class _Movie:
    """The results of one walk over the atoms."""

    def __init__(self, fd: int | Source) -> None:
        self._fd = fd
        self._atoms = 0
        self.timescale = 0
        self.fragmented = False
        self.tracks: list[Mp4Track] = []
        self.patches: list[Mask] = []

    def walk(self, start: int, end: int, parent: bytes) -> None:
        """Visit the atoms in a span; stop at sizes that do not fit, as FFmpeg does."""
        position = start
        while position + 8 <= end and self._atoms < _MOST_ATOMS:
            self._atoms += 1
            head = mp4.parse(read_at(self._fd, mp4.LARGEST_HEAD_BYTES, position))
            if head is None:
                return
            size = head.size or end - position
            if size < head.head_bytes:
                return
            body = position + head.head_bytes
            self._visit(head.name, position, body, min(position + size, end), parent)
            position += size

    def _visit(self, name: bytes, start: int, body: int, end: int, parent: bytes) -> None:
        if parent == b"ilst":
            if name == b"covr" or end - start > LARGE_ITEM_BYTES:
                self.patches.append(Mask(start + 4, b"free"))
        elif name in _CONTAINERS:
            if name == b"trak":
                self.tracks.append(Mp4Track())
            if name == b"meta":
                body += mp4.full_bytes(read_at(self._fd, 8, body))
            self.walk(body, end, name)
        elif name in (b"moof", b"mvex"):
            self.fragmented = True
        elif name == b"mvhd":
            self.timescale = self._timescale(body)
        elif self.tracks:
            self._visit_track(self.tracks[-1], name, body, end)

    def _visit_track(self, track: Mp4Track, name: bytes, body: int, end: int) -> None:
        head = read_at(self._fd, 12, body)
        if len(head) < 12:
            return
        if name == b"mdhd":
            track.timescale = self._timescale(body)
        elif name == b"hdlr" and not track.handler:
            track.handler = head[8:12]
        elif name == b"elst":
            layout = ">QqI" if head[0] == 1 else ">IiI"
            entries = self._table(layout, body + 4, end)
            track.edits = (
                tuple((a, b, c) for a, b, c in entries) if entries.count <= 2 else ((0, -1, 0),)
            )
        elif name == b"stsd" and int.from_bytes(head[4:8], "big") != 1:
            track.tables[b"several"] = self._table(">I", body + 4, end)
        elif name == b"stsz":
            same = int.from_bytes(head[4:8], "big")
            # Samples of one size may be single PCM frames, which FFmpeg joins.
            track.tables[b"raw" if same else name] = self._table(">I", body + 8, end)
        elif name in _TABLES:
            as_name, layout = _TABLES[name]
            track.tables[as_name] = self._table(layout, body + 4, end)

    def _table(self, layout: str, count_offset: int, end: int) -> SampleTable:
        count = int.from_bytes(read_at(self._fd, 4, count_offset), "big")
        room = max(0, end - count_offset - 4) // struct.calcsize(layout)
        return SampleTable(self._fd, count_offset + 4, min(count, room), layout, count_offset)

    def _timescale(self, body: int) -> int:
        """Return ticks per second from a ``mvhd`` or ``mdhd``."""
        # Two times precede it, of 64 bits each in version 1.
        offset = body + (20 if read_at(self._fd, 1, body) == b"\1" else 12)
        return int.from_bytes(read_at(self._fd, 4, offset), "big")


_TABLES = {
    b"stts": (b"stts", ">II"),
    b"ctts": (b"ctts", ">Ii"),
    b"stsc": (b"stsc", ">III"),
    b"stco": (b"stco", ">I"),
    b"co64": (b"stco", ">Q"),
}
