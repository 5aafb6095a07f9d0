"""Whether processes are left in a unit's cgroup: the kernel says so.

A machine's cgroups are part of the host's tree, where nothing in the machine can write.
"""

from pathlib import Path

ROOTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
"""Where the unified hierarchy is, alone or beside the old ones."""
INIT = "init.scope"


def of_machine(leader: int) -> Path | None:
    """The cgroup that a systemd, whose pid on the host is `leader`, puts its slices in; None where
    that cannot be seen."""
    root = next((path for path in ROOTS if (path / "cgroup.procs").exists()), None)
    try:
        lines = Path(f"/proc/{leader}/cgroup").read_text().splitlines()
    except OSError:
        return None
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    if root is None or not own.endswith(f"/{INIT}"):
        return None
    found = root / own.removesuffix(INIT).strip("/")
    return found if (found / INIT).is_dir() else None


def accounts_io(cgroup: Path) -> bool:
    """Whether the kernel counts what is read and written by those in it."""
    try:
        return "io" in (cgroup / "cgroup.controllers").read_text().split()
    except OSError:
        return True


def is_empty(cgroup: Path) -> bool:
    """Whether no process is left in it or below. systemd removes it when its service has exited,
    if it can."""
    try:
        events = (cgroup / "cgroup.events").read_text()
    except FileNotFoundError:
        return not cgroup.exists()
    except OSError:
        return False
    return "populated 0" in events.splitlines()
