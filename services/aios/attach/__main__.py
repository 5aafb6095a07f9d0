"""aios-attach@MACHINE: what must be there before the machine starts. Its input is the name, and a
word of aios-memory's (access.py)."""

import subprocess
import sys
from pathlib import Path

from aios.attach import access, bus_files, files, settings
from aios.ids import HOST, exec_bus_name, is_machine

NSPAWN = Path("/etc/systemd/nspawn")
BUS_POLICY = Path("/etc/dbus-1/system.d")
# dbus-daemon reads activation files from no directory below /etc or /run.
ACTIVATION = Path("/usr/local/share/dbus-1/system-services")
RELOAD = ("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
          "org.freedesktop.DBus", "ReloadConfig")  # fmt: skip


def attach(machine: str) -> None:
    nspawn = NSPAWN / f"{machine}.nspawn"
    before = files.read(nspawn)
    idmapped = not access.found(machine).problem
    files.write(nspawn, settings.attach(before, access.wanted(machine), idmapped=idmapped))
    name = exec_bus_name(machine)
    changed = files.write(BUS_POLICY / f"{name}.conf", bus_files.policy(machine))
    changed |= files.write(ACTIVATION / f"{name}.service", bus_files.activation(machine))
    if changed:
        subprocess.run(RELOAD, check=True)


def main() -> int:
    machine = sys.argv[1]
    if not is_machine(machine) or machine == HOST:
        print(f"not a machine's name: {machine!r}", file=sys.stderr)
        return 1
    attach(machine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
