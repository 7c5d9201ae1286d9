"""The header and footer of APEv2 tags: https://wiki.hydrogenaud.io/index.php?title=APE_Tags_Header."""

from typing import NamedTuple

END_BYTES = 32
"""Length of a header or a footer."""

MARK = b"APETAGEX"
HAS_HEADER, IS_HEADER = 1 << 31, 1 << 29


class TagEnd(NamedTuple):
    """A header or a footer.

    Attributes
    ----------
    version : int
        1000 or 2000.
    size : int
        Bytes of the items and of the footer.
    items : int
        Number of items.
    flags : int
        The flags, unchanged.
    """

    version: int
    size: int
    items: int
    flags: int

    @property
    def whole_bytes(self) -> int:
        """Bytes of the whole tag, including a header if a flag says that there is one."""
        return self.size + (END_BYTES if self.flags & HAS_HEADER else 0)


def parse(data: bytes) -> TagEnd | None:
    """Return the header or footer in these `END_BYTES`; None if there is none."""
    if len(data) < END_BYTES or data[:8] != MARK:
        return None
    return TagEnd(*(int.from_bytes(data[i : i + 4], "little") for i in range(8, 24, 4)))


def render(end: TagEnd) -> bytes:
    """Return the bytes of a header or a footer."""
    return MARK + b"".join(number.to_bytes(4, "little") for number in end) + bytes(8)
