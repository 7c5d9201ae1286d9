"""Read the file of labels that are vectors, without numpy.

The file is an ``.npz`` (a zip of arrays, as ``numpy.savez`` writes it) with

==========  ============  ======================================================
array       shape, type   what it is
==========  ============  ======================================================
``names``   (n,) text     what is written into a file
``vectors`` (n, dim) f4   the text network's vector of each
``scale``   () f4 or f8   factor from cosine to logit; may be in the card
``kinds``   (n,) text     the kind of each word, ``genre`` if missing
``bias``    () f4 or f8   added to the logit; only for networks that have one
==========  ============  ======================================================

The supervisor needs the names and must not load numpy, so this is a reader of our own. It accepts
only what is listed above, checks every declared size before it allocates memory, and reads no
pickle: a file from anywhere can be wrong, but does no harm.
"""

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, get_args

from lean_tagger.card.labels import Label, LabelKind
from lean_tagger.errors import ConfigError

if TYPE_CHECKING:
    import zipfile

MOST_WORDS = 2_048
MOST_LETTERS = 120
"""Length of one name: a tag, not a text."""
MOST_DIM = 8_192
MOST_NUMBERS = 1 << 22
"""Size of all vectors together: 16 MiB."""

_KINDS: dict[str, LabelKind] = {kind: kind for kind in get_args(LabelKind)}
_MOST_MEMBERS = 16
_MOST_BYTES = 32 << 20
_MOST_HEADER = 4_096
_END = struct.Struct("<4s4H2LH")  # the zip's end record, without a comment
_ZIP64_LOCATOR_BYTES = 20
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?[A-Za-z]\d{1,6})', 'fortran_order': (True|False), "
    r"'shape': \((|\d{1,9}, ?|\d{1,9}, \d{1,9})\), ?\} *\n?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList:
    """The contents of such a file.

    Attributes
    ----------
    labels : tuple of Label
        The words; each is shown as it is spelt.
    dim : int
        Numbers in a vector.
    scale : float or None
        Factor from cosine to logit, if the file has it.
    bias : float or None
        Added to the logit, if the file has it.
    vectors : bytes
        float32, little-endian, (n, dim); empty unless asked for. The values are not checked.
    """

    labels: tuple[Label, ...]
    dim: int
    scale: float | None
    bias: float | None
    vectors: bytes = b""


