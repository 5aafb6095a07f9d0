#!/usr/bin/python3
"""Boots an OS tree's own systemd with systemd-nspawn, and stops it again.

`boot.py up STATE COMMAND…` returns when the systemd in there has finished booting: nspawn passes
its READY=1 on. COMMAND (systemd-nspawn) lives on in a session and a cgroup of its own; STATE/leader
says which process is its PID 1. A pid alone can be reused, so its start time stands beside it.

`boot.py down STATE` asks that systemd to power off and waits for nspawn to be gone.
`boot.py leader STATE` prints the leader's pid, or fails when it does not run.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BOOT_SECONDS = 120
DOWN_SECONDS = 60
# systemd's own signal for "power off".
POWEROFF = signal.SIGRTMIN + 4


def start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the name, may hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def running(state: Path, name: str) -> int | None:
    """The pid in STATE/name, while that process runs."""
    try:
        pid, began = map(int, (state / name).read_text().split())
    except FileNotFoundError:
        return None
    return pid if start_time(pid) == began else None


def remember(state: Path, name: str, pid: int) -> None:
    path = state / name
    path.with_suffix(".new").write_text(f"{pid} {start_time(pid)}\n")
    path.with_suffix(".new").replace(path)


def cgroups(name: str) -> Iterator[Path]:
    """The sandbox's own cgroup in each systemd hierarchy that is mounted.

    `--keep-unit` makes nspawn use the cgroup that it is in: two sandboxes in one cgroup would be
    one tree of units, and each would kill the other's processes.
    """
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for _, where, kind, options, *_ in mounts:
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            yield Path(where) / f"aios-sandbox-{name}"


def enter_cgroups(name: str) -> None:
    for group in cgroups(name):
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(f"{os.getpid()}\n")


def remove_cgroups(name: str) -> None:
    """Once nothing runs in them. Only directories can be removed there, the deepest first."""
    for group in cgroups(name):
        for directory, _, _ in os.walk(group, topdown=False):
            # A process that is still being reaped keeps its own: the next boot uses it again.
            with contextlib.suppress(OSError):
                Path(directory).rmdir()


def up(state: Path, command: list[str]) -> int:
    if Path("/run/systemd/system").exists():
        # The cgroups are that systemd's, which gives away a subtree on request.
        unit = f"--unit=aios-sandbox-{state.name}"
        command = ["systemd-run", "--quiet", "--scope", "--property=Delegate=yes", unit, *command]
    else:
        enter_cgroups(state.name)
    address = state / "notify"
    address.unlink(missing_ok=True)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifications,
        (state / "console.log").open("wb") as log,
    ):
        notifications.bind(os.fspath(address))
        nspawn = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                "PATH": os.environ["PATH"],
                "NOTIFY_SOCKET": os.fspath(address),
                "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            },
        )
        remember(state, "nspawn", nspawn.pid)
        leader = wait_ready(notifications, nspawn)
    address.unlink()
    if leader is None:
        print("aios: error: the sandbox's systemd did not boot", file=sys.stderr)
        console = (state / "console.log").read_text(errors="replace")
        print(*console.splitlines()[-15:], sep="\n", file=sys.stderr)
        print(f"aios: All of its console: {state}/console.log", file=sys.stderr)
        if nspawn.poll() is None:
            nspawn.terminate()
            nspawn.wait(DOWN_SECONDS)
        return 1
    remember(state, "leader", leader)
    return 0


def wait_ready(notifications: socket.socket, nspawn: subprocess.Popen[bytes]) -> int | None:
    """The leader's pid once it has booted; None when it never will."""
    deadline = time.monotonic() + BOOT_SECONDS
    ended = os.pidfd_open(nspawn.pid)
    leader = None
    try:
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([notifications.fileno(), ended], [], [], left)
            if notifications.fileno() in readable:
                for line in notifications.recv(65536).decode(errors="replace").splitlines():
                    key, _, value = line.partition("=")
                    if key == "X_NSPAWN_LEADER_PID":
                        leader = int(value)
                    elif (key, value) == ("READY", "1"):
                        return leader
            elif ended in readable:
                return None
        return None
    finally:
        os.close(ended)


def down(state: Path) -> int:
    nspawn = running(state, "nspawn")
    if nspawn is None:
        return 0
    ended = os.pidfd_open(nspawn)
    leader = running(state, "leader")
    if leader is not None:
        os.kill(leader, POWEROFF)
    else:
        signal.pidfd_send_signal(ended, signal.SIGTERM)
    if not select.select([ended], [], [], DOWN_SECONDS)[0]:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
        select.select([ended], [], [])
    remove_cgroups(state.name)
    for name in ("leader", "nspawn"):
        (state / name).unlink(missing_ok=True)
    return 0


def main(arguments: list[str]) -> int:
    verb, state, *command = arguments
    match verb:
        case "up":
            return up(Path(state), command)
        case "down":
            return down(Path(state))
        case "leader":
            leader = running(Path(state), "leader")
            if leader is None:
                return 1
            print(leader)
            return 0
    raise SystemExit(f"boot.py: no such verb: {verb}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
