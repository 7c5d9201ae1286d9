"""The Vorbis comment block as raw bytes, in any container.

https://xiph.org/vorbis/doc/v-comment.html. Other comments, the vendor string and the data
after the comments (framing bit, Opus' binary suffix) keep their bytes and order.
"""

from collections.abc import Iterator, Mapping, Sequence

from lean_tagger.fields import FIELDS, field_of
from lean_tagger.write.formats import mutagen_check
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.source import Piece, Source

_BLOCK_BYTES = 1 << 16
# Music has dozens. Each takes a hundred bytes here, but an empty one only four in the file.
_MOST_COMMENTS = 10_000


class Comments:
    """A parsed comment block.

    Parameters
    ----------
    source : Source
        The file, for its name in errors.
    data : memoryview
        The block without the codec's prefix. It is kept, and its comments are views of it: a
        cover in base64 may have many megabytes.
    """

    def __init__(self, source: Source, data: memoryview) -> None:
        self._source = source
        vendor, position = self._string(data, 0)
        self.vendor = vendor
        count = int.from_bytes(data[position : position + 4], "little")
        if position + 4 > len(data) or count > len(data) // 4:
            raise self._damaged()
        if count > _MOST_COMMENTS:
            raise source.refuse("it has too many comments; nothing was written")
        position += 4
        self._entries: list[memoryview] = []
        for _ in range(count):
            entry, position = self._string(data, position)
            self._entries.append(entry)
        self.suffix = data[position:]
        self._fields = [_field_of(entry) for entry in self._entries]

    def _string(self, data: memoryview, position: int) -> tuple[memoryview, int]:
        end = position + 4 + int.from_bytes(data[position : position + 4], "little")
        if position + 4 > len(data) or end > len(data):
            raise self._damaged()
        return data[position + 4 : end], end

    def _damaged(self) -> Exception:
        return self._source.refuse("its Vorbis comment is damaged: the sizes do not add up")

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields."""
        found: dict[str, list[str]] = {}
        for entry, field in zip(self._entries, self._fields, strict=True):
            if field is not None:
                value = _decoded(bytes(entry).split(b"=", 1)[1])
                if value.strip() and value not in found.setdefault(field, []):
                    found[field].append(value)
        return {field: tuple(values) for field, values in found.items() if values}

    def __len__(self) -> int:
        return len(self._entries)

    def inherited(self, comments: Sequence[tuple[str, str]]) -> list[bytes | memoryview]:
        """Return names and values as comments.

        Raises
        ------
        WriteError
            If a name is not valid in a comment.
        """
        for name, _ in comments:
            if not name or any(not " " <= letter <= "}" or letter == "=" for letter in name):
                raise self._source.refuse(f"a comment cannot hold {name!r}, which it would hide")
        return [f"{name}={value}".encode() for name, value in comments]

    def emptied(self) -> list[bytes | memoryview]:
        """Return the block without comments."""
        return [*_sized(self.vendor, []), self.suffix]

    def rendered(
        self, changes: Mapping[str, Sequence[str]], inherited: Sequence[tuple[str, str]] = ()
    ) -> list[bytes | memoryview]:
        """Return the block, in parts, with new values of our fields in their old places.

        Parameters
        ----------
        changes : Mapping[str, Sequence[str]]
            Values per field.
        inherited : Sequence[tuple[str, str]]
            Names and values of comments that come first.
        """
        entries: list[bytes | memoryview] = [*self.inherited(inherited)]
        waiting = dict(changes)
        for entry, field in zip(self._entries, self._fields, strict=True):
            if field is None or field not in changes:
                entries.append(entry)
            else:
                values = waiting.pop(field, ())
                entries += items_for(values, self._usual(entry, values))
        for field, values in waiting.items():
            usual = (f"{FIELDS[field].vorbis}={value}".encode() for value in values)
            entries += items_for(values, usual)
        return [*_sized(self.vendor, entries), self.suffix]

    @staticmethod
    def _usual(entry: memoryview, values: Sequence[str]) -> list[bytes]:
        """Return comments with values that replace one, in the same case of letters."""
        key = bytes(entry).split(b"=", 1)[0]
        return [key + b"=" + value.encode("utf-8") for value in values]

    def exact(self, field: str) -> tuple[str, ...]:
        """Return a field's comments, if its values do not determine them."""
        if field not in self._fields:
            return ()
        mine = [it for it, of in zip(self._entries, self._fields, strict=True) if of == field]
        return told(map(bytes, mine), self._usual(mine[0], self.values().get(field, ())))

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        yield "the vendor string", self.vendor
        for entry, field in zip(self._entries, self._fields, strict=True):
            if field is None:
                name = bytes(entry[:40]).split(b"=", 1)[0].decode("utf-8", "replace")
                yield f"the comment {name}", entry
        yield "the data after the comments", self.suffix

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields as mutagen reads them."""
        mine = [it for it, of in zip(self._entries, self._fields, strict=True) if of]
        data = b"".join(_sized(b"", mine))
        found: dict[str, tuple[str, ...]] = {}
        for key, value in mutagen_check.read_vorbis(data):
            if field := field_of(key, "vorbis"):
                found[field] = (*found.get(field, ()), value)
        return found


def _sized(
    vendor: bytes | memoryview, entries: Sequence[bytes | memoryview]
) -> Iterator[bytes | memoryview]:
    yield len(vendor).to_bytes(4, "little")
    yield vendor
    yield len(entries).to_bytes(4, "little")
    for entry in entries:
        yield len(entry).to_bytes(4, "little")
        yield entry


def _field_of(entry: memoryview) -> str | None:
    longest = max(len(keys.vorbis) for keys in FIELDS.values()) + 1
    name, equals, _ = bytes(entry[:longest]).partition(b"=")
    return field_of(name.decode("ascii", "replace"), "vorbis") if equals else None


def _decoded(value: bytes) -> str:
    """Return the text of a value; bytes that are not UTF-8 come from old editors."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
