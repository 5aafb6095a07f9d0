"""Limits that need no cgroup controller, and what is measured. The others are for the virtual
machine, which has the controllers.
"""

from collections.abc import Iterator

import pytest
from governed import run
from sandbox import Sandbox

pytestmark = pytest.mark.system

CONFIG = '[exec]\ntimeout = 1\n[machine.".host"]\ntimeout = 30\n'


@pytest.fixture
def one_second(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.run(["tee", "/etc/aios/config.d/50-limits.toml"], input=CONFIG)
    sandbox.sh("systemctl stop aios-exec@aios.service aios-policy.service")
    yield sandbox
    sandbox.sh("rm /etc/aios/config.d/50-limits.toml")
    sandbox.sh("systemctl stop aios-exec@aios.service aios-policy.service")


def test_a_call_lowers_the_time(sandbox: Sandbox) -> None:
    said = run(sandbox, "echo before; tail -f /dev/null", timeout_usec=2_000_000)
    assert (said.stdout, said.details["ended"], said.details["limit"]) == (
        "before\n", "timeout", "timeout",
    )  # fmt: skip
    assert said.details["duration_usec"] >= 2_000_000


def test_a_call_raises_nothing(one_second: Sandbox) -> None:
    said = run(one_second, "tail -f /dev/null", timeout_usec=3_600_000_000)
    assert said.details["ended"] == "timeout"
    assert said.details["duration_usec"] < 30_000_000


def test_what_it_used(sandbox: Sandbox) -> None:
    idle = run(sandbox, "ls /")
    busy = run(sandbox, "find / -xdev -name nothing-at-all")
    assert 0 < idle.details["cpu_usec"] < busy.details["cpu_usec"]
    assert busy.details["cpu_usec"] <= 2 * busy.details["duration_usec"]


def test_what_nothing_enforces_is_said_of_what_was_wanted(sandbox: Sandbox) -> None:
    controllers = sandbox.machine(["cat", "/sys/fs/cgroup/cgroup.controllers"]).stdout.split()
    lacking = {
        name
        for name, controller in (
            ("MemoryMax", "memory"), ("TasksMax", "pids"), ("CPUWeight", "cpu"),
        )
        if controller not in controllers
    }  # fmt: skip
    plain = run(sandbox, "ls /")
    assert set(plain.details["unenforced"]) == lacking - {"CPUWeight"}
    weighed = run(sandbox, "ls /", cpu_weight=10)
    assert set(weighed.details["unenforced"]) == lacking


@pytest.mark.parametrize(
    ("name", "value"), [("cpu_weight", 10_001), ("memory_max", 0), ("tasks_max", 0)]
)
def test_what_is_no_limit(sandbox: Sandbox, name: str, value: int) -> None:
    assert name in run(sandbox, "ls /", **{name: value}).error
