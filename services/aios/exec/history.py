"""One row per command for memory, by way of a queue on disk: what memory has not acknowledged is
delivered with the next command, or when exec starts again. Nobody waits for it: a row is in its
file before the finished record is written, and on the disk when memory has it or did not take it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from aios import durable
from aios.errors import AiosError, InvalidOption
from aios.exec import disk
from aios.exec.job import Job
from aios.exec.unit import Result
from aios.redact import redact

MEMORY = "org.aios.Memory1"
SOCKET = Path("/run/aios/memory.sock")
DELIVER_SECONDS = 30
log = structlog.get_logger()

Record = Callable[[dict[str, Any]], Awaitable[object]]


def row(job: Job, result: Result) -> dict[str, Any]:
    known = {
        "id": job.id,
        "command": redact(job.command),
        "machine": job.machine,
        "uid": job.uid,
        "user": job.user,
        "session": job.session,
        "decision": job.decision,
        "rule": job.rule,
        "profile": job.profile,
        "exit_status": result.status,
        "ended": str(result.ended),
        "started_at": datetime.fromtimestamp(job.started_usec / 1e6, UTC).isoformat(),
        "duration_usec": result.duration_usec,
        "cpu_usec": result.cpu_usec,
        "cwd": job.cwd,
        "purpose": job.purpose,
        "words": redact(job.words),
    }
    return {name: value for name, value in known.items() if value not in ("", None)}


class History:
    def __init__(
        self, directory: Path, record: Record, rest: Callable[[], None] = lambda: None
    ) -> None:
        """`rest` is called when there is nothing more to deliver."""
        self._directory = directory
        self._rest = rest
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._record = record
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def add(self, event: dict[str, Any]) -> None:
        """Holds over a kill when it returns. The same id again is the same row."""
        disk.write(self._directory / f"{event['id']}.json", event)

    def deliver(self) -> None:
        """Starts a round of delivery, or has the one that runs look once more."""
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        self._again = True
        try:
            while self._again:
                self._again = False
                for path in sorted(self._directory.glob("*.json")):
                    if not await self._one(path):
                        await asyncio.to_thread(_synchronize, self._directory)
                        return
        finally:
            self._rest()

    async def _one(self, path: Path) -> bool:
        """Whether to go on with the next."""
        try:
            event = disk.read(path)
        except (OSError, ValueError) as error:
            log.error("a history row cannot be read", file=str(path), reason=str(error))
            _set_aside(path)
            return True
        try:
            async with asyncio.timeout(DELIVER_SECONDS):
                await self._record(event)
        except InvalidOption as error:
            # It would be refused again each time.
            log.error("memory refused a history row", file=str(path), reason=error.message)
            _set_aside(path)
        except (AiosError, TimeoutError) as error:
            log.warning("memory takes no history now", reason=str(error))
            return False
        else:
            _remove(path)
        return True


def _synchronize(directory: Path) -> None:
    """What waits for memory may have to wait long."""
    for path in directory.glob("*.json"):
        with contextlib.suppress(OSError):
            durable.sync(path)
    durable.sync(directory)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _set_aside(path: Path) -> None:
    """Out of the queue, kept for a human."""
    path.replace(path.with_suffix(".refused"))
