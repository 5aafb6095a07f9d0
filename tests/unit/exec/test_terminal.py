"""A detached job's terminal, and who is attached to it."""

import asyncio
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.exec.test_streams import until

from aios.exec.attachment import attach
from aios.exec.job import Job
from aios.exec.live import Live
from aios.exec.pump import Bound, waiting
from aios.exec.store import Store
from aios.exec.terminal import Terminal

JOB = Job(
    id="01ARZ3NDEKTSV4RRFFQ69G5FAV", command="cat", machine="aios", uid=1000, user="me",
    requested_usec=1, start=True, pty=True, detach=True, output_kept=1024,
)  # fmt: skip


@pytest.fixture
def pair() -> Iterator[tuple[int, int]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, slave
    os.close(slave)


async def test_who_is_attached_has_no_part_of_the_terminal(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    """A master of theirs, made to block, would have exec wait for what they read before it."""
    master, slave = pair
    live = Live(JOB)
    live.streams = Terminal.make(JOB, Store({}), master, "/dev/pts/0", tmp_path, Bound())
    first, *outputs = attach(live)
    assert not os.get_blocking(master)
    os.set_blocking(first, True)
    assert not os.get_blocking(master)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.read(first, 1)
    os.write(first, b"typed")
    await until(lambda: waiting(slave) == 5)
    assert os.read(slave, 10) == b"typed"
    second, *others = attach(live)
    os.write(second, b"again")
    await until(lambda: waiting(slave) == 5)
    with pytest.raises(BrokenPipeError):
        os.write(first, b"late")
    live.streams.close()
    for end in (first, second, *outputs, *others):
        os.close(end)


async def test_much_is_typed(tmp_path: Path, pair: tuple[int, int]) -> None:
    master, slave = pair
    live = Live(JOB)
    live.streams = Terminal.make(JOB, Store({}), master, "/dev/pts/0", tmp_path, Bound())
    stdin, *outputs = attach(live)
    text = os.urandom(200_000)
    writing = asyncio.create_task(asyncio.to_thread(os.write, stdin, text))
    got = b""
    while len(got) < len(text):
        await until(lambda: bool(waiting(slave)))
        got += os.read(slave, 65536)
    assert got == text
    assert await writing == len(text)
    os.close(stdin)
    # Who stops typing does not hang up.
    os.write(slave, b"said")
    await until(lambda: live.streams is not None and live.streams.totals()[0] == 4)
    live.streams.close()
    for end in outputs:
        os.close(end)
