"""The writer process: what it acknowledged, and what it leaves behind."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aios.errors import NotFound, Unavailable
from aios.memory import backup, memories, schema
from aios.memory import writer as writer_module
from aios.memory.database import Database
from aios.memory.memories import Draft
from aios.memory.writer import Work

ROOT = Path(__file__).parents[3] / "services"
NOBODY = 65534
WRITER = """
import asyncio, sys
from pathlib import Path
from aios.memory import memories
from aios.memory.database import Database, leave

def text(number):
    return memories.Draft.of(f"word {number} {sys.argv[3]}")

async def main():
    database = Database(Path(sys.argv[1]))
    for number in range(int(sys.argv[2])):
        await database.write(
            lambda db: memories.create(db, memories.new_id(), text(number))
        )
        print(number, flush=True)

asyncio.run(main())
leave(0)
"""
READER = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(db.execute("SELECT count(*) FROM memories").fetchone()[0])
print(db.execute("SELECT count(*) FROM memory_words WHERE memory_words MATCH 'word'").fetchone()[0])
try:
    db.execute("DELETE FROM memories")
except sqlite3.OperationalError as error:
    print(error)
"""


def writer(path: Path, count: int, word: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, path, str(count), word],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that others may read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("kill_after", [0, 1, 7, 40])
def test_what_was_acknowledged_survives_a_kill(path: Path, kill_after: int) -> None:
    process = writer(path, 10_000)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == kill_after:
            process.send_signal(signal.SIGKILL)
            break
    acknowledged = kill_after + 1 + len(process.stdout.readlines())
    process.wait()
    process.stdout.close()
    with closing(schema.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        kept = [one.content for one in memories.recent(db, limit=1000, offset=0)]
    assert {f"word {number} " for number in range(acknowledged)} <= set(kept)
    # One more may have been committed when its acknowledgement was cut off.
    assert len(kept) <= acknowledged + 1


@pytest.mark.parametrize("writes", [0, 3, 600])
def test_others_read_while_the_service_is_idle(shared: Path, writes: int) -> None:
    path = shared / "memory.db"
    with writer(path, 3) as process:
        process.communicate()
    with writer(path, writes, "again") as process:
        process.communicate()
    assert {file.name for file in shared.iterdir()} == {
        "memory.db", "memory.db-wal", "memory.db-shm",
    }  # fmt: skip
    for file in shared.iterdir():
        file.chmod(0o444)
    shared.chmod(0o555)
    result = subprocess.run(
        [Path(sys.executable).resolve(), "-I", "-c", READER, path],
        capture_output=True, text=True, check=False,
        cwd="/",
        user=NOBODY if os.geteuid() == 0 else None,
    )  # fmt: skip
    shared.chmod(0o755)
    assert result.stdout.split("\n") == [
        str(3 + writes), str(3 + writes), "attempt to write a readonly database", "",
    ], result.stderr  # fmt: skip
    assert len(list(shared.iterdir())) == 3


async def test_work_is_done_one_after_the_other(path: Path) -> None:
    database = Database(path)
    inside = 0

    def work(db: sqlite3.Connection) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        made = memories.new_id()
        memories.create(db, made, Draft.of(made))
        inside -= 1

    await asyncio.gather(*(database.write(work) for _ in range(50)))
    assert len(await database.read(lambda db: memories.recent(db, limit=99, offset=0))) == 50


async def test_the_loop_goes_on_while_the_database_is_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.2)
    database = Database(path)
    await database.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.ensure_future(
            database.write(lambda db: memories.create(db, "01", Draft.of("x")))
        )
        turns = 0
        while not writing.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 20
        with pytest.raises(Unavailable, match="another program holds"):
            await writing
        other.execute("ROLLBACK")
    await database.write(lambda db: memories.create(db, "01", Draft.of("x")))


