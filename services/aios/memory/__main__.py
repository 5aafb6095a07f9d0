"""aios-memory.service."""

from aios import config
from aios.interface import Interface
from aios.memory.attachments import Attachments
from aios.memory.database import Database, default_path, leave
from aios.memory.interface import Memory
from aios.memory.units import Units
from aios.service import Service

POLICY = ("org.aios.Policy1", "/org/aios/Policy1", "org.aios.Policy1")


def main() -> int:
    service = Service("org.aios.Memory1")

    async def describe(delegation: str) -> tuple[int, str, str, str]:
        uid, user, machine, session = await service.bus.call(
            *POLICY, "DescribeDelegation", "s", delegation
        )
        return uid, user, machine, session

    async def setup() -> list[Interface]:
        units = Units(service.bus)
        await units.subscribe()
        attachments = Attachments(units.start, units.images)
        # Not opened here: who calls is to hear why it cannot be.
        return [Memory(Database(default_path()), config.load(), describe, attachments)]

    return service.run(setup)


if __name__ == "__main__":
    leave(main())
