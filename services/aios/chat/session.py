"""Sessions on disk: a directory each, with its owner and an append-only log of what was said.

`$STATE_DIRECTORY/sessions/ID/owner.json` is written once. `log.jsonl` gets one JSON object a line,
each on disk (fsync) before anybody is told of it, so that a killed service loses nothing that it
had promised. A line that a crash tore is dropped when the log is next opened.
"""

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aios import durable
from aios.caller import Caller
from aios.errors import NotAuthorized, NotFound
from aios.ids import is_id, new_id

KEEP_SECONDS = 30 * 24 * 3600
Entry = dict[str, Any]


@dataclass(frozen=True)
class Owner:
    """Who opened it: a user of the host (`machine` empty), or of a machine.

    uid: as that place sees it. A machine's host uids may change when it boots again.
    """

    uid: int
    machine: str

    @classmethod
    def of(cls, caller: Caller) -> "Owner":
        if caller.machine:
            assert caller.machine_uid is not None  # noqa: S101 - machined mapped it
            return cls(caller.machine_uid, caller.machine)
        return cls(caller.uid, "")


class Session:
    """One conversation with one machine. `append` is durable when it returns."""

    def __init__(self, directory: Path) -> None:
        self.id = directory.name
        self._directory = directory
        known = json.loads((directory / "owner.json").read_text())
        self.owner = Owner(known["uid"], known["machine"])
        self.target: str = known["target"]
        """The machine that it is about."""

    @property
    def _log(self) -> Path:
        return self._directory / "log.jsonl"

    def entries(self) -> list[Entry]:
        lines = self._log.read_bytes().split(b"\n")
        # What follows the last newline was not finished, or is empty.
        return [json.loads(line) for line in lines[:-1]]

    def append(self, kind: str, **fields: Any) -> None:
        entry = {"type": kind, "at": datetime.now(UTC).isoformat(), **fields}
        line = json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n"
        fd = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.lseek(fd, _whole(fd), os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(fd, line[written:])
            os.fsync(fd)
        finally:
            os.close(fd)


def _whole(fd: int) -> int:
    """The log's length without a torn last line, which is cut off."""
    end = size = os.fstat(fd).st_size
    while end:
        start = max(0, end - 65536)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end != size:
        os.ftruncate(fd, end)
    return end


class Store:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def has(self, session_id: str) -> bool:
        return is_id(session_id) and (self._directory / session_id / "owner.json").exists()

    def create(self, caller: Caller, target: str) -> Session:
        session_id = new_id()
        # Made under another name, so that a session that is there is whole.
        draft = self._directory / f"new-{session_id}"
        draft.mkdir(mode=0o700)
        with (draft / "owner.json").open("x") as file:
            json.dump(asdict(Owner.of(caller)) | {"target": target}, file)
            file.flush()
            os.fsync(file.fileno())
        (draft / "log.jsonl").touch(mode=0o600)
        durable.sync(draft)
        draft.rename(self._directory / session_id)
        durable.sync(self._directory)
        return Session(self._directory / session_id)

    def open(self, caller: Caller, session_id: str) -> Session:
        """The caller's own session. Somebody else's is refused."""
        if not self.has(session_id):
            raise NotFound(f"no session {session_id!r}", hint="open one with Chat1.Open")
        session = Session(self._directory / session_id)
        if session.owner != Owner.of(caller):
            raise NotAuthorized(f"session {session_id} was opened by somebody else")
        return session

    def remove(self, session: Session) -> None:
        shutil.rmtree(self._directory / session.id)

    def sweep(self) -> None:
        """Removes sessions unused for 30 days, and drafts of a killed service."""
        oldest = time.time() - KEEP_SECONDS
        for directory in self._directory.iterdir():
            log = directory / "log.jsonl"
            draft = not is_id(directory.name) or not log.exists()
            if draft or log.stat().st_mtime < oldest:
                shutil.rmtree(directory)
