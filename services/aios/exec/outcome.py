"""How a command ended, as its caller is told."""

from dataclasses import dataclass
from typing import Any

from aios.confined import blocked
from aios.exec import limits
from aios.exec.job import Job
from aios.exec.output import Text
from aios.exec.unit import Result


@dataclass(frozen=True)
class Outcome:
    exit_status: int
    stdout: str
    stderr: str
    details: dict[str, Any]


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def details(
    job: Job, result: Result, out: int | None, err: int | None, *, lost: int = 0
) -> dict[str, Any]:
    """What is known of the end of a job that printed so many bytes, of which `lost` are nowhere."""
    return _known({
        "id": job.id,
        "decision": job.decision,
        "rule": job.rule,
        "profile": job.profile,
        "ended": str(result.ended),
        "limit": limits.reached(result, 0) or None,
        "signal": result.signal,
        "duration_usec": result.duration_usec,
        "cpu_usec": result.cpu_usec,
        "memory_peak": result.memory_peak,
        "io_read_bytes": result.io_read_bytes,
        "io_write_bytes": result.io_write_bytes,
        "stdout_bytes": out,
        "stderr_bytes": err,
        "output_lost": lost or None,
        "unenforced": list(job.unenforced),
        "confirm_by_usec": job.confirm_by_usec or None,
        "invocation_id": result.invocation_id or None,
    })  # fmt: skip


def outcome(job: Job, result: Result, out: Text, err: Text) -> Outcome:
    """The reply of Run to `job`, which has ended."""
    assert result.status is not None  # noqa: S101 - a lost job has no outcome
    left_out = out.left_out + err.left_out
    collected = {
        "truncated": left_out or None,
        "limit": limits.reached(result, left_out) or None,
        "stdout_raw": out.raw,
        "stderr_raw": err.raw,
        "profile_blocked": blocked(job.profile, result.status, err.text) or None,
    }
    return Outcome(result.status, out.text, err.text, {**job.details, **_known(collected)})
