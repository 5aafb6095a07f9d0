"""What starting the client costs, beside a bare interpreter."""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import Figure, cpu_of

SERVICES = Path(__file__).parents[2] / "services"
PYTHON = "/usr/bin/python3"
ROUNDS = 15


def figures() -> Iterator[Figure]:
    start = f"import sys; sys.path.insert(0, {str(SERVICES)!r}); "
    version = start + "from aios.client.__main__ import main; sys.exit(main(['--version']))"
    bare = cpu_of([PYTHON, "-IS", "-c", "pass"], ROUNDS)
    ours = cpu_of([PYTHON, "-IS", "-c", version], ROUNDS)
    bus = cpu_of([sys.executable, "-c", "import dbus_next.aio"], ROUNDS)
    yield Figure("aios --version, CPU, median", statistics.median(ours), "ms")
    yield Figure("python3 -IS -c pass, CPU, median", statistics.median(bare), "ms")
    yield Figure("python3 -c 'import dbus_next.aio', CPU, median", statistics.median(bus), "ms")
    yield Figure(
        "aios --version / bare interpreter", statistics.median(ours) / statistics.median(bare), "x"
    )
