"""aios-attach@MACHINE: what must be there before the machine starts. Its input is the name, and a
word of aios-memory's (access.py)."""

import subprocess
import sys

from aios.attach import access, bus_files, files, settings
from aios.ids import HOST, exec_bus_name, is_machine

RELOAD = ("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
          "org.freedesktop.DBus", "ReloadConfig")  # fmt: skip


def attach(machine: str) -> None:
    nspawn = settings.NSPAWN / f"{machine}.nspawn"
    before = files.read(nspawn)
    idmapped = not access.found(machine).problem
    files.write(nspawn, settings.attach(before, access.wanted(machine), idmapped=idmapped))
    name = exec_bus_name(machine)
    changed = files.write(bus_files.BUS_POLICY / f"{name}.conf", bus_files.policy(machine))
    changed |= files.write(bus_files.ACTIVATION / f"{name}.service", bus_files.activation(machine))
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
