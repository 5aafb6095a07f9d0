"""A transient unit of the machine's systemd: started, followed to its end, cleared away.

The unit stays after its command has ended (RemainAfterExit=) until its result has been read: a
killed exec finds it again. systemd supervises, limits and kills; here is only what it said.
"""

import asyncio
import contextlib
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jeepney import DBusAddress

from aios.errors import Internal, ProfileNotEnforced
from aios.exec import cgroup, wire
from aios.exec.link import MANAGER as MANAGER
from aios.exec.link import SYSTEMD, Link, RemoteError
from aios.exec.wire import Incoming

UNIT = f"{SYSTEMD}.Unit"
SERVICE = f"{SYSTEMD}.Service"
UNKNOWN = 2**64 - 1
CLD_EXITED = 1
PRE_EXEC = range(200, 244)
"""What systemd itself exits with when it cannot get as far as the command (systemd.exec(5))."""
GRACE_SECONDS = 2
"""What each of SIGINT and SIGTERM is given before the next."""
STOP_USEC = GRACE_SECONDS * 1_000_000
AFTER_SECONDS = 0.001
"""What nobody waits for is done this much later: who does wait has the answer first."""

SLICE = "aios.slice"
Property = wire.Property

RESULT = {
    "ActiveEnterTimestampMonotonic": UNIT,
    "InvocationID": UNIT,
    "Result": SERVICE,
    "ExecMainCode": SERVICE,
    "ExecMainStatus": SERVICE,
    "ExecMainStartTimestampMonotonic": SERVICE,
    "ExecMainExitTimestampMonotonic": SERVICE,
}
ACCOUNTS = {
    "CPUUsageNSec": SERVICE,
    "MemoryPeak": SERVICE,
    "IOReadBytes": SERVICE,
    "IOWriteBytes": SERVICE,
}


class Ended(StrEnum):
    EXIT = "exit"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    OOM = "oom"
    OUTPUT = "output"
    """It was stopped, having printed more than it may."""
    CANCELLED = "cancelled"
    LOST = "lost"
    """Nobody can say: the unit, or the machine, is gone."""


@dataclass(frozen=True)
class Result:
    """What systemd knows of a unit's end; None is unknown, never zero.

    status: of the process, 128 + n for signal n. in_doubt: it is one that systemd itself exits with
    when it cannot get as far as the command, and systemd did not see the command start: of one that
    ends at once, it sees the end first.
    """

    ended: Ended
    in_doubt: bool = False
    status: int | None = None
    signal: int | None = None
    duration_usec: int | None = None
    cpu_usec: int | None = None
    memory_peak: int | None = None
    io_read_bytes: int | None = None
    io_write_bytes: int | None = None
    invocation_id: str = ""
    refused: bool = False
    """The kernel refused it another process."""
    empty: bool = False
    """The kernel says that no process of it is left: what it wrote is in its pipes. Their end comes
    when systemd, which holds the unit's descriptors, has stopped the unit."""


LOST = Result(Ended.LOST)


class NoSuchUnit(Exception):
    """It was never started, or its machine has been restarted since."""


def name_of(job: str) -> str:
    # Not `aios-*`: what a command prints must never look like audit.
    return f"run-aios-{job}.service"


def object_path(name: str) -> str:
    escaped = "".join(
        char if char.isascii() and char.isalnum() else f"_{ord(char):02x}" for char in name
    )
    return f"/org/freedesktop/systemd1/unit/{escaped}"


class NeverBegan(Exception):
    """It was stopped before its first process."""


