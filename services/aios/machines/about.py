"""What there is to say about machines."""

from pathlib import Path
from typing import Any

from aios.attach import access, files, settings
from aios.machined import Image, Machined
from aios.machines import identity, inside, place
from aios.machines.place import Place
from aios.text import visible
from aios.units import Units

SOCKETS = Path("/run/aios/exec")
_STATES = {"active": "running", "activating": "starting", "deactivating": "stopping",
           "failed": "failed"}  # fmt: skip
_FAMILIES = {"debian": "debian", "ubuntu": "debian", "arch": "arch", "fedora": "fedora"}
_NEEDED = {
    "python3": (("usr/bin/python3",), "the aios client and the prompt do not work there"),
    "bash": (("usr/bin/bash", "bin/bash"), "commands are run by it"),
    "systemd": (
        ("usr/lib/systemd/systemd", "lib/systemd/systemd"),
        "it does not boot, and no command can be started",
    ),
}


class About:
    def __init__(self, machined: Machined, units: Units) -> None:
        self._machined = machined
        self._units = units

    async def every(self) -> list[dict[str, Any]]:
        images = await self._machined.images()
        running = await self._machined.running()
        states = await self._units.states("systemd-nspawn@*.service")
        names = sorted({*images, *running})
        return [
            await self._one(Place(name), images.get(name), running, states)
            for name in names
        ]

    async def one(self, name: str) -> dict[str, Any]:
        """With what it lacks."""
        found = place.existing(name)
        (told,) = [one for one in await self.every() if one["name"] == found.name] or [
            {"name": found.name, "state": "stopped"}
        ]
        told["settings"] = str(found.settings)
        told["tree"] = str(found.tree)
        told["machine_id"] = identity.machine_id(found.tree)
        told["missing"] = missing(found.tree)
        return told

    async def _one(
        self,
        machine: Place,
        image: Image | None,
        running: dict[str, str],
        states: dict[str, str],
    ) -> dict[str, Any]:
        name = machine.name
        runs = name in running
        state = "running" if runs else _STATES.get(states.get(machine.unit, ""), "stopped")
        release = await self._machined.os_release(name, running=runs)
        told: dict[str, Any] = {
            "name": name,
            "state": state,
            "enabled": await self._units.enabled(machine.unit),
            "os": system(release),
            "family": _family(release),
            "addresses": await self._machined.addresses(name) if runs else [],
            "memory": str(access.wanted(name)),
            "governed": self._governed(machine, runs=runs),
        }
        if image is not None:
            told["kind"] = image.kind
            told["read_only"] = image.read_only
            if image.size is not None:
                told["size"] = image.size
            if image.created_usec is not None:
                told["created_usec"] = image.created_usec
        return told

    def _governed(self, machine: Place, *, runs: bool) -> str:
        """yes; restart: it was started past aios, or before its lines were; next start."""
        if not runs:
            return "yes" if _has_block(machine) else "from its next start"
        seen = access.found(machine.name)
        bound = seen.leader == access.leader(machine.name) and seen.sockets
        if not (SOCKETS / f"{machine.name}.sock").exists():
            return "no"
        return "yes" if bound or not seen.leader else "after a restart"


def system(release: dict[str, str]) -> str:
    """What it says that it is: its own words, which may be any."""
    return visible(release.get("PRETTY_NAME", release.get("ID", "")))


def _family(release: dict[str, str]) -> str:
    """Whose package manager it has, by what it says itself."""
    words = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()
    return next((_FAMILIES[word] for word in words if word in _FAMILIES), "")


def _has_block(machine: Place) -> bool:
    try:
        return settings.BEGIN in files.read(machine.settings)
    except OSError:
        return False


def missing(tree: Path) -> list[dict[str, str]]:
    """What a machine that aios did not make may lack, and what does not work without it."""
    found = [
        {"what": what, "why": why}
        for what, (paths, why) in _NEEDED.items()
        if not any(inside.exists(tree, path) for path in paths)
    ]
    accounts = inside.read(tree, "etc/passwd").splitlines()
    if not any(line.startswith("ai:") and line.split(":")[2:3] == ["1000"] for line in accounts):
        found.append({"what": "user ai", "why": "reading commands have no user to run as"})
    return found
