"""org.aios.Memory1 as its callers meet it."""

from pathlib import Path
from typing import Any

import pytest

from aios import config
from aios.bus_values import body
from aios.caller import Caller
from aios.errors import InvalidOption, NotAuthorized, NotFound
from aios.ids import is_id, new_id
from aios.interface import Call
from aios.memory import person
from aios.memory.database import Database
from aios.memory.interface import Memory

ROOT = Call(Caller(uid=0, pid=1))
IN_MACHINE = Call(Caller(uid=525288, pid=9, machine="aios", machine_uid=1000))
IN_OTHER = Call(Caller(uid=655360 + 1000, pid=9, machine="aios-dev", machine_uid=1000))
DAEMON_THERE = Call(Caller(uid=524289, pid=9, machine="aios", machine_uid=1))
NOBODY = Call(Caller(uid=65534, pid=9))
LIVE = "delegation-of-me"
LIVE_THERE = "delegation-of-ai"


class Chat(Caller):
    def is_service(self, name: str) -> bool:
        return name == "aios-chat"


CHAT = Call(Chat(uid=990, pid=9))


async def describe(delegation: str) -> tuple[int, str, str, str]:
    if delegation == LIVE_THERE:
        return 525288, "ai@aios", "aios", "SESSION"
    if delegation != LIVE:
        raise NotFound("no such delegation")
    return 1000, "me", "aios", "SESSION"


@pytest.fixture
def memory(path: Path) -> Memory:
    return Memory(Database(path), config.Config(), describe)


def event(**fields: Any) -> dict[str, Any]:
    return {
        "id": new_id(), "command": "true", "machine": "aios", "uid": 1000, "user": "me",
        "started_at": "2026-03-01T10:00:00Z", **fields,
    }  # fmt: skip


async def test_machines_share_one_memory(memory: Memory) -> None:
    made = await memory.Create(IN_MACHINE, "the router is 192.0.2.1", {"priority_score": 9})
    assert is_id(made)
    (found,) = await memory.Search(IN_OTHER, "router", {})
    assert (found["id"], found["user"], found["machine"]) == (made, "ai@aios", "aios")
    assert found["priority_score"] == 1.0
    await memory.Update(ROOT, made, "the router is 192.0.2.2", {"related_entities": ["router"]})
    (listed,) = await memory.List(IN_OTHER, {"limit": 1})
    assert listed == await memory.Get(IN_MACHINE, made)
    assert listed["related_entities"] == ["router"]
    await memory.Delete(IN_OTHER, made)
    with pytest.raises(NotFound):
        await memory.Get(IN_MACHINE, made)


async def test_replies_fit_the_contract(memory: Memory) -> None:
    await memory.Create(ROOT, "x", {"related_entities": ["a"], "priority_score": 0.5})
    await memory.Record(ROOT, event(exit_status=1, ended="exit", duration_usec=2, cpu_usec=1))
    body("aa{sv}", (await memory.List(ROOT, {}),))
    body("aa{sv}", (await memory.History(ROOT, {"everyone": True}),))


@pytest.mark.parametrize("caller", [NOBODY, DAEMON_THERE, CHAT], ids=["nobody", "daemon", "chat"])
async def test_others_are_refused_everywhere(memory: Memory, caller: Call) -> None:
    for attempt in (
        memory.Create(caller, "x", {}),
        memory.Get(caller, "x"),
        memory.Search(caller, "x", {}),
        memory.List(caller, {}),
        memory.Update(caller, "x", "y", {}),
        memory.Delete(caller, "x"),
        memory.Record(caller, event()),
        memory.History(caller, {}),
    ):
        with pytest.raises(NotAuthorized):
            await attempt


