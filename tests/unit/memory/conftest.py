import asyncio
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from aios import config
from aios.caller import Caller
from aios.client import aigpt_store, place
from aios.memory import schema
from aios.memory.database import Database
from aios.memory.interface import Memory
from aios.varlink import VarlinkServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.connect(path)) as connection:
        yield connection


async def nobody(delegation: str) -> tuple[int, str, str, str]:
    raise LookupError(delegation)


async def serve(listening: socket.socket, path: Path, ready: threading.Event) -> None:
    async def identify(pid: int, uid: int) -> Caller:
        return Caller(uid=0, pid=pid)

    memory = Memory(Database(path), config.Config(), nobody)
    await VarlinkServer([memory], identify, nullcontext).listen([listening])
    ready.set()
    await asyncio.Event().wait()


@pytest.fixture
def door(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real interface on a socket, where aios's and aigpt's clients look for it."""
    monkeypatch.setattr(place, "RUNTIME", str(tmp_path))
    monkeypatch.setattr(aigpt_store, "SOCKET", str(tmp_path / "memory.sock"))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "memory.sock"))
    listening.listen()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    serving = loop.create_task(serve(listening, path, ready))

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    yield
    loop.call_soon_threadsafe(serving.cancel)
    thread.join()
