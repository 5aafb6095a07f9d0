"""The bus door, on a bus of its own."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from dbus_next.constants import MessageFlag, MessageType
from dbus_next.message import Message

from aios import contract
from aios.bus import MAX_CALLS, Bus
from aios.bus_link import Link
from aios.bus_values import take_descriptors
from aios.caller import Caller
from aios.contract import Arg, Contract, Method
from aios.errors import NotFound, Unavailable
from aios.interface import Call, Interface

PATH = "/org/aios/Probe1"
NAME = "org.aios.Probe1"
CONFIG = """<busconfig><type>session</type><listen>unix:path={path}</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>
"""


def described(name: str, methods: Iterable[Method], **properties: str) -> Contract:
    listed = {method.name: method for method in methods}
    return Contract(name, f'<interface name="{name}"/>', listed, {}, properties)


class Probe(Interface):
    """What hands out pipes."""

    NAME, PATH, OBJECTS = NAME, PATH, f"{PATH}/child"
    calls: ClassVar[list[Call]] = []

    def __init__(self) -> None:
        fds = (Arg("name", "s"), Arg("end", "h"), Arg("other", "h"))
        methods = [
            Method("Open", (Arg("name", "s"),), fds),
            Method("Wrong", (), (Arg("end", "h"), Arg("number", "u"))),
            Method("Stay", (), ()),
        ]
        self.contract = described(NAME, methods, Who="u", Children="ao", About="a{sv}")
        self.emitters = []
        self.calls.clear()
        self.given: list[int] = []
        self.left: list[str] = []

    async def Open(self, call: Call, name: str) -> tuple[str, int, int]:
        self.calls.append(call)
        read, write = os.pipe()
        os.write(write, name.encode())
        self.given = [read, write]
        return name, read, write

    async def Wrong(self, call: Call) -> tuple[int, str]:
        self.given = list(os.pipe())
        os.close(self.given.pop())
        return self.given[0], "no number"

    async def Stay(self, call: Call) -> None:
        self.calls.append(call)
        try:
            await asyncio.Event().wait()
        finally:
            self.left.append(call.caller.bus_name)

    async def property(self, call: Call, name: str) -> Any:
        match name:
            case "Who":
                return call.caller.uid
            case "Children":
                return [call.caller.bus_name.replace(":", "_").replace(".", "_")]
        return {"exit_status": 3}


class Child(Interface):
    """A child per peer, that nobody else knows of."""

    NAME, PATH, CHILDREN = f"{NAME}.Child", f"{PATH}/child", True

    def __init__(self) -> None:
        self.contract = described(self.NAME, [Method("Touch", (), ())], Id="s", Broken="s")
        self.emitters = []

    def has(self, object_id: str, caller: Caller) -> bool:
        return object_id in self.children(caller)

    def children(self, caller: Caller) -> Iterable[str]:
        return [caller.bus_name.replace(":", "_").replace(".", "_")]

    async def Touch(self, call: Call) -> None:
        pass

    async def property(self, call: Call, name: str) -> Any:
        if name == "Broken":
            raise NotFound("not there")
        return call.object_id


@dataclass
class House:
    address: str
    probe: Probe
    server: Bus
    links: list[Link] = field(default_factory=list)

    async def peer(self) -> Link:
        link = Link(self.address)
        await link.connect()
        self.links.append(link)
        return link

    async def ask(
        self, link: Link, member: str, signature: str = "", *body: Any, **more: Any
    ) -> Any:
        more = {"interface": NAME, "path": PATH, **more}
        return await link.call(
            Message(destination=NAME, member=member, signature=signature, body=list(body), **more)
        )


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    config = tmp_path / "bus.conf"
    config.write_text(CONFIG.format(path=tmp_path / "bus"))
    daemon = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
    )
    assert daemon.stdout is not None
    address = daemon.stdout.readline().decode().strip()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    yield address
    daemon.terminate()
    daemon.wait()


@pytest.fixture
async def house(address: str) -> AsyncIterator[House]:
    server, probe = await Bus.connect(), Probe()
    server.export(probe)
    server.export(Child())
    await server.request_name(NAME)
    house = House(address, probe, server)
    yield house
    for link in [*house.links, server._bus]:
        link.disconnect()
        with contextlib.suppress(Exception):
            await link.wait_for_disconnect()


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)


async def test_descriptors_travel_with_a_reply(house: House) -> None:
    caller = await house.peer()
    answer = await house.ask(caller, "Open", "s", "hello")
    assert (answer.signature, answer.body) == ("shh", ["hello", 0, 1])
    read, write = answer.unix_fds
    assert os.read(read, 10) == b"hello"
    assert not os.get_inheritable(read)
    await until(lambda: not any(is_open(fd) for fd in house.probe.given if fd not in (read, write)))
    os.close(read)
    os.close(write)


async def test_a_call_out_can_take_descriptors(house: House, monkeypatch: Any) -> None:
    caller = await Bus.connect()
    house.links.append(caller._bus)
    name, read, write = await caller.call_with_descriptors(NAME, PATH, NAME, "Open", "s", "x")
    assert (name, os.read(read, 10)) == ("x", b"x")
    os.close(read)
    os.close(write)
    before = count()
    for _ in range(5):
        await caller.call(NAME, PATH, NAME, "Open", "s", "x")
    # What comes after the task that waits was cancelled is closed as well.
    for _ in range(5):
        task = asyncio.ensure_future(
            caller.call_with_descriptors(NAME, PATH, NAME, "Open", "s", "late")
        )
        await asyncio.sleep(0)
        task.cancel()
    await caller.call(NAME, PATH, NAME, "Open", "s", "x")
    await until(lambda: count() == before)


@pytest.mark.parametrize("places", [[0, 0], [0, 2], [7, 1]])
def test_places_that_are_not_there(places: list[int]) -> None:
    with pytest.raises(ValueError, match="descriptor"):
        take_descriptors("hh", places, [10, 11])


async def test_a_reply_that_cannot_be_made_closes_its_descriptors(house: House) -> None:
    answer = await house.ask(await house.peer(), "Wrong")
    assert answer.error_name == "org.aios.Error.Internal"
    assert not is_open(house.probe.given[0])


async def test_nobody_waits_for_the_reply(house: House) -> None:
    caller = await house.peer()
    await house.ask(caller, "Open", "s", "x", flags=MessageFlag.NO_REPLY_EXPECTED)
    await house.ask(caller, "Open", "i", 1)  # in order behind it
    await until(lambda: bool(house.probe.given))
    await until(lambda: not any(is_open(fd) for fd in house.probe.given))


async def test_who_waits_for_no_reply_has_not_any_number_of_calls(house: House) -> None:
    caller = await house.peer()
    for _ in range(MAX_CALLS + 100):
        await house.ask(caller, "Stay", flags=MessageFlag.NO_REPLY_EXPECTED)
    answer = await house.ask(caller, "Stay")
    assert answer.error_name == "org.aios.Error.Busy"
    await until(lambda: len(house.probe.calls) == MAX_CALLS)
    assert (await house.ask(await house.peer(), "Open", "s", "x")).body[0] == "x"


@pytest.mark.parametrize("signature", ["s", "sh"])
async def test_descriptors_that_nobody_asked_for_are_refused(house: House, signature: str) -> None:
    caller = await house.peer()
    before = count()
    for _ in range(20):
        ends = os.pipe()
        body = ["x", 0][: len(signature)]
        answer = await house.ask(caller, "Open", signature, *body, unix_fds=list(ends))
        assert answer.message_type == MessageType.ERROR
        assert answer.error_name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert count() == before
    assert not house.probe.calls


async def test_gone_is_one_for_all_calls_of_a_peer_and_outlives_them(house: House) -> None:
    caller, other = await house.peer(), await house.peer()
    for link in (caller, caller, other):
        answer = await house.ask(link, "Open", "s", "x")
        for fd in answer.unix_fds:
            os.close(fd)
    first, second, others = house.probe.calls
    assert first.gone is second.gone and not first.gone.is_set()
    waiting = asyncio.ensure_future(house.ask(caller, "Stay"))
    await until(lambda: len(house.probe.calls) == 4)
    caller.disconnect()
    await first.gone.wait()
    await until(lambda: house.probe.left == [caller.unique_name])
    assert not others.gone.is_set()
    assert house.server._peers.keys() == {other.unique_name}
    with contextlib.suppress(Exception):
        await waiting


async def test_properties_are_each_callers_own(house: House) -> None:
    caller = await house.peer()
    child = caller.unique_name.replace(":", "_").replace(".", "_")
    properties = {"interface": "org.freedesktop.DBus.Properties"}
    (everything,) = (await house.ask(caller, "GetAll", "s", NAME, **properties)).body
    assert everything["Who"].value == os.getuid() and everything["Who"].signature == "u"
    assert everything["Children"].value == [f"{PATH}/child/{child}"]
    assert everything["About"].value["exit_status"].signature == "i"
    at = {**properties, "path": f"{PATH}/child/{child}"}
    (own,) = (await house.ask(caller, "Get", "ss", f"{NAME}.Child", "Id", **at)).body
    assert own.value == child
    for member, signature, body, error in [
        ("Get", "ss", [f"{NAME}.Child", "Broken"], "org.aios.Error.NotFound"),
        ("GetAll", "s", [f"{NAME}.Child"], "org.aios.Error.NotFound"),
        ("Get", "ss", [f"{NAME}.Child", "No"], "org.freedesktop.DBus.Error.UnknownProperty"),
        ("GetAll", "s", ["a.b"], "org.freedesktop.DBus.Error.UnknownInterface"),
        ("Get", "s", [f"{NAME}.Child"], "org.freedesktop.DBus.Error.UnknownMethod"),
    ]:
        assert (await house.ask(caller, member, signature, *body, **at)).error_name == error


async def test_introspection_names_nobody_elses_children(house: House) -> None:
    mine, theirs = await house.peer(), await house.peer()
    introspect = {"interface": "org.freedesktop.DBus.Introspectable"}
    own, other = (link.unique_name.replace(":", "_").replace(".", "_") for link in (mine, theirs))

    async def seen(path: str) -> str:
        answer = await house.ask(mine, "Introspect", path=path, **introspect)
        return str(answer.body[0])

    assert f'<node name="{own}"/>' in await seen(f"{PATH}/child")
    assert other not in await seen(f"{PATH}/child")
    assert f'interface name="{NAME}.Child"' in await seen(f"{PATH}/child/{own}")
    assert "interface" not in (await seen(f"{PATH}/child/{other}")).partition("<node>")[2]
    answer = await house.ask(mine, "Touch", path=f"{PATH}/child/{other}", interface=f"{NAME}.Child")
    assert answer.error_name == "org.freedesktop.DBus.Error.UnknownObject"


async def test_a_full_socket_is_waited_for(house: House) -> None:
    """A peer that reads nothing for a while, and then all of it, in order."""
    caller = await house.peer()
    server = house.server._bus
    server._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    answers = [house.ask(caller, "Open", "s", f"{n}-{'x' * 50_000}") for n in range(40)]
    for n, answer in enumerate(await asyncio.gather(*answers)):
        assert answer.body[0].startswith(f"{n}-")
        for fd in answer.unix_fds:
            os.close(fd)


async def test_an_unknown_destination_is_an_error(house: House) -> None:
    with pytest.raises(Unavailable):
        await house.server.call_with_descriptors("org.aios.Nobody", PATH, NAME, "Open", "s", "x")


def test_outputs_of_contracts_that_hand_out_descriptors() -> None:
    for path in contract.DIRECTORY.glob("*.xml"):
        for method in contract.load(path.stem).methods.values():
            assert all("h" not in arg.type for arg in method.inputs)
            assert all(arg.type == "h" or "h" not in arg.type for arg in method.outputs)
