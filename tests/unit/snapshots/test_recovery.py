"""Killed before any of its changes to the disk: what is found then is whole, old or new, and the
next start leaves nothing half done."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.unit.snapshots.conftest import Made, Place, settled

from aios.ids import is_id
from aios.snapshots.restores import Again
from aios.snapshots.snapshots import Wanted

_CHANGES = frozenset(
    ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.symlink", "os.utime",
     "os.chmod", "os.setxattr", "os.truncate", "ctypes.call_function", "subprocess.Popen")
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
Work = Callable[[Made], Coroutine[Any, Any, object]]


def killed_at(number: int, place: Place, work: Work) -> bool:
    """Whether it was killed, before the change of that number; a process of its own is."""
    child = os.fork()
    if not child:
        status = 1
        try:
            asyncio.run(_counted(number, place, work))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


async def _counted(number: int, place: Place, work: Work) -> None:
    made = place.snapshots()
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
        if event in _CHANGES or (writes and not str(arguments[0]).startswith("/dev")):
            seen += 1
            if seen == number:
                os._exit(9)

    sys.addaudithook(hook)
    await work(made)
    await settled(made)


async def _take(made: Made) -> object:
    return await made.take("aios", Wanted(stop=True, keep=1), _silent)


async def _take_frozen(made: Made) -> object:
    return await made.take("aios", Wanted(freeze=True), _silent)


async def _restore(made: Made) -> object:
    return await made.restore("aios", Again("first", stop=True), _silent)


async def _restore_only(made: Made) -> object:
    return await made.restore("aios", Again("first", stop=True, discard=True, memory=True), _silent)


async def _remove(made: Made) -> object:
    return await made.remove("aios", ["first"])


async def _silent(text: str) -> None:
    pass


@pytest.mark.parametrize("work", [_take, _take_frozen, _restore, _restore_only, _remove])
def test_killed_anywhere(tmp_path: Path, request: pytest.FixtureRequest, work: Work) -> None:
    # Every change with --long; else some of them, others each time.
    step = 1 if request.config.getoption("--long") else 8
    offset = int.from_bytes(os.urandom(1)) % step
    print(f"every {step} changes from {offset} on")
    number, killed = 1 + offset, 0
    while True:
        top = tmp_path / str(number)
        top.mkdir()
        if not _one(Place(top), number, work):
            break
        killed += 1
        number += step
    print(f"{killed} times")
    assert killed


def _one(place: Place, number: int, work: Work) -> bool:
    async def before() -> None:
        await place.snapshots().take("aios", Wanted(name="first"), place.tell)
        await place.snapshots().take("aios", Wanted(), place.tell)
        place.version("two")
        (place.tree / "etc" / "only-one").unlink()
        await place.start("aios")

    asyncio.run(before())
    was_killed = killed_at(number, place, work)
    assert place.whole
    asyncio.run(_after(place, work, killed=was_killed))
    return was_killed


async def _after(place: Place, work: Work, *, killed: bool) -> None:
    made = place.snapshots()
    await made.recover()
    await settled(made)
    restores = work in (_restore, _restore_only)
    assert place.whole
    assert place.now in (("one", "two") if restores and killed else "one" if restores else "two")
    assert await place.runs("aios")
    assert not (place.top / "frozen" / "aios").exists()
    listed = await made.listed("aios")
    for one in listed:
        assert await made.verify("aios", one["id"], place.tell) == []
    assert place.backups == {one["memory"] for one in listed}
    left = [path.name for path in (place.top / "beside" / "aios").iterdir()]
    assert all(is_id(name) or name == ".lock" for name in left), left
    assert sorted(path.name for path in (place.top / "machines").iterdir()) == ["aios"]
    named = [one["name"] for one in listed]
    assert ("first" in named) or work is _remove
    if work is _restore:
        # What was there before is kept, if and only if it is not there any more.
        assert ("before-restore" in named) == (place.now == "one")
    if place.now == "one" and work is _restore_only:
        assert (place.top / "recalled").exists()
