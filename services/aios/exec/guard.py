"""The lock-out guard: a command on the host that may shut people out is undone unless somebody
confirms it in time.

Before it runs, the configured files are saved in exec's state, and a timer of systemd's is set that
puts them back (aios.revert). From then on nothing depends on exec: it may be killed, or out of
reach, or the machine may go down; at boot what is not confirmed is put back as well.
"""

import asyncio
import json
import shutil
from pathlib import Path

from aios import config, durable
from aios.caller import Caller
from aios.errors import AuditUnavailable, Busy, ConfigError, InvalidOption, NotFound, Unavailable
from aios.exec.job import Job
from aios.exec.link import LinkLost, RemoteError
from aios.exec.machine import Machine
from aios.exec.unit import MANAGER, Property
from aios.ids import HOST, is_id
from aios.revert import BOOT, JOB
from aios.revert.saved import TooMuch, Unsafe, save

HINT = f"only on {HOST}"


class Guard:
    """settings: the host's; on other machines there is no guard."""

    def __init__(self, directory: Path, settings: config.Guard, machine: Machine) -> None:
        self._directory = directory
        self._settings = settings
        self._machine = machine
        if machine.name == HOST:
            durable.directory(directory)

    def within_usec(self, command: str, asked_usec: int) -> int:
        """How long the command can be confirmed; 0: it runs without the guard."""
        if self._machine.name != HOST:
            if asked_usec:
                raise InvalidOption("option 'confirm_within_usec' guards the host", hint=HINT)
            return 0
        if asked_usec or not self._settings.require:
            return asked_usec
        # Policy's reader is not loaded where nobody asks for it.
        from aios.exec.patterns import matches

        found = matches(self._settings.commands, command)
        return self._settings.confirm_within * 1_000_000 if found else 0

    async def arm(self, job: Job) -> None:
        """Returns when the command may run. Raises what keeps the guard from being set."""
        units = await self._active()
        new = self._directory / f".new-{job.id}"
        paths = [Path(each) for each in self._settings.files]
        about = {
            "id": job.id, "uid": job.uid, "user": job.user, "command": job.command,
            "units": units, "boot": BOOT.read_text().strip(),
        }  # fmt: skip
        try:
            new.mkdir(mode=0o700)
            durable.write(new / JOB, json.dumps(about))
            await asyncio.to_thread(save, paths, new)
            # Before its files are in place: a timer that finds none does nothing.
            await self._start_timer(job)
            new.rename(self._directory / job.id)
            durable.sync(self._directory)
        except TooMuch as error:
            raise Busy(str(error), hint="[exec.guard] files") from error
        except Unsafe as error:
            raise ConfigError(f"[exec.guard] files: {error}") from error
        except OSError as error:
            raise AuditUnavailable(f"the guard cannot save {error.filename}: {error}") from error
        finally:
            shutil.rmtree(new, ignore_errors=True)

    async def drop(self, job_id: str) -> None:
        """For a command that did not run: there is nothing to undo."""
        if self._take(job_id):
            await self._stop_timer(job_id)

    async def confirm(self, caller: Caller, job_id: str) -> Job:
        """What the command did stays. The job, as far as a record needs it."""
        about = self._about(job_id)
        if about is None or (not caller.is_root and caller.uid != about.uid):
            raise NotFound(
                f"no command {job_id} waits to be confirmed",
                hint="it may have been put back already: journalctl -u 'aios-revert@*'",
            )
        if not self._take(job_id):
            raise NotFound(f"{job_id} is being put back", hint="it came too late")
        await self._stop_timer(job_id)
        return about

    def _about(self, job_id: str) -> Job | None:
        if self._machine.name != HOST or not is_id(job_id):
            return None
        try:
            about = json.loads((self._directory / job_id / JOB).read_text())
        except FileNotFoundError:
            return None
        return Job(
            id=job_id, command=about["command"], machine=HOST, uid=about["uid"],
            user=about["user"], requested_usec=0,
        )  # fmt: skip

    def _take(self, job_id: str) -> bool:
        """Whoever renames it first has it."""
        taken = self._directory / f".confirmed-{job_id}"
        try:
            (self._directory / job_id).rename(taken)
        except FileNotFoundError:
            return False
        durable.sync(self._directory)
        shutil.rmtree(taken)
        return True

    async def _active(self) -> list[str]:
        """The units that run now, of those to restart."""
        try:
            link = await self._machine.link()
            (rows,) = await link.call(MANAGER, "ListUnitsByNames", "as", list(self._settings.units))
        except (RemoteError, LinkLost) as error:
            raise Unavailable(f"systemd does not say which units run: {error}") from error
        return [row[0] for row in rows if row[3] in ("active", "activating", "reloading")]

    async def _start_timer(self, job: Job) -> None:
        # It starts the service of its own name.
        properties: list[Property] = [
            ("Description", ("s", f"Put back what {job.id} did to the host")),
            ("TimersMonotonic", ("a(st)", [("OnActiveSec", job.confirm_within_usec)])),
            ("AccuracyUSec", ("t", 100_000)),
            ("RemainAfterElapse", ("b", False)),
        ]
        try:
            link = await self._machine.link()
            await link.call(
                MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))",
                f"aios-revert@{job.id}.timer", "fail", properties, [],
            )  # fmt: skip
        except (RemoteError, LinkLost) as error:
            raise Unavailable(f"systemd does not set the guard's timer: {error}") from error

    async def _stop_timer(self, job_id: str) -> None:
        try:
            link = await self._machine.link()
            await link.call(MANAGER, "StopUnit", "ss", f"aios-revert@{job_id}.timer", "replace")
        except (RemoteError, LinkLost):
            pass  # it finds nothing to do
