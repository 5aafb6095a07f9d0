"""One virtual machine at a time, shared by the tests of this directory. The first is made in the
background from the moment on when the tests are known: it takes minutes of another processor, and
most tests before it wait for something.
"""

import platform
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from host import Host

HERE = Path(__file__).parent
RELEASES = ("bookworm", "trixie")
"""All but the first only with --long."""
DEBIAN = platform.freedesktop_os_release()["ID"] == "debian"


class Preparation:
    """A host on its way. Whoever waits for it gets the error."""

    def __init__(self, release: str) -> None:
        self.host = Host(release)
        self._threads = ThreadPoolExecutor(1)
        self._prepared: Future[None] = self._threads.submit(self.host.prepare)

    def wait(self) -> Host:
        self._prepared.result()
        return self.host

    def end(self) -> None:
        self.host.stop()
        self._threads.shutdown()
        self.host.close()
        took = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in self.host.seconds.items())
        _took.append(f"the {self.host.release} machine beside it all: {took}")


_preparations: dict[str, Preparation] = {}
_took: list[str] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "host" not in metafunc.fixturenames:
        return
    chosen = metafunc.config.getoption("--release")
    releases = [
        pytest.param(release, marks=[pytest.mark.long] if number else [])
        for number, release in enumerate([chosen] if chosen else RELEASES)
    ]
    metafunc.parametrize("host", releases, indirect=True, scope="session")


def pytest_collection_finish(session: pytest.Session) -> None:
    releases = [
        str(item.callspec.params["host"])
        for item in session.items
        if isinstance(item, pytest.Function)
        and item.path.parent == HERE
        and "host" in item.fixturenames
    ]
    if releases and DEBIAN and not session.config.option.collectonly:
        _preparations[releases[0]] = Preparation(releases[0])


def pytest_sessionfinish() -> None:
    while _preparations:
        _preparations.popitem()[1].end()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _took:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    if not DEBIAN:
        pytest.skip("its disk is made from the archives that a Debian's apt knows")
    release = str(request.param)
    preparation = _preparations.pop(release, None) or Preparation(release)
    try:
        yield preparation.wait()
    finally:
        preparation.end()
