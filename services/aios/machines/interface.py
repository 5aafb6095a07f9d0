"""org.aios.Machine1: who may do what, and options checked."""

from typing import Any

from aios.errors import InvalidOption
from aios.interface import Call
from aios.journal import log
from aios.machines import place
from aios.machines.archive import Compression
from aios.machines.door import tell
from aios.machines.keeping import Keeping
from aios.machines.making import Wanted
from aios.machines.mentions import mentions
from aios.machines.settings import Network
from aios.options import Options

_SETTINGS: dict[str, type] = {"network": str, "private_users": bool}


class Machine1(Keeping):
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
            options, {"distro": str, "release": str, "refresh": bool, "from": str, **_SETTINGS}
        )
        wanted = _wanted(given)
        if wanted.source and len(options) > 1:
            raise InvalidOption(
                f"a copy of {wanted.source} has its system and its settings",
                hint=f"without {', '.join(sorted(options.keys() - {'from'}))}; afterwards: "
                f"{place.named(name).settings}",
            )
        await self._rights.manage(call.caller, "create", name)
        stale = await self._making.create(name, wanted, tell(call))
        made = await self._made(call, name, "created")
        return made | ({"stale": stale} if stale else {})

    async def Clone(self, call: Call, source: str, name: str) -> dict[str, Any]:
        await self._rights.manage(call.caller, f"clone {source} as", name)
        await self._making.clone(source, name, tell(call))
        return await self._made(call, name, f"cloned from {source}")

    async def Rename(
        self, call: Call, name: str, new_name: str
    ) -> tuple[dict[str, Any], list[str]]:
        await self._rights.manage(call.caller, f"rename to {new_name}", name)
        await self._moving.rename(name, new_name)
        return await self._made(call, new_name, f"renamed from {name}"), mentions(name)

    async def Remove(self, call: Call, name: str, options: dict[str, Any]) -> list[str]:
        given = Options(options, {"force": bool})
        await self._rights.manage(call.caller, "remove", name)
        await self._moving.remove(name, tell(call), force=given.get_bool("force"))
        _note(call, name, "removed")
        return mentions(name)

    async def Import(self, call: Call, name: str, options: dict[str, Any]) -> tuple[str, int]:
        given = Options(options, {"compression": str, "fresh": bool, **_SETTINGS})
        wanted, compression = _wanted(given), _compression(given)
        await self._rights.manage(call.caller, "import", name)
        return await self._transfers.receive(call.caller, name, wanted, compression, call.gone)

    async def Export(self, call: Call, name: str, options: dict[str, Any]) -> tuple[str, int]:
        compression = _compression(Options(options, {"compression": str}))
        await self._rights.manage(call.caller, "export", name)
        return await self._transfers.send(call.caller, name, compression, call.gone)

    async def Finish(self, call: Call, transfer: str) -> dict[str, Any]:
        self._rights.look(call.caller)
        done = await self._transfers.finish(call.caller, transfer, tell(call))
        return await self._made(call, done.name, done.what)

    async def _made(self, call: Call, name: str, what: str) -> dict[str, Any]:
        _note(call, name, what)
        return await self._about.one(name)


def _note(call: Call, name: str, what: str) -> None:
    log.info(f"machine {what}", machine=name, by=call.caller.user)


def _wanted(given: Options) -> Wanted:
    network = given.get_str("network")
    if network and network not in tuple(Network):
        raise InvalidOption(f"network is one of {', '.join(Network)}, not {network!r}")
    return Wanted(
        source=given.get_str("from"),
        distribution=given.get_str("distro"),
        release=given.get_str("release"),
        refresh=given.get_bool("refresh"),
        network=network,
        private_users=given.get_bool("private_users", default=True),
        fresh=given.get_bool("fresh"),
    )


def _compression(given: Options) -> Compression:
    wanted = given.get_str("compression", Compression.NONE)
    if wanted not in tuple(Compression):
        raise InvalidOption(f"compression is one of {', '.join(Compression)}, not {wanted!r}")
    return Compression(wanted)
