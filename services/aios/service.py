"""One service: two doors (bus name and sockets from systemd), idle exit.

One that cannot begin, for a broken file or a full disk, answers every call with the reason and
leaves: systemd would start it again and again for a caller who is not answered. The next call
tries anew.

Leaving when idle follows systemd's bus_event_loop_with_idle: STOPPING=1, release the name, serve
what had already arrived, exit 0. Whoever calls next starts the service again; the sockets are
systemd's and stay.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from systemd import daemon

from aios import journal
from aios.bus import Bus
from aios.caller import Caller
from aios.errors import AiosError, Unavailable, fault
from aios.interface import Interface
from aios.journal import log
from aios.machined import MANAGER as MACHINED
from aios.varlink import VarlinkServer

IDLE_SECONDS = 30.0
REFUSING_SECONDS = 1.0
"""How long a service that could not begin refuses, whoever asks on: what is mended counts then."""
BUS_GONE = 75
"""Exit status of a service whose bus was stopped under it (EX_TEMPFAIL); exec, which has pipes in
systemd's store, is started again then (RestartForceExitStatus=)."""


class Service:
    """`name` is the bus name. `bus` is connected in `run`, before `setup` is awaited."""

    bus: Bus

    def __init__(self, name: str, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self.name = name
        self.sockets: list[int] = []
        self.stored: dict[str, int] = {}
        """The descriptors that this service had in systemd's store when it went, by name."""
        for descriptor, given in daemon.listen_fds_with_names().items():
            if given.endswith(".socket"):
                self.sockets.append(descriptor)
            else:
                self.stored[given] = descriptor
        self._idle_seconds = idle_seconds
        self._holds = 0
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        """Nothing has held the service for `idle_seconds`."""
        self._free = asyncio.Event()
        """Nothing holds the service."""

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keeps the service from leaving."""
        self._holds += 1
        self._free.clear()
        if self._timer is not None:
            self._timer.cancel()
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                self._free.set()
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(self._idle_seconds, self._idle.set)

    async def identify(self, pid: int, uid: int) -> Caller:
        """Who a socket's peer is. A peer in a machine has a pid that machined knows and a uid of
        that machine's range; where the two disagree (a pid used again), it is nobody."""
        if _beside_us(pid):
            return Caller(uid=uid, pid=pid)
        try:
            (path,) = await self.bus.call(*MACHINED, "GetMachineByPID", "u", pid)
        except Unavailable as error:
            if "NoMachineForPID" in error.message:
                return Caller(uid=uid, pid=pid)
            raise
        (name,) = await self.bus.call(
            MACHINED[0], path, "org.freedesktop.DBus.Properties", "Get", "ss",
            "org.freedesktop.machine1.Machine", "Name",
        )  # fmt: skip
        try:
            machine, _path, inner = await self.bus.call(*MACHINED, "MapToMachineUser", "u", uid)
        except Unavailable:
            # A machine without private users: its uids are the host's.
            machine, inner = name, uid
        if machine != name:
            raise Unavailable(f"pid {pid} is in {name}, uid {uid} in {machine}")
        return Caller(uid=uid, pid=pid, machine=name, machine_uid=inner)

    async def _serve(self, setup: Callable[[], Awaitable[list[Interface]]]) -> int:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        with self.hold():
            self.bus = await Bus.connect(self.hold)
            interfaces, refusal = await self._begin(setup)
            for interface in interfaces:
                self.bus.export(interface)
            self.bus.refusal = refusal
            server = VarlinkServer(interfaces, self.identify, self.hold, refusal)
            await server.listen([socket.socket(fileno=fd) for fd in self.sockets])
            await self.bus.request_name(self.name)
            daemon.notify("READY=1")
        lost = self.bus.disconnected()
        await _first(self._idle.wait(), stop.wait(), lost)
        if lost.done() and not lost.cancelled():
            log.error("the bus went away")
            # Whoever comes now is the next one's to answer.
            server.close()
            return BUS_GONE
        daemon.notify("STOPPING=1")
        server.close()
        await self.bus.release_name(self.name)
        # What had arrived before the name was released is still answered; on SIGTERM it is not:
        # every caller must survive a killed service anyway.
        await _first(self._free.wait(), stop.wait())
        return 0 if refusal is None else 1

    async def _begin(
        self, setup: Callable[[], Awaitable[list[Interface]]]
    ) -> tuple[list[Interface], AiosError | None]:
        """The interfaces, or why there are none."""
        try:
            return await setup(), None
        except AiosError as error:
            refusal = error
        except Exception as error:
            log.exception("the service cannot begin")
            refusal = fault(error)
        log.critical(f"the service cannot begin: {refusal.message}")
        asyncio.get_running_loop().call_later(REFUSING_SECONDS, self._idle.set)
        return [], refusal

    def run(self, setup: Callable[[], Awaitable[list[Interface]]]) -> int:
        """Serves until idle; the process's exit status. `setup` makes the interfaces."""
        journal.setup(_identifier(self.name))
        try:
            return asyncio.run(self._serve(setup))
        except AiosError as error:
            log.critical(str(error))
            print(f"{self.name}: {error}", file=sys.stderr)
            return 1


def _beside_us(pid: int) -> bool:
    """Whether the kernel says that it is in no container. Only a service that may look into other
    people's processes is told; machined, which takes longer, knows it of all."""
    try:
        return all(
            Path(f"/proc/{pid}/ns/{kind}").stat().st_ino
            == Path(f"/proc/self/ns/{kind}").stat().st_ino
            for kind in ("pid", "user")
        )
    except OSError:
        return False


def _identifier(name: str) -> str:
    """`org.aios.Memory1` → `aios-memory`, `org.aios.Exec1.aios` → `aios-exec@aios`."""
    kind, _, instance = name.removeprefix("org.aios.").partition(".")
    return f"aios-{kind.rstrip('1').lower()}" + (f"@{instance}" if instance else "")


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
