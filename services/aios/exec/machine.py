"""The one machine that this exec serves: the kept-open link to its systemd, and what has been seen
to be in force over it. A link that is lost is opened again for the next command.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from aios.bus import Bus
from aios.errors import (
    AiosError,
    InvalidOption,
    MachineNotRunning,
    NoSuchMachine,
    ProfileNotEnforced,
    Unavailable,
)
from aios.exec import cgroup, probe
from aios.exec.link import Link, LinkLost, RemoteError
from aios.exec.output import Pipe, Text
from aios.exec.profile import Profile
from aios.exec.spec import MACHINE_USER, Spec, descriptors
from aios.exec.unit import MANAGER, PRE_EXEC, Result, Unit, name_of
from aios.ids import HOST, new_id

MACHINED = ("org.freedesktop.machine1", "/org/freedesktop/machine1",
            "org.freedesktop.machine1.Manager")  # fmt: skip
IO = {"IOReadBytes", "IOWriteBytes"}
PROBE_OUTPUT = 1024 * 1024
DRAIN_SECONDS = 5.0
REOPEN_SECONDS = 10.0
AGAIN_SECONDS = 0.2
EXIT_CHDIR = 200
EXIT_USER = 217


@dataclass(frozen=True)
class Ran:
    result: Result
    stdout: Text
    stderr: Text


class Machine:
    def __init__(self, name: str, bus: Bus, owed: Callable[[], Collection[str]]) -> None:
        """`owed`: the jobs whose units somebody will ask for."""
        self.name = name
        self._owed = owed
        self._bus = bus
        self._link: Link | None = None
        self._opening = asyncio.Lock()
        self._seen: dict[tuple[str, str], asyncio.Task[tuple[str, ...]]] = {}
        """(profile, account) → the limits that nothing enforces."""
        self._abandoned: set[str] = set()

    async def link(self) -> Link:
        """Raises NoSuchMachine, MachineNotRunning."""
        async with self._opening:
            if self._link is None or self._link.lost.done():
                self._seen.clear()
                self._link = await self._open()
            elif self._link.booting:
                await self._looked(self._link)
            return self._link

    async def _looked(self, link: Link) -> None:
        with contextlib.suppress(LinkLost):  # whoever wants it learns of that
            await link.look()

    async def _open(self) -> Link:
        """Again and again for a while, as long as the machine runs: its bus may be starting, and
        after a restart of it systemd is not there at once. Nobody outside is told."""
        loop = asyncio.get_running_loop()
        last = loop.time() + REOPEN_SECONDS
        while True:
            leader = await self._leader()
            try:
                return await self._opened(leader)
            except (LinkLost, RemoteError) as error:
                if loop.time() >= last:
                    raise MachineNotRunning(
                        f"machine {self.name} does not answer",
                        hint=f"it may be starting or stopping: machinectl status {self.name}",
                    ) from error
            await asyncio.sleep(AGAIN_SECONDS)

    async def _opened(self, leader: int) -> Link:
        link = await Link.open(self.name, leader)
        try:
            # For the host, too: exec's own /tmp is another.
            link.root = Path(f"/proc/{leader}/root")
            link.cgroup = cgroup.of_machine(leader)
            if link.cgroup is not None and not cgroup.accounts_io(link.cgroup):
                link.missing |= IO
            await self._sweep(link)
        except BaseException:
            link.close()
            raise
        return link

    async def sweep(self) -> None:
        """Stops what has ended and nobody will ask for. Where nothing answers there is no such."""
        with contextlib.suppress(AiosError, LinkLost, RemoteError):
            await self._sweep(await self.link())

    async def _sweep(self, link: Link) -> None:
        """An exec that is killed when it has a unit's result on record may not have stopped it;
        and what is on record as lost may run, if the machine only did not answer for a while."""
        while self._abandoned:
            link.post(MANAGER, "StopUnit", "ss", self._abandoned.pop(), "replace")
        (units,) = await link.call(
            MANAGER, "ListUnitsByPatterns", "asas", ["exited"], [name_of("*")]
        )
        owed = self._owed()
        for name, *_ in units:
            if not any(name == name_of(job) for job in owed):
                link.post(MANAGER, "StopUnit", "ss", name, "replace")

    def abandon(self, name: str) -> None:
        """A unit that nobody knows the end of: should it be there, it is stopped."""
        self._abandoned.add(name)

    def close(self) -> None:
        if self._link is not None:
            self._link.close()

    async def _leader(self) -> int:
        """The pid of its init, on the host."""
        if self.name == HOST:
            return 1
        if path := await self._known("GetMachine"):
            (leader,) = await self._bus.call(
                MACHINED[0], path, "org.freedesktop.DBus.Properties", "Get", "ss",
                "org.freedesktop.machine1.Machine", "Leader",
            )  # fmt: skip
            return int(leader)
        if await self._known("GetImage"):
            raise MachineNotRunning(
                f"machine {self.name} is not running", hint=f"machinectl start {self.name}"
            )
        raise NoSuchMachine(f"there is no machine {self.name}", hint="machinectl list-images")

    async def _known(self, method: str) -> str:
        """The object's path; empty: there is none."""
        try:
            (path,) = await self._bus.call(*MACHINED, method, "s", self.name)
        except Unavailable as error:
            if "NoSuch" in error.message:
                return ""
            raise
        return str(path)

    def gone_before(self) -> MachineNotRunning:
        return MachineNotRunning(
            f"machine {self.name} went away, or was restarted, before the command ran",
            hint="ask again",
        )

    def gone(self) -> MachineNotRunning:
        return MachineNotRunning(
            f"machine {self.name} went away, or was restarted, while the command ran",
            hint="nobody can say how far the command came",
        )

    async def unenforced(self, link: Link, profile: Profile, account: str) -> tuple[str, ...]:
        """The limits that nothing enforces there. Raises ProfileNotEnforced when the profile's
        confinement is not in force. Looked at once per link."""
        if link is not self._link:
            raise self.gone_before()
        key = (str(profile.name), account)
        task = self._seen.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.ensure_future(self._probe(link, profile, account))
            # Whoever asks gets the error; nobody else has to.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._seen[key] = task
        return await asyncio.shield(task)

    async def _probe(self, link: Link, profile: Profile, account: str) -> tuple[str, ...]:
        ran = await self._short(link, Spec(
            command=probe.COMMAND, profile=profile, account=account, cwd="/",
            env=probe.ENVIRONMENT, limits=probe.LIMITS,
        ))  # fmt: skip
        status = ran.result.status
        if status == EXIT_USER:
            hint = f"make it in there: useradd -m {MACHINE_USER}" if account == MACHINE_USER else ""
            raise ProfileNotEnforced(f"{self.name} has no user {account}", hint=hint)
        if status != 0:
            said = f"status {status}" if status is not None else ran.result.ended
            raise ProfileNotEnforced(
                f"nothing can be run with profile {profile.name} in {self.name} ({said})",
                hint=f"journalctl -M {self.name} -u 'run-aios-*' says why",
            )
        return probe.check(profile, ran.stdout.text)

    async def _short(self, link: Link, spec: Spec) -> Ran:
        """A unit of aios's own: no command of anybody's, so no record of it."""
        stdout, stderr = Pipe(PROBE_OUTPUT), Pipe(PROBE_OUTPUT)
        unit = Unit(link, f"probe-{new_id()}")
        try:
            await unit.start(
                [*spec.properties(), *descriptors(None, stdout.write_end, stderr.write_end)]
            )
            stdout.given()
            stderr.given()
            result = await unit.wait()
            # Whoever may hold its ends still: its processes are gone.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await stdout.drained()
                    await stderr.drained()
        except LinkLost:
            raise MachineNotRunning(
                f"machine {self.name} went away, or was restarted",
                hint=f"machinectl status {self.name}",
            ) from None
        finally:
            stdout.close()
            stderr.close()
        return Ran(result, stdout.collector.text(), stderr.collector.text())

    async def settle(self, result: Result, spec: Spec) -> None:
        """For a result in doubt: raises when the command never started. A unit with the same
        properties that does nothing ends with the same status then."""
        if not result.in_doubt:
            return
        link = await self.link()
        nothing = Spec(
            command=":", profile=spec.profile, account=spec.account, cwd=spec.cwd, env=spec.env,
            limits=probe.LIMITS,
        )  # fmt: skip
        ran = await self._short(link, nothing)
        if ran.result.status not in PRE_EXEC:
            return
        if ran.result.status == EXIT_CHDIR:
            raise InvalidOption(f"{spec.cwd} is no directory that {spec.account} can enter")
        raise ProfileNotEnforced(
            f"systemd in {self.name} could not start the command (status {ran.result.status})",
            hint=f"journalctl -M {self.name} -u 'run-aios-*' says why",
        )
