"""Prompts without a model, and who may hold a conversation."""

import asyncio
from typing import Any

import pytest

from aios.caller import Caller
from aios.chat.event import Kind, Status
from aios.chat.interface import ChatInterface
from aios.errors import (
    Busy,
    Denied,
    InvalidOption,
    NoSuchMachine,
    NotAuthorized,
    NotFound,
    Unavailable,
)
from aios.interface import Call

INSIDE = Caller(uid=600000, pid=1, machine="box", machine_uid=0)


async def test_a_command_runs_without_a_brain(world: Any) -> None:
    session = world.open()
    assert await world.ask(session, "!echo hello; exit 3") is Status.FAILED
    kinds = [kind for kind, _ in world.events]
    assert kinds == ["command", "output", "finished"]
    command = {"number": 1, "command": "echo hello; exit 3", "machine": "box", "why": ""}
    assert world.seen("command") == [command]
    assert world.seen("output") == [{"number": 1, "stream": "stdout", "text": "hello\n"}]
    assert world.seen("finished")[0]["exit_status"] == 3
    # The history says what the person said.
    said = {"words": "!echo hello; exit 3"}
    assert world.exec.options == [
        {"delegation": "a-delegation", "session": session, "input": False} | said
    ]
    assert await world.ask(session, "!forbidden") is Status.DENIED
    assert world.seen("refused")[0]["hint"] == "ask for less"
    assert await world.ask(session, "! ") is Status.FAILED


async def test_offline_says_so_once_and_answers_from_history(world: Any) -> None:
    session = world.open()
    assert await world.ask(session, "show disk usage of /usr/bin") is Status.OK
    assert world.seen("notice") == [{"text": "offline: rules, no model"}]
    (command,) = world.seen("command")
    assert "/usr/bin" in command["command"]
    assert await world.ask(session, "what did I just run?") is Status.OK
    assert world.seen("notice") == []
    assert command["command"] in world.text()
    # A session that ran nothing means the person's last ones.
    assert await world.ask(world.open(), "what did I just run?") is Status.OK
    assert command["command"] in world.text()


async def test_offline_abstains_and_runs_nothing(world: Any) -> None:
    assert await world.ask(world.open(), "delete everything") is Status.ABSTAINED
    assert world.text()
    assert world.exec.options == []


LISTS = "/var/lib/apt/lists/x_Packages:Package: bash\n"
FOUND = "/var/lib/apt/lists/x_Packages:Package: htop\n"


async def test_offline_looks_names_up_once(world: Any) -> None:
    world.exec.names = LISTS
    session = world.open()
    for _again in range(2):
        assert await world.ask(session, "install htop") is Status.ABSTAINED
        assert "htop" in world.text()
    (probe,) = world.exec.options
    assert probe == {"delegation": "a-delegation", "session": session, "purpose": "probe"}


@pytest.mark.parametrize("names", [LISTS + FOUND, FOUND, "htop\n", ""])
async def test_offline_installs_what_is_there_or_cannot_be_looked_up(
    world: Any, names: str
) -> None:
    world.exec.names = names
    assert await world.ask(world.open(), "install htop") is Status.OK
    assert world.seen("command")[0]["command"] == "apt-get install -y htop"
    assert world.text() == "✓ done"
    said = [data["text"] for data in world.seen("notice")]
    assert any("unverified" in text for text in said) == (names == "")


async def test_offline_looks_units_up_by_their_whole_name(world: Any) -> None:
    world.exec.names = "basic.target static -\nnginx.service enabled enabled\n"
    session = world.open()
    await world.ask(session, "is nginx running?")
    assert "nginx.service" in world.exec.commands[0]
    assert "nginx" in world.seen("command")[0]["command"]
    assert await world.ask(session, "restart apache2") is Status.ABSTAINED


async def test_offline_remembers(world: Any) -> None:
    session = world.open()
    assert await world.ask(session, "remember that the backup disk is blue") is Status.OK
    assert "backup disk is blue" in world.memory.contents[0]


async def test_one_prompt_at_a_time(world: Any) -> None:
    session = world.open()
    asking = asyncio.ensure_future(world.ask(session, "!sleep 60"))
    await world.exec.started.wait()
    with pytest.raises(Busy):
        await world.ask(session, "!true")
    assert await world.ask(world.open(), "!true") is Status.OK
    await world.chat.interrupt(world.caller, session)
    assert await asking is Status.INTERRUPTED
    assert await world.ask(session, "!true") is Status.OK


