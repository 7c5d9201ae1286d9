"""The Tags element of Matroska: RFC 9559, 5.1.8.

Tags holds one Tag for each thing that is described (Targets). A Tag holds one SimpleTag for each
name and value. Foreign ones keep their bytes and order.

Several values of one field are several SimpleTags, the strongest last: FFmpeg, VLC and programs
built on them only show the last one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lean_tagger.fields import FIELDS, field_of
from lean_tagger.write.formats import ebml
from lean_tagger.write.formats.exact import items_for, told
from lean_tagger.write.source import Piece, Source

_TAG, _TARGETS, _SIMPLE_TAG = 0x7373, 0x63C0, 0x67C8
_TARGET_TYPE, _TARGET_TYPE_VALUE = 0x63CA, 0x68CA
_TRACK_UID, _OTHER_UIDS = 0x63C5, (0x63C9, 0x63C4, 0x63C6)  # edition, chapter, attachment
_NAME, _STRING = 0x45A3, 0x4487
# Language in two forms, the flag for the default language, and the same with an old wrong id.
_ABOUT_THE_TEXT = (0x447A, 0x447B, 0x4484, 0x44B4, ebml.CRC, ebml.VOID)
_ALBUM = 50  # also the default


@dataclass(frozen=True, slots=True)
class SimpleTag:
    """A name and value: its bytes, and which of our fields it is, if any."""

    raw: bytes
    name: str
    field: str | None
    value: str = ""
    plain: bool = True


class _Tag:
    """One Tag, taken apart.

    Parameters
    ----------
    data : bytes
        All of Tags.
    tag : ebml.Element
        Where in it.
    audio_uids : Collection[int]
        Of the tracks that are music.
    """

    def __init__(self, data: bytes, tag: ebml.Element, audio_uids: Collection[int]) -> None:
        self.raw = data[tag.start : tag.end]
        inside = list(ebml.children(data, tag.body, tag.end))
        self.checked = any(it.id == ebml.CRC for it in inside)
        self.others: list[bytes] = []  # Targets and everything else
        self.simple: list[SimpleTag] = []
        self.of_music, self.usual = True, True
        self.about = b""  # the content of Targets
        for it in inside:
            if it.id == _SIMPLE_TAG:
                self.simple.append(_simple_tag(data, it))
            elif it.id not in (ebml.CRC, ebml.VOID):
                self.others.append(data[it.start : it.end])
            if it.id == _TARGETS:
                self.about = data[it.body : it.end]
                self._look_at_targets(data, it, audio_uids)

    def _look_at_targets(
        self, data: bytes, targets: ebml.Element, audio_uids: Collection[int]
    ) -> None:
        for it in ebml.children(data, targets.body, targets.end):
            number = int.from_bytes(data[it.body : it.end], "big")
            if it.id in _OTHER_UIDS and number:
                self.of_music = False
            elif it.id == _TRACK_UID and number:
                self.usual = False
                self.of_music &= number in audio_uids
            elif it.id == _TARGET_TYPE or (it.id == _TARGET_TYPE_VALUE and number != _ALBUM):
                self.usual = False

    @property
    def ours(self) -> list[SimpleTag]:
        return [it for it in self.simple if it.field] if self.of_music else []

    @property
    def foreign(self) -> list[bytes]:
        """Everything else; empty if the Tag holds only ours."""
        mine = self.ours
        others = [it.raw for it in self.simple if it not in mine]
        return [*self.others, *others] if others else []


def _simple_tag(data: bytes, tag: ebml.Element) -> SimpleTag:
    inside = list(ebml.children(data, tag.body, tag.end))
    texts = {it.id: data[it.body : it.end].rstrip(b"\0") for it in inside}
    name = texts.get(_NAME, b"").decode("utf-8", "replace")
    field = field_of(name, "matroska") if _STRING in texts else None
    return SimpleTag(
        data[tag.start : tag.end],
        name,
        field,
        texts[_STRING].decode("utf-8") if field else "",
        plain={it.id for it in inside} <= {_NAME, _STRING, *_ABOUT_THE_TEXT},
    )


class MatroskaTags:
    """The content of Tags.

    Parameters
    ----------
    source : Source
        The file, for its name in errors.
    data : bytes
        Without the head; empty if there is no Tags element.
    audio_uids : Collection[int]
        Of the tracks that are music: a genre of one of them is the music's.

    Raises
    ------
    ValueError
        If it is damaged.
    """

    def __init__(self, source: Source, data: bytes, audio_uids: Collection[int]) -> None:
        self._source = source
        self._checked = False
        self._parts: list[_Tag | bytes] = []
        for it in ebml.children(data):
            if it.id == _TAG:
                self._parts.append(_Tag(data, it, audio_uids))
            elif it.id == ebml.CRC:
                self._checked = True
            elif it.id != ebml.VOID:
                self._parts.append(data[it.start : it.end])

    @property
    def _tags(self) -> list[_Tag]:
        return [part for part in self._parts if isinstance(part, _Tag)]

    def ours(self) -> list[SimpleTag]:
        """Return our SimpleTags, in the file's order."""
        return [it for tag in self._tags for it in tag.ours]

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, the strongest first."""
        found: dict[str, dict[str, None]] = {}
        for it in reversed(self.ours()):
            if it.field and it.value.strip():
                found.setdefault(it.field, {})[it.value] = None
        return {field: tuple(values) for field, values in found.items()}

    def exact(self, field: str) -> tuple[str, ...]:
        """Return a field's SimpleTags, where its values do not tell them: with a language.

        Where they stand in several Tags, each behind the Targets of its own.
        """
        mine = [(tag, it) for tag in self._tags for it in tag.ours if it.field == field]
        if len({id(tag) for tag, _ in mine}) > 1:
            return told((ebml.element(_TARGETS, tag.about) + it.raw for tag, it in mine), ())
        usual = _several(mine[0][1].name, self.values().get(field, ())) if mine else ()
        return told((it.raw for _, it in mine), usual)

    def rendered(self, changes: Mapping[str, Sequence[str]]) -> bytes:
        """Return the content with new values of our fields; empty if nothing is left.

        New values take the place of the first old one; what was in several Tags goes back there.

        Raises
        ------
        WriteError
            If an old value holds something that would be lost.
        """
        for it in self.ours():
            if it.field in changes and not it.plain:
                raise self._source.refuse(f"its tag {it.name} holds more than a text")
        waiting = dict(changes)
        of_tags: dict[int, list[bytes]] = {}
        for number, tag in enumerate(self._tags):
            mine, of_tags[number] = tag.ours, []
            for it in tag.simple:
                if it.field and it in mine and it.field in changes:
                    values = waiting.pop(it.field, ())
                    of_tags[number] += _items(values, it.name)
                else:
                    of_tags[number].append(it.raw)
        added = [
            it for field, values in waiting.items() for it in _items(values, FIELDS[field].matroska)
        ]
        new: dict[bytes, list[bytes]] = {}
        for about, raw in (it for values in changes.values() for it in _elsewhere(values)):
            places = [n for n, tag in enumerate(self._tags) if tag.about == about and tag.of_music]
            (of_tags[places[0]] if places else new.setdefault(about, [])).append(raw)
        usual = [n for n, tag in enumerate(self._tags) if tag.of_music and tag.usual]
        usual = [n for n in usual if of_tags[n]]  # empty ones are removed
        if usual and added:
            of_tags[usual[0]] += added
            added = []
        if added:
            new[ebml.element(_TARGET_TYPE_VALUE, bytes([_ALBUM]))] = added
        return self._joined(of_tags, new)

    def _joined(
        self, of_tags: Mapping[int, Sequence[bytes]], new: Mapping[bytes, Sequence[bytes]]
    ) -> bytes:
        parts, number = [], 0
        for part in self._parts:
            if isinstance(part, bytes):
                parts.append(part)
                continue
            simple, number = of_tags[number], number + 1
            if list(simple) == [it.raw for it in part.simple]:
                parts.append(part.raw)
            elif simple:
                content = ebml.with_crc([*part.others, *simple], wanted=part.checked)
                parts.append(ebml.element(_TAG, content))
        for about, simple in new.items():
            parts.append(ebml.element(_TAG, ebml.element(_TARGETS, about) + b"".join(simple)))
        return ebml.with_crc(parts, wanted=self._checked) if parts else b""

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours."""
        for part in self._parts:
            if isinstance(part, bytes):
                yield "something unknown among its tags", part
            else:
                yield from (("what a tag is about, or a tag", raw) for raw in part.foreign)


def _items(values: Sequence[str], name: str) -> list[bytes]:
    """Return the SimpleTags for values, without those that have a Tag of their own."""
    return [it for it in items_for(values, _several(name, values)) if not _has_targets(it)]


def _elsewhere(values: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the content of Targets, and the SimpleTag for a Tag about these."""
    for item in filter(_has_targets, items_for(values, ())):
        targets, _ = ebml.children(item)
        yield item[targets.body : targets.end], item[targets.end :]


def _has_targets(item: bytes) -> bool:
    return item.startswith(_TARGETS.to_bytes(2, "big"))


def _several(name: str, values: Sequence[str]) -> list[bytes]:
    return [
        ebml.element(
            _SIMPLE_TAG,
            ebml.element(_NAME, name.encode("utf-8"))
            + ebml.element(_STRING, value.encode("utf-8")),
        )
        for value in reversed(values)
    ]
