"""The common part of all tags that are read but never written."""

from collections.abc import Mapping, Sequence

from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.source import Span
from lean_tagger.write.splice import Patch


class ReadOnlyTag:
    """A tag that does not change; see `other_tags.OtherTag` for the methods."""

    name: str
    shown_first = False

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return its values of our fields: none, unless overridden."""
        return {}

    def exact(self, _field: str) -> tuple[str, ...]:
        """Return nothing: it does not change."""
        return ()

    def held(self, field: str, _values: Sequence[str]) -> tuple[str, ...]:
        """Return its present values."""
        return self.values().get(field, ())

    def patches(self, _changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return nothing to change."""
        return []

    def holes(self) -> list[Span]:
        """Return no spans."""
        return []

    def carried(self) -> Carried:
        """Return nothing: no other tag hides it, unless overridden."""
        return Carried()
