"""The service's database: one writer (writer.py) and a few readers, none of which waits for it.

The connections are never closed. SQLite would remove the -wal and -shm files with the last one, and
machines, which see the directory read-only, could not open the database any more while the
service is idle. (Its switch for that, SQLITE_FCNTL_PERSIST_WAL, is out of Python's reach.) What
was committed is in the WAL: nothing is lost by just leaving.
"""

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from aios.errors import Unavailable
from aios.memory import backup, forget, schema
from aios.memory.erase import Eraser, Left
from aios.memory.writer import Writer, truncate

DEFAULT_DIRECTORY = "/var/lib/aios/memory"
FILE = "memory.db"
READERS = 2
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


def default_path() -> Path:
    return Path(os.environ.get("STATE_DIRECTORY", DEFAULT_DIRECTORY)) / FILE


class Database:
    """Raises Unavailable where SQLite refuses: trying again later may help."""

    def __init__(self, path: Path, *, keep: int = backup.KEEP) -> None:
        """keep: so many backups."""
        self.path = path
        self._keep = keep
        self.backups = backup.directory_of(path)
        self._eraser = Eraser(path)
        self._writer = Writer(
            path,
            lambda: schema.connect(path),
            self._drop,
            lambda db: self._eraser.step(db) is Left.MORE,
        )
        self._opened = False
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._free: list[sqlite3.Connection] = []
        """Readers of nobody."""
        self._dropped = 0
        self._lock = threading.Lock()
        self._copying = asyncio.Lock()
        """A backup, or forgetting in backups."""

    async def write(self, work: Work[Result], *, alone: bool = False) -> Result:
        """The work's result, after its commit. Work that is `alone` is in no transaction."""
        with self._told():
            return await self._writer.do(work, alone=alone)

    async def read(self, work: Work[Result]) -> Result:
        """The result of work that changes nothing: SQLite refuses it a write."""
        unopened: Unavailable | None = None
        if not self._opened:
            # Where nothing can be written there may still be something to read.
            try:
                await self.open()
            except Unavailable as error:
                unopened = error
        try:
            with self._told():
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._read, work
                )
        except Unavailable as error:
            raise unopened or error from error

    def _read(self, work: Work[Result]) -> Result:
        with self._lock:
            since = self._dropped
            connection = self._free.pop() if self._free else None
        if connection is None:
            connection = schema.connect(self.path, read_only=True)
        try:
            return work(connection)
        finally:
            with self._lock:
                if since == self._dropped:
                    self._free.append(connection)
                else:
                    connection.close()

    def _drop(self) -> None:
        """Readers open the file anew: it was replaced, or could only be read."""
        with self._lock:
            self._dropped += 1
            while self._free:
                self._free.pop().close()

    async def open(self) -> None:
        await self.write(schema.version)
        self._opened = True

    async def backup(self, snapshot: str = "") -> Path:
        """A new backup's file; snapshot: the machine's snapshot that it belongs to."""
        await self.read(schema.version)
        with self._told():
            # A thread and a connection of its own: it takes long, and searches do not wait.
            async with self._copying:
                return await asyncio.to_thread(self._backup, snapshot)

    def _backup(self, snapshot: str) -> Path:
        with closing(schema.connect(self.path, read_only=True)) as source:
            return backup.make(source, self.backups, keep=self._keep, snapshot=snapshot)

    async def remove_backup(self, snapshot: str) -> None:
        with self._told():
            async with self._copying:
                await asyncio.to_thread(backup.remove, self.backups, snapshot)

    async def forget(self, wanted: forget.Filter) -> tuple[forget.Found, int, list[str]]:
        """What it was, how many backups were written anew for it, and where it can still be.
        Others' writes are done in between."""
        found = await self.read(lambda db: forget.find(db, wanted))
        for part in forget.parts(found):
            await self.write(partial(forget.remove, found=part))
        left = []
        while (done := await self.write(self._eraser.step, alone=True)) is Left.MORE:
            pass
        if done is Left.HELD or not await self.write(truncate, alone=True):
            left.append("the file and its WAL, as long as another program reads an older state")
        with self._told():
            async with self._copying:
                rewritten, kept = await asyncio.to_thread(forget.in_backups, self.backups, wanted)
        return found, rewritten, [*left, *kept]

    async def verify(self) -> list[str]:
        """What is wrong with the file; nothing where all is well."""
        await self.read(schema.version)
        with self._told():
            return await asyncio.to_thread(self._verify)

    def _verify(self) -> list[str]:
        with closing(schema.connect(self.path, read_only=True)) as source:
            try:
                return backup.check(source)
            except sqlite3.DatabaseError as error:
                return [str(error)]

    async def restore(self, name: str) -> Path:
        """The backup that is in force now: the one named, "" for the newest. What was there
        before is kept beside the backups."""

        def replace(_connection: object) -> Path:
            self._writer.close()
            self._drop()
            self._eraser.renewed()
            return backup.restore(self.path, self.backups, name)

        with self._told():
            try:
                restored = await self._writer.do(replace, alone=True)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                    raise
                # It cannot even be opened: no connection to close.
                restored = await asyncio.to_thread(replace, None)
        await self.open()
        return restored

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors, as a person can act on them."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            hint = ""
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Unavailable(
                    f"another program holds {self.path}", hint=f"`fuser {self.path}` names it"
                ) from error
            if code in _DAMAGED:
                hint = backup.offer(self.backups)
            elif code == sqlite3.SQLITE_FULL:
                hint = "nothing of this was kept; what was acknowledged before is: df -h says more"
            raise Unavailable(f"{self.path}: {error}", hint=hint) from error
        except OSError as error:
            raise Unavailable(f"{error.filename or self.path}: {error.strerror}") from error


def leave(status: int) -> NoReturn:
    """Ends the process with the database left open (see above)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
