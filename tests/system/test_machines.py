"""Two machines: one memory, separate files, both governed."""

from collections.abc import Iterator

import pytest
from machines import twin
from sandbox import Sandbox


@pytest.fixture(scope="module")
def dev(sandbox: Sandbox) -> Iterator[str]:
    with twin(sandbox, "aios-dev") as name:
        yield name


def test_one_memory(sandbox: Sandbox, dev: str) -> None:
    sandbox.run(["aios", "memory", "add", "the pastry is in the blue tin"], user="ai",
                machine="aios")  # fmt: skip
    found = sandbox.run(["aios", "memory", "search", "pastry"], user="ai", machine=dev)
    assert "blue tin" in found.stdout
    assert "blue tin" in sandbox.run(["aios", "memory", "search", "pastry"], user="me").stdout


def test_separate_files(sandbox: Sandbox, dev: str) -> None:
    sandbox.run(["aios", "exec", "-m", dev, "--", "mkdir", "/opt/only-here"], user="me")
    here = sandbox.run(["aios", "exec", "-m", dev, "--", "ls", "/opt"], user="me")
    there = sandbox.run(["aios", "exec", "-m", "aios", "--", "ls", "/opt"], user="me")
    assert "only-here" in here.stdout
    assert "only-here" not in there.stdout


def test_both_are_governed(sandbox: Sandbox, dev: str) -> None:
    for name in ("aios", dev):
        result = sandbox.run(["aios", "exec", "-m", name, "--", "rm -rf /"], user="me", check=False)
        assert result.returncode == 126, result
        assert sandbox.machine(["test", "-x", "/bin/bash"], name=name).returncode == 0


def test_a_machines_people_act_on_their_machine_only(sandbox: Sandbox, dev: str) -> None:
    answer = sandbox.run(["aios", "-m", "aios", "what is the hostname?"], user="ai", machine=dev,
                         check=False)  # fmt: skip
    assert answer.returncode != 0
    assert "aios-dev" in answer.stderr + answer.stdout
    assert sandbox.run(["ls", "/run/aios"], user="ai", machine=dev).stdout.split() == [
        "aigpt.sock",
        "chat.sock",
        "memory.sock",
        "policy.sock",
    ]