async def test_a_broken_file_is_named(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(Unavailable, match=r"memory\.db: file is not a database"):
        await Database(path).open()


async def test_a_directory_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open"):
        await Database(path.parent / "absent" / "memory.db").open()


def note(text: str) -> Work:
    return lambda db: memories.create(db, memories.new_id(), Draft.of(text))


def kept(path: Path) -> set[str]:
    with closing(schema.connect(path, read_only=True)) as db:
        return {row["content"] for row in db.execute("SELECT content FROM memories")}


async def test_many_share_a_commit(path: Path) -> None:
    database = Database(path)
    await database.open()
    commits = 0

    def hold(db: sqlite3.Connection) -> None:
        db.set_trace_callback(count)
        holding.wait()

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    holding = threading.Event()
    first = asyncio.ensure_future(database.write(hold, alone=True))
    others = [asyncio.ensure_future(database.write(note(f"n{number}"))) for number in range(200)]
    await asyncio.sleep(0)
    holding.set()
    await asyncio.gather(first, *others)
    assert commits == 1
    assert len(kept(path)) == 200


async def test_an_error_is_its_own_caller_s(path: Path) -> None:
    database = Database(path)

    def fails(db: sqlite3.Connection) -> None:
        memories.create(db, "02", Draft.of("half"))
        raise ZeroDivisionError

    def undoes_everything(db: sqlite3.Connection) -> None:
        # As SQLite itself does on a full disk.
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    answers = await asyncio.gather(
        database.write(note("one")), database.write(fails), database.write(undoes_everything),
        database.write(note("two")), return_exceptions=True,
    )  # fmt: skip
    assert isinstance(answers[1], ZeroDivisionError)
    assert isinstance(answers[2], Unavailable)
    assert kept(path) == {"one", "two"}


async def test_a_long_search_delays_no_write(path: Path) -> None:
    database = Database(path)
    await database.write(note("one"))
    held = threading.Event()

    def search(db: sqlite3.Connection) -> int:
        rows = db.execute("SELECT * FROM memories")
        rows.fetchone()
        held.wait()
        return len(rows.fetchall())

    searching = asyncio.ensure_future(database.read(search))
    await database.write(note("two"))
    held.set()
    await searching
    assert kept(path) == {"one", "two"}


async def test_who_only_reads_cannot_write(path: Path) -> None:
    database = Database(path)
    with pytest.raises(Unavailable, match="readonly"):
        await database.read(note("one"))


async def test_the_wal_empties_when_nobody_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "IDLE_SECONDS", 0.02)
    wal = path.with_name("memory.db-wal")
    database = Database(path)
    await database.write(note("one"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM memories").fetchall()
        await database.write(note("two"))
        assert len(reader.execute("SELECT * FROM memories").fetchall()) == 1
        assert wal.stat().st_size > 0
    while wal.stat().st_size:  # noqa: ASYNC110 - a file tells nobody
        await asyncio.sleep(0.01)
    assert kept(path) == {"one", "two"}


def damage(path: Path) -> None:
    """All pages but the first: the file opens."""
    size = path.stat().st_size
    with path.open("rb+") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


@pytest.mark.parametrize("whole", [False, True], ids=["pages", "not a database"])
async def test_a_damaged_database_offers_its_backup(path: Path, whole: bool) -> None:
    database = Database(path)
    await database.write(note("one"))
    good = await database.backup()
    await database.write(writer_module.truncate, alone=True)
    if whole:
        path.write_bytes(b"x" * 8192)
    else:
        damage(path)
    again = Database(path)
    with pytest.raises(Unavailable) as error:
        await again.write(note("two"))
    assert str(good) in error.value.hint
    assert "aios memory restore" in error.value.hint
    with pytest.raises(Unavailable):
        await again.backup()
    assert await again.restore("") == good
    await again.write(note("three"))
    assert await again.read(lambda db: memories.recent(db, limit=9, offset=0))
    assert kept(path) == {"one", "three"}
    assert next(old.name for old in backup.aside(database.backups)) == "memory.db"


async def test_backups_are_few_and_private(path: Path) -> None:
    database = Database(path)
    await database.write(note("one"))
    with closing(schema.connect(path, read_only=True)) as source:
        for _ in range(4):
            last = backup.make(source, database.backups, keep=2)
    assert len(backup.every(database.backups)) == 2
    assert backup.every(database.backups)[0] == last
    assert {file.name for file in database.backups.iterdir()} == {
        one.name for one in backup.every(database.backups)
    }
    assert database.backups.stat().st_mode & 0o077 == 0
    with pytest.raises(NotFound, match="no backup other"):
        await database.restore("other")
