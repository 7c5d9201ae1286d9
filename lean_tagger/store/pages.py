"""Read the rows of a damaged SQLite file page by page, without SQLite.

The trees that lead to a row may be broken, so every page that holds rows is read on its own. See
"Database File Format" of SQLite (fileformat2.html), sections 1.3 to 2.1.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

Value = None | int | float | str | bytes

_USUAL_PAGE_BYTES = 4096
_HEAD_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS: dict[int, int | None] = {0: None, 8: 0, 9: 1}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, or one entry of an index.

    Attributes
    ----------
    rowid : int or None
        None in an index.
    values : tuple
        As stored: a whole number may mean a float, and None the rowid.
    """

    rowid: int | None
    values: tuple[Value, ...]

    @property
    def shape(self) -> str:
        """The types of its values, one letter each: b(ytes), f(loat), i(nt), n(one), t(ext)."""
        return "".join(_LETTERS[type(value)] for value in self.values)


_LETTERS = {bytes: "b", float: "f", int: "i", type(None): "n", str: "t"}


class Pages:
    """The pages of an SQLite file.

    Parameters
    ----------
    file : file
        Open for reading; one page is in memory at a time.

    Attributes
    ----------
    version : int
        The ``user_version``; 0 if the first page is damaged.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = os.pread(file.fileno(), _HEAD_BYTES, 0)
        self._whole_head = head.startswith(_MAGIC) and len(head) == _HEAD_BYTES
        bytes_, reserved = _USUAL_PAGE_BYTES, 0
        if self._whole_head:
            (bytes_,) = struct.unpack_from(">H", head, 16)
            bytes_ = 65536 if bytes_ == 1 else bytes_
            if bytes_ < 512 or bytes_ & (bytes_ - 1):
                bytes_ = _USUAL_PAGE_BYTES
            reserved = head[20]
        self.version = int.from_bytes(head[60:64], "big") if self._whole_head else 0
        self._page_bytes, self._usable_bytes = bytes_, bytes_ - reserved
        self._count = os.fstat(file.fileno()).st_size // bytes_
        self._free = self._free_pages(int.from_bytes(head[32:36], "big"))

    def rows(self) -> Iterator[Row]:
        """Yield every row that can be read, in any order."""
        for number in range(1, self._count + 1):
            if self._free[number]:
                continue  # its rows were deleted
            page = self._page(number)
            start = _HEAD_BYTES if number == 1 else 0
            if page[start] not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
                continue
            kind = page[start]
            head_bytes = 12 if kind == _INDEX_INTERIOR else 8
            (cells,) = struct.unpack_from(">H", page, start + 3)
            most = (self._page_bytes - start - head_bytes) // 2
            for at in struct.unpack_from(f">{min(cells, most)}H", page, start + head_bytes):
                row = self._row(page, at, kind)
                if row is not None:
                    yield row

    def _page(self, number: int) -> bytes:
        return os.pread(self._file.fileno(), self._page_bytes, (number - 1) * self._page_bytes)

    def _free_pages(self, trunk: int) -> bytearray:
        """Return a flag for each page: whether it is free."""
        free = bytearray(self._count + 1)
        while self._whole_head and 0 < trunk <= self._count and not free[trunk]:
            free[trunk] = 1
            page = self._page(trunk)
            trunk, leaves = struct.unpack_from(">II", page)
            for number in struct.unpack_from(f">{min(leaves, len(page) // 4 - 2)}I", page, 8):
                if 0 < number <= self._count:
                    free[number] = 1
        return free

    def _row(self, page: bytes, at: int, kind: int) -> Row | None:
        """Return the row in a cell; None if it is not a row."""
        try:
            if kind == _INDEX_INTERIOR:
                at += 4  # the page of smaller keys
            size, at = _varint(page, at)
            rowid = None
            if kind == _TABLE_LEAF:
                rowid, at = _varint(page, at)
            return Row(rowid, _values(self._payload(page, at, size, kind)))
        except (IndexError, ValueError, struct.error):  # UnicodeDecodeError is a ValueError
            return None

    def _payload(self, page: bytes, at: int, size: int, kind: int) -> bytes:
        """Return the bytes of a row; long rows continue in other pages."""
        usable = self._usable_bytes
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return page[at : at + size]
        least = (usable - 12) * 32 // 255 - 23
        here = least + (size - least) % (usable - 4)
        here = here if here <= most else least
        if size > self._count * usable:
            raise ValueError("larger than the file")
        parts = [page[at : at + here]]
        (following,) = struct.unpack_from(">I", page, at + here)
        left = size - here
        while left > 0:
            more = self._page(following) if following else b""
            (following,) = struct.unpack_from(">I", more)
            parts.append(more[4:usable][:left])
            left -= len(parts[-1])
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends."""
    number = 0
    for length in range(8):
        byte = data[at + length]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + length + 1
    number = number << 8 | data[at + 8]
    return (number - (1 << 64) if number >> 63 else number), at + 9


def _values(payload: bytes) -> tuple[Value, ...]:
    """Return the values in the bytes of a row.

    Raises
    ------
    ValueError, IndexError, struct.error
        They are not a row.
    """
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise ValueError("the row has another length than its header says")
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    """Return one value, and where it ends."""
    if kind >= 12:
        size = (kind - 12) // 2
        data = payload[at : at + size]
        return (data.decode() if kind % 2 else data), at + size
    if kind in _INTEGER_BYTES:
        size = _INTEGER_BYTES[kind]
        return int.from_bytes(payload[at : at + size], "big", signed=True), at + size
    if kind == 7:
        return struct.unpack_from(">d", payload, at)[0], at + 8
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    raise ValueError("unknown type")
