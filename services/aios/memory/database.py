"""The one writer: one connection, used by one thread, so that the event loop never waits for a
disk and work is done one after the other.

The connection is never closed. SQLite would remove the -wal and -shm files with the last one, and
machines, which see the directory read-only, could not open the database any more while the
service is idle. (Its switch for that, SQLITE_FCNTL_PERSIST_WAL, is out of Python's reach.) What
was committed is in the WAL: nothing is lost by just leaving.
"""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, TypeVar

from aios.errors import Unavailable
from aios.memory import schema

DEFAULT_DIRECTORY = "/var/lib/aios/memory"
FILE = "memory.db"

Result = TypeVar("Result")


def default_path() -> Path:
    return Path(os.environ.get("STATE_DIRECTORY", DEFAULT_DIRECTORY)) / FILE


class Database:
    """Raises Unavailable where SQLite refuses: trying again later may help."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        self._connection: sqlite3.Connection | None = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = schema.connect(self.path)
        return self._connection

    def _work(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return work(self._open())
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Unavailable(
                    f"another program holds {self.path}", hint=f"`fuser {self.path}` names it"
                ) from error
            raise Unavailable(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"{self.path}: {error}") from error

    async def do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """The work's result, after its commit. Cancelled, work that began is still done whole."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    async def open(self) -> None:
        await self.do(schema.version)


def leave(status: int) -> NoReturn:
    """Ends the process with the database left open (see above)."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
