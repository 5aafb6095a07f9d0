"""Long work of the library in a thread of its own: it tells how far it is, and stops soon after
whoever waits for it was cancelled."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")
Tell = Callable[[str], Awaitable[None]]
_EVERY = 0.5


class Stopped(Exception):
    """Nobody waits any more."""


async def run(work: Callable[[Callable[[int], None]], Result], tell: Tell, what: str,
              total: int) -> Result:  # fmt: skip
    """work: called with what it is to call again and again, with the bytes that it has done
    since. It has ended when this returns or raises. total: 0 where it is not known."""
    stop = threading.Event()
    done = 0
    last = time.monotonic()
    loop = asyncio.get_running_loop()
    said: list[str] = []
    more = asyncio.Event()

    def step(count: int) -> None:
        nonlocal done, last
        if stop.is_set():
            raise Stopped
        done += count
        if total and time.monotonic() - last > _EVERY:
            last = time.monotonic()
            said[:] = [f"{what}: {min(99, done * 100 // total)} %"]
            loop.call_soon_threadsafe(more.set)

    async def telling() -> None:
        while True:
            await more.wait()
            more.clear()
            for text in said:
                await tell(text)

    task = asyncio.ensure_future(asyncio.to_thread(work, step))
    teller = asyncio.ensure_future(telling())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
    finally:
        teller.cancel()


async def whole(work: Awaitable[Result]) -> Result:
    """To its end, whoever is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
