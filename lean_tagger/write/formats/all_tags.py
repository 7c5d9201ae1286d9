"""All tags of a file together: the one that ours go into, and the others.

Each tag's values of a field have a name such as ``genre@id3v1``. ``@tag`` is the tag that ours go
into, and ``@made`` alone says that this tag exists. If a text does not determine the bytes,
``genre@id3v1.bytes`` has them (see `exact`). With these in the journal, undo restores each tag
exactly, and removes a tag that we made.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from lean_tagger.errors import WriteError
from lean_tagger.fields import FIELDS
from lean_tagger.write import visible
from lean_tagger.write.formats.ape import ApeFile
from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.formats.document import Document
from lean_tagger.write.formats.exact import ENDING, Exact
from lean_tagger.write.formats.flac import FlacFile
from lean_tagger.write.formats.id3 import Id3Tag
from lean_tagger.write.formats.id3_file import Id3File
from lean_tagger.write.formats.mp4 import Mp4File
from lean_tagger.write.formats.ogg import OggFile
from lean_tagger.write.formats.other_tags import BuriedId3, OtherId3, OtherTag, Unreadable
from lean_tagger.write.source import Piece, Source, Span
from lean_tagger.write.splice import Patch, length

MADE = "@made"
_OWN = "@tag"
_KINDS = (
    *("tag", "id3v1", "id3v1+", "id3v2", "buried", "ape", "mp4"),
    *(f"{kind}{number}" for kind in ("info", "inside", "xmp") for number in ("", *range(2, 10))),
)
Values = Mapping[str, Sequence[str]]


def is_name(name: str) -> bool:
    """Tell whether a name is one of our fields, as a whole or in one of the tags."""
    field, at, kind = name.partition("@")
    known = kind.removesuffix(ENDING) in _KINDS
    return name == MADE or (field in FIELDS and (not at or known))


def without_lone_bytes(changes: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return changes without the bytes of fields that do not change."""
    return {
        name: values
        for name, values in changes.items()
        if not name.endswith(ENDING) or {name[: -len(ENDING)], name.partition("@")[0]} & {*changes}
    }


