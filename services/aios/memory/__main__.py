"""aios-memory.service."""

from aios import config
from aios.interface import Interface
from aios.memory.database import Database, default_path, leave
from aios.memory.interface import Memory
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
        database = Database(default_path())
        await database.open()
        return [Memory(database, config.load(), describe)]

    return service.run(setup)


if __name__ == "__main__":
    leave(main())
