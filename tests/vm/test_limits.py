"""What the kernel enforces, where it has all cgroup controllers."""

from collections.abc import Iterator

import pytest
from host import Host, answer, call

MIB = 1024 * 1024
CONFIG = "/etc/aios/config.d/50-tests.toml"
AGAIN = "systemctl stop aios-policy.service 'aios-exec@*.service'"


@pytest.fixture(scope="module", autouse=True)
def host_is_a_machine(host: Host) -> Iterator[None]:
    """What may be run in any machine may be run on .host, without anybody to ask."""
    host.run(f"printf '[permissions]\nhost_is_machine = true\n' >{CONFIG}; {AGAIN}")
    yield
    host.run(f"rm {CONFIG}; {AGAIN}")


@pytest.mark.parametrize("machine", ["aios", ".host"])
def test_the_kernel_ends_what_takes_too_much_memory(host: Host, machine: str) -> None:
    # tail keeps a line that does not end.
    command = "head -c 300M /dev/zero | tail"
    status, _, _, details = host.exec(command, machine=machine, memory_max=64 * MIB)
    # The kernel kills one process, systemd the rest (OOMPolicy=stop), whichever the shell saw.
    assert status in (137, 143)
    assert details["ended"] == "oom"
    assert details["limit"] == "memory"
    assert details["unenforced"] == []


def test_the_same_command_has_room_without_the_limit(host: Host) -> None:
    status, _, _, details = host.exec("head -c 300M /dev/zero | tail -c 1")
    assert (status, details["ended"]) == (0, "exit")
    assert "limit" not in details


@pytest.mark.parametrize("machine", ["aios", ".host"])
def test_no_more_processes_than_allowed(host: Host, machine: str) -> None:
    # bash tries again for a while: whether the command comes to its end is a matter of time.
    _, _, err, details = host.exec("ls / | cat | cat | cat", machine=machine, tasks_max=2)
    assert "Resource temporarily unavailable" in err
    assert details["limit"] == "tasks"
    assert details["unenforced"] == []


def test_a_command_with_room_for_its_processes(host: Host) -> None:
    status, _, _, details = host.exec("ls / | cat | cat | cat", tasks_max=20)
    assert status == 0
    assert "limit" not in details


@pytest.mark.parametrize("machine", ["aios", ".host"])
def test_the_weight_is_in_force(host: Host, machine: str) -> None:
    command = "cat /sys/fs/cgroup/aios.slice/run-aios-*/cpu.weight"
    status, out, _, details = host.exec(command, machine=machine, cpu_weight=7)
    assert (status, out) == (0, "7\n")
    assert details["unenforced"] == []


def test_the_lighter_gets_less_of_a_processor(host: Host) -> None:
    """There is one, and the other would take half of it."""
    heavy = call("sha256sum /dev/zero", cpu_weight=100)
    light = call("sha256sum /dev/zero", cpu_weight=1, timeout_usec=3_000_000)
    runs = "grep -qsx sha256sum /proc/[0-9]*/comm"
    script = f"{heavy} >/dev/null & until {runs}; do :; done; {light}"
    said = host.run(f"trap 'kill $!' EXIT; {script}").stdout
    _, _, _, details = answer(said)
    assert details["limit"] == "timeout"
    assert details["cpu_usec"] < details["duration_usec"] / 4


def test_what_it_used_is_told(host: Host) -> None:
    _, _, _, details = host.exec("head -c 100M /dev/zero | cksum")
    assert details["cpu_usec"] > 0
