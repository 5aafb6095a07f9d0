"""Slots for commands: bounded, fair between callers, and none lost."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from aios.errors import Busy
from aios.exec.queue import Slots

Play = Callable[["Stage"], Awaitable[None]]


class Stage:
    """Callers that take a slot and keep it until they are let go."""

    def __init__(self, running: int, waiting: int = 256) -> None:
        self.slots = Slots(running=running, waiting=waiting)
        self.order: list[str] = []
        self._go: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """`a1` is the first caller of uid ord("a")."""
        for name in names:
            self._go[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._hold(name))
            await asyncio.sleep(0)

    async def _hold(self, name: str) -> None:
        async with self.slots.slot(ord(name[0])):
            self.order.append(name)
            await self._go[name].wait()

    async def leave(self, *names: str) -> None:
        for name in names:
            self._go[name].set()
            await self.tasks[name]
            await asyncio.sleep(0)

    async def give_up(self, name: str) -> None:
        self.tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await self.tasks[name]

    async def empty(self) -> None:
        """Everybody who is left goes, one by one."""
        seen: set[str] = set()
        while left := [name for name in self.order if name not in seen]:
            seen.add(left[0])
            if not self.tasks[left[0]].done():
                await self.leave(left[0])
        assert (self.slots.running, self.slots.waiting) == (0, 0)


def play(running: int, scene: Play, waiting: int = 256) -> Stage:
    async def run() -> Stage:
        stage = Stage(running, waiting)
        await scene(stage)
        await stage.empty()
        return stage

    return asyncio.run(run())


def test_turns() -> None:
    async def scene(stage: Stage) -> None:
        await stage.come("a1", "a2", "a3", "b1", "b2", "c1")

    assert play(1, scene).order == ["a1", "a2", "b1", "c1", "a3", "b2"]


def test_who_has_the_fewest_comes_first() -> None:
    async def scene(stage: Stage) -> None:
        await stage.come("a1", "a2", "a3", "a4", "a5", "b1")
        assert stage.order == ["a1", "a2", "a3"]
        await stage.leave("a1")
        assert stage.order[-1] == "b1"

    play(3, scene)


def test_never_more_than_the_limit() -> None:
    async def scene(stage: Stage) -> None:
        for uid in "abcdefgh":
            await stage.come(*(f"{uid}{number}" for number in range(5)))
            assert stage.slots.running <= 4
        assert (stage.slots.running, stage.slots.waiting) == (4, 36)

    assert len(play(4, scene).order) == 40


def test_who_gives_up_loses_nobody_s_slot() -> None:
    async def scene(stage: Stage) -> None:
        await stage.come("a1", "a2", "b1")
        await stage.give_up("a2")
        await stage.give_up("a1")
        await asyncio.sleep(0)
        assert stage.order == ["a1", "b1"]
        assert (stage.slots.running, stage.slots.waiting) == (1, 0)

    play(1, scene)


def test_giving_up_at_the_moment_of_one_s_turn() -> None:
    async def scene(stage: Stage) -> None:
        async with stage.slots.slot(1):
            await stage.come("a1", "b1")
        # The turn has been given to a1, which has not run since.
        await stage.give_up("a1")
        await asyncio.sleep(0)
        assert stage.order == ["b1"]

    play(1, scene)


def test_a_full_queue_is_busy() -> None:
    async def scene(stage: Stage) -> None:
        await stage.come("a1", "a2", "a3", "a4")
        with pytest.raises(Busy):
            await stage.tasks["a4"]

    play(1, scene, waiting=2)


def test_one_caller_s_queue_keeps_nobody_out() -> None:
    async def scene(stage: Stage) -> None:
        await stage.come("a1", "a2", "a3", "a4", "a5", "b1")
        with pytest.raises(Busy):
            await stage.tasks["a5"]
        await stage.come("b2", "b3")
        with pytest.raises(Busy):
            await stage.tasks["a4"]
        with pytest.raises(Busy):
            await stage.tasks["b3"]

    assert play(1, scene, waiting=4).order == ["a1", "a2", "b1", "a3", "b2"]


def test_an_error_in_a_slot_gives_it_back() -> None:
    async def run() -> None:
        slots = Slots(running=1)
        for _ in range(3):
            with suppress(ValueError):
                async with slots.slot(1):
                    raise ValueError
        assert slots.running == 0

    asyncio.run(run())
