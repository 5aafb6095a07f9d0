"""aios-exec@MACHINE.service."""

import functools
import os
import sys
from pathlib import Path
from typing import Any

from aios import config, durable
from aios.errors import Unavailable
from aios.exec import profile
from aios.exec.admission import Admission
from aios.exec.audit import Audit
from aios.exec.execution import Execution
from aios.exec.guard import Guard
from aios.exec.history import MEMORY, SOCKET, History
from aios.exec.interface import Exec1, Exec1Job
from aios.exec.job import Jobs
from aios.exec.kernel_log import KernelLog
from aios.exec.machine import Machine
from aios.exec.permit import Permits
from aios.exec.queue import Slots
from aios.exec.recover import Recovery
from aios.exec.run import Runner
from aios.exec.session import Sessions
from aios.exec.store import Store
from aios.exec.table import Table
from aios.exec.terminal import open_terminal
from aios.ids import exec_bus_name, is_machine
from aios.interface import Interface
from aios.peer import Peer
from aios.service import Service


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not is_machine(arguments[0]):
        print("usage: python3 -m aios.exec MACHINE", file=sys.stderr)
        return 2
    name = arguments[0]
    service = Service(exec_bus_name(name))
    state = Path(os.environ["STATE_DIRECTORY"])
    passing = Path(os.environ["RUNTIME_DIRECTORY"])
    audit = Audit(name, state)

    async def setup() -> list[Interface]:
        settings = config.load()
        permits = Permits(service.bus)
        await permits.subscribe()

        memory = Peer(SOCKET, MEMORY)

        async def record(events: list[dict[str, Any]]) -> object:
            try:
                return await memory.call("RecordAll", events=events)
            except Unavailable:
                # Killed while it had the rows: its socket starts another.
                return await memory.call("RecordAll", events=events)

        jobs = Jobs(state / "jobs", passing / "jobs")
        machine = Machine(name, service.bus, jobs.owed)
        guard = Guard(state / "guard", settings.exec.guard, machine)
        sessions = Sessions(state / "sessions")
        history = History(state / "history", record, passing / "history")
        profiles = profile.load(settings.profiles)
        admission = Admission(machine, settings, profiles, permits, audit, jobs, sessions, guard)
        spools = durable.directory(state / "spool")
        store = Store(service.stored)
        execution = Execution(
            machine, admission, audit, jobs, history, store, spools,
            functools.partial(open_terminal, name, service.bus), KernelLog(),
        )  # fmt: skip
        table = Table(jobs)
        recovery = Recovery(execution, permits, table)
        runner = Runner(admission, execution, recovery, table, Slots(), service.hold)
        await runner.recover()
        history.deliver()
        return [Exec1(name, runner), Exec1Job(runner)]

    status = service.run(setup)
    audit.close()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
