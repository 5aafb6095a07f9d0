"""What a write into the memory costs, with 1, 4 and 16 clients at once, each a process: over the
socket, over the system bus, and beside them as many processes that write a database of the same
schema themselves (SQLite's own locks, one transaction and one fsync for each write). In a sandbox
of its own; every write is a new text.
"""

import json
from collections.abc import Iterator

from sandbox import PYTHON

from bench import Figure, sandboxed

CLIENTS = (1, 4, 16)
WRITES = 640
"""Of all clients together."""
# Runs in the sandbox, as root: [name, clients, seconds of all, seconds of each write] a line.
MEASURE = """
import json, multiprocessing, os, sys, time
sys.path.insert(0, "/usr/lib/aios/client")
from pathlib import Path

def over_socket():
    from aios.client.varlink import Connection
    connection = Connection("/run/aios/memory.sock")
    return lambda text: connection.call("org.aios.Memory1.Create", {"content": text, "options": {}})

def over_bus():
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection
    memory = DBusAddress("/org/aios/Memory1", "org.aios.Memory1", "org.aios.Memory1")
    bus = open_dbus_connection("SYSTEM")
    def write(text):
        reply = bus.send_and_get_reply(new_method_call(memory, "Create", "sa{sv}", (text, {})))
        assert reply.header.message_type == MessageType.method_return, reply.body
    return write

def direct():
    from aios.memory import memories, schema
    schema.BUSY_SECONDS = 300
    db = schema.connect(DATABASE)
    draft = memories.Draft.of
    return lambda text: memories.create(db, memories.new_id(), draft(text))

DATABASE = Path(sys.argv[2]) / "direct.db"
WAYS = {"socket": over_socket, "bus": over_bus, "SQLite": direct}

def client(way, mark, count, ready, go, answers):
    write = WAYS[way]()
    write(f"warm-up {mark}")
    ready.release()
    go.wait()
    taken = []
    for number in range(count):
        start = time.perf_counter()
        write(f"a note of {mark}, the number {number}, to be remembered for a while")
        taken.append(time.perf_counter() - start)
    answers.put(taken)

for way in WAYS:
    for clients in map(int, sys.argv[3:]):
        ready, go = multiprocessing.Semaphore(0), multiprocessing.Event()
        answers = multiprocessing.Queue()
        count = int(sys.argv[1]) // clients
        started = [
            multiprocessing.Process(target=client, args=(
                way, f"{way} {clients} {number} {time.time_ns()}", count, ready, go, answers))
            for number in range(clients)
        ]
        for process in started:
            process.start()
        for _ in started:
            ready.acquire()
        start = time.perf_counter()
        go.set()
        taken = [one for _ in started for one in answers.get()]
        print(json.dumps([way, clients, time.perf_counter() - start, taken]), flush=True)
        for process in started:
            process.join()
"""


def figures() -> Iterator[Figure]:
    with sandboxed("bench") as sandbox:
        sandbox.sh("rm -rf /var/lib/aios/bench; mkdir /var/lib/aios/bench")
        output = sandbox.run(
            [PYTHON, "-I", "-", str(WRITES), "/var/lib/aios/bench", *map(str, CLIENTS)],
            input=MEASURE,
            timeout=600,
        )
        for line in output.stdout.splitlines():
            way, clients, seconds, taken = json.loads(line)
            name = f"{way}, {clients} at once"
            taken.sort()
            yield Figure(f"{name}: writes", len(taken) / seconds, "1/s")
            yield Figure(f"{name}: median", taken[len(taken) // 2] * 1000, "ms")
            yield Figure(f"{name}: worst", taken[-1] * 1000, "ms")
        sandbox.run(["rm", "-r", "/var/lib/aios/bench"])
