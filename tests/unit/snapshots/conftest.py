"""A store, machines and a memory in directories of their own; nothing of it needs root."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aios.snapshots.ending import Ending
from aios.snapshots.restores import Restores
from aios.snapshots.snapshots import Snapshots
from aios.snapshots.store import Store


class Place:
    """State is in files, as it must be for what is killed: a machine that runs is a file."""

    def __init__(self, top: Path) -> None:
        self.top = top
        for name in ("machines", "beside", "running", "frozen", "memory", "nspawn"):
            (top / name).mkdir()
        self.tree = top / "machines" / "aios"
        self.tree.mkdir()
        (self.tree / "etc").mkdir()
        self.version("one")
        (self.tree / "link").symlink_to("/etc/shadow")
        (top / "nspawn" / "aios.nspawn").write_text("[Exec]\n")

    def version(self, text: str) -> None:
        (self.tree / "etc" / "version").write_text(text)
        (self.tree / "etc" / f"only-{text}").write_text(text)

    @property
    def now(self) -> str:
        return (self.tree / "etc" / "version").read_text()

    @property
    def whole(self) -> bool:
        """Of one version, and of no other."""
        names = {path.name for path in (self.tree / "etc").iterdir()}
        return (self.tree / "link").is_symlink() and f"only-{self.now}" in names

    @property
    def backups(self) -> set[str]:
        return {path.name for path in (self.top / "memory").iterdir()}

    async def runs(self, name: str) -> bool:
        return (self.top / "running" / name).exists()

    async def start(self, name: str) -> None:
        (self.top / "running" / name).touch()

    async def stop(self, name: str) -> None:
        (self.top / "running" / name).unlink()

    async def freeze(self, name: str) -> None:
        (self.top / "frozen" / name).touch()

    async def thaw(self, name: str) -> None:
        (self.top / "frozen" / name).unlink(missing_ok=True)

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        memory = self.top / "memory"
        if method == "ListBackups":
            return {"backups": [{"name": path.name} for path in memory.iterdir()]}
        if method == "Restore":
            (self.top / "recalled").write_text(parameters["backup"])
            return {}
        path = memory / f"snapshot-{parameters['snapshot']}.db"
        path.touch() if method == "BackupFor" else path.unlink(missing_ok=True)
        return {}

    def store(self) -> Store:
        return Store(self.top / "machines", self.top / "beside", self.top / "nspawn")

    def snapshots(self) -> "Made":
        return Made(self)

    async def tell(self, text: str) -> None:
        pass


class Made:
    """As one service has it."""

    def __init__(self, place: Place) -> None:
        store = place.store()
        ending = Ending(store, place, place.ask, contextlib.nullcontext)
        snapshots = Snapshots(store, place, place.ask, ending, _unlocked)
        self.take, self.plan, self.verify = snapshots.take, snapshots.plan, snapshots.verify
        self.listed, self.remove, self.prune = snapshots.listed, snapshots.remove, snapshots.prune
        self.restore = Restores(store, place, place.ask, ending, _unlocked).restore
        self.recover, self.recovered = ending.recover, ending.recovered


@contextlib.contextmanager
def _unlocked(_tree: Path) -> Iterator[None]:
    yield


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def settled(made: Made) -> None:
    await asyncio.wait_for(made.recovered(), 60)
