"""Whether journald runs, from a socket that stands for it."""

import asyncio
import socket
from pathlib import Path

import pytest

from aios.errors import AuditUnavailable
from aios.exec.journald import Journald


async def test_a_connection_that_stands_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s"
    asked: list[bytes] = []
    open_: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\0"))
        open_.append(writer)
        writer.write(b'{"error": "org.varlink.service.MethodNotFound"}\0')

    journald = Journald(path)
    with pytest.raises(AuditUnavailable, match="nothing runs"):
        await journald.require()
    server = await asyncio.start_unix_server(serve, path)
    await journald.require()
    await journald.require()
    assert len(asked) == 1
    # It was restarted: there is a new one that answers.
    open_[0].close()
    await open_[0].wait_closed()
    await journald.require()
    assert len(asked) == 2
    server.close()
    open_[1].close()
    await open_[1].wait_closed()
    path.unlink()
    with pytest.raises(AuditUnavailable):
        await journald.require()
    journald.close()


async def test_a_socket_that_nobody_reads_is_no_journald(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aios.exec.journald.ANSWER_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(tmp_path / "s"))
        held.listen()
        with pytest.raises(AuditUnavailable):
            await Journald(tmp_path / "s").require()
