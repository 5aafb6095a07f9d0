"""The audit records. Each carries the SHA-256 of its content and of the record before it.

A record is kept as the chain's head before it is sent: an exec that is killed between the two
sends it when it starts again, if the journal has not got it. So the chain has no gap, and a record
may be there twice, with one hash.
"""

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from systemd import journal

from aios.audit_ids import MessageId
from aios.bus import Bus
from aios.errors import AuditUnavailable, Unavailable
from aios.exec import disk
from aios.exec.job import Job
from aios.exec.unit import Ended, Result
from aios.text import visible

JOURNALD = "/org/freedesktop/systemd1/unit/systemd_2djournald_2eservice"
JOURNALD_SOCKET = "/run/systemd/journal/io.systemd.journal"
SYNC_SECONDS = 10
GENESIS = "0" * 64
"""AIOS_PREVIOUS of the first record."""
MAX_SHOWN = 200
DECISIONS = {
    "deny": (MessageId.DENIED, "denied", journal.LOG_WARNING),
    "notify": (MessageId.DECIDED, "allowed (notify)", journal.LOG_NOTICE),
    "auto_allow": (MessageId.DECIDED, "allowed", journal.LOG_INFO),
}
OUTCOMES = {
    "approved": (MessageId.APPROVED, journal.LOG_NOTICE),
    "rejected": (MessageId.REJECTED, journal.LOG_WARNING),
    "expired": (MessageId.EXPIRED, journal.LOG_WARNING),
    "withdrawn": (MessageId.WITHDRAWN, journal.LOG_NOTICE),
}


def shown(command: str) -> str:
    """One line of the command for MESSAGE; AIOS_COMMAND has all of it."""
    text = visible(command)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(command)} characters)"


