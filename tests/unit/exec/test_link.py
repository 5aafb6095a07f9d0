"""The link over a socketpair, spoken to by jeepney's own parser."""

import array
import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from jeepney import DBusAddress, Message, Parser
from jeepney.wrappers import new_error, new_method_return, new_signal

from aios.exec.link import Link, LinkLost, RemoteError
from aios.exec.unit import object_path

THERE = DBusAddress("/x", "org.x", "org.x.Y")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


def linked(ours: socket.socket) -> Link:
    link = Link("m", ours)
    asyncio.get_running_loop().add_reader(ours, link._readable)
    return link


def receive(theirs: socket.socket, parser: Parser) -> Message:
    while (message := parser.get_next_message()) is None:
        data, rights, _, _ = theirs.recvmsg(65536, socket.CMSG_SPACE(64))
        descriptors = array.array("i")
        for _level, _kind, content in rights:
            descriptors.frombytes(content)
        parser.add_data(data, descriptors)
    return message


async def test_calls_and_errors(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    link, parser = linked(ours), Parser()
    good, bad = link.start_call(THERE, "A", "s", "x"), link.start_call(THERE, "B")
    first, second = receive(theirs, parser), receive(theirs, parser)
    assert first.body == ("x",)
    # Answers may come in any order.
    theirs.sendall(new_error(second, "org.x.Error", "s", ("no",)).serialise(1))
    theirs.sendall(new_method_return(first, "i", (5,)).serialise(2))
    assert await good == (5,)
    with pytest.raises(RemoteError, match=r"org\.x\.Error: no"):
        await bad
    link.close()


async def test_descriptors_survive_a_full_socket_and_their_owner(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    link, parser = linked(ours), Parser()
    filler = [link.start_call(THERE, "Fill", "s", "x" * 60000) for _ in range(20)]
    read_end, write_end = os.pipe()
    link.start_call(THERE, "Give", "h", write_end)
    os.close(write_end)
    loop = asyncio.get_running_loop()
    for _ in filler:
        await loop.run_in_executor(None, receive, theirs, parser)
    message = await loop.run_in_executor(None, receive, theirs, parser)
    (given,) = message.body
    os.write(given, b"through")
    assert os.read(read_end, 10) == b"through"
    os.close(given)
    assert os.read(read_end, 10) == b"", "a copy is left open"
    os.close(read_end)
    link.close()


async def test_a_lost_link_ends_every_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    link, heard = linked(ours), list[Any]()
    link.follow("/unit", heard.append)
    call = link.start_call(THERE, "A")
    theirs.close()
    with pytest.raises(LinkLost):
        await call
    assert heard == [None]
    assert link.lost.done()
    with pytest.raises(LinkLost):
        await link.call(THERE, "B")


async def test_signals_go_to_their_object(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    link, heard, parser = linked(ours), list[Any](), Parser()
    unit, other = object_path("run-aios-1.service"), object_path("run-aios-2.service")
    link.follow(unit, heard.append)
    for path in (other, "/org/freedesktop/systemd1/unit/cron_2eservice", unit):
        emitter = DBusAddress(path, interface="org.freedesktop.DBus.Properties")
        theirs.sendall(new_signal(emitter, "PropertiesChanged", "s", (path,)).serialise(1))
    emitter = DBusAddress(unit, interface="org.freedesktop.DBus.Other")
    theirs.sendall(new_signal(emitter, "Other", "s", ("no",)).serialise(2))
    done = link.start_call(THERE, "A")
    theirs.sendall(new_method_return(receive(theirs, parser)).serialise(3))
    await done
    assert [message.body() for message in heard] == [(unit,)]
    link.close()
