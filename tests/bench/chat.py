"""What chat adds to a model: from Enter to the first thing shown and to the end, with a model on
the loopback that answers at once; memory of the service and of a client; many sessions at once. In
a sandbox of its own.

The model server's own time, measured beside, is part of each figure but "our part".
"""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox import Sandbox

from bench import Figure, resident, sandboxed, source, spread

ROUNDS = 60
AT_ONCE = 50
PROMPTS = 2
"""Of each of those sessions."""
LOOPBACK = Path(__file__).parents[1] / "loopback"

# Each runs in the sandbox and prints JSON. Times are milliseconds.
COMMON = (
    source(resident)
    + """
import json, pathlib, sys, threading
from http.client import HTTPConnection
sys.path[:0] = ["/usr/lib/aios/client", "/run/bench"]
from aios.client.varlink import Connection
from loopback import Loopback

chat, policy = "/run/aios/chat.sock", "/run/aios/policy.sock"

def opened():
    with Connection(chat) as peer:
        return peer.call("org.aios.Chat1.Open", {"machine": "aios", "options": {}})["session"]

def ask(session, prompt):
    # As a client does: (until the first of the answer, until its end).
    begin = time.perf_counter()
    with Connection(policy) as lent, Connection(chat) as peer:
        replies = lent.stream("org.aios.Policy1.Delegate", {"session": session, "machine": "aios"})
        delegation = next(replies).parameters["delegation"]
        parameters = {"object": session, "prompt": prompt, "options": {"delegation": delegation}}
        first = 0
        for reply in peer.stream("org.aios.Chat1.Session.Ask", parameters):
            if not first and reply.parameters.get("kind") in ("text", "command"):
                first = time.perf_counter()
        assert reply.parameters["status"] == "ok", reply.parameters
        return (first - begin) * 1000, (time.perf_counter() - begin) * 1000

def bare(url, rounds):
    # The model server alone: one connection, until its first event, and until its end.
    body = json.dumps({"model": "bench", "max_tokens": 9, "stream": True,
                       "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"x-api-key": "none", "anthropic-version": "2023-06-01",
               "content-type": "application/json"}
    peer, found = HTTPConnection(url.removeprefix("http://")), []
    for _ in range(rounds):
        begin = time.perf_counter()
        peer.request("POST", "/v1/messages", body, headers)
        answer = peer.getresponse()
        answer.read(1)
        first = time.perf_counter()
        answer.read()
        found.append(((first - begin) * 1000, (time.perf_counter() - begin) * 1000))
    return found

script = [{"text": "Yes, it is."}] * 100000
server = Loopback(script, key="none", model="bench")
threading.Thread(target=server.serve_forever, daemon=True).start()
settings = '[chat]\\nbase_url = "' + server.url + '"\\nmodel = "bench"\\n'
pathlib.Path("/etc/aios/config.d").mkdir(exist_ok=True)
config = pathlib.Path("/etc/aios/config.d/90-bench.toml")
config.write_text(settings)
try:
    exec(sys.argv[1])
finally:
    config.unlink()
"""
)

TURNS = """
rounds = int(sys.argv[2])
session = opened()
for _ in range(3):
    ask(session, "is it there?")
found = {"words": [], "command": []}
alone = bare(server.url, rounds)
for round_ in range(rounds):
    if round_ % 10 == 0:
        session = opened()
    found["words"].append(ask(session, "is it there?"))
    server.script.insert(0, {"tools": [{"name": "run", "input": {"command": "true", "why": "x"}}]})
    found["command"].append(ask(session, "look"))
offline = []
config.write_text('[chat]\\nbrain = "offline"\\n')
for _ in range(10):
    offline.append(ask(session, "!true"))
print(json.dumps([found, alone, offline, resident("aios-chat.service")]))
"""

TOGETHER = """
count, prompts = int(sys.argv[2]), int(sys.argv[3])
sessions = [opened() for _ in range(count)]
ask(sessions[0], "hello")
before = resident("aios-chat.service")
times, failed = [], []

def hold(session):
    for _ in range(prompts):
        try:
            times.append(ask(session, "is it there?"))
        except Exception as error:
            failed.append(repr(error))

threads = [threading.Thread(target=hold, args=[session]) for session in sessions]
begin = time.perf_counter()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
took = time.perf_counter() - begin
print(json.dumps([times, failed, took, before, resident("aios-chat.service")]))
"""

FIRST = """
found = []
for _ in range(5):
    subprocess.run(["systemctl", "stop", "aios-chat.service"], check=True)
    begin = time.perf_counter()
    session = opened()
    ready = time.perf_counter()
    found.append(((ready - begin) * 1000, ask(session, "hello")[0]))
print(json.dumps(found))
"""


def figures() -> Iterator[Figure]:
    with sandboxed("bench-chat", "--fresh", end="--purge") as sandbox:
        sandbox.run(["mkdir", "-p", "/run/bench/loopback"])
        for file in LOOPBACK.glob("*.py"):
            sandbox.run(["tee", f"/run/bench/loopback/{file.name}"], input=file.read_text())

        def ask(what: str, *arguments: object) -> Any:
            argv = ["/usr/bin/python3", "-I", "-c", COMMON, what, *map(str, arguments)]
            return json.loads(sandbox.run(argv, timeout=600).stdout)

        yield from _turns(*ask(TURNS, ROUNDS))
        yield from _together(*ask(TOGETHER, AT_ONCE, PROMPTS))
        yield from _first(ask(FIRST))
        yield from _client(sandbox)


def _turns(
    found: Mapping[str, Sequence[tuple[float, float]]],
    alone: Sequence[tuple[float, float]],
    offline: Sequence[tuple[float, float]],
    resident: float,
) -> Iterator[Figure]:
    bare = statistics.median(first for first, _end in alone)
    yield Figure("the model server alone, first byte, median", bare, "ms")
    words = [first for first, _end in found["words"]]
    yield from spread("Enter to the first word", words, "ms")
    yield Figure("our part of it, median", statistics.median(words) - bare, "ms")
    yield from spread("a prompt with one command, whole", [e for _f, e in found["command"]], "ms")
    yield from spread("`!true`, whole", [end for _first, end in offline], "ms")
    yield Figure("aios-chat with a model's SDK, resident", resident, "MiB")


def _together(
    times: Sequence[tuple[float, float]],
    failed: Sequence[str],
    took: float,
    before: float,
    after: float,
) -> Iterator[Figure]:
    name = f"{AT_ONCE} sessions at once"
    yield Figure(f"{name}: prompts that failed", len(failed), "")
    yield Figure(f"{name}: prompts", len(times) / took, "/s")
    yield from spread(f"{name}: Enter to the first word", [first for first, _ in times], "ms")
    yield Figure(f"{name}: aios-chat grows by", after - before, "MiB")


def _first(found: Sequence[tuple[float, float]]) -> Iterator[Figure]:
    opened, first = zip(*found, strict=True)
    yield Figure("the service was not running: Open, median", statistics.median(opened), "ms")
    yield Figure("and then the first word, median", statistics.median(first), "ms")


def _client(sandbox: Sandbox) -> Iterator[Figure]:
    child = "import resource, subprocess; subprocess.run(['aios', '!true'], capture_output=True);"
    child += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    said = sandbox.run(["/usr/bin/python3", "-I", "-c", child], user="me").stdout
    yield Figure("`aios PROMPT`, resident at most", int(said) / 1024, "MiB")
