"""The socket door, on real sockets in this process."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from aios.caller import Caller
from aios.channel import Channel
from aios.errors import Denied
from aios.interface import Call, Interface
from aios.varlink import MAX_MESSAGE, MAX_QUEUED, VarlinkServer


class Policy(Interface):
    NAME = "org.aios.Policy1"
    PATH = "/org/aios/Policy1"

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    async def Check(self, call: Call, command: str, machine: str) -> tuple[str, dict[str, Any]]:
        if command == "boom":
            raise ZeroDivisionError
        if command == "no":
            raise Denied("not this", hint="try that")
        return "notify", {"uid": call.caller.uid, "machine": machine}

    async def Delegate(self, call: Call, session: str, machine: str) -> str:
        assert call.event is not None
        await call.event({"delegation": "d"})
        try:
            await asyncio.sleep(3600)
        finally:
            self.gone.set()
        return "d"


Door = tuple[Path, Policy]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    @contextlib.contextmanager
    def busy() -> Iterator[None]:
        yield

    async def identify(pid: int, uid: int) -> Caller:
        return Caller(uid=uid, pid=pid)

    path = tmp_path / "s"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    policy = Policy()
    server = VarlinkServer([policy], identify, busy)
    await server.listen([listening])
    yield path, policy
    server.close()


async def ask(path: Path, *messages: object) -> list[Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    for message in messages:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        writer.write(raw + b"\0")
    answers = []
    for _ in messages:
        raw = await reader.readuntil(b"\0")
        answers.append(json.loads(raw[:-1]))
    writer.close()
    return answers


def check(**parameters: object) -> dict[str, object]:
    return {"method": "org.aios.Policy1.Check", "parameters": parameters}


async def test_a_call_is_answered_by_the_names_of_the_contract(door: Door) -> None:
    (answer,) = await ask(door[0], check(command="ls", machine="m"))
    assert answer["parameters"]["decision"] == "notify"
    assert answer["parameters"]["why"]["machine"] == "m"


async def test_calls_that_arrive_together_are_answered_in_order(door: Door) -> None:
    answers = await ask(door[0], *(check(command="ls", machine=str(n)) for n in range(5)))
    assert [a["parameters"]["why"]["machine"] for a in answers] == list("01234")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (check(command="no", machine=""), "org.aios.Error.Denied"),
        (check(command="boom", machine=""), "org.aios.Error.Internal"),
        (check(command=1, machine=""), "org.varlink.service.InvalidParameter"),
        (check(command="ls"), "org.varlink.service.InvalidParameter"),
        (check(command="ls", machine="", more=1), "org.varlink.service.InvalidParameter"),
        (check(command="\ud800", machine=""), "org.varlink.service.InvalidParameter"),
        ({"method": "org.aios.Policy1.Nope"}, "org.varlink.service.MethodNotFound"),
        ({"method": "org.aios.Policy1.has"}, "org.varlink.service.MethodNotFound"),
        ({"method": "org.other.Check"}, "org.varlink.service.InterfaceNotFound"),
    ],
)
async def test_errors_have_names_and_keep_the_connection(
    door: Door, message: object, error: str
) -> None:
    answer, after = await ask(door[0], message, check(command="ls", machine="m"))
    assert answer["error"] == error
    assert "Traceback" not in json.dumps(answer)
    assert after["parameters"]["decision"] == "notify"


@pytest.mark.parametrize("raw", [b"\xff", b"[]", b"{}", b'{"method": 1}', b"[" * 100_000])
async def test_what_is_not_varlink_ends_the_connection(door: Door, raw: bytes) -> None:
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await ask(door[0], raw)


async def test_a_peer_that_goes_cancels_its_call(door: Door) -> None:
    path, policy = door
    reader, writer = await asyncio.open_unix_connection(path)
    request = {
        "method": "org.aios.Policy1.Delegate",
        "parameters": {"session": "s", "machine": "m"},
        "more": True,
    }
    writer.write(json.dumps(request).encode() + b"\0")
    event = json.loads((await reader.readuntil(b"\0"))[:-1])
    assert event == {"parameters": {"delegation": "d"}, "continues": True}
    assert not policy.gone.is_set()
    writer.close()
    await asyncio.wait_for(policy.gone.wait(), 10)


async def test_a_peer_that_sends_byte_by_byte_costs_no_more_for_it() -> None:
    ours, theirs = socket.socketpair()
    gone = asyncio.Event()
    channel = Channel(theirs, gone.set, max_message=MAX_MESSAGE, max_queued=1)
    channel._buffer += b"x" * (MAX_MESSAGE - 1)
    begun = time.process_time()
    for _ in range(2000):
        ours.send(b"\n")
        channel._buffer.pop()
        channel._readable()
    assert time.process_time() - begun < 0.5
    ours.send(b"\0")
    channel._readable()
    message = await channel.receive()
    assert message is not None and len(message) == MAX_MESSAGE - 1
    channel.close()
    ours.close()


async def test_a_flood_of_unanswered_calls_is_cut_off(door: Door) -> None:
    reader, writer = await asyncio.open_unix_connection(door[0])
    writer.write((json.dumps(check(command="ls", machine="")).encode() + b"\0") * MAX_QUEUED * 50)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        assert (await reader.read()).count(b"\0") <= MAX_QUEUED * 50


async def test_what_was_sent_counts_until_it_is_answered() -> None:
    held = 0

    def account(size: int) -> bool:
        nonlocal held
        held += size
        return held <= 100

    ours, theirs = socket.socketpair()
    channel = Channel(
        theirs, lambda: None, max_message=MAX_MESSAGE, max_queued=9, account=account
    )  # fmt: skip
    ours.sendall(b"first\0second\0th")
    channel._readable()
    assert held == 15
    assert await channel.receive() == b"first"
    assert held == 15
    assert await channel.receive() == b"second"
    assert held == 9
    ours.sendall(b"x" * 100)
    channel._readable()
    assert channel.gone.is_set()
    assert held == 0
    assert await channel.receive() is None
    assert held == 0
    ours.close()
