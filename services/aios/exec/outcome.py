"""The reply of Run."""

import re
from dataclasses import dataclass
from typing import Any

from aios.exec.job import Job
from aios.exec.output import Text
from aios.exec.unit import Result

# What libc says for EROFS, EACCES, EPERM, EAFNOSUPPORT.
_BLOCKED = re.compile(
    "Read-only file system|Permission denied|Operation not permitted|Address family not supported"
)


@dataclass(frozen=True)
class Outcome:
    exit_status: int
    stdout: str
    stderr: str
    details: dict[str, Any]


def outcome(job: Job, result: Result, out: Text, err: Text) -> Outcome:
    details: dict[str, Any] = {
        "id": job.id,
        "decision": job.decision,
        "rule": job.rule,
        "profile": job.profile,
        "ended": str(result.ended),
        "signal": result.signal,
        "duration_usec": result.duration_usec,
        "cpu_usec": result.cpu_usec,
        "memory_peak": result.memory_peak,
        "stdout_bytes": out.total,
        "stderr_bytes": err.total,
        "truncated": out.left_out + err.left_out or None,
        "unenforced": list(job.unenforced),
        "invocation_id": result.invocation_id or None,
        "stdout_raw": out.raw,
        "stderr_raw": err.raw,
    }
    if job.profile == "read-only" and result.status and _BLOCKED.search(err.text):
        details["profile_blocked"] = True
    assert result.status is not None  # noqa: S101 - a lost job has no outcome
    known = {name: value for name, value in details.items() if value is not None}
    return Outcome(result.status, out.text, err.text, known)
