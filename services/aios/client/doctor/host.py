"""What the checks start from: who looks, which units there are, which machines."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aios.attach.settings import NSPAWN
from aios.client import machines, place
from aios.client.doctor import tools
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.ids import HOST, is_machine

SERVICES = ("aios-chat", "aios-policy", "aios-memory", "aios-machine")
SOCKETS = (*(f"{name}.socket" for name in SERVICES), "aios-exec@.host.socket", "aios-aigpt.socket")
ENABLED = (*SOCKETS, "aios-memory-backup.timer", "aios-revert.service")
UNITS = (
    *ENABLED, *(f"{name}.service" for name in SERVICES), "aios-exec@.host.service",
    "aios-memory-backup.service",
)  # fmt: skip
TEMPLATES = (
    "aios-exec@.service", "aios-exec@.socket", "aios-attach@.service", "aios-aigpt@.service",
    "aios-console-notify@.service", "aios-revert@.service", "aios-machine-tree@.service",
)  # fmt: skip
WANTS = Path("/etc/systemd/system/machines.target.wants")
_PROPERTIES = (
    "Id,LoadState,ActiveState,UnitFileState,Result,FragmentPath,DropInPaths,NeedDaemonReload,"
    "LogRateLimitIntervalUSec"
)
_UNIT = "systemd-nspawn@"


@dataclass(frozen=True)
class Host:
    root: bool
    units: Mapping[str, Mapping[str, str]]
    """systemd's properties of each of UNITS, and of each machine's."""
    machines: Sequence[str]
    """Those that aios knows, without the host itself."""
    leaders: Mapping[str, int]
    """The first process of each that runs."""

    def unit(self, name: str) -> Mapping[str, str]:
        return self.units.get(name, {})


def look(machine: str = "") -> Host:
    """machine: of the machines, only this one. Raises ClientError, Unseen."""
    running = {
        path.name: leader
        for path in Path(machines.RUNNING).glob("*")
        if ":" not in path.name and (leader := _nspawn_leader(path))
    }
    told = {
        *running,
        *(path.stem for path in NSPAWN.glob("*.nspawn")),
        *(path.stem.removeprefix(_UNIT) for path in WANTS.glob(f"{_UNIT}*.service")),
        *(path.stem for path in Path(place.RUNTIME, "exec").glob("*.sock")),
    }
    # A file may have any name.
    names = sorted(name for name in told if is_machine(name) and name != HOST)
    if machine:
        if machine not in (*names, HOST):
            raise ClientError(
                ERROR_PREFIX + "NoSuchMachine", f"no machine {machine!r} is known here",
                f"There are: {', '.join([HOST, *names])}.", 2,
            )  # fmt: skip
        names = [name for name in names if name == machine]
    wanted = [*UNITS, *(unit for name in names for unit in units_of(name))]
    leaders = {name: running[name] for name in names if name in running}
    return Host(os.getuid() == 0, _shown(wanted), names, leaders)


def units_of(machine: str) -> tuple[str, ...]:
    return (
        f"{_UNIT}{machine}.service", f"aios-exec@{machine}.socket",
        f"aios-exec@{machine}.service", f"aios-attach@{machine}.service",
    )  # fmt: skip


def _shown(units: Sequence[str]) -> dict[str, dict[str, str]]:
    text = tools.told("systemctl", "show", f"--property={_PROPERTIES}", "--", *units)
    found = {}
    for name, block in zip(units, text.split("\n\n"), strict=True):
        lines = (line.split("=", 1) for line in block.strip().splitlines())
        found[name] = dict(lines)
    return found


def _nspawn_leader(path: Path) -> int:
    """Of what systemd-nspawn runs: virtual machines and others are not aios's."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    known = dict(line.split("=", 1) for line in lines if "=" in line)
    return int(known.get("LEADER", "0")) if known.get("SERVICE") == "systemd-nspawn" else 0
