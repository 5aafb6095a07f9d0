"""Session grants: a human said yes to a command for as long as one session lasts.

A grant covers one command, on one machine, in one directory, environment and profile, for one
person and one session, and only while the process (or the bus connection) lives that lent the
session its authority. The command may be spelled otherwise (`rm  'x'` for `rm x`) where its words
are all there is to it; else a grant is for its exact bytes.
"""

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aios.binding import binding
from aios.caller import Caller
from aios.errors import Busy, InvalidOption, NotFound
from aios.ids import new_id
from aios.journal import log
from aios.policy.clock import NEVER, now_usec, passed, until_usec
from aios.policy.kept import Kept
from aios.policy.reader import read
from aios.policy.requests import Request
from aios.policy.tools import tools
from aios.policy.words import is_dynamic
from aios.polkit import start_time
from aios.redact import redact

LIFE_USEC = 12 * 3600 * 1_000_000
MAX_LIVE = 100
"""Grants that one person may have."""
# What runs whatever it is told to, from files and settings that are not in its words.
NEVER_WIDER = frozenset({
    "ansible", "ansible-playbook", "at", "batch", "buildah", "cargo", "crontab", "ctr", "curl",
    "doas", "docker", "emacs", "env", "gdb", "git", "go", "hg", "kubectl", "make", "nano", "nix",
    "npm", "npx", "nvim", "pip", "pip3", "pkexec", "podman", "rsync", "run0", "scp", "sftp", "ssh",
    "su", "sudo", "svn", "vi", "vim", "wget", "yarn",
})  # fmt: skip



def words(command: str) -> list[str]:
    """The words of a line that is one simple command and nothing else, all of them certain; none
    for every other line."""
    line = read(command)
    if line.broken or line.unclear or line.functions or len(line.commands) != 1:
        return []
    (simple,) = line.commands
    if simple.redirects or simple.assignments or simple.fed_by or simple.compound:
        return []
    found = simple.words
    if not found or any(is_dynamic(word) for word in found) or _second_opinion(command) != found:
        return []
    tool = tools().get(found[0])
    runs_others = tool is None or tool.wrapper is not None or tool.interpreter
    return [] if runs_others or found[0] in NEVER_WIDER else found


def _second_opinion(command: str) -> list[str]:
    """Loops, groups, pipes and the like come out with more words."""
    reader = shlex.shlex(command, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    reader.commenters = ""
    try:
        return [] if "\n" in command else list(reader)
    except ValueError:
        return []


def keys(
    *, command: str, machine: str, uid: int, cwd: str, env: Mapping[str, str], profile: str
) -> tuple[str, str]:
    """What a grant for this command is found by: its exact form, and its words or nothing."""
    exact = binding(command=command, machine=machine, uid=uid, cwd=cwd, env=env, profile=profile)
    found = words(command)
    if not found:
        return exact, ""
    # No command has a NUL: no command's exact form is another's words.
    spelled = "\0" + json.dumps(found)
    wide = binding(command=spelled, machine=machine, uid=uid, cwd=cwd, env=env, profile=profile)
    return exact, wide


def holder(person: Caller) -> str:
    """What a session lives as long as; empty when that is already gone."""
    if person.bus_name:
        return person.bus_name
    try:
        return f"{person.pid}:{start_time(person.pid)}"
    except (OSError, ValueError, IndexError):
        return ""


@dataclass(frozen=True)
class Grant:
    """`command` is the one that was approved; `wide`: it may be spelled otherwise."""

    id: str
    key: str
    wide: bool
    command: str
    machine: str
    uid: int
    user: str
    origin: str
    session: str
    cwd: str
    profile: str
    holder: str
    by_uid: int
    by_user: str
    created_usec: int
    expires_usec: int
    until_usec: int = NEVER

    def why(self) -> dict[str, Any]:
        """What replaces the rule, for a command that it covers."""
        return {
            "rule": f"granted for this session by {self.by_user}, grant {self.id}",
            "reason": f"aios approvals revoke {self.id} ends it",
            "by_uid": self.by_uid,
            "by_user": self.by_user,
        }


class Grants:
    """`present` says whether a unique name is on the bus, whose id is `bus_id`."""

    def __init__(
        self, directory: Path, bus_id: str, present: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._kept = Kept(directory, bus_id, "grant", lambda data: Grant(**data))
        self._present = present
        self._live = {found.id: found for found in self._kept.load()}

    def require_possible(self, request: Request) -> None:
        if not request.holder:
            raise InvalidOption(
                "this command was not asked for in a session: it can be approved once only"
            )
        if sum(grant.uid == request.uid for grant in self._live.values()) >= MAX_LIVE:
            raise Busy(f"{request.user} has {MAX_LIVE} grants", hint="aios approvals grants")

    def add(self, request: Request, by: Caller) -> Grant:
        """On disk when it returns."""
        exact, wide = keys(
            command=request.command, machine=request.machine, uid=request.uid, cwd=request.cwd,
            env=request.env, profile=request.profile,
        )  # fmt: skip
        now = now_usec()
        grant = Grant(
            id=new_id(), key=wide or exact, wide=bool(wide), command=request.command,
            machine=request.machine, uid=request.uid, user=request.user, origin=request.origin,
            session=request.session, cwd=request.cwd, profile=request.profile,
            holder=request.holder, by_uid=by.uid, by_user=by.user, created_usec=now,
            expires_usec=now + LIFE_USEC, until_usec=until_usec(now + LIFE_USEC),
        )  # fmt: skip
        self._kept.write(grant.id, asdict(grant))
        self._live[grant.id] = grant
        said = redact(grant.command)
        log.info("granted for a session", id=grant.id, command=said, by=grant.by_user)
        return grant

    async def covering(
        self, keys: tuple[str, str], *, person: Caller, session: str, holder: str
    ) -> Grant | None:
        for grant in list(self._live.values()):
            if (
                grant.key in keys
                and (grant.uid, grant.origin) == (person.uid, person.machine)
                and grant.session == session
                and grant.holder == holder != ""
                and await self._check(grant)
            ):
                return grant
        return None

    async def live(self) -> list[Grant]:
        """The oldest first."""
        return [grant for grant in list(self._live.values()) if await self._check(grant)]

    async def get(self, grant_id: str) -> Grant:
        grant = self._live.get(grant_id)
        if grant is None or not await self._check(grant):
            raise NotFound(f"no grant {grant_id}", hint="aios approvals grants lists them")
        return grant

    async def _check(self, grant: Grant) -> bool:
        over = passed(grant.expires_usec, grant.until_usec)
        if not over and await self._held(grant.holder):
            return grant.id in self._live
        self.end(grant, "its session is over")
        return False

    async def _held(self, holder: str) -> bool:
        if holder.startswith(":"):
            return await self._present(holder)
        pid, _, began = holder.partition(":")
        try:
            return start_time(int(pid)) == int(began)
        except (OSError, ValueError, IndexError):
            return False

    def end(self, grant: Grant, why: str) -> None:
        if self._live.pop(grant.id, None) is not None:
            self._kept.remove(grant.id)
            log.info("grant ended", id=grant.id, reason=why)
