"""org.aios.Exec1 and org.aios.Exec1.Job on the bus and the socket."""

from collections.abc import Iterable
from typing import Any

from aios.caller import Caller
from aios.exec import request
from aios.exec.job import Job
from aios.exec.run import Runner
from aios.interface import Call, Interface

JOBS = "/org/aios/Exec1/job"


class Exec1(Interface):
    NAME = "org.aios.Exec1"
    PATH = "/org/aios/Exec1"
    OBJECTS = JOBS

    def __init__(self, machine: str, runner: Runner) -> None:
        super().__init__()
        self.Machine = machine
        self._runner = runner

    async def property(self, call: Call, name: str) -> Any:
        if name == "Jobs":
            return [live.job.id for live in self._runner.table.of(call.caller)]
        return await super().property(call, name)

    async def Run(
        self, call: Call, command: str, options: dict[str, Any]
    ) -> tuple[int, str, str, dict[str, Any]]:
        outcome = await self._runner.run(call.caller, request.read(command, options), call.event)
        return outcome.exit_status, outcome.stdout, outcome.stderr, outcome.details

    async def Start(
        self, call: Call, command: str, options: dict[str, Any]
    ) -> tuple[str, int, int, int]:
        wanted = request.read(command, options, start=True)
        job, ends = await self._runner.start(call.caller, wanted, call.gone, call.event)
        return job, *ends

    async def Attach(self, call: Call, id: str) -> tuple[int, int, int]:
        request.require_person(call.caller)
        return await self._runner.attach(call.caller, id)

    async def Confirm(self, call: Call, id: str) -> None:
        request.require_person(call.caller)
        await self._runner.execution.confirm(call.caller, id)

    async def ListJobs(self, call: Call) -> list[dict[str, Any]]:
        request.require_person(call.caller)
        return self._runner.table.listed(call.caller)


class Exec1Job(Interface):
    NAME = "org.aios.Exec1.Job"
    PATH = JOBS
    CHILDREN = True

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner
        runner.finished = self._finished

    def has(self, object_id: str, caller: Caller) -> bool:
        return self._runner.table.visible(object_id, caller)

    def children(self, caller: Caller) -> Iterable[str]:
        return [live.job.id for live in self._runner.table.of(caller)]

    async def property(self, call: Call, name: str) -> Any:
        live = self._runner.table.find(call.object_id, call.caller)
        job = live.job
        match name:
            case "Id":
                return job.id
            case "Command":
                return job.command
            case "State":
                return str(live.state)
            case "ExitStatus":
                return -1 if job.exit_status is None else job.exit_status
            case "Details":
                return dict(job.details)
            case "Pty":
                return job.pty
            case "Detach":
                return job.detach
            case "Uid":
                return job.uid
            case "StartedUsec":
                return job.started_usec
        raise LookupError(name)

    async def Cancel(self, call: Call) -> None:
        self._runner.cancel(call.caller, call.object_id)

    async def Resize(self, call: Call, rows: int, columns: int) -> None:
        self._runner.resize(call.caller, call.object_id, rows, columns)

    async def Wait(self, call: Call) -> tuple[int, dict[str, Any]]:
        return await self._runner.wait(call.caller, call.object_id, call.gone)

    def _finished(self, job: Job) -> None:
        status = -1 if job.exit_status is None else job.exit_status
        self.emit("Finished", status, dict(job.details), object_id=job.id, to=job.peer)
