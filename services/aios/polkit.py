"""Asking polkit whether a person may do something."""

import contextlib
import os
import secrets
import select
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aios.bus import Bus
from aios.bus_values import Typed
from aios.caller import Caller
from aios.errors import NotAuthorized, Unavailable

AUTHORITY = ("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
             "org.freedesktop.PolicyKit1.Authority")  # fmt: skip
ALLOW_USER_INTERACTION = 1

Subject = tuple[str, dict[str, Any]]


def start_time(pid: int) -> int:
    # The second field, the name, may hold spaces and brackets.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def subject(caller: Caller) -> Subject:
    """A socket's peer is named by pid, start time and uid, which are read while a pidfd says that
    the process still runs: a bare pid can be another's by the time polkit looks."""
    if caller.bus_name:
        return "system-bus-name", {"name": caller.bus_name}
    try:
        pidfd = os.pidfd_open(caller.pid)
        try:
            began = start_time(caller.pid)
            owner = Path(f"/proc/{caller.pid}").stat().st_uid
            ended, _, _ = select.select([pidfd], [], [], 0)
        finally:
            os.close(pidfd)
    except (OSError, ValueError) as error:
        raise NotAuthorized("the calling process cannot be identified") from error
    if ended or owner != caller.uid:
        raise NotAuthorized("the calling process is no longer there")
    return "unix-process", {
        "pid": Typed("u", caller.pid),
        "start-time": Typed("t", began),
        "uid": Typed("i", caller.uid),
    }


class Check:
    """One question, as a context manager: leaving it closes the dialogue that it opened."""

    def __init__(
        self, bus: Bus, caller: Caller, action: str, details: Mapping[str, str], *, what: str
    ) -> None:
        """details: what the action's message, in the person's own language, is filled in with.
        Agents print it raw, so it is escaped already. what: as in "may not WHAT"."""
        self._bus = bus
        self._caller = caller
        self._action = action
        self._details = dict(details)
        self._what = what
        self._cancellation = secrets.token_hex(8)
        self._open = False

    async def __aenter__(self) -> "Check":
        return self

    async def authorized(self) -> None:
        """Returns when polkit says yes, which may take as long as a person does."""
        self._open = True
        try:
            (answer,) = await self._bus.call(
                *AUTHORITY, "CheckAuthorization", "(sa{sv})sa{ss}us",
                subject(self._caller), self._action, self._details,
                ALLOW_USER_INTERACTION, self._cancellation,
            )  # fmt: skip
        except Unavailable as error:
            raise Unavailable(
                f"polkit does not say if {self._caller.user} may {self._what}: {error.message}",
                hint="systemctl status polkit; root may without it",
            ) from error
        self._open = False
        allowed, challenge, said = answer
        if allowed:
            return
        if "polkit.dismissed" in said:
            raise NotAuthorized("the authentication was dismissed")
        if challenge:
            raise NotAuthorized(
                f"to {self._what} needs authentication, and no agent could ask for it",
                hint="run it on a terminal, or start pkttyagent for this process",
            )
        raise NotAuthorized(f"{self._caller.user} may not {self._what}")

    async def __aexit__(self, *_: object) -> None:
        if self._open:
            # It may have been answered meanwhile: polkit then knows no such question.
            with contextlib.suppress(Unavailable):
                await self._bus.call(
                    *AUTHORITY, "CancelCheckAuthorization", "s", self._cancellation
                )
