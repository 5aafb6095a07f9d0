"""People, services and exec as a script plays them, at aios-policy's doors."""

import json
from textwrap import dedent
from typing import Any

from sandbox import Sandbox

# A root script that is anybody: who connects is whose effective uid connects.
PEOPLE = """
import contextlib, json, os, pwd, socket, subprocess, sys, time
from jeepney import DBusAddress, MatchRule, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
from aios.ids import new_id

POLICY = DBusAddress("/org/aios/Policy1", "org.aios.Policy1", "org.aios.Policy1")

@contextlib.contextmanager
def acting_as(user):
    entry = pwd.getpwnam(user)
    # The bus asks the kernel for the groups as well.
    os.initgroups(user, entry.pw_gid)
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])

class Peer:
    def __init__(self, user="root", path="/run/aios/policy.sock"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        with acting_as(user):
            self.socket.connect(path)
        self.buffer = b""

    def send(self, method, more=False, **parameters):
        call = {"method": "org.aios.Policy1." + method, "parameters": parameters, "more": more}
        self.socket.sendall(json.dumps(call).encode() + b"\\0")

    def receive(self):
        while b"\\0" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                return {"closed": True}
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b"\\0")
        answer = json.loads(message)
        if "error" in answer:
            return {"error": answer["error"].rpartition(".")[2], **answer["parameters"]}
        return answer["parameters"]

    def call(self, method, **parameters):
        self.send(method, **parameters)
        return self.receive()

    def delegate(self, session="S", machine="aios"):
        self.send("Delegate", more=True, session=session, machine=machine)
        answer = self.receive()
        return answer.get("delegation", answer)

def uid(user):
    return pwd.getpwnam(user).pw_uid

def authorize(command, user="me", machine="aios", id=None, **context):
    context = {"id": id or new_id(), "uid": uid(user), "cwd": "/", **context}
    return Peer().call("Authorize", command=command, machine=machine, context=context)

def redeem(id):
    return Peer().call("Redeem", id=id)

def busctl(user, *arguments):
    # The bus as this user; polkit looks at the process, so it has to be one.
    done = subprocess.run(
        ["setpriv", f"--reuid={uid(user)}", f"--regid={pwd.getpwnam(user).pw_gid}",
         "--init-groups", "busctl", "--timeout=60", "call",
         "org.aios.Policy1", "/org/aios/Policy1", "org.aios.Policy1", *arguments],
        capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()

def bus_of(user):
    with acting_as(user):
        return open_dbus_connection("SYSTEM")

def bus_call(bus, method, signature="", *values):
    reply = bus.send_and_get_reply(new_method_call(POLICY, method, signature, values))
    return reply.body

def owner():
    asked = ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
             "org.freedesktop.DBus", "GetNameOwner", "s", "org.aios.Policy1"]
    return subprocess.run(asked, capture_output=True, text=True).stdout

def kill():
    # The bus learns of a death a moment later: what it sends to the dead until then is lost.
    before = owner()
    subprocess.run(["systemctl", "kill", "--signal=KILL", "aios-policy.service"], check=True)
    while before and owner() == before:
        pass

def show(**values):
    print(json.dumps(values))
"""


def play(sandbox: Sandbox, script: str, *argv: str) -> dict[str, Any]:
    """What the script shows."""
    shown: dict[str, Any] = json.loads(sandbox.python(PEOPLE + dedent(script), *argv))
    return shown
