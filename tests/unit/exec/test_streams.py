"""Pipes, spools and what moves between them, in the kernel itself."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from aios.exec import pump
from aios.exec.pump import Bound, Collect, Pass, abandoned, make_pipe, waiting
from aios.exec.replay import Replay
from aios.exec.spool import CHUNK, PAGE, Spool

LIMIT = 16 * PAGE


def fill(spool: Spool, data: bytes) -> None:
    """By way of a pipe, as exec does it."""
    read_end, write_end = make_pipe()
    for start in range(0, len(data), 32768):
        os.write(write_end, data[start : start + 32768])
        assert spool.take(read_end)
    os.close(write_end)
    assert spool.take(read_end) == 0
    os.close(read_end)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - the kernel announces it to nobody here
            await asyncio.sleep(0)


def numbers(size: int) -> bytes:
    return b"".join(b"%d\n" % n for n in range(size // 4))[:size]


def test_a_spool_keeps_head_and_tail_and_leaves_a_hole(tmp_path: Path) -> None:
    data = numbers(4 * CHUNK)
    spool = Spool(tmp_path / "x", LIMIT)
    fill(spool, data)
    status = spool.path.stat()
    assert status.st_size == spool.total == len(data)
    assert status.st_blocks * 512 < LIMIT + 2 * CHUNK
    text = spool.text()
    head, _, rest = text.text.partition("\n[aios: ")
    assert data.startswith(head.encode())
    assert data.endswith(rest.partition("out]\n")[2].encode())
    assert text.left_out == len(data) - LIMIT


@pytest.mark.parametrize("size", [0, 1, LIMIT, LIMIT + 1, 3 * CHUNK])
def test_another_process_finds_the_same(tmp_path: Path, size: int) -> None:
    data = numbers(size)
    first = Spool(tmp_path / "x", LIMIT)
    fill(first, data)
    again = Spool(tmp_path / "x", LIMIT)
    again.resume()
    assert (again.total, again.text()) == (first.total, first.text())
    for offset in (0, LIMIT // 2, LIMIT // 2 + 5, size // 2):
        assert again.gap(offset) == first.gap(offset)
    again.remove()
    assert not again.path.exists()


def test_what_never_came_to_the_file_is_part_of_the_text(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "x", 10)
    assert spool.text(b"abc").text == "abc"
    assert not spool.begun
    assert spool.text(b"0123456789x").text == "01234\n[aios: 1 bytes left out]\n6789x"


async def test_a_small_output_needs_no_file(tmp_path: Path) -> None:
    read_end, write_end = make_pipe()
    collect = Collect(read_end, Spool(tmp_path / "x", LIMIT), Bound())
    os.write(write_end, b"hello")
    await asyncio.sleep(0)
    os.close(write_end)
    assert abandoned(read_end)
    await collect.drained()
    assert (collect.total, collect.text().text) == (5, "hello")
    assert not collect.spool.path.exists()
    collect.close()


async def test_what_lasts_longer_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "LAZY_SECONDS", 0)
    reached = []
    read_end, write_end = make_pipe()
    bound = Bound(100_000, lambda: reached.append(True))
    collect = Collect(read_end, Spool(tmp_path / "x", LIMIT), bound)
    for _ in range(3):
        os.write(write_end, b"x" * 50_000)
        await until(lambda: not waiting(read_end))
    os.close(write_end)
    await collect.drained()
    assert collect.total == 150_000
    assert reached
    collect.close()


async def test_a_reader_sets_the_pace() -> None:
    read_end, write_end = make_pipe()
    theirs, ours = make_pipe()
    closed = []
    moving = Pass(read_end, ours, Bound(), closed=lambda: closed.append(True), counted=True)
    os.set_blocking(write_end, False)
    written = 0
    with pytest.raises(BlockingIOError):
        while True:
            written += os.write(write_end, b"x" * 65536)
            # Two pipes, however wide, are all that it holds.
            assert written <= 2 * pump.PIPE_SIZE
            for _ in range(5):
                await asyncio.sleep(0)
    os.close(write_end)
    got = 0
    while not (moving.reader < 0 and not waiting(theirs)):
        if size := waiting(theirs):
            got += len(os.read(theirs, size))
        await asyncio.sleep(0)
    assert got == written == moving.total
    assert os.read(theirs, 1) == b""
    assert closed == [True]
    os.close(theirs)


async def test_a_reader_that_goes_ends_it() -> None:
    read_end, write_end = make_pipe()
    theirs, ours = make_pipe()
    moving = Pass(read_end, ours, Bound(), closed=lambda: None, counted=False)
    os.close(theirs)
    os.write(write_end, b"x")
    await moving.drained()
    assert moving.total is None
    with pytest.raises(BrokenPipeError):
        os.write(write_end, b"x")
    os.close(write_end)


async def test_a_replay_begins_at_the_beginning_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "LAZY_SECONDS", 0)
    read_end, write_end = make_pipe()
    collect = Collect(read_end, Spool(tmp_path / "x", LIMIT), Bound())
    os.write(write_end, b"before ")
    await until(lambda: collect.spool.total == 7)
    replay = Replay(collect)
    os.write(write_end, b"after")
    await until(lambda: waiting(replay.read_end) == 12)
    assert not replay.over.is_set()
    os.close(write_end)
    await collect.drained()
    assert os.read(replay.read_end, 100) == b"before after"
    await replay.over.wait()
    assert replay.complete
    os.close(replay.read_end)
    collect.close()


@pytest.mark.parametrize("data", [b"", b"said"])
async def test_who_leaves_has_not_read_it(tmp_path: Path, data: bytes) -> None:
    spool = Spool(tmp_path / "x", LIMIT)
    if data:
        fill(spool, data)
    replay = Replay(Collect(-1, spool, Bound()))
    await until(lambda: waiting(replay.read_end) == len(data))
    os.close(replay.read_end)
    await replay.over.wait()
    assert not replay.complete


async def test_a_replay_says_what_is_missing(tmp_path: Path) -> None:
    data = numbers(3 * CHUNK)
    spool = Spool(tmp_path / "x", LIMIT)
    fill(spool, data)
    replay = Replay(Collect(-1, spool, Bound()))
    got = bytearray()
    while not replay.over.is_set() or waiting(replay.read_end):
        if size := waiting(replay.read_end):
            got += os.read(replay.read_end, size)
        await asyncio.sleep(0)
    head, _, rest = bytes(got).partition(b"\n[aios: ")
    missing, _, tail = rest.partition(b" bytes left out]\n")
    assert data.startswith(head)
    assert data.endswith(tail)
    assert len(head) + int(missing) + len(tail) == len(data)
    os.close(replay.read_end)
    spool.remove()


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("how", ["text", "catch_up", "finish"])
async def test_who_writes_on_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, *, begun: bool
) -> None:
    monkeypatch.setattr(pump, "LAZY_SECONDS", 0 if begun else 60)
    read_end, write_end = make_pipe()
    collect = Collect(read_end, Spool(tmp_path / "x", LIMIT), Bound())
    writer = await asyncio.create_subprocess_exec(
        "head", "-c", "400M", "/dev/zero", stdout=write_end
    )
    os.close(write_end)
    await until(lambda: collect.spool.begun if begun else bool(waiting(read_end)))
    before = collect.total
    assert before is not None
    if how == "text":
        total = collect.text().total
    else:
        getattr(collect, how)()
        total = collect.spool.total
    collect.close()
    assert await writer.wait() == -signal.SIGPIPE
    assert total <= before + 2 * pump.PIPE_SIZE


@pytest.mark.parametrize("limit", [0, 1, 2, PAGE])
def test_of_which_nothing_is_kept_it_is_found_as_well(tmp_path: Path, limit: int) -> None:
    first = Spool(tmp_path / "x", limit)
    fill(first, b"x" * 2 * CHUNK)
    again = Spool(tmp_path / "x", limit)
    again.resume()
    assert (again.total, again.text()) == (first.total, first.text())
    assert again.gap(limit) == first.gap(limit)
    fill(again, b"y" * 2 * CHUNK)
    assert again.total == 4 * CHUNK
