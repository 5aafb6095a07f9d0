import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from image import build
from machines import ID, SMALL, aios, listed
from sandbox import ROOT, Sandbox


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
