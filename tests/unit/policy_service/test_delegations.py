"""Delegations: how long each kind lives."""

from pathlib import Path

import pytest

from aios.caller import Caller
from aios.errors import Busy
from aios.policy.delegations import MAX_LIVE, Delegations

SOCKET = Caller(uid=1000, pid=7)
BUS = Caller(uid=1000, pid=7, bus_name=":1.42")


class Names:
    """The unique names on a bus."""

    def __init__(self, *names: str) -> None:
        self.here = set(names)

    async def has(self, name: str) -> bool:
        return name in self.here


async def test_a_sockets_ends_with_this_process(tmp_path: Path) -> None:
    first = Delegations(tmp_path, "bus", Names().has)
    made = await first.lend(SOCKET, "s", "aios")
    assert await first.find(made.id) == [made]
    assert await Delegations(tmp_path, "bus", Names().has).find(made.id) == []


async def test_a_connections_survives_it_and_ends_with_its_name(tmp_path: Path) -> None:
    names = Names(":1.42")
    made = await Delegations(tmp_path, "bus", names.has).lend(BUS, "s", "aios")
    again = Delegations(tmp_path, "bus", names.has)
    assert await again.find(made.id) == [made]
    assert await again.find(":1.42") == [made]
    names.here.clear()
    assert await again.find(made.id) == []
    assert not list(tmp_path.iterdir())


async def test_another_bus_has_other_names(tmp_path: Path) -> None:
    names = Names(":1.42")
    made = await Delegations(tmp_path, "bus", names.has).lend(BUS, "s", "aios")
    assert await Delegations(tmp_path, "rebooted", names.has).find(made.id) == []


async def test_revoked_is_gone_and_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    delegations = Delegations(tmp_path, "bus", Names().has)
    made = await delegations.lend(SOCKET, "s", "aios", lambda: told.append("ended"))
    delegations.revoke(made)
    delegations.revoke(made)
    assert await delegations.find(made.id) == []
    assert told == ["ended"]


async def test_a_name_never_stands_for_a_sockets(tmp_path: Path) -> None:
    delegations = Delegations(tmp_path, "bus", Names("", ":").has)
    await delegations.lend(SOCKET, "s", "aios")
    assert await delegations.find("") == []
    assert await delegations.find(":") == []


async def test_one_person_has_a_bounded_number(tmp_path: Path) -> None:
    names = Names(":1.42")
    delegations = Delegations(tmp_path, "bus", names.has)
    for _ in range(MAX_LIVE):
        await delegations.lend(BUS, "s", "aios")
    with pytest.raises(Busy):
        await delegations.lend(BUS, "s", "aios")
    names.here = {":1.43"}
    await delegations.lend(Caller(uid=1000, pid=7, bus_name=":1.43"), "s", "aios")
    assert len(list(tmp_path.iterdir())) == 1
