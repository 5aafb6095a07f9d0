"""A machine's bus that says anything: the link goes on or is lost, and exec stands."""

import asyncio
import gc
import socket
from typing import Any

import pytest
from fuzz import budget
from hypothesis import given
from hypothesis import strategies as st
from jeepney import DBusAddress, HeaderFields, MessageType
from jeepney.wrappers import new_error, new_method_call, new_method_return, new_signal

from aios.exec import wire
from aios.exec.link import OURS, Link, LinkLost, RemoteError

UNIT = OURS.decode() + "x_2eservice"
SYSTEMD = DBusAddress(UNIT, "org.freedesktop.systemd1", "org.freedesktop.DBus.Properties")
MACHINE = "m"


def answers() -> list[bytes]:
    """What a bus might say to the first call, and in between."""
    call = new_method_call(SYSTEMD, "A")
    call.header.serial = 1
    told = new_signal(
        SYSTEMD, "PropertiesChanged", "sa{sv}as", ("x", {"Job": ("(uo)", (1, "/"))}, [])
    )
    told.header.fields[HeaderFields.sender] = ":1.1"
    owner = new_signal(
        DBusAddress("/", "org.freedesktop.DBus", "org.freedesktop.DBus"),
        "NameOwnerChanged",
        "s",
        ("x",),
    )
    owner.header.fields[HeaderFields.sender] = "org.freedesktop.DBus"
    return [
        message.serialise(serial)
        for serial, message in enumerate(
            (new_method_return(call, "i", (5,)), new_error(call, "x.Y", "s", ("no",)), told, owner,
             new_method_return(call, "a{sv}", ({"a": ("v", ("s", "b"))},))), 1
        )
    ]  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(answers()), min_size=1, max_size=3))))
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=6)
    ):
        data[place] = byte
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@pytest.fixture(scope="module", autouse=True)
def _others_are_gone() -> None:
    """What earlier tests left to be collected would complain in these loops."""
    gc.collect()


async def hears(data: bytes) -> None:
    faults: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: faults.append(context))
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = Link(MACHINE, ours)
    link.follow(UNIT, lambda message: wire.unit_job(message) if message else None)
    loop.add_reader(ours, link._readable)
    reply = link.start_call(SYSTEMD, "A")
    theirs.sendall(data)
    theirs.close()
    with pytest.raises((LinkLost, RemoteError)):
        await asyncio.wait_for(reply, 10)
        raise RemoteError("answered", "as it may")
    await asyncio.wait_for(asyncio.shield(link.lost), 10)
    assert not faults, faults


@budget(150)
@given(mangled() | st.binary(max_size=200))
def test_a_bus_that_says_anything(data: bytes) -> None:
    asyncio.run(hears(data))


def test_a_message_without_end_is_not_waited_for() -> None:
    """A machine's root could have exec keep 4 GiB for it."""
    buffer = wire.Buffer()
    buffer.add(b"l\x02\x00\x01" + b"\xff\xff\xff\x7f" + b"\1\0\0\0" + b"\0\0\0\0" + b"x" * 1000)
    with pytest.raises(wire.Broken, match="2147483663 bytes"):
        list(buffer.messages())


def test_the_samples_are_right() -> None:
    kinds = [wire.Incoming(raw).kind for raw in answers()]
    assert kinds.count(MessageType.signal) == 2 and MessageType.error in kinds
