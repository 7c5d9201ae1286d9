"""The tables, and how an older journal becomes today's."""

import sqlite3

from lean_tagger.errors import StateError

APPLICATION_ID = 0x6C656E74
"""By which the file is known as ours ("lent"), whatever it is called."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        # A journal explains itself: what the numbers in `scores` mean does not depend on
        # a card that may be gone.
        "CREATE TABLE models (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL)",
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY, command TEXT NOT NULL, started REAL NOT NULL, ended REAL,
            version TEXT NOT NULL, model TEXT NOT NULL, options TEXT NOT NULL,
            counts TEXT NOT NULL DEFAULT '{}', ending TEXT)""",
        """CREATE TABLE files (
            path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            inode INTEGER NOT NULL, status TEXT NOT NULL,
            kind TEXT NOT NULL, message TEXT NOT NULL, attempts INTEGER NOT NULL,
            run INTEGER NOT NULL, seen REAL NOT NULL, digest TEXT, fields TEXT,
            artist TEXT, albumartist TEXT, album TEXT) WITHOUT ROWID""",
        "CREATE INDEX files_by_inode ON files (inode, size)",
        "CREATE INDEX files_by_digest ON files (digest)",
        # Of the audio and not of the file: a copy and a moved file have them, too.
        """CREATE TABLE scores (
            digest TEXT NOT NULL, model TEXT NOT NULL, pool TEXT NOT NULL, hop INTEGER NOT NULL,
            effort TEXT NOT NULL, "values" BLOB NOT NULL, embedding BLOB NOT NULL,
            windows INTEGER NOT NULL, seconds REAL NOT NULL, seconds_skipped REAL NOT NULL,
            repeated INTEGER NOT NULL, PRIMARY KEY (digest, model, pool, hop)) WITHOUT ROWID""",
        """CREATE TABLE writes (
            id INTEGER PRIMARY KEY, run INTEGER NOT NULL, path BLOB NOT NULL,
            state TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
            previous TEXT NOT NULL, written TEXT NOT NULL)""",
        "CREATE INDEX writes_by_path ON writes (path, id)",
        "CREATE INDEX writes_by_run ON writes (run, id)",
    ),
    (
        # What was heard with less than full effort: of how many windows, and how sure it is.
        "ALTER TABLE scores ADD COLUMN of_windows INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE scores ADD COLUMN confidence REAL NOT NULL DEFAULT 1",
    ),
    (
        # Writes belong to the audio, by which a file is found under another name.
        "ALTER TABLE writes ADD COLUMN digest TEXT",
        "UPDATE writes SET digest = (SELECT digest FROM files WHERE files.path = writes.path)",
        "CREATE INDEX writes_by_digest ON writes (digest, id)",
    ),
)
"""The statements that lead from each version to the next; the version is how many were done."""

MERGE = (
    "INSERT OR IGNORE INTO models SELECT * FROM other.models",
    # Of the same audio, what was heard with more windows.
    """INSERT OR REPLACE INTO scores SELECT theirs.* FROM other.scores AS theirs
        LEFT JOIN main.scores AS ours USING (digest, model, pool, hop)
        WHERE ours.windows IS NULL OR ours.windows < theirs.windows""",
    """INSERT INTO runs SELECT id + :shift, command, started, ended, version, model, options,
        counts, ending FROM other.runs""",
    """INSERT INTO writes (run, path, state, at, size, mtime_ns, inode, previous, written, digest)
        SELECT run + :shift, path, state, at, size, mtime_ns, inode, previous, written, digest
        FROM other.writes ORDER BY id""",
    """INSERT OR REPLACE INTO files SELECT theirs.path, theirs.size, theirs.mtime_ns,
        theirs.inode, theirs.status, theirs.kind, theirs.message, theirs.attempts,
        theirs.run + :shift, theirs.seen, theirs.digest, theirs.fields, theirs.artist,
        theirs.albumartist, theirs.album
        FROM other.files AS theirs LEFT JOIN main.files AS ours ON ours.path = theirs.path
        WHERE ours.seen IS NULL OR ours.seen < theirs.seen""",
)
"""By which one journal takes in another; the last counts the files."""


def migrate(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> None:
    """Bring a journal to the newest version, each step in one transaction.

    Raises
    ------
    StateError
        It is of a newer lean-tag.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StateError(
            "the journal was written by a newer lean-tag; install that one, or give "
            "another place with --state"
        )
    for number, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
