"""The interface of every format's module: the parsed tag that our fields go into."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from lean_tagger.write.source import Piece
from lean_tagger.write.splice import Patch


class Document(Protocol):
    """The tag of a file that our fields go into."""

    @property
    def tagged(self) -> bool:
        """Whether it exists and is not empty."""

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, as this package reads them."""

    def second_reading(self) -> dict[str, tuple[str, ...]]:
        """Return the values of our fields, as mutagen reads them."""

    def patches(self, changes: Mapping[str, Sequence[str]]) -> list[Patch]:
        """Return what to change in the file for new values of our fields.

        Parameters
        ----------
        changes : Mapping[str, Sequence[str]]
            Values per field; without any it is removed.
        """

    def exact(self, field: str) -> tuple[str, ...]:
        """Return the bytes of a field's items if its values do not determine them; see `exact`."""

    def foreign(self) -> Iterator[tuple[str, Piece]]:
        """Yield everything that is not ours, each with a name for messages."""
