"""A kept connection to a service that comes and goes."""

import asyncio
import json
from pathlib import Path

import pytest

from aios.errors import Denied, Unavailable
from aios.peer import Peer


async def test_calls(tmp_path: Path) -> None:
    path = tmp_path / "s"
    connections = 0
    leave = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, leave
        connections += 1
        try:
            while True:
                asked = json.loads((await reader.readuntil(b"\0"))[:-1])
                if leave:
                    leave -= 1
                    return
                answer = {"parameters": {"said": asked}}
                if asked["method"] == "org.x.Y.No":
                    answer = {"error": "org.aios.Error.Denied", "parameters": {"message": "no"}}
                writer.write(json.dumps(answer).encode() + b"\0")
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    peer = Peer(path, "org.x.Y")
    with pytest.raises(Unavailable):
        await peer.call("A")
    server = await asyncio.start_unix_server(serve, path)
    both = await asyncio.gather(peer.call("A", a=1), peer.call("B"))
    assert both[0]["said"] == {"method": "org.x.Y.A", "parameters": {"a": 1}}
    assert both[1]["said"]["method"] == "org.x.Y.B"
    with pytest.raises(Denied, match="no"):
        await peer.call("No")
    assert connections == 1
    # It left, or was killed, under a call: the next one answers it.
    leave = 1
    assert (await peer.call("C"))["said"]["method"] == "org.x.Y.C"
    assert connections == 2
    leave = 2
    with pytest.raises(Unavailable):
        await peer.call("D")
    # A call that somebody gave up takes its answer along.
    given_up = asyncio.ensure_future(peer.call("E"))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    assert (await peer.call("F"))["said"]["method"] == "org.x.Y.F"
    peer.close()
    server.close()
