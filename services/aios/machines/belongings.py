"""What belongs to a machine outside of its tree. It goes where the tree is gone, whatever was
killed in between: a name is noted on disk before something is done that makes or takes its tree.

Not all goes: snapshots, of which the machine can be made again; what proves that exec's record is
whole (head and anchors of the name's chain), and history rows that the memory has not taken yet. A
later machine of that name goes on with them.
"""

import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aios import durable
from aios.attach import access, files, settings
from aios.bus import DAEMON, DAEMON_PATH, Bus
from aios.errors import AiosError
from aios.ids import is_machine
from aios.journal import log
from aios.machines.place import Place
from aios.record import anchors
from aios.snapshots.store import Store
from aios.units import Units

STATE = Path("/var/lib/aios/machine")
PASSING = Path("/run/aios/state")
NSPAWN_RUN = Path("/run/systemd/nspawn")
_STAYS = (anchors.HEAD, anchors.NAME)
_QUEUE = "history"


@dataclass(frozen=True)
class Note:
    """keep_settings: they were somebody's before the machine was. to: its new name."""

    keep_settings: bool = False
    to: str = ""


class Belongings:
    def __init__(self, bus: Bus, units: Units, state: Path = STATE) -> None:
        self._bus = bus
        self._units = units
        self._state = state

    async def settle(self) -> None:
        """After a service that was killed."""
        for note in [path for path in self._state.iterdir() if is_machine(path.name)]:
            await self._settle(Place(note.name))

    @contextlib.asynccontextmanager
    async def noted(self, machine: Place, *, to: Place | None = None) -> AsyncIterator[None]:
        """If it has no tree at the end, what belongs to it goes (or is `to`'s, if that has one).
        Raises OSError."""
        keep = has_settings(machine) and not machine.tree.exists()
        note = Note(keep_settings=keep, to=to.name if to else "")
        durable.write(self._state / machine.name, json.dumps(asdict(note)))
        try:
            yield
        finally:
            await self._settle(machine)

    async def _settle(self, machine: Place) -> None:
        path = self._state / machine.name
        try:
            note = Note(**json.loads(path.read_text()))
            if not machine.tree.exists():
                if note.to and Place(note.to).tree.exists():
                    await self._hand_over(machine, Place(note.to))
                await self._drop(machine, keep_settings=note.keep_settings)
            path.unlink()
        except (AiosError, OSError, ValueError, TypeError) as error:
            # The note stays: the service's next start tries again.
            log.warning("what belongs to a machine stays", machine=machine.name, why=str(error))

    async def _drop(self, machine: Place, *, keep_settings: bool) -> None:
        name = machine.name
        for unit in (f"aios-exec@{name}.socket", f"aios-exec@{name}.service"):
            await self._units.stop(unit)
        if await self._units.enabled(machine.unit):
            await self._units.disable(machine.unit)
        for unit in (machine.unit, f"aios-exec@{name}.service", f"aios-attach@{name}.service"):
            await self._units.reset_failed(unit)
        if not keep_settings:
            machine.settings.unlink(missing_ok=True)
            (NSPAWN_RUN / machine.settings.name).unlink(missing_ok=True)
        for path in (machine.access, access.FOUND / name):
            path.unlink(missing_ok=True)
        shutil.rmtree(PASSING / name, ignore_errors=True)
        _empty(anchors.STATE / name)
        if known := [path for path in machine.door if path.exists()]:
            for path in known:
                path.unlink()
            await self._bus.call(DAEMON, DAEMON_PATH, DAEMON, "ReloadConfig")

    async def _hand_over(self, old: Place, new: Place) -> None:
        """What is the machine's own, whatever it is called. The record of its commands stays under
        the name that they ran under, and so do rows on their way to the memory."""
        Store().rename(old.name, new.name)
        if await self._units.enabled(old.unit):
            await self._units.enable(new.unit)
        await self._units.stop(f"aios-exec@{old.name}.service")
        source, target = anchors.STATE / old.name, anchors.STATE / new.name
        if not source.is_dir():
            return
        target.mkdir(mode=0o700, exist_ok=True)
        for path in source.iterdir():
            if path.name not in (*_STAYS, _QUEUE) and not (target / path.name).exists():
                path.rename(target / path.name)


def copy(old: Place, new: Place) -> None:
    """What has to be there before the tree is: whoever starts it at once finds it."""
    if old.settings.exists():
        put_settings(new, files.read(old.settings))
    if old.access.exists():
        access.want(new.name, access.wanted(old.name))


def put_settings(machine: Place, text: str) -> None:
    """Lines of somebody's own that are there stay. Raises OSError."""
    if not has_settings(machine):
        files.write(machine.settings, text)
        durable.sync(machine.settings.parent)


def has_settings(machine: Place) -> bool:
    """Lines of somebody's own, besides those of aios-attach@."""
    return bool(settings.own(files.read(machine.settings)).strip())


def _empty(state: Path) -> None:
    if not state.is_dir():
        return
    for path in state.iterdir():
        if path.name in _STAYS or (path.name == _QUEUE and any(path.iterdir())):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with contextlib.suppress(OSError):
        state.rmdir()
