"""Which units the kernel says it refused a process."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aios.exec.kernel_log import KernelLog

LINE = b"6,1234,5678,-;cgroup: fork rejected by pids controller in /machine.slice/%b\n"


@pytest.fixture
def kernel() -> Iterator[tuple[KernelLog, socket.socket]]:
    """A log, and what writes it: record by record, as a datagram socket does too."""
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    ours.setblocking(False)
    log = KernelLog(Path("/nonexistent"))
    log._file = os.dup(ours.fileno())
    with ours, theirs:
        yield log, theirs
        log.close()


def test_it_says_which(kernel: tuple[KernelLog, socket.socket]) -> None:
    log, writer = kernel
    assert not log.refused("run-aios-01A.service")
    writer.send(LINE % b"aios.slice/run-aios-01A.service")
    writer.send(b"6,1235,5680,c;/aios.slice/run-aios-01B.service\n")
    writer.send(b"4,1236,5681,-;something else\n")
    assert log.refused("run-aios-01B.service")
    assert log.refused("run-aios-01A.service")
    assert not log.refused("run-aios-01C.service")


def test_what_a_program_writes_is_not_the_kernels(kernel: tuple[KernelLog, socket.socket]) -> None:
    log, writer = kernel
    writer.send(b"12,1237,5682,-;x /aios.slice/run-aios-01A.service\n")
    assert not log.refused("run-aios-01A.service")


def test_there_may_be_none() -> None:
    assert not KernelLog(Path("/nonexistent")).refused("run-aios-01A.service")
