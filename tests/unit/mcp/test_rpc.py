"""Our client of other people's MCP servers: against servers that do right, and that do not."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from aios.errors import Unavailable
from aios.mcp import rpc
from aios.mcp.rpc import Peer, Pipes

SERVER = Path(__file__).with_name("server.py")
SDK = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("sdk")

@server.tool()
def add(a: int, b: int) -> int:
    return a + b

server.run()
"""

Launch = Callable[..., AbstractAsyncContextManager[Peer]]


@asynccontextmanager
async def launched(*argv: str) -> AsyncIterator[Peer]:
    """Its process ends with its input, by itself."""
    theirs, stdin = os.pipe()
    stdout, their_stdout = os.pipe()
    stderr, their_stderr = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *argv, stdin=theirs, stdout=their_stdout, stderr=their_stderr
    )
    for fd in (theirs, their_stdout, their_stderr):
        os.close(fd)
    peer = Peer("t", Pipes(stdin, stdout, stderr))
    try:
        yield peer
    finally:
        peer.close()
        await process.wait()


async def test_what_a_server_offers() -> None:
    async with launched(str(SERVER)) as peer:
        await peer.start()
        assert peer.changed
        tools = await peer.tools()
        assert not peer.changed
        assert [tool["name"] for tool in tools] == ["echo", "not plain", "crash", "half", "where"]
        answers = await asyncio.gather(*(peer.call("echo", {"text": str(n)}) for n in range(50)))
        assert [answer["content"][0]["text"] for answer in answers] == [str(n) for n in range(50)]
        long = await peer.call("echo", {"text": "漢" * 1000, "times": 1000})
        assert len(long["content"][0]["text"]) == 1_000_000
        assert (await peer.call("echo", {"text": "x" * 3_000_000}))["isError"] is False
        with pytest.raises(Unavailable, match="no tool nothing"):
            await peer.call("nothing", {})


async def test_a_server_of_the_sdk() -> None:
    async with launched("-c", SDK) as peer:
        await peer.start()
        (tool,) = await peer.tools()
        assert tool["name"] == "add"
        answer = await peer.call("add", {"a": 2, "b": 3})
        assert answer["structuredContent"] == {"result": 5}
        assert (await peer.call("add", {"a": "x"}))["isError"] is True


async def test_a_server_that_dies_says_why() -> None:
    async with launched(str(SERVER), "dies") as peer:
        with pytest.raises(Unavailable) as caught:
            await peer.start()
        assert "no such licence" in caught.value.hint
    async with launched(str(SERVER)) as peer:
        await peer.start()
        with pytest.raises(Unavailable) as caught:
            await peer.call("crash", {})
        assert "crashing now" in caught.value.hint
        assert peer.dead
        with pytest.raises(Unavailable):
            await peer.call("echo", {"text": "x"})


async def test_what_does_not_speak_it() -> None:
    async with launched(str(SERVER), "old") as peer:
        with pytest.raises(Unavailable, match="another protocol: 1999-01-01"):
            await peer.start()
    async with launched("-c", "while True: print('noise')") as peer:
        with pytest.raises(Unavailable, match="does not speak MCP"):
            await peer.start()
    async with launched("-c", "print('x' * 20_000_000, flush=True); input()") as peer:
        with pytest.raises(Unavailable, match="does not speak MCP"):
            await peer.start()


async def test_who_still_waits_is_told_that_it_is_stopped() -> None:
    async with launched(str(SERVER)) as peer:
        await peer.start()
        hanging = asyncio.ensure_future(peer.call("hang", {}))
        await peer.call("echo", {"text": "it has begun"})
        peer.close()
        with pytest.raises(Unavailable, match="MCP server t is stopped"):
            await asyncio.wait_for(hanging, 20)


async def test_cancelling_tells_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with launched(str(SERVER)) as peer:
        await peer.start()
        hanging = asyncio.ensure_future(peer.call("hang", {}))
        await peer.call("echo", {"text": "it has begun"})
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        monkeypatch.setattr(rpc, "CALL_SECONDS", 0.05)
        with pytest.raises(Unavailable, match="did not answer tools/call"):
            await peer.call("hang", {})
        monkeypatch.undo()
        with pytest.raises(Unavailable) as caught:
            await peer.call("crash", {})
        said = caught.value.hint
        assert said.count("cancelled") == 2
        # What a server asks of us it does not get; that we are there it is told.
        assert "answered 77 True" in said
        assert "answered 78 False" in said


@pytest.mark.parametrize("begun", [False, True])
async def test_no_pipe_is_left_of_one_that_is_cancelled(*, begun: bool) -> None:
    pairs = [os.pipe() for _ in range(3)]
    ours = Pipes(pairs[0][1], pairs[1][0], pairs[2][0])
    peer = Peer("t", ours)
    if begun:
        starting = asyncio.create_task(peer.start())
        await asyncio.sleep(0)  # until it waits for the first of its pipes
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    peer.close()
    await asyncio.sleep(0)  # a transport closes its pipe with the next turn of the loop
    for fd in ours:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    for fd in (pairs[0][0], pairs[1][1], pairs[2][1]):
        os.close(fd)
