"""Runs one benchmark: a module beside this one whose `figures()` yields Figures."""

import argparse
import contextlib
import importlib
import inspect
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox import Sandbox

PODMAN = """
command -v podman >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \\
    --no-install-recommends podman runc >/dev/null
"""


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str


def spread(name: str, values: Sequence[float], unit: str) -> Iterator[Figure]:
    """Median and 99th percentile (the machines are noisy: a mean says nothing)."""
    ordered = sorted(values)
    yield Figure(f"{name}, median", statistics.median(ordered), unit)
    yield Figure(f"{name}, p99", ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], unit)


def medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in found.items()}


def ratios(found: Mapping[str, float], *pairs: tuple[str, str]) -> Iterator[Figure]:
    """Of ours to a peer's, as far as the peer was there."""
    for ours, peer in pairs:
        if peer in found:
            yield Figure(f"{ours} / {peer}", found[ours] / found[peer], "x")


@contextlib.contextmanager
def sandboxed(name: str, *arguments: str, end: str = "--down") -> Iterator[Sandbox]:
    """arguments: the installer's."""
    sandbox = Sandbox(name)
    sandbox.install(*arguments, "--", "true", timeout=1200)
    try:
        yield sandbox
    finally:
        sandbox.install(end)


def podman(sandbox: Sandbox, then: str = "") -> bool:
    """Whether it can be installed there, and does `then`. Where not, that is said."""
    done = sandbox.run(["sh", "-ec", PODMAN + then], check=False, timeout=600)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        print(f"podman: not measured: {said[-1] if said else done.returncode}", file=sys.stderr)
    return done.returncode == 0


def source(*functions: Callable[..., Any]) -> str:
    """The beginning of a script that runs in the sandbox: these, as they stand here."""
    imports = ["from __future__ import annotations", "import subprocess, time",
               "from pathlib import Path"]  # fmt: skip
    return "\n".join([*imports, *map(inspect.getsource, functions)])


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Microseconds of each round, after one warm-up."""
    work()
    values = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        values.append((time.perf_counter() - start) * 1e6)
    return values


def resident(unit: str) -> float:
    """MiB."""
    shown = subprocess.run(["systemctl", "show", "-P", "MainPID", unit], text=True, check=True,
                           stdout=subprocess.PIPE)  # fmt: skip
    words = Path(f"/proc/{shown.stdout.strip()}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) / 1024


def cpu_of(argv: Sequence[str], rounds: int) -> list[float]:
    """Milliseconds of CPU time (user and system) of whole processes."""
    values = []
    for _ in range(rounds + 1):
        result = subprocess.run(
            ["/usr/bin/python3", "-ISc", _CHILD, *argv], check=True, capture_output=True, text=True
        )
        values.append(float(result.stdout))
    return values[1:]


_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print((used.ru_utime + used.ru_stime) * 1000)
"""


def main() -> int:
    here = Path(__file__).parent
    names = sorted(p.stem for p in here.glob("*.py") if p.stem != "bench")
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("name", choices=names)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--commands", type=int, help="exec: between two looks at its memory")
    arguments = parser.parse_args()
    module = importlib.import_module(arguments.name)
    if arguments.commands:
        module.COMMANDS = arguments.commands  # type: ignore[attr-defined]
    for figure in module.figures():
        if arguments.json:
            print(json.dumps(asdict(figure)), flush=True)
        else:
            print(f"{figure.value:12.3f} {figure.unit:6} {figure.name}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
