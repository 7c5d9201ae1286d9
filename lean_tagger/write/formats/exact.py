"""Values together with their bytes in a tag, so that undo restores exactly those.

A tag can store the same text in many ways: in another encoding, in several items, under another
key. Readers interpret these differently. So if our way to write a text would not give the bytes
that were there, the journal gets these bytes too.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence

ENDING = ".bytes"
"""Follows the name of a field in one tag, for the bytes of its items."""

_MOST_BYTES = 8192  # more is not a genre, and too much for the journal


class Exact(tuple[str, ...]):
    """The values of a field, with the bytes of the items that should hold them.

    Attributes
    ----------
    items : tuple of bytes
        Whole items in the format's own form, in the file's order.
    """

    items: tuple[bytes, ...]

    @classmethod
    def of(cls, values: Sequence[str], said: Sequence[str]) -> "Exact":
        """Return values with the bytes that `told` put into text."""
        found = cls(values)
        found.items = tuple(b64decode(it) for it in said)
        return found


def told(items: Iterable[bytes], usual: Iterable[bytes]) -> tuple[str, ...]:
    """Return the bytes of items as text for the journal; empty if they are as we would write them.

    Parameters
    ----------
    items : Iterable[bytes]
        As they are in the file.
    usual : Iterable[bytes]
        As we would write their values.
    """
    there = tuple(items)
    if there == tuple(usual) or sum(map(len, there)) > _MOST_BYTES:
        return ()
    return tuple(b64encode(it).decode("ascii") for it in there)


def items_for(values: Sequence[str], rendered: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the items to write: those that were there, if known, or rendered ones."""
    return values.items if isinstance(values, Exact) else tuple(rendered)