class AllTags:
    """A file's tags.

    Parameters
    ----------
    source : Source
        The file.
    main : Document
        The tag that ours go into.
    others : Sequence[OtherTag]
        The other tags; those that more readers prefer come first.
    """

    def __init__(self, source: Source, main: Document, others: Sequence[OtherTag] = ()) -> None:
        self._source = source
        self._main = main
        self._others = others

    @cached_property
    def _own(self) -> dict[str, tuple[str, ...]]:
        return self._main.values()

    @property
    def tagged(self) -> bool:
        """Whether there is a non-empty tag of the kind that ours go into."""
        return self._main.tagged

    @property
    def id3(self) -> Id3Tag | None:
        """The ID3v2 tag that ours go into, if there is one."""
        return self._main.tag if isinstance(self._main, Id3File) else None

    @property
    def may_show_more(self) -> bool:
        """Whether a write makes readers see values that they did not see before."""
        return not self.tagged or (isinstance(self._main, Id3File) and self._main.mends)

    def look(self, *, slack: bool = False) -> visible.View:
        """Return what other programs see in the file (see `visible`).

        A file with compressed frames is not shown to them: the frames may unpack to a thousand
        times their size. A file with a broken ID3v2 tag counts as such.
        """
        main = self._main
        id3s = [it for it in self._others if isinstance(it, (OtherId3, Unreadable))]
        unclear = any(isinstance(it, Unreadable) and it.name != "ape" for it in id3s)
        packed = any(isinstance(it, OtherId3) and it.unpacks() for it in id3s)
        if unclear or packed or (isinstance(main, Id3File) and main.unpacks):
            return {}
        foreign_id3 = not isinstance(main, Id3File) and self._source.peek(0, 3) == b"ID3"
        return visible.look(self._source, foreign_id3=foreign_id3, slack=slack)

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, as any common reader shows them."""
        found = dict(self._own)
        for other in self._others:
            for field, values in other.values().items():
                found.setdefault(field, values)
        return found

    def exact(self) -> dict[str, tuple[str, ...]]:
        """Return the same, with the values of each tag and the bytes they do not determine."""
        found = self._said()
        for name, tag in self._each().items():
            for field in FIELDS:
                if told := tag.exact(field):
                    found[f"{field}@{name}{ENDING}"] = told
        return {**found, MADE: ("yes",)} if self.tagged else found

    def _said(self) -> dict[str, tuple[str, ...]]:
        found = self.values()
        for field, values in self._own.items():
            found[field + _OWN] = values
        for other in self._others:
            for field, values in other.values().items():
                found[f"{field}@{other.name}"] = values
        return found

    def _each(self) -> dict[str, Document | OtherTag]:
        return {"tag": self._main, **{it.name: it for it in self._others}}

    def in_full(self, changes: Values) -> dict[str, tuple[str, ...]]:
        """Return changes together with the changes to single tags that follow from them."""
        full = {name: tuple(values) for name, values in changes.items()}
        if any("@" in name for name in changes):
            return full
        own, seen = self._own, self.values()
        if not self.tagged and any(changes.values()) and self._can_be_removed():
            full[MADE] = ("yes",)
        for field, values in changes.items():
            if own.get(field, ()) != seen.get(field, ()):
                full[field + _OWN] = tuple(values)
            for other in self._others:
                said, will_say = other.values().get(field, ()), other.held(field, values)
                same = said == other.held(
                    field, own.get(field, ())
                )  # it may hold one of several values
                shown = other.shown_first if values else same
                # What is no genre to us may be one to a reader, such as "Blues", which is number 0.
                noise = bool(values and not said and other.exact(field))
                if (said != will_say and (shown or (said and values))) or noise:
                    full[f"{field}@{other.name}"] = will_say
        return {**full, **self._exact_to_go(full)}

    def _exact_to_go(self, full: Values) -> dict[str, tuple[str, ...]]:
        """Return the bytes that these changes remove, each as empty."""
        tags = self._each()
        gone: dict[str, tuple[str, ...]] = {}
        for name in full:
            field, _, kind = name.partition("@")
            kind = kind or "tag"
            if field and tags[kind].exact(field):
                gone[f"{field}@{kind}{ENDING}"] = ()
        return gone

    @staticmethod
    def _with_bytes(changes: Values) -> dict[str, Sequence[str]]:
        """Return changes with the bytes to restore inside the values that they belong to."""
        found = {n: v for n, v in changes.items() if not n.endswith(ENDING)}
        for name, told in changes.items():
            whole = name.removesuffix(ENDING)
            whole = whole if whole in found else whole.removesuffix(_OWN)
            if name.endswith(ENDING) and told and whole in found:
                found[whole] = Exact.of(found[whole], told)
        return found

    def _can_be_removed(self) -> bool:
        return isinstance(self._main, (ApeFile, FlacFile, Id3File, Mp4File))

    def patches(self, changes: Values) -> list[Patch]:
        """Return the patches for changes from `in_full`."""
        changes = self._with_bytes(changes)
        main = {f: changes.get(f + _OWN, changes[f]) for f in changes if f in FIELDS}
        main |= {n.removesuffix(_OWN): v for n, v in changes.items() if n.endswith(_OWN)}
        patches = self._main_patches(main, made=changes.get(MADE) == ())
        for other in self._others:
            ending = f"@{other.name}"
            theirs = {n.removesuffix(ending): v for n, v in changes.items() if n.endswith(ending)}
            patches += other.patches(theirs) if theirs else []
        return self._main.settled(patches) if isinstance(self._main, Id3File) else patches

    def _main_patches(self, changes: Values, *, made: bool) -> list[Patch]:
        main = self._main
        if isinstance(main, Mp4File) and made and self.tagged:
            return main.removal(changes) or main.patches(changes)
        if not isinstance(main, (ApeFile, FlacFile, Id3File)):
            return main.patches(changes)
        if self.tagged and self._is_to_go(main, changes, made=made):
            # Without an ID3 tag, ours would go into an APE tag at the end.
            beside_ape = any(isinstance(it, ApeFile) and it.stands_in for it in self._others)
            return main.emptied() if beside_ape and isinstance(main, Id3File) else main.removal()
        if self.tagged or not any(changes.values()):
            return main.patches(changes)
        # The new tag comes before the others for players, so it says what they say.
        carried = self._carried()
        if carried.obstacle:
            raise self._source.refuse(
                f"a new tag would hide {carried.obstacle} from other programs; nothing was written"
            )
        seen = {f: v for f, v in self.values().items() if f not in changes}
        return main.patches({**seen, **changes}, carried)

    def _carried(self) -> Carried:
        carried = Carried()
        for other in self._others:
            carried = carried.and_then(other.carried())
        return carried.without_ours()

    def _is_to_go(self, main: ApeFile | FlacFile | Id3File, changes: Values, *, made: bool) -> bool:
        """Tell whether the tag is useless after these changes.

        An empty tag may hide another one. A tag that we made is removed if it has nothing but
        what it copied from the others.
        """
        left = {field: values for field, values in {**self._own, **changes}.items() if values}
        if not left and not main.kept():
            return True
        seen: dict[str, tuple[str, ...]] = {}
        for other in self._others:
            # A buried tag is found again when this one is gone.
            said = other.hidden_values() if isinstance(other, BuriedId3) else other.values()
            for field, values in said.items():
                seen.setdefault(field, values)
        if not made or any(seen.get(field) != values for field, values in left.items()):
            return False
        try:
            inherited = main.inherited(self._carried())
        except WriteError:
            return False
        return self._source.digest(*main.kept()) == self._source.digest(*inherited)

    def arrived(self, full: Values) -> str | None:
        """Return the first field without its new values; None if all are right.

        Parameters
        ----------
        full : Mapping[str, Sequence[str]]
            The result of `in_full` before the write; this is the file after it.
        """
        # If mutagen reads the tag anyway, reading again proves nothing.
        exact = self._said()
        second = self._own if isinstance(self._main, Id3File) else self._main.second_reading()
        removed = not self.tagged
        for name, values in full.items():
            field, _, kind = name.partition("@")
            if kind.endswith(ENDING):
                continue  # checked by their values
            whole = not kind and field + _OWN not in full
            if whole and not values and not self._ours(field):
                continue  # other tags may keep theirs, as before 0.1.0
            if (whole and not removed) or kind == "tag":
                both = exact.get(field + _OWN, ()), second.get(field, ())
                if full.get(
                    f"{field}{_OWN}{ENDING}"
                ):  # written by another program in its own encoding
                    both = both[0], both[0]
            elif kind != "made" and (kind or whole):
                both = exact.get(name, ()), exact.get(name, ())
            else:
                continue
            if both != (tuple(values), tuple(values)):
                return field
        return None

    def _ours(self, field: str) -> bool:
        """Tell whether both readings find a value in the tag that ours go into."""
        main = self._main
        return bool(self._own.get(field) or (self.tagged and main.second_reading().get(field)))

    @property
    def rest(self) -> Span | None:
        """All that is behind the headers of an Ogg: it is seldom changed, and has many parts."""
        return self._main.rest if isinstance(self._main, OggFile) else None

    def foreign(self, *, with_rest: bool = True) -> Iterator[tuple[str, Sequence[Piece]]]:
        """Yield everything that is not ours, each with a name for messages.

        Parameters
        ----------
        with_rest : bool
            Also what is in `rest`.
        """
        main = self._main
        headers = main.headers() if isinstance(main, OggFile) and not with_rest else None
        holes = sorted(hole for other in self._others for hole in other.holes())
        for name, piece in headers or main.foreign():
            parts = list(_without(piece, holes)) if isinstance(piece, Span) else [piece]
            if length(parts):
                yield name, parts

    def removable(self) -> list[bytes]:
        """Return digests of the contents of the tag that ours go into."""
        main = self._main
        if not isinstance(main, (ApeFile, FlacFile, Id3File, Mp4File)):
            return []
        return [self._source.digest(piece) for piece in main.inside()]


def _without(span: Span, holes: Sequence[Span]) -> Iterator[Span]:
    """Yield the parts of a span outside all holes."""
    start = span.start
    for hole in holes:
        if start <= hole.start and hole.end <= span.end:
            yield Span(start, hole.start)
            start = hole.end
    yield Span(start, span.end)
