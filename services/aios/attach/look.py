"""What is in force: whether idmapped mounts work where the memory is, and what a running machine
has mounted. As root with all capabilities, which is why it does nothing else.
"""

import os
import sys
from pathlib import Path

from aios.attach import files, idmap
from aios.attach.access import FOUND, Found, leader
from aios.attach.settings import DATABASE, IN_MACHINE
from aios.ids import HOST, is_machine


def look(machine: str) -> Found:
    pid = leader(machine)
    there: dict[str, str] = {}
    try:
        there = mounts(Path(f"/proc/{pid}/mountinfo").read_text()) if pid else {}
    except OSError:
        # It has ended, and machined has not come to say so.
        pid = 0
    error = idmap.error(DATABASE)
    problem = ""
    if error:
        problem = f"idmapped mounts do not work at {DATABASE}: {os.strerror(error)}"
    return Found(pid, there.get(IN_MACHINE, ""), "/run/aios" in there, problem)


def mounts(mountinfo: str) -> dict[str, str]:
    """Mount point to read-only or read-write; the last of several lies on top."""
    fields = (line.split() for line in mountinfo.splitlines())
    return {
        field[4]: "read-only" if "ro" in field[5].split(",") else "read-write" for field in fields
    }


def main() -> int:
    machine = sys.argv[1]
    if not is_machine(machine) or machine == HOST:
        print(f"not a machine's name: {machine!r}", file=sys.stderr)
        return 1
    files.write(FOUND / machine, look(machine).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
