"""Read the variables of a TensorFlow checkpoint ("tensor bundle") without TensorFlow.

A checkpoint is two files. The *index* is a sorted string table in LevelDB's format: blocks of
prefix-compressed ``name -> BundleEntryProto`` pairs, a block of pointers to them, and a
48-byte footer. The *data* file is the tensors' bytes, end to end. What is read here is what
the published weights use: one data shard, little-endian, uncompressed blocks, float32.

Sources: LevelDB's ``doc/table_format.md``; TensorFlow's ``tensor_bundle.proto``,
``tensor_shape.proto`` and ``types.proto``; protocol buffers' "Encoding" page.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # after each block: one byte of compression type, four of checksum
_DT_FLOAT = 1


class CheckpointError(ValueError):
    """The two files are not a checkpoint, or one of a kind that is not read here."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where one tensor lies in the data file."""

    shape: tuple[int, ...]
    offset_bytes: int
    size_bytes: int
    crc32c: int


def read_checkpoint(index: bytes, data: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """Return the variables of a checkpoint, without its optimiser's.

    Parameters
    ----------
    index, data : bytes
        Content of the ``.index`` and of the one ``.data-00000-of-00001`` file.

    Returns
    -------
    dict of str to ndarray
        Variable name to float32 array: a read-only view into `data`.

    Raises
    ------
    CheckpointError
        A magic number, length, type or checksum is not what it should be.
    """
    variables: dict[str, npt.NDArray[np.float32]] = {}
    for name, value in _table(index):
        if not name or name.rsplit(b"/", 1)[-1] in {b"Adam", b"Adam_1"}:
            continue  # the bundle's header; the optimiser's two moments
        if (entry := _entry(name.decode(), value)) is None:
            continue
        stored = data[entry.offset_bytes : entry.offset_bytes + entry.size_bytes]
        if len(stored) != entry.size_bytes:
            raise CheckpointError(f"{name.decode()}: the data file ends before the tensor does")
        if _masked(_crc32c(stored)) != entry.crc32c:
            raise CheckpointError(f"{name.decode()}: checksum does not match")
        variables[name.decode()] = np.frombuffer(stored, "<f4").reshape(entry.shape)
    return variables


def _table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the pairs of a sorted string table, in order."""
    if len(table) < _FOOTER_BYTES or not table.endswith(_MAGIC):
        raise CheckpointError("the index does not end as a sorted string table does")
    # The footer: handle of the meta-index (unused), handle of the index block.
    _, _, offset, size = _varints(table[-_FOOTER_BYTES:], 4)
    for _, handle in _block(table, offset, size):
        yield from _block(table, *_varints(handle, 2))


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the pairs of one block; a key repeats the start of the one before it."""
    block = table[offset : offset + size + _TRAILER_BYTES]
    if len(block) != size + _TRAILER_BYTES:
        raise CheckpointError("the index is cut short")
    if block[size] != 0:
        raise CheckpointError("the index is compressed, which is not read here")
    if _masked(_crc32c(block[: size + 1])) != int.from_bytes(block[size + 1 :], "little"):
        raise CheckpointError("the index is damaged: a block's checksum does not match")
    # At the end: offsets of restart points, for binary search, and their number.
    end = size - 4 - 4 * int.from_bytes(block[size - 4 : size], "little")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length


def _entry(name: str, message: bytes) -> _Entry | None:
    """Decode a ``BundleEntryProto``; None for what is not float32 (a step counter)."""
    found: dict[int, int | bytes] = dict(_fields(message))
    if found.get(1) != _DT_FLOAT:
        return None
    shape_message = found.get(2, b"")
    if not isinstance(shape_message, bytes) or found.get(3, 0) != 0 or 7 in found:
        raise CheckpointError(f"{name}: sharded or sliced, which is not read here")
    # TensorShapeProto.dim is field 2, and Dim.size field 1 of it; zeros are not stored.
    shape = tuple(
        int(dict(_fields(dim)).get(1, 0))
        for number, dim in _fields(shape_message)
        if number == 2 and isinstance(dim, bytes)
    )
    entry = _Entry(shape, int(found.get(4, 0)), int(found.get(5, 0)), int(found.get(6, 0)))
    if entry.size_bytes != 4 * int(np.prod(shape, dtype=np.int64)):
        raise CheckpointError(f"{name}: {entry.size_bytes} bytes do not fit the shape {shape}")
    return entry


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of the fields of a protocol-buffer message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = _varint(message, at)
            yield number, value
        elif wire_type == 2:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        elif wire_type == 5:
            yield number, int.from_bytes(message[at : at + 4], "little")
            at += 4
        else:
            raise CheckpointError(f"a field has the unexpected wire type {wire_type}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the base-128 integer at `at`, and where it ends."""
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise CheckpointError("the index is cut short")


def _varints(data: bytes, count: int) -> list[int]:
    """Return the first `count` base-128 integers of `data`."""
    values, at = [], 0
    for _ in range(count):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _crc_table() -> list[int]:
    """Return the table of the Castagnoli checksum (RFC 3720, appendix B.4)."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC_TABLE = _crc_table()


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    """Rotate and shift a checksum, as LevelDB stores those of data with checksums in it."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
