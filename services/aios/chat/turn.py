"""One prompt being answered: the session that records it, the person it acts for, who listens."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aios.chat.event import Emit, Kind, Status
from aios.chat.job import STREAMS
from aios.chat.output import Printed
from aios.chat.person import Person
from aios.chat.session import Session
from aios.confined import blocked
from aios.errors import (
    AiosError,
    ApprovalRejected,
    ApprovalTimedOut,
    ApprovalWithdrawn,
    Denied,
)
from aios.marked import mark
from aios.redact import redact

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
ENDS = 6000
"""Characters kept of each end of a stream, in what a model is shown."""


@dataclass(frozen=True)
class Ran:
    """A command that ran; exit_status None: it was stopped before its end."""

    id: str
    command: str
    exit_status: int | None
    details: Mapping[str, Any]
    printed: Mapping[str, Printed]


def ignored(_text: str) -> None:
    pass


@dataclass(frozen=True)
class Turn:
    session: Session
    person: Person
    prompt: str
    emit: Emit
    ends: int = ENDS
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def show(self, text: str) -> None:
        """A piece of an answer that `said` will have whole."""
        self.session.append("shown", text=text, synced=False)
        await self.emit(Kind.TEXT, {"text": text})

    async def say(self, text: str) -> None:
        """An answer that no model wrote: shown, and part of the conversation."""
        self.session.append("said", content=[{"type": "text", "text": text}])
        await self.emit(Kind.TEXT, {"text": text})

    async def run(
        self,
        command: str,
        why: str = "",
        profile: str = "",
        machine: str = "",
        stopped: Callable[[str], None] = ignored,
    ) -> Ran:
        """Runs a command for the person and shows what it prints as it comes; refusals are shown
        and raised. stopped: told what there was of it, when this is cancelled while it runs."""
        person = self.person.on(machine)
        place: dict[str, Any] = {
            "number": next(self._numbers), "command": command, "machine": person.machine,
        }  # fmt: skip
        following = _Following(self, place, why)
        await self.emit(Kind.COMMAND, place | {"why": why})
        try:
            status, details = await person.follow(
                command, following.started, following.output, profile=profile, words=self.prompt
            )
        except REFUSALS as error:
            refusal: dict[str, Any] = {
                "name": error.name, "message": error.message, "hint": error.hint,
            }  # fmt: skip
            self.session.append("refused", **place, why=why, **refusal)
            await self.emit(Kind.REFUSED, place | refusal)
            raise
        except AiosError as error:
            await self.emit(Kind.NOTICE, {"text": str(error)})
            raise
        except asyncio.CancelledError:
            if following.id:
                stopped(described(following.ran(None, {"ended": "cancelled"})))
            raise
        return await following.finished(status, details)

    def ran_before(self) -> list[dict[str, Any]]:
        """The session's commands, as rows of history."""
        return [entry for entry in self.session.entries() if entry["type"] == "command"]

    async def run_alone(self, command: str, why: str = "") -> Status:
        """A command that no model waits for: its end is the prompt's."""

        def note(came_of_it: str) -> None:
            self.session.append("ran", text=f"I ran `{redact(command)}`.\n{came_of_it}")

        try:
            ran = await self.run(command, why, stopped=note)
        except AiosError as error:
            said = f"I asked to run `{command}`. It did not run, or not to its end: {error}"
            self.session.append("ran", text=redact(said))
            if isinstance(error, REFUSALS):
                return Status.DENIED
            raise
        note(described(ran))
        return Status.OK if ran.exit_status == 0 else Status.FAILED


class _Following:
    """One command of a prompt, while it runs."""

    def __init__(self, turn: Turn, place: Mapping[str, Any], why: str) -> None:
        self.id = ""
        """Empty until it runs."""
        self._turn = turn
        self._place = place
        self._number = {"number": place["number"]}
        self._why = why
        self._printed = {stream: Printed(turn.ends) for stream in STREAMS}
        self._begun = datetime.now(UTC).isoformat()

    def started(self, job: str) -> None:
        self.id = job
        self._turn.session.append("started", id=job, **self._place, why=self._why)

    async def output(self, stream: str, text: str) -> None:
        if show := self._printed[stream].feed(text):
            self._turn.session.keep_output(self.id, stream, show)
            await self._turn.emit(Kind.OUTPUT, self._number | {"stream": stream, "text": show})

    def ran(self, status: int | None, details: Mapping[str, Any]) -> Ran:
        return Ran(self.id, self._place["command"], status, details, self._printed)

    async def finished(self, status: int, given: Mapping[str, Any]) -> Ran:
        left_out = 0
        for stream, printed in self._printed.items():
            if last := printed.last():
                unseen = printed.left_out - len(last)
                left_out += unseen
                piece = {"stream": stream, "text": last, "left_out": unseen}
                await self._turn.emit(Kind.OUTPUT, self._number | piece)
        details: dict[str, Any] = {k: v for k, v in given.items() if k in _SHOWN}
        if left_out:
            details["truncated"] = left_out
        err = self._printed["stderr"]
        if blocked(str(details.get("profile", "")), status, err.head + err.tail):
            details["profile_blocked"] = True
        self._turn.session.append(
            "command", **self._place, started_at=self._begun, exit_status=status,
            **{k: details[k] for k in ("id", "ended", "duration_usec", "decision") if k in details},
        )  # fmt: skip
        await self._turn.emit(Kind.FINISHED, self._number | details | {"exit_status": status})
        return self.ran(status, details)


def described(ran: Ran) -> str:
    """A command's end as a model reads it: output is data, between marks that it cannot foresee,
    and without the secrets in it."""
    marks = mark()
    ended = str(ran.details.get("ended", "exit"))
    if ran.exit_status is None:
        lines = ["It was stopped before its end."]
    else:
        reason = "" if ended == "exit" else f" ({ended})"
        lines = [f"exit status {ran.exit_status}{reason}"]
    silent = True
    for stream, printed in ran.printed.items():
        if printed.total:
            silent = False
            reference = f"; `output` has them by id {ran.id}"
            lines += [f"<{marks} stream={stream}>", printed.for_model(reference), f"</{marks}>"]
    if silent:
        lines.append("(no output)")
    if ran.details.get("profile_blocked"):
        lines.append(BLOCKED)
    if why := ran.details.get("session_unchanged"):
        lines.append(f"(The directory and variables for the next command are as before: {why})")
    return "\n".join(lines)
