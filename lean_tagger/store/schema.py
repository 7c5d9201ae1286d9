"""The tables, and the steps from an older journal to today's."""

import sqlite3

from lean_tagger.errors import StateError
from lean_tagger.store import compact

APPLICATION_ID = 0x6C656E74
"""Marks the file as ours ("lent"), whatever its name."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        # A journal explains itself: the meaning of the numbers in `scores` does not depend
        # on a card that may be gone.
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
        # They belong to the audio, not the file: a copy and a moved file have them too.
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
        # For less than full effort: the number of all windows, and the confidence.
        "ALTER TABLE scores ADD COLUMN of_windows INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE scores ADD COLUMN confidence REAL NOT NULL DEFAULT 1",
    ),
    (
        # A page of 4 KiB holds four rows of scores; a table without rowids had one in two pages.
        """CREATE TABLE keys (id INTEGER PRIMARY KEY, model TEXT NOT NULL, pool TEXT NOT NULL,
            hop INTEGER NOT NULL, UNIQUE (model, pool, hop))""",
        "INSERT INTO keys (model, pool, hop) SELECT DISTINCT model, pool, hop FROM scores",
        "ALTER TABLE scores RENAME TO old_scores",
        """CREATE TABLE scores (
            digest TEXT NOT NULL, key INTEGER NOT NULL, effort TEXT NOT NULL,
            uint16 BLOB NOT NULL, embedding BLOB NOT NULL, windows INTEGER NOT NULL,
            seconds REAL NOT NULL, seconds_skipped REAL NOT NULL, repeated INTEGER NOT NULL,
            of_windows INTEGER NOT NULL, confidence REAL NOT NULL, UNIQUE (digest, key))""",
        """INSERT OR IGNORE INTO scores SELECT digest, keys.id, effort,
            float64_to_uint16("values"), embedding, windows, seconds, seconds_skipped, repeated,
            of_windows, confidence FROM old_scores JOIN keys USING (model, pool, hop)""",
        "DROP TABLE old_scores",
        # Each index has a name's number instead of the name.
        "ALTER TABLE files RENAME TO old_files",
        """CREATE TABLE files (
            path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            inode INTEGER NOT NULL, status TEXT NOT NULL, kind TEXT NOT NULL,
            message TEXT NOT NULL, attempts INTEGER NOT NULL, run INTEGER NOT NULL,
            seen REAL NOT NULL, digest TEXT, fields TEXT, artist TEXT, albumartist TEXT,
            album TEXT, year TEXT, title TEXT)""",
        """INSERT INTO files SELECT path, size, mtime_ns, inode, status, kind, message, attempts,
            run, seen, digest, shortened(fields), artist, albumartist, album, NULL, NULL
            FROM old_files ORDER BY path""",
        "DROP TABLE old_files",
        "CREATE INDEX files_by_inode ON files (inode, size)",
        "CREATE INDEX files_by_time ON files (size, mtime_ns)",
        "CREATE INDEX files_by_digest ON files (digest)",
        "CREATE INDEX files_by_status ON files (status, kind)",
        "CREATE INDEX failed_files ON files (path) WHERE status = 'failed'",
        "UPDATE writes SET previous = shortened(previous), written = shortened(written)",
        # In the order of undoing.
        "DROP INDEX writes_by_path",
        "DROP INDEX writes_by_run",
        "CREATE INDEX writes_by_path ON writes (path, id DESC)",
        "CREATE INDEX writes_by_run ON writes (run, path, id DESC)",
    ),
    (
        # Writes belong to the audio, so that a file is found under another name.
        "ALTER TABLE writes ADD COLUMN digest TEXT",
        "UPDATE writes SET digest = (SELECT digest FROM files WHERE files.path = writes.path)",
        "CREATE INDEX writes_by_digest ON writes (digest, id)",
    ),
)
"""The statements from each version to the next; the version is the number of steps done."""


def _same_write(mine: str, theirs: str, numbers: str) -> str:
    """Return the condition that two rows are one write; a file may have another name here now.

    The plus avoids the index of runs, which has too many rows for one run.
    """
    return f"""+{mine}.run = {numbers}.ours AND {mine}.at = {theirs}.at
        AND ({mine}.path = {theirs}.path OR {mine}.digest = {theirs}.digest)"""


_SAME_WRITE = _same_write("mine", "theirs", "n")

MERGE = (
    "INSERT OR IGNORE INTO main.models SELECT * FROM other.models",
    "INSERT OR IGNORE INTO main.keys (model, pool, hop) SELECT model, pool, hop FROM other.keys",
    # For the same audio, keep the scores with more windows.
    """INSERT OR REPLACE INTO main.scores SELECT theirs.digest, mine.id, theirs.effort,
        theirs.uint16, theirs.embedding, theirs.windows, theirs.seconds, theirs.seconds_skipped,
        theirs.repeated, theirs.of_windows, theirs.confidence
        FROM other.scores AS theirs JOIN other.keys AS its ON its.id = theirs.key
        JOIN main.keys AS mine USING (model, pool, hop)
        LEFT JOIN main.scores AS ours ON ours.digest = theirs.digest AND ours.key = mine.id
        WHERE ours.windows IS NULL OR ours.windows < theirs.windows""",
    # A run that is already here, as after an earlier merge or in a copy, keeps its number.
    """CREATE TEMP TABLE run_numbers (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL,
        new INTEGER NOT NULL)""",
    """INSERT INTO temp.run_numbers SELECT theirs.id, coalesce(min(ours.id), theirs.id + :shift),
        min(ours.id) IS NULL FROM other.runs AS theirs LEFT JOIN main.runs AS ours
        ON ours.started = theirs.started AND ours.command = theirs.command
        AND ours.version = theirs.version GROUP BY theirs.id""",
    """INSERT INTO main.runs SELECT n.ours, command, started, ended, version, model, options,
        counts, ending FROM other.runs JOIN temp.run_numbers AS n ON n.theirs = id AND n.new""",
    """UPDATE main.runs SET (ended, counts, ending) = (SELECT theirs.ended, theirs.counts,
        theirs.ending FROM other.runs AS theirs
        JOIN temp.run_numbers AS n ON n.theirs = theirs.id WHERE n.ours = runs.id)
        WHERE ended IS NULL AND id IN (SELECT ours FROM temp.run_numbers WHERE NOT new)""",
    # What a write restores changed there if one before it was undone since; see `undo.pass_on`.
    f"""UPDATE main.writes AS mine SET previous = theirs.previous FROM other.writes AS theirs
        JOIN temp.run_numbers AS n ON n.theirs = theirs.run
        WHERE NOT n.new AND {_SAME_WRITE} AND mine.previous <> theirs.previous
        AND EXISTS (SELECT 1 FROM other.writes AS earlier
        JOIN temp.run_numbers AS its ON its.theirs = earlier.run
        JOIN main.writes AS ours ON {_same_write("ours", "earlier", "its")}
        WHERE earlier.path = theirs.path AND earlier.at < theirs.at
        AND earlier.state = 'undone' AND ours.state <> 'undone')""",  # noqa: S608 - ours
    # States of a write come in this order: intent, then its result, then undone.
    *(
        f"""UPDATE main.writes SET state = '{state}' WHERE id IN (SELECT mine.id
        FROM other.writes AS theirs JOIN temp.run_numbers AS n ON n.theirs = theirs.run
        JOIN main.writes AS mine ON {_SAME_WRITE}
        WHERE NOT n.new AND theirs.state = '{state}'
        AND mine.state IN ({before}))"""  # noqa: S608 - of these three
        for state, before in (
            ("done", "'intent'"),
            ("failed", "'intent'"),
            ("undone", "'intent', 'done'"),
        )
    ),
    f"""INSERT INTO main.writes (run, path, state, at, size, mtime_ns, inode, previous, written,
        digest) SELECT n.ours, path, state, at, size, mtime_ns, inode, previous, written, digest
        FROM other.writes AS theirs JOIN temp.run_numbers AS n ON n.theirs = theirs.run
        WHERE n.new OR NOT EXISTS (SELECT 1 FROM main.writes AS mine WHERE {_SAME_WRITE})
        ORDER BY theirs.id""",  # noqa: S608 - ours
    # A file that an earlier merge brought may have another name by now, and keeps that.
    """INSERT OR REPLACE INTO main.files SELECT theirs.path, theirs.size, theirs.mtime_ns,
        theirs.inode, theirs.status, theirs.kind, theirs.message, theirs.attempts,
        coalesce(n.ours, theirs.run + :shift), theirs.seen, theirs.digest, theirs.fields,
        theirs.artist, theirs.albumartist, theirs.album, theirs.year, theirs.title
        FROM other.files AS theirs LEFT JOIN main.files AS ours ON ours.path = theirs.path
        LEFT JOIN temp.run_numbers AS n ON n.theirs = theirs.run
        WHERE ours.seen < theirs.seen OR ours.seen IS NULL
        AND (n.new IS NOT 0 OR NOT EXISTS (SELECT 1 FROM main.files AS moved
        WHERE moved.digest = theirs.digest AND moved.seen > theirs.seen))""",
)
"""The statements that merge another journal; the last one counts the files."""


def is_newest(connection: sqlite3.Connection) -> bool:
    """Tell whether a journal needs no conversion; one of a newer lean-tag is refused elsewhere."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version >= len(MIGRATIONS))


def migrate(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> bool:
    """Bring a journal to the newest version, each step in one transaction.

    Returns
    -------
    bool
        Whether something was converted, which leaves free space in the file.

    Raises
    ------
    StateError
        It is from a newer lean-tag.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StateError(
            "the journal was written by a newer lean-tag; install that one, or give "
            "another path with --state"
        )
    for function in (compact.float64_to_uint16, compact.shortened):
        connection.create_function(function.__name__, 1, function, deterministic=True)
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
    return bool(0 < version < len(migrations))