class Unit:
    """One transient service, by the id of its job."""

    def __init__(self, link: Link, job: str) -> None:
        self.name = name_of(job)
        self._link = link
        self._path = object_path(self.name)
        self._changed = asyncio.Event()
        """It may have ended, or the link is lost."""
        self._service: Incoming | None = None
        self._unit: Incoming | None = None
        """What systemd said last of it as a service, and as a unit."""
        self._has_exited = False
        self._seen: dict[str, Any] = {}
        """What was asked for when it had ended."""
        self._waiting = asyncio.Lock()
        self._result: Result | None = None

    def _on_signal(self, message: Incoming | None) -> None:
        # Of one change systemd tells first as of a service, then as of a unit.
        if message is None:
            self._has_exited = False
            self._changed.set()
        elif b"\0ExecMainStatus\0" in message.raw:
            self._service = message
        elif b"\0SubState\0" in message.raw:
            self._unit = message
            self._has_exited = b"\0exited\0" in message.raw
            over = b"\0dead\0" in message.raw or b"\0failed\0" in message.raw
            # With a job it has not begun: systemd tells of its being loaded, too.
            if self._has_exited or (over and not wire.unit_job(message)):
                self._changed.set()

    async def start(self, properties: Sequence[Property]) -> None:
        """Returns when systemd has taken it. Raises ProfileNotEnforced for a property that it does
        not take, LinkLost when nobody knows whether it did."""
        self._link.follow(self._path, self._on_signal)
        # On what every unit depends on a command depends by its slice. systemd tells everybody of
        # each such unit anew, at every command.
        early = ("DefaultDependencies", ("b", self._link.booting))
        try:
            await self._link.answer(self._link.start_unit(self.name, [*properties, early]))
        except RemoteError as error:
            self._link.unfollow(self._path)
            if "property" in error.text.lower() or error.name.endswith(".InvalidArgs"):
                raise ProfileNotEnforced(
                    f"the systemd of {self._link.machine} does not take the profile: {error.text}"
                ) from error
            raise Internal(f"systemd did not take the command: {error.text}") from error

    async def adopt(self) -> None:
        """Follows a unit that was started before, over this link or an earlier one. Raises
        NoSuchUnit."""
        self._link.follow(self._path, self._on_signal)
        self._changed.set()
        try:
            await self._link.call(MANAGER, "GetUnit", "s", self.name)
        except RemoteError as error:
            self._link.unfollow(self._path)
            raise NoSuchUnit(self.name) from error

    async def wait(self) -> Result:
        """The result, once its last process is gone; to each of several who wait. Raises LinkLost
        or NoSuchUnit."""
        async with self._waiting:
            if self._result is None:
                try:
                    self._result = await self._end()
                except asyncio.CancelledError:
                    # In the middle of looking, perhaps: whoever waits next looks again.
                    self._changed.set()
                    raise
            return self._result

    async def _end(self) -> Result:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if (quick := await self._exited()) is not None:
                # Who writes the record without awaiting anything has it before the unit goes. (What
                # a kill in between leaves, `Machine` finds.)
                asyncio.get_running_loop().call_later(AFTER_SECONDS, self._leave)
                return quick
            # The job first: asked the other way round, it may begin and be done in between.
            now = await self._properties({"Job": UNIT, "SubState": UNIT})
            state = now["SubState"]
            if state == "exited" and not self._seen:
                # Stopped, it is gone with all that systemd knows of it.
                self._seen = await self._properties(RESULT | ACCOUNTS)
                # What it left running in its cgroup ends with it.
                await self._stop()
            elif state in ("dead", "failed") and now["Job"][0] == 0:
                break  # with a job it has not begun: systemd tells of its being loaded, too
        if not self._seen and state == "failed":
            self._seen = await self._properties(RESULT | ACCOUNTS)
        self._clear(failed=state == "failed")
        # Whoever has stopped it: systemd has told of its end.
        return result(self._seen or self._heard())

    def _heard(self) -> dict[str, Any]:
        found = dict[str, Any](dict.fromkeys(ACCOUNTS))
        for message in (self._service, self._unit):
            if message is not None:
                found |= {name: value for name, (_, value) in message.body()[1].items()}
        return found

    async def _exited(self) -> Result | None:
        """The result, when systemd has said it all and the kernel says that nothing is left."""
        if not self._has_exited or self._link.cgroup is None:
            return None
        if not cgroup.is_empty(self._link.cgroup / SLICE / self.name):
            return None
        accounts = self._ask(ACCOUNTS)  # what systemd has said is read while it answers
        found = self._heard()
        if not RESULT.keys() <= found.keys() or found["ExecMainCode"] == 0:
            return None
        return replace(result(found | await self._answers(accounts)), empty=True)

    def _leave(self) -> None:
        self._link.post(MANAGER, "StopUnit", "ss", self.name, "replace")
        self._clear(failed=False)

    async def kill(self, number: int) -> None:
        """Sends a signal to all its processes, those that left their session among them."""
        # There may be none any more, which is as good.
        with contextlib.suppress(RemoteError):
            await self._link.call(MANAGER, "KillUnit", "ssi", self.name, "all", number)

    async def cancel(self, *, terminal: bool = False) -> Result:
        """SIGINT, SIGTERM, SIGKILL to all its processes, until the first has ended; the result once
        the last is gone. terminal: a shell in there takes no notice of SIGTERM. Raises NeverBegan:
        it was still waiting for others, as while the machine boots, and would have run later."""
        if self._result is None:
            now = await self._properties({"Job": UNIT, "SubState": UNIT})
            if now["SubState"] == "dead" and now["Job"][0] != 0:
                await self._stop()
                if (result := await self.wait()) is not LOST:
                    return result
                raise NeverBegan
        for numbers in ((signal.SIGINT,), (signal.SIGTERM, signal.SIGHUP)[: 1 + terminal]):
            for number in numbers:
                await self.kill(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    return await self.wait()
        await self.kill(signal.SIGKILL)
        return await self.wait()

    async def _stop(self) -> None:
        # It may be gone by itself, which is as good.
        with contextlib.suppress(RemoteError):
            await self._link.call(MANAGER, "StopUnit", "ss", self.name, "replace")

    def _ask(self, wanted: Mapping[str, str]) -> dict[str, asyncio.Future[tuple[Any, ...]] | None]:
        """None for what this systemd does not know."""
        properties = DBusAddress(self._path, SYSTEMD, "org.freedesktop.DBus.Properties")
        return {
            name: None
            if name in self._link.missing
            else self._link.start_call(properties, "Get", "ss", interface, name)
            for name, interface in wanted.items()
        }

    async def _answers(
        self, asked: Mapping[str, asyncio.Future[tuple[Any, ...]] | None]
    ) -> dict[str, Any]:
        """Their values; None for what this systemd does not know. Raises NoSuchUnit."""
        found = dict[str, Any].fromkeys(asked)
        for name, reply in asked.items():
            if reply is None:
                continue
            try:
                ((_, found[name]),) = await self._link.answer(reply)
            except RemoteError as error:
                if not error.name.endswith(".UnknownProperty"):
                    self._link.unfollow(self._path)
                    raise NoSuchUnit(self.name) from error
                self._link.missing.add(name)  # MemoryPeak: systemd ≥ 255
        return found

    async def _properties(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        return await self._answers(self._ask(wanted))

    def _clear(self, *, failed: bool) -> None:
        self._link.unfollow(self._path)
        if failed:
            self._link.post(MANAGER, "ResetFailedUnit", "s", self.name)


def known(value: int | None) -> int | None:
    return None if value in (None, UNKNOWN) else value


def result(properties: dict[str, Any]) -> Result:
    """Reads the properties of a unit that has ended."""
    code, status = properties.get("ExecMainCode", 0), properties.get("ExecMainStatus", 0)
    if code == 0:
        return LOST  # never forked; or unknown to systemd, which makes up an object for any name
    began = known(properties["ExecMainStartTimestampMonotonic"])
    over = known(properties["ExecMainExitTimestampMonotonic"])
    killed_by = status if code != CLD_EXITED else None
    how = Ended.EXIT if killed_by is None else Ended.SIGNAL
    match properties["Result"]:
        case "timeout":
            how = Ended.TIMEOUT
        case "oom-kill":
            how = Ended.OOM
    cpu = known(properties["CPUUsageNSec"])
    invocation = properties["InvocationID"] or b""
    return Result(
        ended=how,
        in_doubt=code == CLD_EXITED
        and status in PRE_EXEC
        and properties["ActiveEnterTimestampMonotonic"] == 0,
        status=status if killed_by is None else 128 + killed_by,
        signal=killed_by,
        duration_usec=over - began if began and over else None,
        cpu_usec=cpu // 1000 if cpu is not None else None,
        memory_peak=known(properties["MemoryPeak"]),
        io_read_bytes=known(properties["IOReadBytes"]),
        io_write_bytes=known(properties["IOWriteBytes"]),
        invocation_id=bytes(invocation).hex(),
    )
