"""The database file: aigpt's tables as its users have them, and what aios adds.

Standard library only, as `aigpt --db FILE` runs where there is nothing else. Additions are tables
of their own: an original aigpt goes on reading and writing the file. What it writes is noted in
`memory_changes` by plain triggers (they need no FTS5 in *its* SQLite) and put into the word index
by the next search or write here. The index is keyed by a number of its own, because a VACUUM may
renumber the rowids of `memories`.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from aios.errors import Unavailable

VERSION = 3
BUSY_SECONDS = 5.0

ORIGINAL = """
CREATE TABLE IF NOT EXISTS memories (
    id TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    ai_interpretation TEXT,
    priority_score REAL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    related_entities TEXT
);
CREATE INDEX IF NOT EXISTS idx_created_at ON memories(created_at);
CREATE INDEX IF NOT EXISTS idx_updated_at ON memories(updated_at);
CREATE INDEX IF NOT EXISTS idx_priority_score ON memories(priority_score);
CREATE TABLE IF NOT EXISTS user_analyses (
    id TEXT PRIMARY KEY,
    openness REAL NOT NULL,
    conscientiousness REAL NOT NULL,
    extraversion REAL NOT NULL,
    agreeableness REAL NOT NULL,
    neuroticism REAL NOT NULL,
    summary TEXT NOT NULL,
    analyzed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_analyzed_at ON user_analyses(analyzed_at);
CREATE TABLE IF NOT EXISTS user_profiles (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    data TEXT NOT NULL,
    last_updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS relationship_cache (
    entity_id TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    cached_at TEXT NOT NULL
);
"""

# The triggers' table has no unique key: in a trigger, the outer statement's OR clause would win
# over an OR IGNORE.
ADDITIONS = """
CREATE TABLE memory_sources (
    memory_id TEXT PRIMARY KEY,
    machine TEXT NOT NULL,
    user TEXT NOT NULL,
    uid INTEGER NOT NULL,
    session TEXT
);
CREATE TABLE memory_index (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE memory_words USING fts5(
    content, ai_interpretation, related_entities, tokenize = 'porter unicode61'
);
CREATE TABLE memory_changes (number INTEGER PRIMARY KEY, id TEXT NOT NULL);
CREATE TRIGGER memory_inserted AFTER INSERT ON memories BEGIN
    INSERT INTO memory_changes(id) VALUES (NEW.id);
END;
CREATE TRIGGER memory_updated AFTER UPDATE ON memories BEGIN
    INSERT INTO memory_changes(id) VALUES (NEW.id);
    INSERT INTO memory_changes(id) SELECT OLD.id WHERE OLD.id <> NEW.id;
END;
CREATE TRIGGER memory_deleted AFTER DELETE ON memories BEGIN
    INSERT INTO memory_changes(id) VALUES (OLD.id);
    DELETE FROM memory_sources WHERE memory_id = OLD.id;
END;
INSERT INTO memory_changes(id) SELECT id FROM memories;

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    machine TEXT NOT NULL,
    uid INTEGER NOT NULL,
    user TEXT NOT NULL,
    session TEXT,
    decision TEXT,
    rule TEXT,
    profile TEXT,
    exit_status INTEGER,
    ended TEXT,
    started_at TEXT NOT NULL,
    duration_usec INTEGER,
    cpu_usec INTEGER,
    cwd TEXT,
    purpose TEXT,
    action TEXT NOT NULL,
    objects TEXT NOT NULL,
    recorded_at TEXT NOT NULL
);
CREATE INDEX commands_by_time ON commands(started_at, id);
CREATE INDEX commands_by_user ON commands(user, started_at, id);
CREATE TABLE command_actions (
    command_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    action TEXT NOT NULL,
    objects TEXT NOT NULL,
    PRIMARY KEY (command_id, place)
) WITHOUT ROWID;
"""


# A text is known by its hash and its owner, "" for those of whom nobody is known. The original
# changes texts without its hash: whoever looks one up compares the texts too.
SECOND = """
ALTER TABLE memory_sources ADD COLUMN source TEXT;
CREATE TABLE memory_texts (
    memory_id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    hash BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX memory_texts_by_hash ON memory_texts(hash, owner);
CREATE TRIGGER memory_text_deleted AFTER DELETE ON memories BEGIN
    DELETE FROM memory_texts WHERE memory_id = OLD.id;
END;
CREATE TRIGGER command_deleted AFTER DELETE ON commands BEGIN
    DELETE FROM command_actions WHERE command_id = OLD.id;
END;
"""


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """IMMEDIATE: a transaction that reads first and is refused the lock later cannot wait. Within
    another, a part of it that is done or undone by itself."""
    inner = connection.in_transaction
    connection.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite has already rolled back everything after some errors (a full disk).
        if connection.in_transaction and inner:
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
        elif connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("RELEASE part" if inner else "COMMIT")


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """The database, made or brought to this version unless `read_only`.

    Raises Unavailable for a file of a newer aios, sqlite3.Error for what SQLite refuses."""
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # Another program's bytes: D-Bus takes neither broken UTF-8 nor NUL.
        connection.text_factory = lambda raw: raw.decode(errors="replace").replace("\0", "\ufffd")
        connection.row_factory = sqlite3.Row
        if version(connection) > VERSION:
            raise Unavailable(
                f"{path} was made by a newer aios (schema {version(connection)}; this one knows"
                f" {VERSION})",
                hint="update aios on this machine, or put an older copy of the file in its place",
            )
        if not read_only:
            # Per connection, all but the first: an installer cannot set them once for everybody.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            # Half of SQLite's own. What does not fit is in the kernel's, which all services share.
            connection.execute("PRAGMA cache_size = -1024")
            migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def version(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def migrate(connection: sqlite3.Connection) -> None:
    """One transaction: another process that migrates at the same time finds it done."""
    if version(connection) == VERSION:
        return
    with transaction(connection):
        if version(connection) < 1:
            run(connection, ORIGINAL)
            columns = [row["name"] for row in connection.execute("PRAGMA table_info(memories)")]
            if "related_entities" not in columns:
                connection.execute("ALTER TABLE memories ADD COLUMN related_entities TEXT")
            run(connection, ADDITIONS)
        if version(connection) < 2:
            second(connection)
        if version(connection) < 3:
            from aios.memory import erase

            run(connection, erase.SCHEMA)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def second(connection: sqlite3.Connection) -> None:
    # Here, because they import this module. Each part's tables stand in its own module; what is
    # derived from a memory or a command goes with it, by a trigger.
    from aios.memory import entities, history, index, preferences, profile, score, texts

    run(connection, SECOND)
    run(connection, index.SCHEMA)
    texts.fill(connection)
    run(connection, entities.SCHEMA)
    entities.fill(connection)
    run(connection, profile.SCHEMA)
    run(connection, score.SCHEMA)
    run(connection, history.SCHEMA)
    history.fill(connection)
    run(connection, preferences.SCHEMA)


def run(connection: sqlite3.Connection, script: str) -> None:
    """The script's statements within the open transaction (executescript would commit it)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def has_index(connection: sqlite3.Connection) -> bool:
    """False for an original's file that is only read."""
    return version(connection) >= 1
