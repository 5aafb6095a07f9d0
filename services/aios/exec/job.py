"""A job: one command from its request to its last record, in a file while it lasts, so that a
killed exec knows what it owes. The file is written before the step that it names is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from aios.exec import disk
from aios.journal import log


class Step(StrEnum):
    REQUESTED = "requested"
    DECIDED = "decided"
    STARTED = "started"
    """From before the unit is started: it may not be there."""
    ENDED = "ended"
    """Its records are written. A job of Start stays a while, for who asks how it ended."""


@dataclass(frozen=True)
class Job:
    """uid and user: the person's. decision, rule, profile: empty until decided."""

    id: str
    command: str
    machine: str
    uid: int
    user: str
    requested_usec: int
    step: Step = Step.REQUESTED
    session: str = ""
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    purpose: str = ""
    decision: str = ""
    rule: str = ""
    reason: str = ""
    profile: str = ""
    approved_by: str = ""
    started_usec: int = 0
    """Realtime; 0 until then."""
    unenforced: tuple[str, ...] = ()
    words: str = ""
    start: bool = False
    """A job of Start; else of Run."""
    pty: bool = False
    detach: bool = False
    input: bool = True
    """The caller of Start has its stdin."""
    peer: str = ""
    """The unique bus name of who asked; empty on a socket."""
    asker: int = -1
    """The uid of who asked: the person's own, or a service's that asks for them."""
    output_kept: int = 0
    """Bytes kept of each stream."""
    output_max: int = 0
    """Bytes of one stream that end the command; 0: none do."""
    confirm_within_usec: int = 0
    """It runs under guard (aios.exec.guard); 0: it does not."""
    confirm_by_usec: int = 0
    """Realtime: when it is undone."""
    cause: str = ""
    """Why it is being stopped (aios.exec.unit.Ended), by whichever exec there is."""
    ended_usec: int = 0
    read: bool = False
    """Somebody has had all that a detached job printed."""
    exit_status: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """As Wait answers; empty until it has ended."""


_FIELDS = frozenset(field.name for field in fields(Job))


class Jobs:
    """The files of the jobs that somebody is owed something for."""

    def __init__(self, directory: Path, passing: Path | None = None) -> None:
        """passing: where those are that a power loss ends, none the wiser; the output of detached
        ones is kept."""
        self._directory = directory
        self._passing = directory if passing is None else passing
        for each in {directory, self._passing}:
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
            for unfinished in each.glob(".*.new"):
                unfinished.unlink(missing_ok=True)  # a kill in the middle of writing

    def _path(self, job: Job) -> Path:
        return (self._directory if job.detach else self._passing) / f"{job.id}.json"

    def _files(self) -> list[Path]:
        directories = {self._directory, self._passing}
        found = [path for each in directories for path in each.glob("*.json")]
        return sorted(found, key=lambda path: path.name)

    def keep(self, job: Job, **changes: Any) -> Job:
        """The job with these changes, once they are on disk."""
        job = replace(job, **changes)
        disk.write(self._path(job), {name: getattr(job, name) for name in _FIELDS})
        return job

    def forget(self, job: Job) -> None:
        self._path(job).unlink(missing_ok=True)

    def owed(self) -> set[str]:
        """Of all whose end is not on disk: what has ended is only kept for whoever asks for it."""
        return {job.id for job in self.left() if job.step is not Step.ENDED}

    def left(self) -> list[Job]:
        """What an exec before this one did not bring to its end, the oldest first."""
        found = []
        for path in self._files():
            try:
                data = disk.read(path)
                data["unenforced"] = tuple(data["unenforced"])
                # A later aios may have known more of it.
                known = {name: value for name, value in data.items() if name in _FIELDS}
                found.append(Job(**{**known, "step": Step(data["step"])}))
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.error("a job's file cannot be read", file=str(path), reason=str(error))
        return found
