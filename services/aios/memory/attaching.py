"""org.aios.Memory1: what each machine sees of the memory."""

from typing import Any

from aios.attach.access import DEFAULT, Access
from aios.errors import InvalidOption
from aios.interface import Call
from aios.memory.door import Door
from aios.options import Options


class Attaching(Door):
    async def Attach(self, call: Call, machine: str, options: dict[str, Any]) -> dict[str, Any]:
        given = Options(options, {"access": str})
        await self._administrator(call, "what a machine sees")
        wanted = given.get_str("access", DEFAULT)
        if wanted not in tuple(Access):
            raise InvalidOption(f"access is one of {', '.join(Access)}, not {wanted!r}")
        return await self._attachments.set(machine, Access(wanted))

    async def Detach(self, call: Call, machine: str) -> dict[str, Any]:
        await self._administrator(call, "what a machine sees")
        return await self._attachments.set(machine, Access.NONE)

    async def ListAttachments(self, call: Call) -> list[dict[str, Any]]:
        person = await self._person(call)
        known = await self._attachments.every()
        return [one for one in known if not person.in_machine or one["machine"] == person.machine]
