"""Gone means: in no row, no index, no free page, no log, no backup."""

import random
import re
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aios.memory import backup, forget, history, memories, schema, writer
from aios.memory.database import Database
from aios.memory.erase import Eraser, Left
from aios.memory.forget import Filter
from aios.memory.history import Event
from aios.memory.memories import Draft, Source

ME = Source("aios", "me", 1000, "S1")
HER = Source("", "her", 1001)


def remember(db: sqlite3.Connection, memory_id: str, text: str, source: Source | None) -> None:
    memories.create(db, memory_id, Draft.of(text), source)


def run(db: sqlite3.Connection, number: int, command: str, **told: str) -> None:
    event: dict[str, Any] = {
        "user": "me",
        "machine": "aios",
        "started_at": f"2026-03-0{number}T12:00:00Z",
        **told,
    }
    history.record(db, Event(id=f"C{number}", command=command, uid=1000, **event))


@pytest.fixture
def filled(db: sqlite3.Connection) -> sqlite3.Connection:
    remember(db, "01", "likes green tea", ME)
    remember(db, "02", "likes Green tea too", HER)
    remember(db, "03", "the attic key", None)
    run(db, 1, "apt-get install -y greentea")
    run(db, 2, "true", machine="other")
    return db


@pytest.mark.parametrize(
    ("wanted", "memories", "commands"),
    [
        (Filter(), "01 02 03", "C1 C2"),
        (Filter(user="me", uid=1000), "01", "C1 C2"),
        (Filter(user="me", uid=1), "", ""),
        (Filter(query="green"), "01 02", "C1"),
        (Filter(query="GREEN TEA"), "01 02", ""),
        (Filter(query="%"), "", ""),
        (Filter(query="green", user="her"), "02", ""),
        (Filter(ids=("01", "C2")), "01", "C2"),
        (Filter(ids=("01",), user="her"), "", ""),
        (Filter(machine="aios"), "01", "C1"),
        (Filter(session="S1"), "01", ""),
        (Filter(since="2026-03-02T00:00:00+00:00", until="2026-03-03T00:00:00+00:00"), "", "C2"),
        (Filter(kinds=("commands",)), "", "C1 C2"),
        (Filter(kinds=("memories",)), "01 02 03", ""),
    ],
)
def test_what_is_meant(
    filled: sqlite3.Connection, wanted: Filter, memories: str, commands: str
) -> None:
    found = forget.find(filled, wanted)
    assert sorted(found.memories) == memories.split()
    assert sorted(found.commands) == commands.split()


def test_the_rest_stays(filled: sqlite3.Connection) -> None:
    forget.forget(filled, Filter(query="green"))
    assert [one.id for one in memories.recent(filled, limit=9, offset=0)] == ["03"]
    assert [row["id"] for row in filled.execute("SELECT id FROM commands")] == ["C2"]
    orphans = filled.execute(
        "SELECT count(*) FROM command_actions WHERE command_id NOT IN (SELECT id FROM commands)"
    )
    assert orphans.fetchone()[0] == 0
    for table in ("memory_sources", "memory_texts"):
        count = filled.execute(f"SELECT count(*) FROM {table} WHERE memory_id <> '03'")
        assert count.fetchone()[0] == 0


def bytes_of(path: Path) -> bytes:
    """Of all files. By another process: this one would lose its locks by closing them."""
    files = [*path.parent.rglob("memory*"), *backup.directory_of(path).rglob("memory*")]
    return subprocess.run(["cat", *files], capture_output=True, check=True).stdout