async def test_a_person_who_goes_takes_the_command_along(world: Any) -> None:
    session = world.open()
    asking = asyncio.ensure_future(world.ask(session, "!sleep 60"))
    await world.exec.started.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(world.exec.cancelled.wait(), timeout=5)
    assert await world.ask(session, "!true") is Status.OK


async def test_closing_ends_it_and_forgetting_removes_it(world: Any) -> None:
    session = world.open()
    asking = asyncio.ensure_future(world.ask(session, "!sleep 60"))
    await world.exec.started.wait()
    await world.chat.close(world.caller, session)
    assert await asking is Status.INTERRUPTED
    assert await world.ask(session, "!true") is Status.OK
    await world.chat.forget(world.caller, session)
    with pytest.raises(NotFound):
        await world.ask(session, "!true")


@pytest.mark.parametrize(
    ("caller", "machine", "error"),
    [
        (Caller(uid=65534, pid=1), "box", NotAuthorized),
        (Caller(uid=0, pid=1), "nowhere", NoSuchMachine),
        (Caller(uid=0, pid=1), "../box", NoSuchMachine),
        (Caller(uid=0, pid=1), "", NoSuchMachine),
        (INSIDE, "other", NotAuthorized),
        (INSIDE, ".host", NotAuthorized),
        (Caller(uid=600033, pid=1, machine="box", machine_uid=33), "box", NotAuthorized),
    ],
)
def test_who_may_open(world: Any, caller: Caller, machine: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.chat.open(caller, machine)


@pytest.mark.parametrize("machine", ["", "box"])
async def test_people_of_a_machine_talk_about_it(world: Any, machine: str) -> None:
    world.caller = INSIDE
    session = world.chat.open(INSIDE, machine)
    assert await world.ask(session, "!true") is Status.OK
    with pytest.raises(NotFound):
        await world.chat.ask(Caller(uid=0, pid=1), session, "!true", "d", world.emit)


async def test_authority_is_lent_by_who_asks(world: Any) -> None:
    session = world.open()

    def ask(caller: Caller, delegation: str) -> Any:
        return world.chat.ask(caller, session, "!true", delegation, world.emit)

    on_bus = Caller(uid=0, pid=1, bus_name=":1.7")
    with pytest.raises(NotAuthorized):
        await ask(Caller(uid=0, pid=1), "")
    for caller in (Caller(uid=0, pid=1), on_bus):
        with pytest.raises(NotAuthorized):
            await ask(caller, ":1.8")
    assert world.exec.options == []
    await ask(on_bus, "")
    await ask(on_bus, "other")
    assert [options["delegation"] for options in world.exec.options] == [":1.7", "other"]


@pytest.mark.parametrize("prompt", ["", " \n", "x" * 100_001])
async def test_a_prompt_has_words(world: Any, prompt: str) -> None:
    with pytest.raises(InvalidOption):
        await world.ask(world.open(), prompt)


async def test_a_machine_that_went_away_is_told(world: Any, tmp_path: Any) -> None:
    session = world.open()
    (tmp_path / "run/exec/box.sock").unlink()
    assert await world.ask(session, "!true") is Status.FAILED
    assert world.seen("error")[0]["name"] == "org.aios.Error.NoSuchMachine"


async def test_ask_for_scripts(world: Any) -> None:
    interface = ChatInterface(world.chat)
    call = Call(Caller(uid=0, pid=1, bus_name=":1.7"))
    assert await interface.Ask(call, "box", "!echo one; echo two >&2") == "one\ntwo"
    with pytest.raises(Denied):
        await interface.Ask(call, "box", "!forbidden")
    with pytest.raises(NoSuchMachine):
        await interface.Ask(call, "nowhere", "!true")
    assert list(world.state.iterdir()) == []


async def test_an_exec_that_dies_is_an_error_of_that_prompt_alone(world: Any) -> None:
    session = world.open()
    asking = asyncio.ensure_future(world.ask(session, "!sleep 60"))
    await world.exec.started.wait()
    for task in asyncio.all_tasks():
        if "VarlinkServer" in repr(task) or "Connection._serve" in repr(task):
            task.cancel()
    assert await asking is Status.FAILED
    assert world.seen("error")[0]["name"] == Unavailable("").name
    assert await world.ask(session, "!true") is Status.OK
    assert Kind.ERROR not in [kind for kind, _ in world.events]