def read_words(path: Path, *, vectors: bool = False) -> WordList:
    """Read a file of words.

    Parameters
    ----------
    path : Path
        The ``.npz``.
    vectors : bool
        Read the vectors too.

    Raises
    ------
    ConfigError
        It cannot be read, does not have the contents listed above, or names a word twice.
    """
    import lzma  # late, as is zipfile: most cards need neither
    import zipfile
    import zlib

    if path.exists() and not path.is_file():  # a pipe would keep us waiting
        raise ConfigError(f"the words {path} are not a file")
    try:
        with path.open("rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                return _Arrays(archive, path).words(vectors=vectors)
    except OSError as error:
        raise ConfigError(f"cannot read the words {path}: {error.strerror or error}") from error
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError),
        *(EOFError, ValueError, struct.error, OverflowError),
    ) as error:
        raise ConfigError(f"{path} is not a file of words (.npz): {error}") from error


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a zip with a table of contents that alone would fill the memory."""
    size = file.seek(0, 2)
    if size > _MOST_BYTES:
        raise ValueError(f"it has {size} bytes")
    tail_bytes = min(size, _END.size + _ZIP64_LOCATOR_BYTES)
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    if len(tail) < _END.size:
        raise ValueError("it is too short")
    sign, *_, members, directory_bytes, _, comment = _END.unpack(tail[-_END.size :])
    if sign != b"PK\x05\x06" or comment or tail.startswith(b"PK\x06\x07"):
        raise ValueError("it does not end as numpy ends one")
    if members > _MOST_MEMBERS or directory_bytes > _MOST_MEMBERS * 1_024:
        raise ValueError(f"it holds {members} arrays")


class _Arrays:
    """The arrays of one file, read one by one within limits."""

    def __init__(self, archive: "zipfile.ZipFile", path: Path) -> None:
        self._archive, self._path = archive, path
        self._members = set(archive.namelist())

    def words(self, *, vectors: bool) -> WordList:
        names = self._text("names", most_letters=MOST_LETTERS)
        if not 0 < len(names) <= MOST_WORDS:
            self._refuse(f"it has {len(names)} words; from 1 to {MOST_WORDS} can be used")
        kinds = ("genre",) * len(names)
        if "kinds.npy" in self._members:
            kinds = self._text("kinds", most_letters=16)
        if len(kinds) != len(names):
            self._refuse(f"it has {len(names)} names and {len(kinds)} kinds")
        found: dict[str, Label] = {}
        for name, kind in zip(names, kinds, strict=True):
            if not name.strip() or not name.isprintable():
                self._refuse(f"the name {name!r} cannot be written into a tag")
            if name.casefold() in found:
                self._refuse(f"the word {name!r} is in it twice")
            if kind not in _KINDS:
                self._refuse(f"{kind!r} is not one of {', '.join(_KINDS)}")
            found[name.casefold()] = Label(name, _KINDS[kind], name)
        dim, data = self._vectors(len(names), wanted=vectors)
        return WordList(
            labels=tuple(found.values()),
            dim=dim,
            scale=self._number("scale"),
            bias=self._number("bias"),
            vectors=data,
        )

    def _vectors(self, count: int, *, wanted: bool) -> tuple[int, bytes]:
        with self._open("vectors", most_bytes=_MOST_HEADER + 4 * MOST_NUMBERS) as member:
            kind, shape = self._header("vectors", member)
            if kind != "<f4" or len(shape) != 2 or shape[0] != count or not shape[1]:
                self._refuse(
                    f"'vectors' must be {count} rows of float32, and is {shape} of {kind!r}"
                )
            if shape[1] > MOST_DIM or shape[0] * shape[1] > MOST_NUMBERS:
                self._refuse(f"its vectors of {shape[1]} numbers are too long")
            data = self._exactly(member, 4 * shape[0] * shape[1]) if wanted else b""
        return shape[1], data

    def _text(self, name: str, *, most_letters: int) -> tuple[str, ...]:
        with self._open(name, most_bytes=_MOST_HEADER + 4 * MOST_WORDS * most_letters) as member:
            kind, shape = self._header(name, member)
            letters = int(kind[2:])
            if kind[:2] not in {"<U", ">U"} or len(shape) != 1:
                self._refuse(f"{name!r} must be a list of texts, and is {shape} of {kind!r}")
            if not 0 < letters <= most_letters or shape[0] > MOST_WORDS:
                self._refuse(f"{name!r} are too many or too long")
            data = self._exactly(member, 4 * letters * shape[0])
        coding = "utf-32-le" if kind[0] == "<" else "utf-32-be"
        cut = range(0, len(data), 4 * letters)
        return tuple(data[at : at + 4 * letters].decode(coding).rstrip("\0") for at in cut)

    def _number(self, name: str) -> float | None:
        if f"{name}.npy" not in self._members:
            return None
        with self._open(name, most_bytes=_MOST_HEADER) as member:
            kind, shape = self._header(name, member)
            if kind not in {"<f4", "<f8"} or shape != ():
                self._refuse(f"{name!r} must be one float32, and is {shape} of {kind!r}")
            data = self._exactly(member, int(kind[2:]))
        (number,) = struct.unpack("<f" if kind == "<f4" else "<d", data)
        if not math.isfinite(number) or (name == "scale" and not number > 0):
            self._refuse(f"{name!r} is {number:g}")
        return float(number)

    def _open(self, name: str, *, most_bytes: int) -> IO[bytes]:
        import zipfile

        if f"{name}.npy" not in self._members:
            self._refuse(f"it has no array {name!r}")
        info = self._archive.getinfo(f"{name}.npy")
        # For other methods, the file itself chooses how much memory they need.
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            self._refuse("it is packed in a way that numpy does not use")
        if info.file_size > most_bytes:
            self._refuse(f"its array {name!r} of {info.file_size} bytes is too large")
        return self._archive.open(info)

    def _header(self, name: str, member: IO[bytes]) -> tuple[str, tuple[int, ...]]:
        """Return type and shape; see numpy's NEP 1 for the format."""
        begin = self._exactly(member, 8)
        if begin[:6] != b"\x93NUMPY" or begin[6] not in {1, 2, 3}:
            self._refuse(f"{name!r} is not an array of numpy")
        length_format = "<H" if begin[6] == 1 else "<L"
        size = struct.calcsize(length_format)
        (length,) = struct.unpack(length_format, self._exactly(member, size))
        if length > _MOST_HEADER - 12:
            self._refuse(f"{name!r} has a header of {length} bytes")
        text = self._exactly(member, length).decode("latin-1")
        match = _HEADER.fullmatch(text)
        if match is None:
            self._refuse(f"{name!r} is of a type that cannot be used")
        if match[2] == "True":
            self._refuse(f"{name!r} is stored column by column; save numpy.ascontiguousarray of it")
        return match[1], tuple(int(part) for part in match[3].split(",") if part.strip())

    def _exactly(self, member: IO[bytes], count: int) -> bytes:
        data = member.read(count)
        if len(data) != count:
            self._refuse("one of its arrays ends early")
        return data

    def _refuse(self, why: str) -> NoReturn:
        raise ConfigError(f"the words {self._path} cannot be used: {why}")