def digest(fields: Mapping[str, str]) -> str:
    """Over all of a record's AIOS_ fields (AIOS_PREVIOUS among them), MESSAGE, MESSAGE_ID and
    PRIORITY, as canonical JSON."""
    content = {
        name: value
        for name, value in fields.items()
        if name in ("MESSAGE", "MESSAGE_ID", "PRIORITY")
        or (name.startswith("AIOS_") and name != "AIOS_HASH")
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Audit:
    def __init__(self, machine: str, state: Path, bus: Bus) -> None:
        self._machine = machine
        self._bus = bus
        self._path = state / "audit-head.json"
        try:
            self._head: dict[str, str] = disk.read(self._path)
        except FileNotFoundError:
            self._head = {}
        except (OSError, ValueError) as error:
            raise AuditUnavailable(f"{self._path} cannot be read: {error}") from error

    async def require(self) -> None:
        """Raises AuditUnavailable unless journald runs: a send to its socket, which systemd
        holds, succeeds while it does not."""
        try:
            (state,) = await self._bus.call(
                "org.freedesktop.systemd1", JOURNALD, "org.freedesktop.DBus.Properties", "Get",
                "ss", "org.freedesktop.systemd1.Unit", "ActiveState",
            )  # fmt: skip
        except Unavailable as error:
            raise AuditUnavailable(f"systemd does not say whether journald runs: {error}") from None
        if state not in ("active", "reloading"):
            raise AuditUnavailable(
                f"systemd-journald is {state}: no record can be written, so nothing runs",
                hint="systemctl start systemd-journald",
            )

    def _write(
        self, job: Job, event: str, message_id: MessageId, priority: int, message: str, **more: Any
    ) -> None:
        more = {
            "SESSION": job.session, "DECISION": job.decision, "RULE": job.rule,
            "REASON": job.reason, "PROFILE": job.profile, "CWD": job.cwd, "PURPOSE": job.purpose,
            "APPROVED_BY": job.approved_by, **more,
        }  # fmt: skip
        fields = {
            "MESSAGE": f"{message}: {shown(job.command)}",
            "MESSAGE_ID": str(message_id),
            "PRIORITY": str(priority),
            "AIOS_ID": job.id,
            "AIOS_EVENT": event,
            "AIOS_COMMAND": job.command,
            "AIOS_MACHINE": job.machine,
            "AIOS_UID": str(job.uid),
            "AIOS_USER": job.user,
            "AIOS_TIME_USEC": str(time.time_ns() // 1000),
            "AIOS_SEQUENCE": str(int(self._head.get("AIOS_SEQUENCE", "0")) + 1),
            "AIOS_PREVIOUS": self._head.get("AIOS_HASH", GENESIS),
            **{
                f"AIOS_{name}": str(value)
                for name, value in more.items()
                if value not in ("", None)
            },
        }
        fields["AIOS_HASH"] = digest(fields)
        before = self._head
        self._keep(fields)
        try:
            self._send(fields)
        except AuditUnavailable:
            self._keep(before)
            raise

    def _keep(self, head: dict[str, str]) -> None:
        disk.write(self._path, head)
        self._head = head

    def _send(self, fields: Mapping[str, str]) -> None:
        try:
            journal.sendv(
                *(f"{name}={value}" for name, value in fields.items()),
                f"SYSLOG_IDENTIFIER=aios-exec@{self._machine}",
            )
        except OSError as error:
            raise AuditUnavailable(f"the journal does not take the record: {error}") from error

    # The events of one command

    def requested(self, job: Job) -> None:
        self._write(
            job, "requested", MessageId.REQUESTED, journal.LOG_INFO,
            f"{job.user} asks to run on {job.machine}",
        )  # fmt: skip

    def pending(self, job: Job, expires_usec: int) -> None:
        self._write(
            job, "pending", MessageId.PENDING, journal.LOG_NOTICE,
            f"Waits for approval on {job.machine}", EXPIRES_USEC=expires_usec,
        )  # fmt: skip

    def decided(self, job: Job) -> None:
        message_id, word, priority = DECISIONS[job.decision]
        self._write(
            job, "decided", message_id, priority,
            f"{word[0].upper()}{word[1:]} on {job.machine} by {visible(job.rule) or 'policy'}",
        )  # fmt: skip

    def resolved(self, job: Job, outcome: str, by: str) -> None:
        """The decision after a human was asked."""
        message_id, priority = OUTCOMES[outcome]
        who = f" by {visible(by)}" if by else ""
        self._write(
            job, "decided", message_id, priority,
            f"{outcome[0].upper()}{outcome[1:]}{who} on {job.machine}", OUTCOME=outcome,
        )  # fmt: skip

    def started(self, job: Job, unit: str) -> None:
        self._write(
            job, "started", MessageId.STARTED, journal.LOG_INFO,
            f"Started on {job.machine} ({job.profile})", UNIT=unit,
            UNENFORCED=" ".join(job.unenforced),
        )  # fmt: skip

    def finished(self, job: Job, result: Result, *, bytes_out: int | None = None) -> None:
        if result.ended is Ended.EXIT:
            said = f"Finished with status {result.status}"
        elif result.ended is Ended.SIGNAL:
            said = f"Killed by signal {result.signal}"
        else:
            said = f"Ended ({result.ended})"
        took = f" in {result.duration_usec / 1e6:.3f} s" if result.duration_usec else ""
        self._write(
            job, "finished", MessageId.FINISHED, journal.LOG_INFO,
            f"{said}{took} on {job.machine}", **_figures(result), BYTES_OUT=bytes_out,
        )  # fmt: skip

    def failed(self, job: Job, why: str, ended: Ended | None = None) -> None:
        """It did not run, or nobody can say how it ended; and no policy or human refused it."""
        self._write(
            job, "finished", MessageId.FAILED, journal.LOG_WARNING,
            f"{visible(why)} on {job.machine}", ENDED=ended,
        )  # fmt: skip

    # After a kill

    async def recover(self) -> None:
        """Sends the head again if it never reached the journal."""
        await _synchronize()
        if self._head and not await asyncio.to_thread(_has, AIOS_HASH=self._head["AIOS_HASH"]):
            self._send(self._head)
            await _synchronize()

    async def events(self, job: Job) -> set[str]:
        """What the journal has of a job."""
        return await asyncio.to_thread(_events, job.id)


def _figures(result: Result) -> dict[str, Any]:
    return {
        "ENDED": result.ended,
        "EXIT_STATUS": result.status,
        "SIGNAL": result.signal,
        "CPU_USEC": result.cpu_usec,
        "MEMORY_PEAK": result.memory_peak,
        "DURATION_USEC": result.duration_usec,
        "INVOCATION": result.invocation_id,
    }


async def _synchronize() -> None:
    """Until journald has written what it had been sent."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(SYNC_SECONDS):
            reader, writer = await asyncio.open_unix_connection(JOURNALD_SOCKET)
            writer.write(b'{"method": "io.systemd.Journal.Synchronize"}\0')
            await reader.readuntil(b"\0")
            writer.close()


def _entries(**match: str) -> list[Mapping[str, Any]]:
    with journal.Reader(flags=journal.LOCAL_ONLY | journal.SYSTEM_ONLY) as reader:
        # Only what root sent: anybody can send the fields.
        reader.add_match(_UID=0, **match)
        return list(reader)


def _has(**match: str) -> bool:
    return bool(_entries(**match))


def _events(job_id: str) -> set[str]:
    return {str(entry.get("AIOS_EVENT", "")) for entry in _entries(AIOS_ID=job_id)}
