"""Delegations: a person lends aios-chat their authority over one machine, for one chat session,
while their own connection lasts.

On a socket a delegation lives in memory and ends with the call that made it. On the bus it is
bound to the sender's unique name, which no bus gives twice, so it outlives this process: it stands
in a file, with the bus's own id, and counts while that name is there.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from aios.caller import Caller
from aios.errors import Busy
from aios.policy import disk

MAX_LIVE = 100
"""Delegations that one person may have open."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Delegation:
    id: str
    session: str
    machine: str
    person: Caller


class Delegations:
    """`present` says whether a unique name is on the bus, whose id is `bus_id`."""

    def __init__(
        self, directory: Path, bus_id: str, present: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._directory = disk.directory(directory)
        self._bus_id = bus_id
        self._present = present
        self._live: dict[str, Delegation] = {}
        self._on_end: dict[str, Callable[[], None]] = {}
        for path in directory.glob("*.json"):
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            data = json.loads(path.read_text())
            if data.pop("bus") != self._bus_id:
                path.unlink()
                return
            found = Delegation(**{**data, "person": Caller(**data["person"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.error("a delegation's file cannot be read", file=str(path), reason=str(error))
            return
        self._live[found.id] = found

    def _path(self, delegation: Delegation) -> Path:
        return self._directory / f"{delegation.id}.json"

    async def lend(
        self, person: Caller, session: str, machine: str, on_end: Callable[[], None] | None = None
    ) -> Delegation:
        """Raises Busy when the person has too many. `on_end` is called when it is revoked."""
        if len(self._of(person)) >= MAX_LIVE:
            for other in self._of(person):
                await self._check(other)
            if len(self._of(person)) >= MAX_LIVE:
                raise Busy(f"{person.user} has {MAX_LIVE} delegations open")
        made = Delegation(secrets.token_urlsafe(24), session, machine, person)
        if person.bus_name:
            content = {**asdict(made), "bus": self._bus_id}
            disk.write(self._path(made), json.dumps(content))
        if on_end:
            self._on_end[made.id] = on_end
        self._live[made.id] = made
        return made

    def _of(self, person: Caller) -> list[Delegation]:
        return [d for d in self._live.values() if d.person.uid == person.uid]

    def revoke(self, delegation: Delegation) -> None:
        if self._live.pop(delegation.id, None) is None:
            return
        if delegation.person.bus_name:
            self._path(delegation).unlink(missing_ok=True)
        if on_end := self._on_end.pop(delegation.id, None):
            on_end()

    async def _check(self, delegation: Delegation) -> Delegation | None:
        name = delegation.person.bus_name
        if name and not await self._present(name):
            self.revoke(delegation)
        return self._live.get(delegation.id)

    async def find(self, reference: str) -> list[Delegation]:
        """The live ones, the latest first: that of an id, or all of a unique bus name (":1.42")."""
        if reference.startswith(":"):
            named = [d for d in self._live.values() if d.person.bus_name == reference]
        else:
            named = [self._live[reference]] if reference in self._live else []
        return [d for d in reversed(named) if await self._check(d)]
