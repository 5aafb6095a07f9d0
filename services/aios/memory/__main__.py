"""aios-memory.service."""

from contextlib import suppress

from aios import config
from aios.errors import Unavailable
from aios.interface import Interface
from aios.machined import Machined
from aios.memory.attachments import Attachments
from aios.memory.database import Database, default_path, leave
from aios.memory.interface import Memory
from aios.service import Service
from aios.units import Units

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
        attachments = Attachments(units.start, Machined(service.bus).names)
        settings = config.load()
        database = Database(default_path(), keep=settings.memory.backups)
        # Who calls is to hear why it cannot be opened.
        with suppress(Unavailable):
            await database.open()
        return [Memory(database, settings, describe, attachments)]

    return service.run(setup)


if __name__ == "__main__":
    leave(main())
