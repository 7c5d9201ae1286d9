"""Values together with the bytes in which a tag had them, so that undo puts those back.

What a text says can stand in a tag in many ways: in another encoding, in several items, under
another key. Readers differ in what they make of these. So where our own way to write a text
would not give the bytes that were there, the journal gets these bytes, too.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence

ENDING = ".bytes"
"""Behind the name of a field in one tag, for the bytes of its items."""

_MOST_BYTES = 8192  # more is no genre, and nothing for a journal


class Exact(tuple[str, ...]):
    """The values of a field, with the bytes of the items that are to hold them.

    Attributes
    ----------
    items : tuple of bytes
        Whole items as the format has them, in the file's order.
    """

    items: tuple[bytes, ...]

    @classmethod
    def of(cls, values: Sequence[str], said: Sequence[str]) -> "Exact":
        """Return values with the bytes that `told` put into text."""
        found = cls(values)
        found.items = tuple(b64decode(it) for it in said)
        return found


def told(items: Iterable[bytes], usual: Iterable[bytes]) -> tuple[str, ...]:
    """Return the bytes of items as text for the journal; nothing where they are as usual.

    Parameters
    ----------
    items : Iterable[bytes]
        As they are in the file.
    usual : Iterable[bytes]
        As their values would be written.
    """
    there = tuple(items)
    if there == tuple(usual) or sum(map(len, there)) > _MOST_BYTES:
        return ()
    return tuple(b64encode(it).decode("ascii") for it in there)


def items_for(values: Sequence[str], rendered: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the items to write: those that were there, if they are known, or rendered ones."""
    return values.items if isinstance(values, Exact) else tuple(rendered)
