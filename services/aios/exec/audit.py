"""The audit records. Each carries the SHA-256 of its content and of the record before it.

The last record, the chain's head, is in memory, in the journal, and in a file when exec leaves. An
exec that finds no such file was killed, or lost power: it takes the head from the journal. So the
chain has no gap and no fork. Anchors, written down now and then (`aios.record.anchors`), tell what
the journal no longer has; what was lost with its tail since the last one, nobody knows of.

What shows secrets is struck out before it is hashed: AIOS_REDACTED says so.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from systemd import journal

from aios.audit_ids import MessageId
from aios.errors import AuditUnavailable, Internal
from aios.exec import disk
from aios.exec.job import Job
from aios.exec.journald import Journald
from aios.exec.unit import Ended, Result
from aios.record import anchors
from aios.record.anchors import Anchor
from aios.record.digest import GENESIS, digest
from aios.redact import redact
from aios.text import visible

BOOT = Path("/proc/sys/kernel/random/boot_id")
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


@functools.lru_cache(maxsize=64)
def _redacted(text: str) -> str:
    """A command is looked at once, not with each of its records."""
    return redact(text)


def _struck(*texts: str) -> str:
    """AIOS_REDACTED."""
    return "1" if any(_redacted(text) != text for text in texts) else ""


@dataclass(frozen=True)
class Head:
    """The last record. `boot`: whose journal it was the last in; empty: it may not be the last."""

    hash: str = GENESIS
    sequence: int = 0
    boot: str = ""
    usec: int = 0
    """When the record was written, realtime; 0: not known."""

    def anchor(self) -> Anchor:
        return Anchor(self.sequence, self.hash, self.usec)


class Audit:
    """`require` comes before the first record."""

    def __init__(self, machine: str, state: Path) -> None:
        self._machine = machine
        self._state = state
        self._path = state / anchors.HEAD
        self._anchored = Anchor(0, GENESIS)
        self._journald = Journald()
        self._head: Head | None = None
        self._loading = asyncio.Lock()

    async def require(self) -> None:
        """Raises AuditUnavailable unless journald runs."""
        await self._journald.require()
        if self._head is None:
            async with self._loading:
                await self._load()

    async def _load(self) -> None:
        if self._head is not None:
            return
        try:
            kept = Head(**disk.read(self._path))
        except (FileNotFoundError, ValueError, TypeError):
            # Never written, or a power loss took it.
            kept = Head()
        except OSError as error:
            raise AuditUnavailable(f"{self._path} cannot be read: {error}") from error
        anchored = self._last_anchor()
        if kept.boot != _boot():
            await self._journald.synchronize()
            last = await asyncio.to_thread(_last, self._machine)
            # The journal may have been emptied meanwhile, or its tail lost.
            kept = max(kept, last, _at(anchored), key=lambda head: head.sequence)
        # Until `close` the file says where to begin, not where the chain ends.
        disk.write(self._path, asdict(replace(kept, boot="")))
        self._anchored = anchored
        self._head = kept

    def _last_anchor(self) -> Anchor:
        try:
            return anchors.last(self._state) or Anchor(0, GENESIS)
        except OSError as error:
            raise AuditUnavailable(f"the anchors cannot be read: {error}") from error

    def _anchor(self, head: Head) -> None:
        last = self._anchored
        if (
            head.sequence - last.sequence < anchors.EVERY
            and head.usec - last.usec < anchors.EVERY_USEC
        ):
            return
        # What cannot be written now is with the next record.
        with contextlib.suppress(OSError):
            anchors.append(self._state, head.anchor())
            self._anchored = head.anchor()

    def close(self) -> None:
        """For an exec that leaves: the next begins here."""
        self._journald.close()
        if self._head is not None:
            # Without the file the next looks into the journal.
            with contextlib.suppress(AuditUnavailable):
                disk.write(self._path, asdict(replace(self._head, boot=_boot())))

    def _write(
        self, job: Job, event: str, message_id: MessageId, priority: int, message: str, **more: Any
    ) -> None:
        head = self._head
        if head is None:
            raise Internal("a record before the chain's head is known", hint="nothing ran")
        command, now = _redacted(job.command), time.time_ns() // 1000
        more = {
            "SESSION": job.session, "DECISION": job.decision, "RULE": visible(job.rule),
            "REASON": visible(_redacted(job.reason)), "PROFILE": job.profile, "CWD": job.cwd,
            "PURPOSE": job.purpose, "APPROVED_BY": job.approved_by,
            "REDACTED": _struck(job.command), **more,
        }  # fmt: skip
        fields = {
            "MESSAGE": f"{message}: {shown(command)}",
            "MESSAGE_ID": str(message_id),
            "PRIORITY": str(priority),
            "AIOS_ID": job.id,
            "AIOS_EVENT": event,
            "AIOS_COMMAND": command,
            "AIOS_MACHINE": job.machine,
            "AIOS_UID": str(job.uid),
            "AIOS_USER": job.user,
            "AIOS_TIME_USEC": str(now),
            "AIOS_SEQUENCE": str(head.sequence + 1),
            "AIOS_PREVIOUS": head.hash,
            **{
                f"AIOS_{name}": str(value)
                for name, value in more.items()
                if value not in ("", None)
            },
        }
        fields["AIOS_HASH"] = digest(fields)
        self._send(fields)
        self._head = Head(fields["AIOS_HASH"], head.sequence + 1, usec=now)
        self._anchor(self._head)

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
            WORDS=_redacted(job.words), REDACTED=_struck(job.command, job.words),
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

    def armed(self, job: Job) -> None:
        self._write(
            job, "armed", MessageId.ARMED, journal.LOG_NOTICE,
            f"Under guard on {job.machine}, undone unless confirmed",
            CONFIRM_BY_USEC=job.confirm_by_usec,
        )  # fmt: skip

    def confirmed(self, job: Job, by: str) -> None:
        self._write(
            job, "confirmed", MessageId.CONFIRMED, journal.LOG_NOTICE,
            f"Confirmed by {visible(by)} on {job.machine}", CONFIRMED_BY=by,
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
            f"{said}{took}{_used(result)} on {job.machine}", **_figures(result),
            BYTES_OUT=bytes_out,
        )  # fmt: skip

    def failed(self, job: Job, why: str, ended: Ended | None = None) -> None:
        """It did not run, or nobody can say how it ended; and no policy or human refused it."""
        self._write(
            job, "finished", MessageId.FAILED, journal.LOG_WARNING,
            f"{visible(_redacted(why))} on {job.machine}", ENDED=ended,
        )  # fmt: skip

    # After a kill

    async def recover(self) -> None:
        """The journal has all that an exec before this one sent. Raises AuditUnavailable."""
        await self._journald.synchronize()
        await self.require()

    async def events(self, job: Job) -> set[str]:
        """What the journal has of a job."""
        return await asyncio.to_thread(_events, self._machine, job.id)


def _used(result: Result) -> str:
    """For the line; what is not known is not said."""
    cpu, memory = result.cpu_usec, result.memory_peak
    used = ["" if cpu is None else f"CPU {cpu / 1e6:.3f} s",
            "" if memory is None else f"memory {memory / 2**20:.1f} MiB"]  # fmt: skip
    said = ", ".join(filter(None, used))
    return f" ({said})" if said else ""


def _figures(result: Result) -> dict[str, Any]:
    return {
        "ENDED": result.ended,
        "EXIT_STATUS": result.status,
        "SIGNAL": result.signal,
        "CPU_USEC": result.cpu_usec,
        "MEMORY_PEAK": result.memory_peak,
        "IO_READ_BYTES": result.io_read_bytes,
        "IO_WRITE_BYTES": result.io_write_bytes,
        "DURATION_USEC": result.duration_usec,
        "INVOCATION": result.invocation_id,
    }


def _at(anchor: Anchor) -> Head:
    return Head(anchor.hash, anchor.sequence, usec=anchor.usec)


def _boot() -> str:
    return BOOT.read_text().strip()


@contextlib.contextmanager
def _own(machine: str, **match: str) -> Iterator[Any]:
    """The records that this machine's exec sent: anybody can send the fields."""
    with journal.Reader(flags=journal.LOCAL_ONLY | journal.SYSTEM_ONLY) as reader:
        reader.add_match(_UID=0, _SYSTEMD_UNIT=f"aios-exec@{machine}.service", **match)
        yield reader


def _last(machine: str) -> Head:
    """The latest record in the journal."""
    with _own(machine, AIOS_MACHINE=machine) as reader:
        reader.seek_tail()
        while entry := reader.get_previous():
            found, number = str(entry.get("AIOS_HASH", "")), str(entry.get("AIOS_SEQUENCE", ""))
            if found and number.isdigit():
                usec = str(entry.get("AIOS_TIME_USEC", ""))
                return Head(found, int(number), usec=int(usec) if usec.isdigit() else 0)
    return Head()


def _events(machine: str, job_id: str) -> set[str]:
    with _own(machine, AIOS_ID=job_id) as reader:
        return {str(entry.get("AIOS_EVENT", "")) for entry in reader}
