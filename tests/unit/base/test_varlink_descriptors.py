"""Descriptors through the socket door, with the client's own side of it."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aios.caller import Caller
from aios.channel import HIGH_WATER, Channel
from aios.client.varlink import Connection, Reply
from aios.contract import Arg, Contract, Method
from aios.interface import Call, Interface
from aios.varlink import VarlinkServer

NAME = "org.aios.Probe1"


class Probe(Interface):
    NAME, PATH = NAME, "/org/aios/Probe1"

    def __init__(self) -> None:
        outputs = (Arg("name", "s"), Arg("end", "h"), Arg("other", "h"))
        methods = {
            "Open": Method("Open", (Arg("name", "s"),), outputs),
            "Slow": Method("Slow", (), (Arg("end", "h"),)),
        }
        self.contract = Contract(NAME, "", methods, {}, {})
        self.emitters = []
        self.calls: list[Call] = []
        self.given: list[int] = []
        self.release = asyncio.Event()

    async def Open(self, call: Call, name: str) -> tuple[str, int, int]:
        self.calls.append(call)
        if call.event is not None:
            for number in range(3):
                await call.event({"number": number, "filling": "x" * HIGH_WATER})
        read, write = os.pipe()
        os.write(write, name.encode())
        self.given += [read, write]
        return name, read, write

    async def Slow(self, call: Call) -> int:
        self.calls.append(call)
        await self.release.wait()
        self.given += os.pipe()
        os.close(self.given.pop())
        return self.given[-1]


Door = tuple[Path, Probe]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async def identify(pid: int, uid: int) -> Caller:
        return Caller(uid=uid, pid=pid)

    path = tmp_path / "s"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    probe = Probe()
    server = VarlinkServer([probe], identify, contextlib.nullcontext)
    await server.listen([listening])
    yield path, probe
    server.close()
    await asyncio.gather(*server.tasks)


def count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)


def taken(reply: Reply) -> bytes:
    """What is in the pipe; closes it."""
    ends = [reply.descriptors[reply.parameters[name]] for name in ("end", "other")]
    try:
        assert not any(os.get_inheritable(fd) for fd in ends)
        return os.read(ends[0], 100)
    finally:
        for fd in ends:
            os.close(fd)


def ask(path: Path, name: str) -> Reply:
    with Connection(str(path), timeout=20) as connection:
        return connection.ask(f"{NAME}.Open", {"name": name})


def stream(path: Path, name: str) -> list[Reply]:
    with Connection(str(path), timeout=20) as connection:
        return list(connection.stream(f"{NAME}.Open", {"name": name}))


async def test_descriptors_come_with_the_reply(door: Door) -> None:
    path, _probe = door
    reply = await asyncio.to_thread(ask, path, "hello")
    assert reply.parameters == {"name": "hello", "end": 0, "other": 1}
    assert taken(reply) == b"hello"


async def test_they_belong_to_the_last_of_many_replies(door: Door) -> None:
    *events, last = await asyncio.to_thread(stream, door[0], "x")
    assert [event.parameters["number"] for event in events] == [0, 1, 2]
    assert not any(event.descriptors for event in events)
    assert taken(last) == b"x"


async def test_nothing_is_left_open(door: Door) -> None:
    path, _probe = door

    def call() -> None:
        with Connection(str(path), timeout=20) as connection:
            for _ in range(20):
                connection.call(f"{NAME}.Open", {"name": "x"})

    await asyncio.to_thread(call)
    before = count()
    await asyncio.to_thread(call)
    await until(lambda: count() <= before)  # what earlier tests left may go, too


async def test_a_peer_that_goes_before_the_reply(door: Door) -> None:
    path, probe = door
    before = count()
    for _ in range(3):
        _reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"method": "org.aios.Probe1.Slow"}\0')
        await until(lambda: probe.calls and not probe.calls[-1].gone.is_set())
        call = probe.calls[-1]
        writer.close()
        probe.release.set()  # the reply and the end of the peer meet
        await call.gone.wait()
        probe.release.clear()
        probe.calls.clear()
    await until(lambda: count() <= before)  # what earlier tests left may go, too


async def test_gone_is_one_for_all_calls_of_a_connection(door: Door) -> None:
    path, probe = door

    def twice() -> None:
        with Connection(str(path), timeout=20) as connection:
            for _ in range(2):
                taken(connection.ask(f"{NAME}.Open", {"name": "x"}))
            assert not probe.calls[0].gone.is_set()

    await asyncio.to_thread(twice)
    first, second = probe.calls
    assert first.gone is second.gone
    await asyncio.wait_for(first.gone.wait(), 20)


@pytest.mark.parametrize("number", [1, 3, 250])
async def test_descriptors_that_a_peer_sends_end_its_connection(door: Door, number: int) -> None:
    path, probe = door
    ends = os.pipe()
    before = count()

    def send() -> bytes:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            message = b'{"method": "org.aios.Probe1.Open", "parameters": {"name": "x"}}\0'
            socket.send_fds(peer, [message], [ends[0]] * number)
            with contextlib.suppress(ConnectionResetError):
                return peer.recv(1000)
            return b""

    assert await asyncio.to_thread(send) == b""
    assert not probe.calls
    await until(lambda: count() <= before)  # what earlier tests left may go, too
    for fd in ends:
        os.close(fd)


async def test_a_reader_that_is_slow_holds_up_the_sender_alone() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, lambda: None, max_message=100, max_queued=4)
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(200):
            await channel.send(b"x" * 10_000 + b"\0")
            sent += 1
        await channel.drain()

    sending = asyncio.ensure_future(send())
    await until(lambda: channel._outbox._size > HIGH_WATER)
    await asyncio.sleep(0)
    assert sent < 200
    theirs.setblocking(False)
    got = 0
    while got < 200 * 10_001:
        got += len(await asyncio.get_running_loop().sock_recv(theirs, 1 << 20))
    await sending
    channel.close()
    theirs.close()


async def test_a_sender_that_is_cancelled_leaves_whole_messages() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, lambda: None, max_message=100, max_queued=4)
    ends = os.pipe()
    await channel.send(b"a" * 1_000_000 + b"\0")
    waiting = asyncio.ensure_future(channel.send(b"never\0", ends))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    for fd in ends:
        with pytest.raises(OSError):
            os.fstat(fd)
    theirs.setblocking(False)
    data = b""
    while not data.endswith(b"\0"):
        data += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
    assert data == b"a" * 1_000_000 + b"\0"
    theirs.close()
    await channel.gone.wait()
    with pytest.raises(ConnectionResetError):
        await channel.send(b"x\0")