async def test_the_bytes_are_in_no_file(path: Path) -> None:
    database = Database(path)
    chance = random.Random(1)
    words = ["pear", "plum", "quince", "medlar", "sorb", "cherry", "damson", "sloe"]

    def fill(db: sqlite3.Connection) -> None:
        # Enough for pages to be split and cells to move.
        for number in range(1500):
            text = " ".join(chance.choices(words, k=chance.randrange(5, 60)))
            marked = f"zzxsecret{number} " if number % 50 == 7 else ""
            source = Source("aios", "me", 1000, f"zzxsession{number}" if marked else "")
            remember(db, f"{number:04}", f"{text} {marked}{number}", source)

    await database.write(fill)
    await database.write(lambda db: run(db, 1, "apt-get install zzxsecretpackage"))
    for number in range(7, 1500, 100):
        draft = Draft.of(f"another zzxsecret text {number} " * 3, ai_interpretation="zzxsecretly")
        await database.write(partial(memories.update, memory_id=f"{number:04}", draft=draft))
    await database.backup()
    assert b"zzxsecret7" in bytes_of(path)
    found, rewritten, left = await database.forget(Filter(query="zzxsecret"))
    assert (len(found.memories), len(found.commands)) == (30, 1)
    assert (rewritten, left) == (1, [])
    assert b"zzx" not in bytes_of(path).lower()
    for one in (path, *backup.every(database.backups)):
        with closing(schema.connect(one)) as db:
            assert backup.check(db) == []
            assert db.execute("SELECT count(*) FROM memories").fetchone()[0] == 1470


async def test_a_reader_of_the_old_state_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_SECONDS", 0.02)
    database = Database(path)
    await database.write(lambda db: remember(db, "01", "zzxsecret", ME))
    with closing(schema.connect(path, read_only=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM memories").fetchall()
        _found, _rewritten, left = await database.forget(Filter())
        assert "reads an older state" in left[0]
        assert b"zzxsecret" in bytes_of(path)
    # Without a pause in what is written, too.
    while b"zzxsecret" in bytes_of(path):
        await database.write(schema.version)


async def test_what_is_deleted_leaves_the_file_when_nobody_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_SECONDS", 0.02)
    database = Database(path)
    chance = random.Random(2)

    def fill(db: sqlite3.Connection) -> None:
        for number in range(600):
            text = "".join(chance.choices("abcdefgh ", k=chance.randrange(20, 400)))
            remember(db, f"{number:04}", f"{text} zzxsecret{number % 60}", ME)

    await database.write(fill)
    for number in range(0, 600, 60):
        await database.write(partial(memories.delete, memory_id=f"{number:04}"))
    gone = re.compile(b"zzxsecret(?:0|t0)(?![0-9])")
    while gone.search(bytes_of(path)):
        await database.read(schema.version)
    # What this process remembers of pages does not come back with what is written next.
    for number in range(1, 600, 7):
        if number % 60:
            await database.write(
                partial(memories.update, memory_id=f"{number:04}", draft=Draft.of("short"))
            )
    assert not gone.search(bytes_of(path))
    assert await database.verify() == []
    assert b"zzxsecret1" in bytes_of(path)


async def test_erasing_goes_on_in_another_process(path: Path) -> None:
    with closing(schema.connect(path)) as db:
        for number in range(300):
            remember(db, f"{number:04}", f"a pear and zzxsecret{number}", ME)
        for number in range(300):
            memories.delete(db, f"{number:04}")
        one = Eraser(path)
        assert one.step(db) is Left.MORE
        remember(db, "1000", "zzxsecret once more", ME)
        memories.delete(db, "1000")
        other = Eraser(path)
        while other.step(db) is Left.MORE:
            pass
        writer.truncate(db)
        assert b"zzx" not in bytes_of(path)
        assert backup.check(db) == []


def test_free_pages_of_a_library_that_leaves_them_as_they_were(path: Path) -> None:
    with closing(schema.connect(path)) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("CREATE TABLE other (text TEXT)")
        db.executemany("INSERT INTO other VALUES (?)", [("zzxsecret " * 900,)] * 400)
        db.execute("DELETE FROM other WHERE rowid % 3 > 0")
        writer.truncate(db)
        assert bytes_of(path).count(b"zzxsecret") > 900 * 300
        remember(db, "01", "a note", ME)
        memories.delete(db, "01")
        eraser = Eraser(path)
        while eraser.step(db) is Left.MORE:
            pass
        # The first of each stays: the free pages that list others are none of these.
        assert bytes_of(path).count(b"zzxsecret") <= 900 * 133 + 450
        assert backup.check(db) == []
        assert db.execute("SELECT sum(length(text)) FROM other").fetchone()[0] == 9000 * 133
