"""Who calls: read from the bus or the kernel, never from an argument."""

import functools
import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from aios.errors import NotAuthorized

USERS = "aios"
"""Group whose members may use aios."""
APPROVERS = "aios-admin"
"""Group whose members see everybody's requests; polkit's rules file lets them approve."""


@dataclass(frozen=True)
class Caller:
    """A peer on the host (`machine` empty) or in a machine.

    uid: as the host sees it; pid: 0 where the bus did not say; machine_uid: the uid inside the
    machine; bus_name: the unique name, empty on a socket.
    """

    uid: int
    pid: int
    machine: str = ""
    machine_uid: int | None = None
    bus_name: str = ""

    @property
    def is_root(self) -> bool:
        return self.uid == 0 and not self.machine

    @property
    def user(self) -> str:
        """`me`, or `1000@aios` for a peer in a machine."""
        if self.machine:
            inner = {0: "root", MACHINE_USER_UID: MACHINE_USER}.get(
                self.machine_uid or 0, str(self.machine_uid)
            )
            return f"{inner}@{self.machine}"
        return user_name(self.uid)

    @property
    def groups(self) -> frozenset[str]:
        return frozenset() if self.machine else user_groups(self.uid)

    @property
    def is_command(self) -> bool:
        """Whether this is a process of a command that aios runs, whatever sockets it found: it has
        its user's uid, and could approve the next one. One that has gone may have been one: a
        command's child connects, ends, and leaves the connection. Without a peer (uid as exec was
        told) there is nothing to look at."""
        if not self.pid:
            return bool(self.bus_name)
        try:
            return "/aios.slice/run-aios-" in Path(f"/proc/{self.pid}/cgroup").read_text()
        except OSError:
            return True

    def is_service(self, name: str) -> bool:
        """Whether this is the static user of one of aios's own services."""
        return not self.machine and user_name(self.uid) == name

    def require_user(self) -> None:
        """Members of group `aios` and root; peers in machines are asked about elsewhere."""
        if self.machine or self.is_root or USERS in self.groups or APPROVERS in self.groups:
            return
        raise NotAuthorized(
            f"user {self.user} may not use aios",
            hint=f"an administrator can add you to it: usermod -aG {USERS} {self.user}",
        )


MACHINE_USER = "ai"
MACHINE_USER_UID = 1000


@functools.lru_cache(maxsize=256)
def _account(uid: int, stamp: int) -> tuple[str, frozenset[str]]:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return str(uid), frozenset()

    names = set()
    for gid in os.getgrouplist(entry.pw_name, entry.pw_gid):
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue
    return entry.pw_name, frozenset(names)


def _stamp() -> int:
    # Accounts change while a service runs (usermod -aG): the cache lives as long as the files.
    return sum(Path(f).stat().st_mtime_ns for f in ("/etc/passwd", "/etc/group"))


def user_name(uid: int) -> str:
    return _account(uid, _stamp())[0]


def user_groups(uid: int) -> frozenset[str]:
    return _account(uid, _stamp())[1]
