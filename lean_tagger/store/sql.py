"""The journal's SQL statements; each is served by an index.

Tests check SQLite's plan for each of them: none sorts in memory, none scans all rows.
"""

import os
from collections.abc import Iterable

PAGE = 100
"""Rows per page when all rows are read."""

STANDING = ("intent", "done")
"""States of writes that may be in a file now."""

WITHIN = "path >= ? AND path < ?"
"""One of `spans`."""

KEY_ID = "(SELECT id FROM keys WHERE model = ? AND pool = ? AND hop = ?)"

KNOWN = f"""SELECT path, size, mtime_ns, inode, status, kind, message, attempts, run,
        files.digest, fields, artist, albumartist, album, year, title,
        uint16, embedding, windows, seconds, seconds_skipped, repeated,
        effort, of_windows, confidence
    FROM files LEFT JOIN scores ON scores.digest = files.digest AND scores.key = {KEY_ID}"""  # noqa: S608 - ours

ALIKE = """WHERE files.rowid IN (
    SELECT rowid FROM files WHERE path = ?
    UNION ALL SELECT * FROM (SELECT rowid FROM files WHERE inode = ? AND size = ? LIMIT 8)
    UNION ALL SELECT * FROM (SELECT rowid FROM files WHERE size = ? AND mtime_ns = ? LIMIT 8))"""
"""Each part uses its own index: an OR over them would scan every row."""

TRACK = ("artist", "albumartist", "album", "year", "title")

RECORD = """INSERT INTO files VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (path) DO UPDATE SET size = excluded.size,
        mtime_ns = excluded.mtime_ns, inode = excluded.inode,
        status = excluded.status, kind = excluded.kind,
        message = excluded.message, run = excluded.run, seen = excluded.seen,
        attempts = CASE WHEN excluded.attempts = 0 THEN 0 ELSE files.attempts + 1 END,
        digest = coalesce(excluded.digest, digest),
        fields = coalesce(excluded.fields, fields),
        artist = coalesce(excluded.artist, artist),
        albumartist = coalesce(excluded.albumartist, albumartist),
        album = coalesce(excluded.album, album),
        year = coalesce(excluded.year, year),
        title = coalesce(excluded.title, title)"""

TAKE_OVER = """UPDATE files SET status = old.status, kind = old.kind, message = old.message,
        artist = coalesce(files.artist, old.artist),
        albumartist = coalesce(files.albumartist, old.albumartist),
        album = coalesce(files.album, old.album), year = coalesce(files.year, old.year),
        title = coalesce(files.title, old.title)
    FROM (SELECT * FROM files WHERE path = ? AND digest = ?) AS old
    WHERE files.path = ? AND files.status = 'recognised'"""
"""Copies status, artist and album to a file's new name, under which it was only recognised."""

FAILURES = f"""SELECT path, kind, message, attempts FROM files INDEXED BY failed_files
    WHERE status = 'failed' AND path > ? ORDER BY path LIMIT {PAGE}"""  # noqa: S608 - ours

WRITE_COLUMNS = "id, run, path, state, at, size, mtime_ns, inode, previous, written, digest"

NO_LEFTOVER = """NOT (state = 'intent' AND EXISTS (SELECT 1 FROM writes AS later
    WHERE later.path = writes.path AND later.run = writes.run AND later.id > writes.id
    AND later.state IN ('done', 'undone')))"""
"""Leaves out an intent if the same run wrote the file later."""

STANDS = f"{NO_LEFTOVER} AND state IN ('intent', 'done')"


def spans(under: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Return the ranges of names of these files and folders; if empty, the range of all names.

    They are in order and do not overlap.
    """
    spans: list[tuple[bytes, bytes]] = []
    for name in map(os.fsencode, under):
        folder = name.rstrip(b"/")
        # All names with the folder's name and a slash sort before its name and a "0".
        spans += [(name, name + b"\0"), (folder + b"/", folder + b"0")]
    apart: list[tuple[bytes, bytes]] = []
    for first, last in sorted(spans):
        if apart and first <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(apart[-1][1], last)
        else:
            apart.append((first, last))
    return apart or [(b"", b"\xff" * 8)]
