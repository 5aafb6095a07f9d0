"""org.aios.Machine1: who may do what, and options checked."""

from typing import Any

from aios.errors import InvalidOption
from aios.interface import Call
from aios.machines.door import Door, tell
from aios.machines.making import Wanted
from aios.machines.settings import Network
from aios.options import Options


class Machine1(Door):
    async def List(self, call: Call) -> list[dict[str, Any]]:
        self._rights.look(call.caller)
        return await self._about.every()

    async def Get(self, call: Call, name: str) -> dict[str, Any]:
        self._rights.look(call.caller)
        return await self._about.one(name)

    async def Start(self, call: Call, name: str) -> None:
        await self._rights.manage(call.caller, "start", name)
        await self._power.start(name)

    async def Stop(self, call: Call, name: str, options: dict[str, Any]) -> None:
        given = Options(options, {"force": bool})
        await self._rights.manage(call.caller, "stop", name)
        await self._power.stop(name, force=given.get_bool("force"))

    async def Restart(self, call: Call, name: str) -> None:
        await self._rights.manage(call.caller, "restart", name)
        await self._power.restart(name)

    async def Create(self, call: Call, name: str, options: dict[str, Any]) -> dict[str, Any]:
        given = Options(
            options,
            {"distro": str, "release": str, "from": str, "network": str, "private_users": bool},
        )
        network = given.get_str("network")
        if network and network not in tuple(Network):
            raise InvalidOption(f"network is one of {', '.join(Network)}, not {network!r}")
        wanted = Wanted(
            source=given.get_str("from"),
            distribution=given.get_str("distro"),
            release=given.get_str("release"),
            network=network,
            private_users=given.get_bool("private_users", default=True),
        )
        await self._rights.manage(call.caller, "create", name)
        await self._making.create(name, wanted, tell(call))
        return await self._about.one(name)

    async def Clone(self, call: Call, source: str, name: str) -> dict[str, Any]:
        await self._rights.manage(call.caller, f"clone {source} as", name)
        await self._making.clone(source, name, tell(call))
        return await self._about.one(name)
