"""A command's pipes: they are closed whatever ends it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aios.chat import job
from aios.chat.person import machine_socket


def pipes() -> set[str]:
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = str(each.readlink())
        except FileNotFoundError:  # of the listing itself
            continue
        if target.startswith("pipe:"):
            found.add(target)
    return found


async def test_no_pipe_is_left_where_the_session_has_no_room(world: Any) -> None:
    async def output(_stream: str, _text: str) -> None:
        pass

    def started(_job: str) -> None:
        raise OSError(28, "No space left on device")

    path = machine_socket("box", world.chat._sockets)
    before = pipes()
    with pytest.raises(OSError, match="No space"):
        await job.follow(path, "sleep 60", {}, started, output)
    # Stopped, as its caller is gone; its own ends are closed then.
    await asyncio.gather(*world.exec.jobs.values())
    assert pipes() == before
