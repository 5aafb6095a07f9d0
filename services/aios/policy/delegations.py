"""Delegations: a person lends aios-chat their authority over one machine, for one chat session,
while their own connection lasts.

On a socket a delegation lives in memory and ends with the call that made it. On the bus it is
bound to the sender's unique name, which no bus gives twice, so it outlives this process: it stands
in a file, with the bus's own id, and counts while that name is there.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aios.caller import Caller
from aios.errors import Busy
from aios.policy.kept import Kept

MAX_LIVE = 100
"""Delegations that one person may have open."""


@dataclass(frozen=True)
class Delegation:
    id: str
    session: str
    machine: str
    person: Caller


def _read(data: dict[str, Any]) -> Delegation:
    return Delegation(**{**data, "person": Caller(**data["person"])})


class Delegations:
    """`present` says whether a unique name is on the bus, whose id is `bus_id`."""

    def __init__(
        self, directory: Path, bus_id: str, present: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._kept = Kept(directory, bus_id, "delegation", _read)
        self._present = present
        self._live = {found.id: found for found in self._kept.load()}
        self._on_end: dict[str, Callable[[], None]] = {}

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
            self._kept.write(made.id, asdict(made))
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
            self._kept.remove(delegation.id)
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
