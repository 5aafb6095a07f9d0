"""Whose memory it is: people on the host, in machines, and aios-chat for one of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aios.caller import APPROVERS, Caller, user_groups
from aios.config import Config
from aios.errors import NotAuthorized

CHAT = "aios-chat"

Describe = Callable[[str], Awaitable[tuple[int, str, str, str]]]
"""delegation → (uid, user, machine, session) of a live one; else raises an AiosError."""


@dataclass(frozen=True)
class Person:
    uid: int
    user: str
    """`me`, or `ai@aios` for a person in a machine."""
    machine: str
    """Where they are at work: through chat, the machine they talk about; "" on the host."""
    session: str = ""

    @property
    def in_machine(self) -> bool:
        return bool(self.machine) and self.user.endswith(f"@{self.machine}")

    @property
    def sees_all(self) -> bool:
        """Root and aios-admin see everybody's history."""
        return not self.in_machine and (self.uid == 0 or APPROVERS in user_groups(self.uid))


async def person_of(caller: Caller, delegation: str, config: Config, describe: Describe) -> Person:
    """Raises NotAuthorized for everybody who is not one, and for aios-chat without a live
    delegation."""
    if caller.is_service(CHAT):
        if not delegation:
            raise NotAuthorized("aios-chat acts for a person, and says by which delegation")
        return Person(*await describe(delegation))
    if delegation:
        raise NotAuthorized("delegations are aios-chat's to use")
    if caller.machine:
        if caller.machine_uid not in config.machine.machine_users:
            raise NotAuthorized(
                f"user {caller.user} may not use aios",
                hint="[machine] machine_users in /etc/aios/config.toml on the host says who may",
            )
    else:
        caller.require_user()
    return Person(caller.uid, caller.user, caller.machine)
