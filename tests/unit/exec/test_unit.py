from typing import Any

import pytest

from aios.exec.unit import LOST, UNKNOWN, Ended, name_of, object_path, result

ENDED: dict[str, Any] = {
    "ActiveEnterTimestampMonotonic": 5, "InvocationID": bytes(range(16)), "Result": "success",
    "ExecMainCode": 1, "ExecMainStatus": 0, "ExecMainStartTimestampMonotonic": 1000,
    "ExecMainExitTimestampMonotonic": 3500, "CPUUsageNSec": 2_000_000, "MemoryPeak": None,
    "IOReadBytes": UNKNOWN, "IOWriteBytes": 4096,
}  # fmt: skip


def test_the_path_of_a_unit() -> None:
    assert object_path(name_of("01AB")) == (
        "/org/freedesktop/systemd1/unit/run_2daios_2d01AB_2eservice"
    )


def test_success() -> None:
    read = result(ENDED)
    assert (read.ended, read.status, read.signal) == (Ended.EXIT, 0, None)
    assert (read.duration_usec, read.cpu_usec, read.memory_peak) == (2500, 2000, None)
    assert (read.io_read_bytes, read.io_write_bytes) == (None, 4096)
    assert read.invocation_id == bytes(range(16)).hex()


@pytest.mark.parametrize(
    ("changes", "ended", "status", "signal"),
    [
        ({"ExecMainStatus": 7}, Ended.EXIT, 7, None),
        ({"ExecMainStatus": 203}, Ended.EXIT, 203, None),
        ({"ExecMainCode": 2, "ExecMainStatus": 9}, Ended.SIGNAL, 137, 9),
        ({"ExecMainCode": 3, "ExecMainStatus": 11}, Ended.SIGNAL, 139, 11),
        ({"ExecMainCode": 2, "ExecMainStatus": 15, "Result": "timeout"}, Ended.TIMEOUT, 143, 15),
        ({"ExecMainCode": 2, "ExecMainStatus": 9, "Result": "oom-kill"}, Ended.OOM, 137, 9),
    ],
)
def test_ends(changes: dict[str, Any], ended: Ended, status: int, signal: int | None) -> None:
    read = result(ENDED | changes)
    assert (read.ended, read.status, read.signal) == (ended, status, signal)
    assert not read.in_doubt


def test_what_systemd_may_have_exited_with_itself() -> None:
    assert result(ENDED | {"ExecMainStatus": 200, "ActiveEnterTimestampMonotonic": 0}).in_doubt
    assert not result(ENDED | {"ExecMainStatus": 1, "ActiveEnterTimestampMonotonic": 0}).in_doubt


def test_unknown_is_not_zero() -> None:
    read = result(ENDED | {"CPUUsageNSec": UNKNOWN, "MemoryPeak": UNKNOWN})
    assert (read.cpu_usec, read.memory_peak) == (None, None)
    assert result(ENDED | {"ExecMainExitTimestampMonotonic": 0}).duration_usec is None
    assert result(ENDED | {"ExecMainCode": 0}) == LOST
