"""What the kernel enforces, where it has all cgroup controllers: a machine whose host is a virtual
machine of our own.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from virtual_machine import CACHE, CHECKOUT, VirtualMachine

pytestmark = pytest.mark.long
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    release = request.config.getoption("--release") or "bookworm"
    with VirtualMachine(release) as machine:
        machine.unpack()
        machine.run(
            f"cd {CHECKOUT} && AIOS_CACHE={CACHE} AIOS_MACHINE_TREE=$(echo {CACHE}/trees/machine-*)"
            " ./aios-install.sh"
        )
        yield machine


def run(host: VirtualMachine, command: str, machine: str = "aios", **limits: int) -> Any:
    """(exit status, stdout, stderr, details)"""
    name = machine.replace(".", "_2e")
    options = " ".join(f"{key} t {value}" for key, value in limits.items())
    ran = host.run(
        f"busctl --json=short --timeout=300 call org.aios.Exec1.{name} /org/aios/Exec1"
        f" org.aios.Exec1 Run 'sa{{sv}}' '{command}' {len(limits)} {options}"
    )
    status, out, err, details = json.loads(ran.stdout)["data"]
    return status, out, err, {key: item["data"] for key, item in details.items()}


@pytest.mark.parametrize("machine", ["aios", ".host"])
def test_the_kernel_ends_what_takes_too_much_memory(host: VirtualMachine, machine: str) -> None:
    # tail keeps a line that does not end.
    command = "head -c 300M /dev/zero | tail"
    status, _, _, details = run(host, command, machine, memory_max=64 * MIB)
    # The kernel kills one process, systemd the rest (OOMPolicy=stop), whichever the shell saw.
    assert status in (137, 143)
    assert details["ended"] == "oom"
    assert details["limit"] == "memory"
    assert details["unenforced"] == []


def test_the_same_command_has_room_without_the_limit(host: VirtualMachine) -> None:
    status, _, _, details = run(host, "head -c 300M /dev/zero | tail -c 1")
    assert (status, details["ended"]) == (0, "exit")


def test_no_more_processes_than_allowed(host: VirtualMachine) -> None:
    status, _, err, details = run(host, "ls / | cat | cat | cat", tasks_max=2)
    assert status != 0
    assert "Resource temporarily unavailable" in err
    assert details["unenforced"] == []


def test_the_weight_is_in_force(host: VirtualMachine) -> None:
    command = "cat /sys/fs/cgroup/aios.slice/run-aios-*/cpu.weight"
    status, out, _, _ = run(host, command, cpu_weight=7)
    assert (status, out) == (0, "7\n")


def test_what_it_used_is_told(host: VirtualMachine) -> None:
    _, _, _, details = run(host, "head -c 100M /dev/zero | cksum")
    assert details["cpu_usec"] > 0
