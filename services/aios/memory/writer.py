"""One thread, one connection, many callers: who waits while a commit is written to disk shares the
next one. Each is answered after the commit that holds its work; an error of one undoes that one's
part alone. Standard library only.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aios.memory.schema import transaction

MAX_BATCH = 256
IDLE_SECONDS = 1.0
"""After so long without work the WAL goes into the database and becomes empty."""
MAX_WAL = 32 * 1024 * 1024
"""Bytes beyond which that is tried without being idle."""

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Any]


@dataclass(frozen=True)
class Job:
    work: Work
    alone: bool
    """In no transaction, and with no other work."""
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


@dataclass(frozen=True)
class Answer:
    job: Job
    result: Any = None
    error: Exception | None = None

    def give(self) -> None:
        if self.job.future.done():
            return  # cancelled; the work is done all the same
        if self.error is not None:
            self.job.future.set_exception(self.error)
        else:
            self.job.future.set_result(self.result)


class Writer:
    """`connect` makes the connection when there is work. Errors are the work's and SQLite's own."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        drop: Callable[[], None],
        rest: Callable[[sqlite3.Connection], bool],
    ) -> None:
        """drop: closes the process's other connections, which share what SQLite knows of the
        file. rest: a step of what is done while nobody writes; whether there is another."""
        self._wal = path.with_name(f"{path.name}-wal")
        self._connect = connect
        self._drop = drop
        self._rest = rest
        self._connection: sqlite3.Connection | None = None
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._truncated = self._tidied = 0.0
        self._held = False
        """By a reader, when the WAL was last to be emptied."""

    async def do(self, work: Callable[[sqlite3.Connection], Result], *, alone: bool) -> Result:
        """The work's result, after its commit. The work may be done twice, the first time undone.
        Cancelled, it is still done whole."""
        if self._thread is None:
            # Not one of those that Python waits for at its end: what it has not committed was
            # not answered.
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._jobs.put(Job(work, alone, loop, future))
        return await future

    def close(self) -> None:
        """For work that is `alone`: the next work opens the database again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        left: Job | None = None
        dirty = True  # what a service before this one left
        while True:
            try:
                first = left or self._jobs.get(timeout=IDLE_SECONDS if dirty else None)
            except queue.Empty:
                self._tidy()
                dirty = not self._truncate()
                continue
            jobs, left = self._gather(first)
            answers = self._do(jobs)
            if refused := [answer.job for answer in answers if _is_read_only(answer.error)]:
                # Perhaps only when it was opened. It can be closed: it removes no file.
                self.close()
                self._drop()
                answers = [one for one in answers if one.job not in refused] + self._do(refused)
            for loop, some in _by_loop(answers):
                _give(loop, some)
            dirty = True
            if time.monotonic() - self._tidied > IDLE_SECONDS:
                self._tidy(once=True)
            if first.alone or (
                (self._held or self._wal_size() > MAX_WAL)
                and time.monotonic() - self._truncated > IDLE_SECONDS
            ):
                self._truncate()

    def _tidy(self, *, once: bool = False) -> None:
        self._tidied = time.monotonic()
        try:
            while self._connection is not None and (once or self._jobs.empty()):
                if not self._rest(self._connection) or once:
                    break
        except (sqlite3.Error, OSError):
            pass  # tried again after the next write, which meets it too and tells its caller

    def _gather(self, first: Job) -> tuple[list[Job], Job | None]:
        """What can be done together with `first`, and the one after it that cannot."""
        jobs = [first]
        while not first.alone and len(jobs) < MAX_BATCH:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job.alone:
                return jobs, job
            jobs.append(job)
        return jobs, None

    def _do(self, jobs: list[Job]) -> list[Answer]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            if jobs[0].alone:
                return [Answer(jobs[0], jobs[0].work(self._connection))]
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as error:
            return [Answer(job, error=error) for job in jobs]
        try:
            answers = [self._part(self._connection, job) for job in jobs]
            self._connection.execute("COMMIT")
        except Exception as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if len(jobs) == 1:
                return [Answer(jobs[0], error=error)]
            # All is undone because of one of them; the others are not to pay for it.
            return [answer for job in jobs for answer in self._do([job])]
        return answers

    def _part(self, connection: sqlite3.Connection, job: Job) -> Answer:
        try:
            with transaction(connection):
                return Answer(job, job.work(connection))
        except Exception as error:
            if not connection.in_transaction:
                raise
            return Answer(job, error=error)

    def _wal_size(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def _truncate(self) -> bool:
        """Whether nothing is left to do. A reader who holds an old state is not waited for."""
        self._truncated = time.monotonic()
        if self._connection is None or not self._wal_size():
            return True
        try:
            self._held = not truncate(self._connection)
        except sqlite3.Error:
            self._held = True  # the next write meets it too, and tells its caller
        return not self._held


def truncate(connection: sqlite3.Connection) -> bool:
    """Whether all of the WAL is in the database and the WAL empty; False beside a reader."""
    (waits,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        busy, _pages, _done = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {waits}")
    return not busy


def _is_read_only(error: Exception | None) -> bool:
    return (
        isinstance(error, sqlite3.OperationalError)
        and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    )


def _by_loop(answers: list[Answer]) -> list[tuple[asyncio.AbstractEventLoop, list[Answer]]]:
    loops = {id(answer.job.loop): answer.job.loop for answer in answers}
    return [
        (loop, [answer for answer in answers if answer.job.loop is loop]) for loop in loops.values()
    ]


def _give(loop: asyncio.AbstractEventLoop, answers: list[Answer]) -> None:
    def give() -> None:
        for answer in answers:
            answer.give()

    if not loop.is_closed():
        loop.call_soon_threadsafe(give)
