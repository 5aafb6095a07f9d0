"""What is done with whole machines, beside machinectl and podman with the same tree, in a sandbox
of its own. The rounds of all are interleaved, in another order each time. Our times include that
all is on disk (syncfs), and for a snapshot the memory's backup; theirs do not.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from bench import Figure, medians, podman, ratios, sandboxed

ROUNDS = 4

# Runs in the sandbox, as root, and prints JSON. Times are seconds.
SCRIPT = """
import json, os, random, subprocess, sys, time
machines = "/var/lib/machines"

def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE)

def aios(*argv):
    run("aios", "machine", *argv)

def boot():
    aios("start", "bench")
    run("aios", "exec", "-m", "bench", "--", "true")

def podman():
    run("podman", "--runtime", "runc", "run", "--rm", "--network=none", "--pids-limit=-1",
        "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000",
        "--rootfs", f"{machines}/bench:O", "true")

aios("create", "bench")
peers = {
    "aios machine create": lambda: aios("create", "bench-new"),
    "aios machine clone": lambda: aios("clone", "bench", "bench-twin"),
    "machinectl clone": lambda: run("machinectl", "clone", "bench", "bench-clone"),
    "cp -a": lambda: run("cp", "-a", f"{machines}/bench", f"{machines}/.bench-copy"),
    "aios machine snapshot": lambda: aios("snapshot", "bench"),
    "aios machine restore": lambda: aios("restore", "bench", "--yes", "--discard"),
    "start to the first command": boot,
}
if sys.argv[2] == "podman":
    peers["podman run"] = podman
aios("snapshot", "bench")
times = {name: [] for name in peers}
for round_ in range(int(sys.argv[1]) + 1):
    for name, work in random.sample(list(peers.items()), len(peers)):
        os.sync()
        begin = time.perf_counter()
        work()
        if round_:
            times[name].append(time.perf_counter() - begin)
        if work is boot:
            aios("stop", "bench")
    for name in ("bench-new", "bench-twin"):
        aios("remove", name, "--yes")
    run("machinectl", "remove", "bench-clone")
    run("rm", "-rf", f"{machines}/.bench-copy")
    aios("snapshots", "bench", "--keep", "1", "--yes")
print(json.dumps(times))
"""


def figures() -> Iterator[Figure]:
    with sandboxed("bench-machines") as sandbox:
        peer = "podman" if podman(sandbox) else ""
        said = sandbox.run(["/usr/bin/python3", "-I", "-", str(ROUNDS), peer], input=SCRIPT,
                           timeout=3600)  # fmt: skip
        yield from _figures(json.loads(said.stdout))


def _figures(times: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    median = medians(times)
    for name, value in median.items():
        yield Figure(f"{name}, median", value, "s")
    yield from ratios(
        median,
        ("aios machine create", "cp -a"),
        ("aios machine clone", "machinectl clone"),
        ("aios machine snapshot", "machinectl clone"),
        ("aios machine restore", "machinectl clone"),
        ("start to the first command", "podman run"),
    )
