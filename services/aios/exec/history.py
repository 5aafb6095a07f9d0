"""One row per command for memory, by way of a queue on disk: what memory has not acknowledged is
delivered with the next command, or when exec starts again. Nobody waits for it: a row is in its
file before the finished record is written, and on the disk when memory has it or did not take it.
"""

import asyncio
import contextlib
import itertools
import json
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aios import durable
from aios.errors import AiosError, AuditUnavailable, InvalidOption
from aios.exec import disk
from aios.exec.job import Job
from aios.exec.unit import Result
from aios.journal import log
from aios.redact import redact

MEMORY = "org.aios.Memory1"
SOCKET = Path("/run/aios/memory.sock")
DELIVER_SECONDS = 30
EVERY_SECONDS = 0.05
MOST = 64
"""Rows that go together."""
MOST_CHARACTERS = 1024 * 1024
"""Of their JSON: memory takes messages of 4 MiB."""

Record = Callable[[list[dict[str, Any]]], Awaitable[object]]
"""Keeps all of them, or none."""


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
    def __init__(self, directory: Path, record: Record, passing: Path | None = None) -> None:
        """passing: where rows are until memory has had a chance to take them."""
        self._directory = directory
        self._passing = directory if passing is None else passing
        for each in (self._directory, self._passing):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._record = record
        self._rows: deque[tuple[str, dict[str, Any] | None]] = deque(
            (name, None) for name in sorted({path.name for path in self._files()})
        )
        """File's name, and content where it is known; in the order in which memory gets them."""
        self._task: asyncio.Task[None] | None = None
        self._delivered = 0.0
        """When, by the loop's clock."""

    def _files(self) -> list[Path]:
        return [path for each in (self._directory, self._passing) for path in each.glob("*.json")]

    def add(self, event: dict[str, Any]) -> None:
        """Holds over a kill when it returns, unless there is no room: what ran is recorded all the
        same. The same id again is the same row."""
        name = f"{event['id']}.json"
        try:
            disk.write(self._passing / name, event)
        except AuditUnavailable as error:
            log.error("a history row is in memory alone", file=name, reason=error.message)
            self._rows.append((name, event))
        else:
            # Where many wait, their files hold what they are.
            self._rows.append((name, event if len(self._rows) < MOST else None))

    def deliver(self) -> None:
        """Starts a round of delivery, or has the one that runs go on."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        while self._rows:
            # What ends within a moment goes together: memory's disk is waited for once.
            since = asyncio.get_running_loop().time() - self._delivered
            if since < EVERY_SECONDS:
                await asyncio.sleep(EVERY_SECONDS - since)
            some = self._together()
            taken = await self._some(some)
            self._delivered = asyncio.get_running_loop().time()
            for _ in range(taken):
                self._rows.popleft()
            if taken < len(some):
                await asyncio.to_thread(self._settle)
                return

    def _together(self) -> list[tuple[str, dict[str, Any] | None]]:
        """The first that wait, as many as go together."""
        found: list[tuple[str, dict[str, Any] | None]] = []
        size = 0
        for name, event in itertools.islice(self._rows, MOST):
            row = event
            with contextlib.suppress(OSError, ValueError):  # `_some` sees to that
                row = row or self._read(name)
                size += len(json.dumps(row))
            if found and size > MOST_CHARACTERS:
                break
            found.append((name, row))
        return found

    async def _some(self, rows: Sequence[tuple[str, dict[str, Any] | None]]) -> int:
        """How many of them, from the first on, are seen to."""
        events = {}
        for name, event in rows:
            try:
                events[name] = self._read(name) if event is None else event
            except (OSError, ValueError) as error:
                log.error("a history row cannot be read", file=name, reason=str(error))
                self._set_aside(name)
        if not events:
            return len(rows)
        try:
            async with asyncio.timeout(DELIVER_SECONDS):
                await self._record(list(events.values()))
        except InvalidOption as error:
            if len(rows) > 1:
                return await self._one_by_one(rows)
            # It would be refused again each time.
            log.error("memory refused a history row", file=rows[0][0], reason=error.message)
            self._set_aside(rows[0][0])
        except (AiosError, TimeoutError) as error:
            if isinstance(error, TimeoutError) and len(rows) > 1:
                # Together they may take longer than is waited for: they would each time.
                return await self._one_by_one(rows)
            log.warning("memory takes no history now", reason=str(error) or "time-out")
            return 0
        else:
            for name in events:
                for each in {self._passing, self._directory}:
                    (each / name).unlink(missing_ok=True)
        return len(rows)

    async def _one_by_one(self, rows: Sequence[tuple[str, dict[str, Any] | None]]) -> int:
        for number, one in enumerate(rows):
            if not await self._some([one]):
                return number
        return len(rows)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return disk.read(self._passing / name)
        except FileNotFoundError:
            return disk.read(self._directory / name)

    def _settle(self) -> None:
        """To the disk: what waits for memory may have to wait long."""
        for path in self._passing.glob("*.json"):
            with contextlib.suppress(OSError):
                durable.write(self._directory / path.name, path.read_text())
                if self._passing != self._directory:
                    path.unlink()

    def _set_aside(self, name: str) -> None:
        """Out of the queue, kept for a human."""
        for each in (self._passing, self._directory):
            with contextlib.suppress(OSError):
                shutil.move(each / name, (self._directory / name).with_suffix(".refused"))
