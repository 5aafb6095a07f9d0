"""Who may look at machines, and who may change them: people on the host, and polkit's word."""

from aios.bus import Bus
from aios.caller import Caller
from aios.config import Machine
from aios.errors import NotAuthorized
from aios.policy import persons
from aios.polkit import Check
from aios.text import visible

ACTION = "org.aios.machine.manage"


class Rights:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def look(self, caller: Caller) -> None:
        """Raises NotAuthorized."""
        if caller.machine:
            raise NotAuthorized("machines are managed from the host")
        persons.require(caller, "", Machine())

    async def manage(self, caller: Caller, what: str, machine: str) -> None:
        """what: as in "remove the machine". Raises NotAuthorized."""
        self.look(caller)
        if caller.is_root:
            return
        # Agents print them raw, and another machine's name may be in `what`.
        what, machine = visible(what), visible(machine)
        details = {"what": what, "machine": machine}
        check = Check(self._bus, caller, ACTION, details, what=f"{what} the machine {machine}")
        async with check:
            await check.authorized()
