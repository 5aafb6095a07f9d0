import asyncio
import socket
from pathlib import Path

from aios.varlink_async import Connection


async def accepted(server: socket.socket) -> socket.socket:
    connection, _ = await asyncio.get_running_loop().sock_accept(server)
    return connection


async def test_who_waits_on_a_closed_connection_takes_nothing_from_the_next(tmp_path: Path) -> None:
    """The next socket has the number of the one that was closed."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.setblocking(False)
        first = await Connection.open(path)
        other = await accepted(server)
        left = asyncio.ensure_future(first.reply("a.b.C"))
        await asyncio.sleep(0.01)
        first.close()
        second = await Connection.open(path)
        with other, await accepted(server) as peer:
            answer = asyncio.ensure_future(second.reply("a.b.C"))
            await asyncio.sleep(0.01)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
            peer.send(b'{"parameters": {"x": 1}}\0')
            assert (await asyncio.wait_for(answer, 5)).parameters == {"x": 1}
        second.close()
