"""The person's own services, asked for the person: exec and memory, with their delegation.

aios-chat has no authority of its own. It lends each call the delegation that the person's client
made for the prompt being answered; exec and memory ask policy whose it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aios import varlink_async
from aios.chat import job
from aios.errors import AiosError, MachineNotRunning, NoSuchMachine, NotAuthorized
from aios.ids import HOST
from aios.memory import zones

SOCKETS = Path("/run/aios")
MEMORY = ("org.aios.Memory1", "/org/aios/Memory1", "org.aios.Memory1")
BusCall = Callable[..., Awaitable[list[Any]]]
"""aios.bus.Bus.call"""


@dataclass(frozen=True)
class Result:
    """A command that ran."""

    command: str
    exit_status: int
    stdout: str
    stderr: str
    details: dict[str, Any]


def machine_socket(machine: str, sockets: Path = SOCKETS) -> Path:
    return sockets / "exec" / f"{machine}.sock"


def machine_missing(machine: str) -> AiosError:
    """For a machine whose exec does not listen: aios-attach@ makes its socket, at its start."""
    if machine == HOST:
        return MachineNotRunning(
            "aios does not govern the host itself here",
            hint="systemctl start aios-exec@.host.socket",
        )
    return NoSuchMachine(
        f"no machine {machine!r} is running here",
        hint=f"`machinectl list` shows what runs; machinectl start {machine}",
    )


@dataclass(frozen=True)
class Person:
    """On whose behalf: one delegation, for one machine and session. lent: delegations for other
    machines, by machine. inside: the machine that they sit in; empty: the host."""

    machine: str
    session: str
    delegation: str
    bus: BusCall
    sockets: Path = SOCKETS
    lent: Mapping[str, str] = field(default_factory=dict)
    inside: str = ""

    def on(self, machine: str) -> "Person":
        """The same person, acting on a machine; "": on the one that it is about."""
        if machine in ("", self.machine):
            return self
        if machine not in self.lent:
            raise NotAuthorized(
                f"this session is about {self.machine}; it may not act on {machine}",
                hint=f"the person can: aios -m {machine}",
            )
        return replace(self, machine=machine, delegation=self.lent[machine])

    def machines(self) -> list[dict[str, Any]]:
        """name, and here (it may be acted on), of the machines that run and are governed."""
        if self.inside:
            return [{"name": self.inside, "here": True}]
        names = sorted(path.stem for path in (self.sockets / "exec").glob("*.sock"))
        return [{"name": n, "here": n == self.machine or n in self.lent} for n in names]

    @property
    def _lent(self) -> dict[str, Any]:
        return {"delegation": self.delegation}

    async def follow(
        self,
        command: str,
        started: job.Started,
        output: job.Output,
        *,
        profile: str = "",
        words: str = "",
    ) -> tuple[int, dict[str, Any]]:
        """Runs it, governed; blocks while a human is asked. Cancelling cancels the command.
        words: what the person said that led to it, for the history."""
        options = self._lent | {"session": self.session}
        if profile:
            options["profile"] = profile
        if words:
            options["words"] = words
        path = machine_socket(self.machine, self.sockets)
        try:
            return await job.follow(path, command, options, started, output)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise machine_missing(self.machine) from error

    async def reads(self, command: str) -> bool:
        """Whether policy says of it that it only reads, as of anybody's command: a hint."""
        try:
            answer = await varlink_async.call(
                self.sockets / "policy.sock",
                "org.aios.Policy1.Check",
                {"command": command, "machine": self.machine},
            )
        except (AiosError, OSError):
            return False
        return bool(answer["decision"] == "auto_allow")

    async def run(self, command: str, *, purpose: str = "") -> Result:
        """Runs a look-up of chat's own, governed, without showing it."""
        options = self._lent | {"session": self.session}
        if purpose:
            options["purpose"] = purpose
        try:
            answer = await varlink_async.call(
                machine_socket(self.machine, self.sockets),
                "org.aios.Exec1.Run",
                {"command": command, "options": options},
            )
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise machine_missing(self.machine) from error
        return Result(
            command, answer["exit_status"], answer["stdout"], answer["stderr"], answer["details"]
        )

    async def _memory(self, method: str, signature: str, *arguments: Any) -> Any:
        # By the bus, as exec does: what it has told of before then comes before.
        (value,) = await self.bus(*MEMORY, method, signature, *arguments)
        return value

    async def history(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Commands that ran, newest first (Memory1.History's filter)."""
        rows = await self._memory("History", "a{sv}", wanted | self._lent)
        return list(rows)

    async def asked(self, question: str, limit: int) -> list[dict[str, Any]]:
        """Commands that answer a sentence, best first. Raises InvalidOption if it asks for none."""
        return await self.history({"question": question, "zone": zones.name(), "limit": limit})

    async def preferences(self) -> list[dict[str, Any]]:
        """topic, value, program, text, id: what the person has said or shown."""
        return list(await self._memory("ListPreferences", "a{sv}", self._lent))

    async def context(self, prompt: str) -> list[dict[str, Any]]:
        """kind, text, id, at: what of the memory has to do with a prompt."""
        options = {"zone": zones.name()} | self._lent
        return list(await self._memory("Context", "sa{sv}", prompt, options))

    async def recall(self, query: str, limit: int) -> list[dict[str, Any]]:
        rows = await self._memory("Search", "sa{sv}", query, {"limit": limit} | self._lent)
        return list(rows)

    async def remember(self, content: str) -> str:
        """The new memory's id."""
        return str(await self._memory("Create", "sa{sv}", content, self._lent))
