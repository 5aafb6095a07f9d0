"""Whose it is to forget, move and back up."""

from pathlib import Path
from typing import Any

import pytest

from aios import config
from aios.attach.access import Access, want
from aios.bus_values import body
from aios.caller import Caller
from aios.errors import InvalidOption, NotAuthorized
from aios.ids import new_id
from aios.interface import Call
from aios.memory.attachments import Attachments
from aios.memory.database import Database
from aios.memory.interface import Memory

ROOT = Call(Caller(uid=0, pid=1))
AI = Call(Caller(uid=525288, pid=9, machine="aios", machine_uid=1000))
OTHER = Call(Caller(uid=655360 + 1000, pid=9, machine="aios-dev", machine_uid=1000))


async def nobody(delegation: str) -> tuple[int, str, str, str]:
    raise LookupError(delegation)


@pytest.fixture
def memory(path: Path) -> Memory:
    return Memory(Database(path), config.Config(), nobody)


async def test_people_forget_their_own(memory: Memory) -> None:
    for call in (ROOT, AI, OTHER):
        await memory.Create(call, f"tea of {call.caller.user}", {})
    assert (await memory.Forget(AI, {"query": "tea", "dry_run": True}))["memories"] == 1
    for filter in ({"query": "tea", "everyone": True}, {"user": "root"}):
        with pytest.raises(NotAuthorized):
            await memory.Forget(AI, filter)
    wrong: list[dict[str, Any]] = [
        {}, {"ids": []}, {"query": " "}, {"everything": True, "kinds": ["x"]},
    ]  # fmt: skip
    for empty in wrong:
        with pytest.raises(InvalidOption):
            await memory.Forget(ROOT, empty)
    answer = await memory.Forget(AI, {"everything": True})
    assert (answer["memories"], answer["left"]) == (1, [])
    body("a{sv}", (answer,))
    assert (await memory.Forget(ROOT, {"query": "tea", "everyone": True}))["memories"] == 2
    assert await memory.List(ROOT, {}) == []


async def test_a_moved_memory_is_the_same(memory: Memory, tmp_path: Path) -> None:
    made = await memory.Create(AI, "tea", {"priority_score": 0.5, "related_entities": ["x"]})
    await memory.Create(ROOT, "coffee", {"ai_interpretation": "why"})
    event = {
        "id": new_id(), "command": "curl -u me:hunter2 https://x", "machine": "aios", "uid": 0,
        "user": "root", "started_at": "2026-01-31T12:00:00Z", "exit_status": 0, "ended": "exit",
    }  # fmt: skip
    await memory.Record(ROOT, event)
    records: list[dict[str, Any]] = []
    for kind in ("memory", "command"):
        page = await memory.Export(ROOT, {"kind": kind, "everyone": True, "limit": 1})
        while page:
            records += page
            options = {"kind": kind, "everyone": True, "limit": 1, "after": page[-1]["id"]}
            page = await memory.Export(ROOT, options)
    body("aa{sv}", (records,))
    assert len(records) == 3
    assert "hunter2" not in str(records)
    other = Memory(Database(tmp_path / "other" / "memory.db"), config.Config(), nobody)
    (tmp_path / "other").mkdir()
    assert await other.Import(ROOT, records) == {"memories": 2, "commands": 1, "known": 0}
    assert await other.Import(ROOT, records) == {"memories": 0, "commands": 0, "known": 3}
    assert await other.Get(ROOT, made) == await memory.Get(ROOT, made)
    assert await other.History(ROOT, {"everyone": True}) == await memory.History(
        ROOT, {"everyone": True}
    )
    assert [one["id"] for one in await memory.Export(AI, {})] == [made]
    with pytest.raises(NotAuthorized):
        await memory.Export(AI, {"everyone": True})


async def test_what_people_import_is_theirs(memory: Memory) -> None:
    record = {"id": "x1", "content": "tea", "user": "root", "uid": 0, "machine": "m"}
    assert (await memory.Import(AI, [record]))["memories"] == 1
    kept = await memory.Get(AI, "x1")
    assert (kept["user"], kept["machine"], kept["source"]) == ("ai@aios", "aios", "import")
    with pytest.raises(NotAuthorized, match="record 1: what was done"):
        await memory.Import(AI, [{"id": "x2", "content": "y"}, {"kind": "command"}])
    with pytest.raises(InvalidOption, match="record 0: created_at is no text"):
        await memory.Import(ROOT, [{"id": "x2", "content": "y", "created_at": 5}])
    assert len(await memory.List(ROOT, {})) == 1


async def test_files_are_the_administrator_s(memory: Memory) -> None:
    for attempt in (
        memory.Backup(AI), memory.Verify(AI), memory.Restore(AI, ""), memory.ListBackups(AI),
        memory.Attach(AI, "aios", {}), memory.Detach(AI, "aios"),
    ):  # fmt: skip
        with pytest.raises(NotAuthorized):
            await attempt
    await memory.Create(ROOT, "tea", {})
    assert await memory.Verify(ROOT) == []
    made = await memory.Backup(ROOT)
    (listed,) = await memory.ListBackups(ROOT)
    assert listed["path"] == made
    await memory.Create(ROOT, "coffee", {})
    assert await memory.Restore(ROOT, "") == made
    assert [one["content"] for one in await memory.List(ROOT, {})] == ["tea"]
    counted = await memory.Stats(AI)
    assert (counted["memories"], counted["backups"]) == (1, 1)
    body("a{sv}", (counted,))


async def test_a_machine_that_sees_nothing(path: Path, tmp_path: Path) -> None:
    attachments = Attachments(wanted=tmp_path, found=tmp_path, machines=tmp_path)
    memory = Memory(Database(path), config.Config(), nobody, attachments)
    await memory.Create(AI, "tea", {})
    want("aios", Access.NONE, tmp_path)
    with pytest.raises(NotAuthorized, match="machine aios does not see the memory"):
        await memory.List(AI, {})
    assert await memory.List(OTHER, {})


async def test_a_backup_of_a_snapshot_stays_and_forgets(memory: Memory, path: Path) -> None:
    made = new_id()
    await memory.Create(ROOT, "tea at four", {})
    kept = Path(await memory.BackupFor(ROOT, made))
    for _ in range(9):
        await memory.Backup(ROOT)
    names = [one["name"] for one in await memory.ListBackups(ROOT)]
    assert names[-1] == kept.name == f"snapshot-{made}.db"
    assert len(names) == 8
    await memory.Create(ROOT, "coffee", {})
    # The newest is what a restore takes unless it is told otherwise.
    assert await memory.Restore(ROOT, "") != str(kept)
    assert await memory.Restore(ROOT, kept.name) == str(kept)
    assert (await memory.Forget(ROOT, {"query": "tea"}))["backups"] == 8
    assert b"tea at four" not in kept.read_bytes()
    for _ in range(2):
        await memory.RemoveBackup(ROOT, made)
    assert not kept.exists()
    for wrong in ("", "../x", f"{made}/.."):
        with pytest.raises(InvalidOption):
            await memory.BackupFor(ROOT, wrong)
    with pytest.raises(NotAuthorized):
        await memory.BackupFor(AI, made)
