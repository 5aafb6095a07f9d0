"""The OCI archive, as podman and docker run it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import containers
import pytest
from containers import NAME
from image import ARCHIVE
from person import PROMPT, Person
from sandbox import Sandbox

# Without a terminal, at the end of input it ends.
PODMAN = ["podman", "run", "--rm", "-i"]
PROMPTS = "!ls -d /etc\nwhat did I just run?\n!touch /var/tmp/written\n"
CONFINED = ["exec", "--profile", "read-only", "--", "touch", "/var/tmp/more"]
REFUSED = r"aios: error: systemd cannot run in this container \(.*\): {} run -it (.*) IMAGE"


@pytest.fixture(scope="module")
def podman(sandbox: Sandbox, built: Path) -> Sandbox:
    containers.podman(sandbox, built / ARCHIVE)
    return sandbox


@pytest.fixture
def docker(sandbox: Sandbox, built: Path) -> Iterator[Sandbox]:
    with containers.docker(sandbox, built / ARCHIVE):
        yield sandbox


@pytest.fixture
def rootless(sandbox: Sandbox, built: Path) -> Iterator[containers.Rootless]:
    podman = containers.Rootless(sandbox, built / ARCHIVE)
    yield podman
    podman.remove()


def flags(refusal: str, program: str) -> list[str]:
    """What the one line says to add."""
    (line,) = (line for line in refusal.splitlines() if "level=warning" not in line)
    named = re.fullmatch(REFUSED.format(program), line)
    assert named is not None, line
    return named[1].split()


def answered(said: str) -> None:
    assert re.search(r"^/etc$", said, re.MULTILINE)
    assert "You just ran `ls -d /etc`" in said
    assert "$ touch /var/tmp/written" in said
    assert "✗" not in said


def test_podman_runs_it_without_further_rights(podman: Sandbox) -> None:
    answered(podman.run([*PODMAN, "aios"], input=PROMPTS, timeout=120).stdout)


@pytest.mark.long
def test_what_only_reads_is_confined_by_the_kernel_there_as_well(podman: Sandbox) -> None:
    done = podman.run([*PODMAN, "aios", *CONFINED], check=False, timeout=120)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


def typing(podman: Sandbox, *options: str) -> Person:
    # Without login: a unit of the sandbox may not load what runc does.
    command = ["podman", "run", "--rm", "-it", *options, "aios"]
    return Person(podman, command, user="root", login=False)


@pytest.mark.long
def test_podman_gives_its_terminal_to_the_prompt_and_keeps_the_memory(podman: Sandbox) -> None:
    volume = "--volume=memory:/var/lib/aios/memory"
    said = (("!ls -d /srv", r"✓ .*s"), ("what did I run today?", r"ls -d /srv  \(\.host, "))
    for asked, answer in said:
        with typing(podman, volume) as person:
            person.sees(PROMPT, timeout=120)
            person.say(asked)
            person.sees(answer)
            person.sees(PROMPT)
            person.say("exit")
            assert person.leaves() == 0
    podman.run(["podman", "volume", "rm", "memory"])


@pytest.mark.long
def test_it_stops_as_systemd_stops(podman: Sandbox) -> None:
    with typing(podman, "--name=stopped") as person:
        person.sees(PROMPT, timeout=120)
        stopped = podman.run(["podman", "stop", "--time=50", "stopped"])
        assert "SIGKILL" not in stopped.stderr
        person.leaves()


@pytest.mark.long
def test_without_a_cgroup_of_its_own_it_says_which_flags_to_add(podman: Sandbox) -> None:
    done = podman.run([*PODMAN, "--systemd=false", "aios"], check=False, timeout=60)
    assert done.returncode == 1
    named = flags(done.stderr, "podman")
    assert named == ["--systemd=always"]
    answered(podman.run([*PODMAN, *named, "aios"], input=PROMPTS, timeout=120).stdout)


@pytest.mark.long
def test_without_namespaces_it_says_which_flags_to_add(podman: Sandbox) -> None:
    """As docker's filter has it: they are for who has CAP_SYS_ADMIN."""
    tree = podman.state / "tree"
    rules = json.loads((tree / "usr/share/containers/seccomp.json").read_text())
    for rule in rules["syscalls"]:
        names = [name for name in rule["names"] if name != "unshare"]
        if "CAP_SYS_ADMIN" in rule.get("includes", {}).get("caps", []):
            names.append("unshare")
        rule["names"] = names or ["uname"]
    (tree / "root/seccomp.json").write_text(json.dumps(rules))
    filtered = [*PODMAN, "--security-opt=seccomp=/root/seccomp.json"]
    done = podman.run([*filtered, "aios"], check=False, timeout=60)
    assert done.returncode == 1
    named = flags(done.stderr, "podman")
    answered(podman.run([*filtered, *named, "aios"], input=PROMPTS, timeout=120).stdout)


@pytest.mark.long
def test_anybody_runs_it_with_podman(rootless: containers.Rootless) -> None:
    answered(rootless.run("run", "--rm", "-i", NAME, input=PROMPTS).stdout)
    done = rootless.run("run", "--rm", "-i", NAME, *CONFINED, check=False)
    assert "Read-only file system" in done.stderr


@pytest.mark.long
def test_docker_is_told_which_flags_to_add_and_runs_it_with_them(docker: Sandbox) -> None:
    command = ["docker", "run", "--rm", "-i", "--network=none"]
    done = docker.run([*command, NAME], check=False, timeout=60)
    assert done.returncode == 1
    command += flags(done.stderr, "docker")
    answered(docker.run([*command, NAME], input=PROMPTS, timeout=120).stdout)
    done = docker.run([*command, NAME, *CONFINED], check=False, timeout=120)
    assert "Read-only file system" in done.stderr
