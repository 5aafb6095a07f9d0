import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from governed import requests
from image import build
from machines import ID, SMALL, aios, listed
from person import PROMPT, Person
from sandbox import ROOT, Sandbox

SECONDS = {False: 600, True: 7200}
"""That a test may take, by whether it is a long one: against waiting for ever only."""


@pytest.fixture(autouse=True)
def bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    def over(number: int, frame: object) -> None:
        raise TimeoutError("what it waits for never came")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(SECONDS[request.node.get_closest_marker("long") is not None])
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A new one for each session; one at a time for each checkout."""
    release = request.config.getoption("--release")
    checkout = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:6]
    sandbox = Sandbox(f"tests-{checkout}")
    arguments = ["--release", release] if release else []
    result = sandbox.install("--fresh", *arguments, "--", "true", timeout=1200)
    sys.stderr.write(result.stderr)
    # Somebody who may not use aios.
    sandbox.run(["useradd", "--create-home", "outsider"])
    yield sandbox
    sandbox.install("--down")


@pytest.fixture(scope="session")
def member(sandbox: Sandbox) -> str:
    """Somebody who may use aios, and no more than that."""
    sandbox.run(["useradd", "--create-home", "--groups", "aios", "member"])
    return "member"


@pytest.fixture(scope="session")
def plain(sandbox: Sandbox) -> str:
    """The same; root's password, with which they may approve, is "secret"."""
    sandbox.sh("""
        id plain 2>/dev/null || useradd --create-home --shell /bin/bash plain
        usermod -aG aios plain
        echo root:secret | chpasswd
    """)
    return "plain"


@pytest.fixture
def me(sandbox: Sandbox) -> Iterator[Person]:
    """At the prompt."""
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        yield person


@pytest.fixture
def nothing_waits(sandbox: Sandbox) -> None:
    """No request of an earlier test's."""
    while waiting := requests(sandbox):
        for job in waiting.values():
            sandbox.run(["aios", "reject", job], user="me", check=False)


@pytest.fixture
def settings(sandbox: Sandbox) -> Iterator[str]:
    """A file of the administrator's, which is not there yet."""
    path = "/etc/aios/config.d/90-test.toml"
    sandbox.sh("mkdir -p /etc/aios/config.d")
    yield path
    sandbox.sh(f"rm -f {path}")


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[str]:
    sandbox.sh(SMALL.format(name="small", id=ID))
    yield "small"
    for name in listed(sandbox):
        if name.startswith("small"):
            aios(sandbox, "remove", "--yes", name)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where build.zsh has put a tarball and an OCI archive."""
    directory = tmp_path_factory.mktemp("images")
    build(directory, "tarball", "oci")
    return directory
