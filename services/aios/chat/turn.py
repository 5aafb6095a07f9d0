"""One prompt being answered: the session that records it, the person it acts for, who listens."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aios.chat.event import Emit, Kind, Status
from aios.chat.person import Person, Result
from aios.chat.session import Session
from aios.errors import (
    AiosError,
    ApprovalRejected,
    ApprovalTimedOut,
    ApprovalWithdrawn,
    Denied,
)

REFUSALS = (Denied, ApprovalRejected, ApprovalTimedOut, ApprovalWithdrawn)
_SHOWN = (
    "id", "decision", "rule", "profile", "ended", "signal", "duration_usec", "cpu_usec",
    "stdout_bytes", "stderr_bytes", "truncated", "unenforced", "profile_blocked",
    "limit", "session_unchanged",
)  # fmt: skip
BLOCKED = (
    "(It ran with profile read-only, which may be why it failed. If the person wants it, run"
    " it again with profile standard: that needs their approval.)"
)
HEAD = TAIL = 6000
"""Characters kept of each end of a stream, in what a model is shown."""


@dataclass(frozen=True)
class Turn:
    session: Session
    person: Person
    prompt: str
    emit: Emit

    async def say(self, text: str) -> None:
        """An answer that no model wrote: shown, and part of the conversation."""
        self.session.append("said", content=[{"type": "text", "text": text}])
        await self.emit(Kind.TEXT, {"text": text})

    async def run(self, command: str, why: str = "", profile: str = "") -> Result:
        """Runs a command for the person and shows it; refusals are shown and raised."""
        place = {"command": command, "machine": self.person.machine}
        await self.emit(Kind.COMMAND, place | {"why": why})
        started = datetime.now(UTC).isoformat()
        try:
            result = await self.person.run(command, profile=profile, words=self.prompt)
        except REFUSALS as error:
            refusal = {"name": error.name, "message": error.message, "hint": error.hint}
            await self.emit(Kind.REFUSED, place | refusal)
            raise
        await self.emit(Kind.OUTPUT, {"stdout": result.stdout, "stderr": result.stderr})
        details: dict[str, Any] = {k: v for k, v in result.details.items() if k in _SHOWN}
        ended = {"ended": details["ended"]} if "ended" in details else {}
        self.session.append(
            "command", id=details.get("id", ""), command=command, machine=self.person.machine,
            started_at=started, exit_status=result.exit_status, **ended,
        )  # fmt: skip
        await self.emit(Kind.FINISHED, details | {"exit_status": result.exit_status})
        return result

    def ran_before(self) -> list[dict[str, Any]]:
        """The session's commands, as rows of history."""
        return [entry for entry in self.session.entries() if entry["type"] == "command"]

    async def run_alone(self, command: str, why: str = "") -> Status:
        """A command that no model waits for: its end is the prompt's."""
        try:
            result = await self.run(command, why)
        except AiosError as error:
            self.session.append("ran", text=f"I asked to run `{command}`. {_not_run(error)}")
            if isinstance(error, REFUSALS):
                return Status.DENIED
            raise
        self.session.append("ran", text=f"I ran `{command}`.\n{described(result)}")
        return Status.OK if result.exit_status == 0 else Status.FAILED


def _not_run(error: AiosError) -> str:
    return f"It did not run: {error}"


def described(result: Result) -> str:
    """A result as a model reads it: output is data, between marks that it cannot foresee."""
    mark = f"data-{secrets.token_hex(8)}"
    ended = str(result.details.get("ended", "exit"))
    lines = [f"exit status {result.exit_status}" + ("" if ended == "exit" else f" ({ended})")]
    for name, stream in (("stdout", result.stdout), ("stderr", result.stderr)):
        if stream:
            lines += [f"<{mark} stream={name}>", bounded(stream), f"</{mark}>"]
    if not result.stdout and not result.stderr:
        lines.append("(no output)")
    if result.details.get("profile_blocked"):
        lines.append(BLOCKED)
    if reason := result.details.get("session_unchanged"):
        lines.append(f"(The directory and variables for the next command are as before: {reason})")
    return "\n".join(lines)


def bounded(text: str) -> str:
    """Its head and tail."""
    left_out = len(text) - HEAD - TAIL
    if left_out <= 0:
        return text.rstrip("\n")
    return f"{text[:HEAD]}\n[… {left_out} characters left out …]\n{text[-TAIL:]}".rstrip("\n")
