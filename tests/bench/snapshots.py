"""A snapshot of a machine, its check and its restore, beside `machinectl clone` and `cp -a` of that
tree, in a sandbox of its own: as files on the sandbox's disk, and as a subvolume on a btrfs of some
GiB. The rounds of all are interleaved: who else uses the computer disturbs each as much. Our times
include the memory's backup and that all is on disk (syncfs); theirs do not.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from small_disk import small_disk

from bench import Figure

ROUNDS = 3
MACHINES = "/var/lib/machines"

# Runs in the sandbox, as root, and prints JSON. Times are seconds.
SCRIPT = """
import json, os, subprocess, sys, time
machines, rounds, subvolume = "/var/lib/machines", int(sys.argv[1]), sys.argv[2] == "subvolume"

def run(*argv):
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout

def aios(*argv):
    return json.loads(run("aios", "machine", *argv, "--json"))

peers = {
    "aios machine snapshot": lambda: aios("snapshot", "bench"),
    "aios machine snapshots --verify": lambda: aios("snapshots", "bench", "--verify", ""),
    "aios machine restore": lambda: aios("restore", "bench", "--yes", "--discard"),
    "machinectl clone": lambda: run("machinectl", "clone", "bench", "bench-clone"),
    "cp -a --reflink=auto": lambda: run("cp", "-a", "--reflink=auto", f"{machines}/bench",
                                        f"{machines}/bench-copy"),
}
times = {name: [] for name in peers}
for round_ in range(rounds + 1):
    for name, work in peers.items():
        os.sync()
        begin = time.perf_counter()
        work()
        if round_:
            times[name].append(time.perf_counter() - begin)
    run("machinectl", "remove", "bench-clone")
    run("rm", "-rf", f"{machines}/bench-copy")
    aios("snapshots", "bench", "--keep", "0", "--yes")
print(json.dumps(times))
"""
SUBVOLUME = """
import sys
from pathlib import Path
from aios.snapshots import btrfs
btrfs.create(Path(sys.argv[1]))
"""
COPY = f"""
for tree in /run/host/aios-cache/trees/machine-*-*/; do
    cp -a "$tree." {MACHINES}/bench
    break
done
"""


def figures() -> Iterator[Figure]:
    sandbox = Sandbox("bench-snapshots")
    sandbox.install("--", "true")
    try:
        sandbox.sh(f"mkdir -p {MACHINES}/bench; {COPY}")
        yield from _figures(sandbox, "files")
        sandbox.sh(f"rm -rf {MACHINES}/bench")
        with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
            image = Path(directory, "disk")
            sandbox.run(["systemctl", "stop", "aios-machine.service"])
            with small_disk(sandbox, image, "btrfs", 3072, MACHINES):
                sandbox.python(SUBVOLUME, f"{MACHINES}/bench")
                sandbox.sh(COPY)
                yield from _figures(sandbox, "subvolume")
                sandbox.run(["systemctl", "stop", "aios-machine.service"])
    finally:
        sandbox.install("--down")


def _figures(sandbox: Sandbox, what: str) -> Iterator[Figure]:
    said = sandbox.run(
        ["/usr/lib/aios/venv/bin/python3", "-I", "-", str(ROUNDS), what], input=SCRIPT, timeout=3600
    )
    times: dict[str, Any] = json.loads(said.stdout)
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        yield Figure(f"{what}: {name}, median", value, "s")
    clone = median["machinectl clone"]
    for name in ("aios machine snapshot", "aios machine restore"):
        yield Figure(f"{what}: {name} / machinectl clone", median[name] / clone, "x")
    print(f"{what}: {ROUNDS} rounds", file=sys.stderr)
