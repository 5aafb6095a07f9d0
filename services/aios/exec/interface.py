"""org.aios.Exec1 on the bus and the socket."""

from typing import Any

from aios.exec import request
from aios.exec.run import Runner
from aios.interface import Call, Interface


class Exec1(Interface):
    NAME = "org.aios.Exec1"
    PATH = "/org/aios/Exec1"

    def __init__(self, machine: str, runner: Runner) -> None:
        super().__init__()
        self.Machine = machine
        self._runner = runner

    async def Run(
        self, call: Call, command: str, options: dict[str, Any]
    ) -> tuple[int, str, str, dict[str, Any]]:
        outcome = await self._runner.run(call.caller, request.read(command, options))
        return outcome.exit_status, outcome.stdout, outcome.stderr, outcome.details