async def test_chat_acts_for_the_person_who_delegated(memory: Memory) -> None:
    made = await memory.Create(CHAT, "x", {"delegation": LIVE})
    kept = await memory.Get(ROOT, made)
    assert (kept["user"], kept["machine"], kept["session"]) == ("me", "aios", "SESSION")
    await memory.Record(ROOT, event())
    await memory.Record(ROOT, event(uid=1001, user="you"))
    (row,) = await memory.History(CHAT, {"delegation": LIVE})
    assert row["user"] == "me"
    with pytest.raises(NotFound):
        await memory.List(CHAT, {"delegation": "made-up"})


async def test_a_person_in_a_machine_has_one_history_on_every_way(memory: Memory) -> None:
    await memory.Record(ROOT, event(user="ai@aios", uid=1))
    # No account of the host's is asked about, whatever its groups are.
    wanted = {"delegation": LIVE_THERE, "everyone": True}
    assert await memory.History(CHAT, wanted) == await memory.History(IN_MACHINE, {}) != []


@pytest.mark.parametrize("caller", [ROOT, IN_MACHINE])
async def test_a_delegation_is_nobody_elses_to_use(memory: Memory, caller: Call) -> None:
    with pytest.raises(NotAuthorized):
        await memory.List(caller, {"delegation": LIVE})


async def test_only_root_on_the_host_records(memory: Memory) -> None:
    inside = Call(Caller(uid=0, pid=9, machine="plain", machine_uid=0))
    with pytest.raises(NotAuthorized):
        await memory.Record(inside, event())


async def test_everyone_is_for_administrators(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person, "user_groups", lambda uid: frozenset({"aios"}))
    await memory.Record(ROOT, event(user="ai@aios", uid=525288))
    await memory.Record(ROOT, event(user="root@aios", uid=524288))
    await memory.Record(ROOT, event(user="ai@aios-dev", uid=656360, machine="aios-dev"))
    assert len(await memory.History(ROOT, {"everyone": True})) == 3
    assert await memory.History(ROOT, {}) == []
    (own,) = await memory.History(IN_MACHINE, {"everyone": True})
    assert own["user"] == "ai@aios"
    assert await memory.History(CHAT, {"everyone": True, "delegation": LIVE}) == []
    monkeypatch.setattr(person, "user_groups", lambda uid: frozenset({"aios-admin"}))
    assert len(await memory.History(CHAT, {"everyone": True, "delegation": LIVE})) == 3
    (own,) = await memory.History(IN_MACHINE, {"everyone": True})
    assert own["user"] == "ai@aios"


@pytest.mark.parametrize(
    "filter_",
    [
        {"since": "yesterday"},
        {"outcome": "maybe"},
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
        {"everyone": "yes"},
        {"text": "a\0b"},
        {"machine": "\ud800"},
        {"colour": "red"},
    ],
)
async def test_filters_are_checked(memory: Memory, filter_: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        await memory.History(ROOT, filter_)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "1"},
        {"uid": 2**64},
        {"cpu_usec": 2**64 - 1},
        {"started_at": "now"},
        {"command": "a\0"},
        {"colour": "red"},
        {"exit_status": True},
    ],
)
async def test_events_are_checked(memory: Memory, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        await memory.Record(ROOT, event(**fields))
    incomplete = event()
    del incomplete["command"]
    with pytest.raises(InvalidOption):
        await memory.Record(ROOT, incomplete)


async def test_actions_are_read_from_the_command(memory: Memory) -> None:
    await memory.Record(ROOT, event(command="sudo apt-get install -y tree htop"))
    (row,) = await memory.History(ROOT, {"everyone": True, "action": "install", "object": "htop"})
    assert row["objects"] == ["tree", "htop"]


@pytest.mark.parametrize("command", ["if [", "'", "$(", "\n", "\ufeff", "(" * 5000])
async def test_what_cannot_be_read_is_remembered(memory: Memory, command: str) -> None:
    await memory.Record(ROOT, event(command=command))
    (row,) = await memory.History(ROOT, {"everyone": True})
    assert row["command"] == command
