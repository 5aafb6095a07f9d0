"""Sessions on disk: a directory each, with its owner and an append-only log of what was said.

`$STATE_DIRECTORY/sessions/ID/owner.json` says whose it is. `log.jsonl` gets one JSON object a line,
before anybody is told of it, so that a killed service loses nothing that a person has seen; what
commands depend on is on disk by then (fsync). A line that a crash tore is dropped when the log is
next opened. `outputs/COMMAND.stdout` and `.stderr` have what commands printed.
"""

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ulid import ULID

from aios import durable
from aios.caller import Caller
from aios.errors import NotFound
from aios.ids import is_id, new_id

DAY_SECONDS = 24 * 3600
TITLE = 80
"""Characters."""
OUTPUTS = 128
"""Files of output that a session has; the oldest go."""
_PROMPT = b'{"type": "prompt"'
_USAGE = b'{"type": "usage"'
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


@dataclass(frozen=True)
class Summary:
    """A session in a list. Times are RFC 3339; title: its first prompt, cut; cost in US dollars,
    None where a price is not known."""

    id: str
    machine: str
    opened_at: str
    last_at: str
    title: str
    prompts: int
    tokens: int
    cost: float | None

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


class Session:
    """One conversation with one machine."""

    def __init__(self, directory: Path) -> None:
        self.id = directory.name
        self._directory = directory
        known = json.loads((directory / "owner.json").read_text())
        self.owner = Owner(known["uid"], known["machine"])
        self.target: str = known["target"]
        """The machine that it is about."""
        self.brain: str = known.get("brain", "")
        self.model: str = known.get("model", "")
        """What the person chose for it; empty: as configured."""

    @property
    def _log(self) -> Path:
        return self._directory / "log.jsonl"

    def entries(self) -> list[Entry]:
        lines = self._log.read_bytes().split(b"\n")
        # What follows the last newline was not finished, or is empty.
        return [json.loads(line) for line in lines[:-1]]

    def append(self, kind: str, /, *, synced: bool = True, **fields: Any) -> None:
        """synced: it is on disk when this returns; else it outlives this service alone."""
        entry = {"type": kind, "at": datetime.now(UTC).isoformat(), **fields}
        line = json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n"
        fd = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.lseek(fd, _whole(fd), os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(fd, line[written:])
            if synced:
                os.fsync(fd)
        finally:
            os.close(fd)

    def summary(self) -> Summary:
        lines = self._log.read_bytes().split(b"\n")[:-1]
        prompts = [line for line in lines if line.startswith(_PROMPT)]
        usages = [json.loads(line) for line in lines if line.startswith(_USAGE)]
        title = " ".join(str(json.loads(prompts[0])["text"]).split()) if prompts else ""
        costs = [usage.get("cost") for usage in usages]
        last = datetime.fromtimestamp(self._log.stat().st_mtime, UTC)
        return Summary(
            id=self.id,
            machine=self.target,
            opened_at=ULID.from_str(self.id).datetime.isoformat(),
            last_at=last.isoformat(),
            title=title if len(title) <= TITLE else title[: TITLE - 1] + "…",
            prompts=len(prompts),
            tokens=sum(usage["input_tokens"] + usage["output_tokens"] for usage in usages),
            cost=None if None in costs else sum(costs),
        )

    # What commands printed

    def keep_output(self, command: str, stream: str, text: str) -> None:
        """More of it."""
        path = self._output(command, stream)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            files = sorted(path.parent.iterdir())
            for old in files[: max(0, len(files) - OUTPUTS + 1)]:
                old.unlink()
        with path.open("a", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)

    def output(self, command: str, stream: str) -> str:
        """What there is of it; "" when that is nothing."""
        path = self._output(command, stream)
        if not is_id(command) or not path.exists():
            return ""
        return path.read_bytes().decode(errors="replace")

    def _output(self, command: str, stream: str) -> Path:
        return self._directory / "outputs" / f"{command}.{stream}"


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

    def choose(self, session: Session, brain: str, model: str) -> Session:
        """The session, with another brain and model from now on."""
        path = self._directory / session.id / "owner.json"
        known = json.loads(path.read_text()) | {"brain": brain, "model": model}
        durable.write(path, json.dumps(known))
        return Session(path.parent)

    def open(self, caller: Caller, session_id: str) -> Session:
        """The caller's own session. Somebody else's cannot be told from one that never was."""
        if self.has(session_id):
            session = Session(self._directory / session_id)
            if session.owner == Owner.of(caller):
                return session
        raise NotFound(f"no session {session_id!r}", hint="open one with Chat1.Open")

    def has_own(self, caller: Caller, session_id: str) -> bool:
        try:
            self.open(caller, session_id)
        except NotFound:
            return False
        return True

    def own(self, caller: Caller) -> list[Summary]:
        """The caller's own that have a prompt, the one that was used last first."""
        owner = Owner.of(caller)
        ids = [path.name for path in self._directory.iterdir() if self.has(path.name)]
        sessions = (Session(self._directory / session_id) for session_id in ids)
        found = [session.summary() for session in sessions if session.owner == owner]
        return sorted(
            (one for one in found if one.prompts), key=lambda one: one.last_at, reverse=True
        )

    def remove(self, session: Session) -> None:
        # Under the name of a draft first: a session that is there is whole.
        gone = self._directory / f"gone-{session.id}"
        (self._directory / session.id).rename(gone)
        shutil.rmtree(gone)

    def sweep(self, keep_days: int) -> None:
        """Removes sessions unused for so long, those of yesterday that nobody said anything in, and
        what a killed service left half made or half removed."""
        now = time.time()
        for directory in self._directory.iterdir():
            log = directory / "log.jsonl"
            half = not is_id(directory.name) or not log.exists()
            if not half:
                known = log.stat()
                age = now - known.st_mtime
                half = age > (keep_days if known.st_size else 1) * DAY_SECONDS
            if half:
                shutil.rmtree(directory)
