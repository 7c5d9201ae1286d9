"""What all tags have in common that are read and never written."""

from collections.abc import Mapping, Sequence

from lean_tagger.write.formats.carried import Carried
from lean_tagger.write.source import Span
from lean_tagger.write.splice import Patch


class ReadOnlyTag:
    """A tag that stays as it is; see `other_tags.OtherTag` for what each method is asked."""

    name: str
    shown_first = False

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return what it says about our fields: nothing, if not said otherwise."""
        return {}

    def exact(self, _field: str) -> tuple[str, ...]:
        """Return nothing: it stays as it is."""
        return ()

    def held(self, field: str, _values: Sequence[str]) -> tuple[str, ...]:
        """Return what it says already."""
        return self.values().get(field, ())

    def patches(self, _changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return nothing to change."""
        return []

    def holes(self) -> list[Span]:
        """Return no span."""
        return []

    def carried(self) -> Carried:
        """Return nothing: no other tag hides it, if not said otherwise."""
        return Carried()
