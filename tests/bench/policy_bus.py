"""What a decision costs its callers: Policy1.Check over the system bus and over the Varlink socket,
in a sandbox of its own; each connection is kept. Beside it, what the bus itself takes to answer.
"""

import json
from collections.abc import Iterator

from bench import Figure, sandboxed, source, spread, timed
from policy import LINE

ROUNDS = 300
# Runs in the sandbox, as root: microseconds of each round, as JSON.
MEASURE = (
    source(timed)
    + """
import json, sys
sys.path.insert(0, "/usr/lib/aios/client")
from aios.client.varlink import Connection
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

rounds, line = int(sys.argv[1]), sys.argv[2]

policy = DBusAddress("/org/aios/Policy1", "org.aios.Policy1", "org.aios.Policy1")
peer = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
bus = open_dbus_connection("SYSTEM")
socket = Connection("/run/aios/policy.sock")

def over_bus():
    reply = bus.send_and_get_reply(new_method_call(policy, "Check", "ss", (line, "aios")))
    assert reply.body[0] == "auto_allow", reply.body

def over_socket():
    reply = socket.call("org.aios.Policy1.Check", {"command": line, "machine": "aios"})
    assert reply["decision"] == "auto_allow", reply

def bus_alone():
    assert bus.send_and_get_reply(new_method_call(peer, "GetId")).body

print(json.dumps({
    "Check over D-Bus": timed(over_bus, rounds),
    "Check over Varlink": timed(over_socket, rounds),
    "D-Bus alone (GetId)": timed(bus_alone, rounds),
}))
"""
)


def figures() -> Iterator[Figure]:
    with sandboxed("bench") as sandbox:
        measured = json.loads(sandbox.python(MEASURE, str(ROUNDS), LINE))
    for name, values in measured.items():
        yield from spread(name, values, "us")
