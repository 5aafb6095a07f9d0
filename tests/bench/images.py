"""Images: how long each takes to build from an OS tree that is there, and how large it is; and in a
sandbox, how long it is from nothing to the prompt, as a machine and as a container, beside
what machinectl and podman take for the same tree without aios.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import containers
import image
from image import ARCHIVE, DISK, TARBALL
from person import PROMPT, Person
from sandbox import Sandbox

from bench import Figure, medians, ratios, sandboxed

KINDS = {"tarball": TARBALL, "oci": ARCHIVE, "image": DISK}
ROUNDS = 5
NAME = "bench"


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="aios-bench") as name:
        directory = Path(name)
        image.build(directory, "tarball")
        for kind, file in KINDS.items():
            begin = time.perf_counter()
            image.build(directory, kind)
            yield Figure(f"{kind}, built from a cached tree", time.perf_counter() - begin, "s")
            # A disk has holes.
            size = (directory / file).stat().st_blocks * 512
            yield Figure(f"{kind}, on disk", size / (1 << 20), "MiB")
        yield from _started(directory)


def _started(directory: Path) -> Iterator[Figure]:
    with sandboxed("bench-images") as sandbox:
        containers.podman(sandbox, directory / ARCHIVE)
        begin = time.perf_counter()
        with image.running(sandbox, directory / TARBALL, NAME):
            yield Figure("import-tar and first boot", time.perf_counter() - begin, "s")
            _stop(sandbox)
            yield from _beside_each_other(sandbox)


def _beside_each_other(sandbox: Sandbox) -> Iterator[Figure]:
    """The rounds are interleaved, in another order each time; the first does not count."""
    true = ["podman", "run", "--rm", "--entrypoint=/bin/true", "aios"]
    peers: dict[str, Callable[[ExitStack], None]] = {
        "machine: start to the prompt": partial(_machine, sandbox, PROMPT, [f"ai@{NAME}"]),
        "machine: start to a command": partial(
            _machine, sandbox, "here", [NAME, "/bin/echo", "here"]
        ),
        "machinectl clone": lambda _: _run(sandbox, "machinectl", "clone", NAME, "bench-clone"),
        "podman run: to the prompt": partial(_container, sandbox),
        "podman run: true": lambda _: _run(sandbox, *true),
    }
    times: dict[str, list[float]] = {name: [] for name in peers}
    for round_ in range(ROUNDS + 1):
        for name, work in random.sample(list(peers.items()), len(peers)):
            with ExitStack() as until:
                begin = time.perf_counter()
                work(until)
                if round_:
                    times[name].append(time.perf_counter() - begin)
            _stop(sandbox)
        _run(sandbox, "machinectl", "remove", "bench-clone")
    median = medians(times)
    for name, value in median.items():
        yield Figure(f"{name}, median", value, "s")
    yield from ratios(
        median,
        ("machine: start to the prompt", "machine: start to a command"),
        ("machine: start to the prompt", "machinectl clone"),
        ("podman run: to the prompt", "podman run: true"),
    )


def _run(sandbox: Sandbox, *argv: str) -> None:
    sandbox.run(argv, timeout=300)


def _machine(sandbox: Sandbox, seen: str, shell: Sequence[str], until: ExitStack) -> None:
    """until: when the person at its terminal may go."""
    _run(sandbox, "systemctl", "start", f"systemd-nspawn@{NAME}")
    command = ["machinectl", "--quiet", "shell", *shell]
    until.enter_context(Person(sandbox, command, user="root")).sees(seen)


def _container(sandbox: Sandbox, until: ExitStack) -> None:
    command = ["podman", "run", "--rm", "-it", f"--name={NAME}", "aios"]
    until.enter_context(Person(sandbox, command, user="root", login=False)).sees(PROMPT)


def _stop(sandbox: Sandbox) -> None:
    """Whichever of them runs. Nobody is at its terminal any more."""
    _run(sandbox, "systemctl", "stop", f"systemd-nspawn@{NAME}")
    _run(sandbox, "podman", "rm", "--force", "--ignore", NAME)
