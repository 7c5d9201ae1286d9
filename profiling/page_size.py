"""Count what a run would take where the kernel's pages have 16 or 64 KiB.

Runs a command, and while it runs looks up each resident page of its processes. A larger page is
resident as soon as one of the small ones in its place is: so each is counted as the whole that it
would be part of. What a kernel of that page size does otherwise (how much it maps around a fault,
how the loader aligns) does not show. Needs Linux, pages of 4 KiB and the right to read
/proc/PID/pagemap of one's own processes.
"""

import argparse
import os
import struct
from pathlib import Path

from common import MIB, Tree, write_table

SIZES = (1, 4, 16)
"""Pages of 4 KiB in one of 4, 16 and 64 KiB."""

_PRESENT = 63  # the bit of an entry; the kernel's Documentation/admin-guide/mm/pagemap.rst


def kind(fields: list[str]) -> str:
    """Return what a mapping is, from a line of /proc/pid/maps."""
    if len(fields) > 5 and fields[5].startswith("/"):
        return "libraries, written" if "w" in fields[1] else "libraries"
    return "heap" if len(fields) > 5 and fields[5].startswith("[heap") else "other memory"


def resident_bytes(pid: int) -> dict[str, list[int]]:
    """Return the resident bytes of a process by kind, for each of `SIZES`."""
    found: dict[str, list[set[int]]] = {}
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            first, end = (int(number, 16) // page_bytes for number in fields[0].split("-"))
            pagemap.seek(8 * first)
            entries = pagemap.read(8 * (end - first))  # none for the kernel's own
            numbers = struct.unpack(f"{len(entries) // 8}Q", entries)
            pages = [first + i for i, entry in enumerate(numbers) if entry >> _PRESENT]
            for index, size in enumerate(SIZES):
                # Of two mappings that meet in a large page, each has one: libraries are loaded
                # at other places there.
                whole = {(first, page // size) for page in pages}
                found.setdefault(kind(fields), [set() for _ in SIZES])[index].update(whole)
    return {
        name: [len(pages) * size * page_bytes for pages, size in zip(sets, SIZES, strict=True)]
        for name, sets in found.items()
    }


def main() -> None:
    """Print a row for each kind of memory, at the moment when all of it is largest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder for page_size.md and .json")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND")
    given = parser.parse_args()
    most: dict[str, list[int]] = {}
    for sample in Tree(given.command).samples():
        now: dict[str, list[int]] = {}
        for pid in sample.rss_bytes:
            try:
                sizes = resident_bytes(pid)
            except (OSError, ValueError):  # it has ended
                continue
            for name, row in sizes.items():
                now[name] = [a + b for a, b in zip(row, now.get(name, [0] * 3), strict=True)]
        if sum(row[1] for row in now.values()) > sum(row[1] for row in most.values()):
            most = now
    most["all"] = [sum(column) for column in zip(*most.values(), strict=True)]
    columns = [f"pages of {4 * size} KiB" for size in SIZES]
    write_table(
        [
            {"MiB": name, **{c: f"{b / MIB:.1f}" for c, b in zip(columns, row, strict=True)}}
            for name, row in most.items()
        ],
        "page_size",
        given.out,
    )


if __name__ == "__main__":
    main()
