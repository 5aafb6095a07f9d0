"""Things that break underneath aios, and are mended again; and what its services use meanwhile."""

import contextlib
import json
import time
from collections.abc import Iterator

from governed import run, until
from sandbox import Sandbox

SERVICES = ["aios-exec@aios", "aios-policy", "aios-memory", "aios-chat"]
STATE = {
    "aios-exec@aios": "/var/lib/aios/exec/aios",
    "aios-policy": "/var/lib/aios/policy",
    "aios-chat": "/var/lib/aios/chat",
}
MARKER = "/var/tmp/faulty"
ASKED = f"rm -f {MARKER}; echo once >> {MARKER}"
"""Needs approval."""
WATCHED_SECONDS = 0.5
TICKS = 100
"""A second's, of /proc/PID/stat."""
QUIET = 0.1
"""The part of a processor that a service with nothing to do may use, at most."""


@contextlib.contextmanager
def small_disk(sandbox: Sandbox, directory: str, unit: str) -> Iterator[None]:
    """What the service has there, on a file system of its own of which only little is left; `room`
    makes room, `fill` takes it."""
    comes_back(sandbox)
    sandbox.run(["systemctl", "stop", f"{unit}.service"])
    owner = sandbox.sh(f"stat -c 'mode=%a,uid=%u,gid=%g' {directory}")
    sandbox.sh(f"rm -rf /run/kept && cp -a {directory} /run/kept")
    sandbox.sh(f"mount -t tmpfs -o size=8M,{owner} small {directory}")
    sandbox.sh(f"cp -a /run/kept/. {directory}/")
    try:
        fill(sandbox, directory)
        yield
    finally:
        sandbox.run(["systemctl", "stop", f"{unit}.service"])
        # The state goes on from here, the chain of records above all.
        sandbox.sh(f"mount -o remount,rw {directory}; rm -f {directory}/filled")
        sandbox.sh(f"rm -rf /run/kept && cp -a {directory} /run/kept && umount {directory}")
        sandbox.sh(f"find {directory} -mindepth 1 -delete; cp -a /run/kept/. {directory}/")
        sandbox.sh("rm -rf /run/kept")


@contextlib.contextmanager
def no_journal(sandbox: Sandbox) -> Iterator[None]:
    """Neither journald nor what would start it."""
    sockets = sandbox.sh(
        "systemctl list-units --plain --no-legend 'systemd-journald*.socket' | cut -d' ' -f1"
    ).split()
    sandbox.run(["systemctl", "stop", *sockets, "systemd-journald.service"])
    try:
        yield
    finally:
        sandbox.run(["systemctl", "start", "systemd-journald.service", *sockets])


def fill(sandbox: Sandbox, directory: str) -> None:
    sandbox.sh(f"cat /dev/zero >{directory}/filled 2>/dev/null || true")


def room(sandbox: Sandbox, directory: str) -> None:
    sandbox.sh(f"rm {directory}/filled")


def comes_back(sandbox: Sandbox) -> None:
    """Once what was broken is mended, with nobody's help."""
    until(lambda: run(sandbox, "echo back").stdout == "back\n")


def pid(sandbox: Sandbox, unit: str) -> str:
    """Empty: it does not run."""
    main = sandbox.sh(f"systemctl show -P MainPID {unit}")
    return "" if main == "0" else main


def resident_mib(sandbox: Sandbox, unit: str) -> float:
    main = pid(sandbox, unit)
    return int(sandbox.sh(f"grep VmRSS /proc/{main}/status").split()[1]) / 1024


def busy(sandbox: Sandbox, *units: str) -> dict[str, float]:
    """The part of a processor that each used while it was looked at; all of one, when it was
    started meanwhile."""

    def used() -> dict[str, tuple[str, int]]:
        found = {}
        for unit in units:
            if main := pid(sandbox, unit):
                stat = sandbox.run(["cat", f"/proc/{main}/stat"], check=False).stdout
                if fields := stat.rpartition(")")[2].split():
                    found[unit] = (main, int(fields[11]) + int(fields[12]))
        return found

    before = used()
    time.sleep(WATCHED_SECONDS)  # what is measured is what happens when nothing does
    after = used()
    parts = {}
    for unit, (main, ticks) in after.items():
        same, first = before.get(unit, ("", 0))
        parts[unit] = (ticks - first) / TICKS / WATCHED_SECONDS if same == main else 1.0
    return parts


def quiet(sandbox: Sandbox) -> None:
    """Once what was begun is done; who runs in circles never is."""
    until(lambda: max(busy(sandbox, *SERVICES).values(), default=0) < QUIET)


def verified(sandbox: Sandbox) -> None:
    """The machine's record is whole."""
    said = sandbox.run(["aios", "log", "verify", "--json", "-m", "aios"], check=False).stdout
    assert [report["findings"] for report in json.loads(said)] == [[]]
