"""Who may use aios, and for which machine."""

from typing import Protocol

from aios.caller import APPROVERS, Caller
from aios.config import Machine
from aios.errors import NotAuthorized

CHAT = "aios-chat"
MEMORY = "aios-memory"
SERVICES = (CHAT, MEMORY, "aios-policy")
"""Their users are no persons: the first reads a model's output, none of them decides."""


def is_service(caller: Caller) -> bool:
    return any(caller.is_service(name) for name in SERVICES)


def require(caller: Caller, machine: str, settings: Machine) -> None:
    """Raises NotAuthorized unless the caller is a person who may use this machine: on the host a
    member of group `aios`, in a machine one of `machine_users`, for that machine alone."""
    if caller.is_command:
        raise NotAuthorized("what aios runs may not ask aios", hint="ask from outside of it")
    if is_service(caller):
        raise NotAuthorized(
            f"{caller.user} may not do this by itself",
            hint="it needs a live delegation of a person for this machine",
        )
    if not caller.machine:
        caller.require_user()
        return
    if caller.machine != machine:
        raise NotAuthorized(f"people in {caller.machine} may use that machine alone")
    if caller.machine_uid not in settings.machine_users:
        raise NotAuthorized(
            f"user {caller.user} may not use aios",
            hint="[machine] machine_users in /etc/aios/config.toml names who may",
        )


def sees_all(caller: Caller) -> bool:
    return caller.is_root or (APPROVERS in caller.groups and not is_service(caller))


class Asked(Protocol):
    """What somebody asked for, sitting in machine `origin` (empty: the host)."""

    @property
    def uid(self) -> int: ...
    @property
    def machine(self) -> str: ...
    @property
    def origin(self) -> str: ...


def asked_for(asked: Asked, caller: Caller) -> bool:
    return (asked.uid, asked.origin) == (caller.uid, caller.machine)


def may_see(caller: Caller, asked: Asked) -> bool:
    """People in a machine see what was asked for there, people on the host their own."""
    if caller.machine:
        return asked.machine == asked.origin == caller.machine
    return sees_all(caller) or asked_for(asked, caller)
