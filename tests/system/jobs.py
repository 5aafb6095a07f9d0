"""Jobs of exec, through its socket: a client that runs in the sandbox and does what a test says.

A script has `call(method, **parameters)`, which answers (parameters, descriptors), `read_all(fd)`,
`start(command, **options)`, which answers (id, stdin, stdout, stderr), `wait(job)`, `cancel(job)`…
"""

import json
import subprocess
from typing import Any

from sandbox import PYTHON, Sandbox

CLIENT = """
import array, json, os, socket, sys, time

MACHINE = "aios"

class Failed(Exception):
    pass

class Peer:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"/run/aios/exec/{MACHINE}.sock")

    def call(self, method, **parameters):
        message = {"method": "org.aios." + method, "parameters": parameters}
        self.socket.sendall(json.dumps(message).encode() + b"\\0")
        data, descriptors = b"", array.array("i")
        while not data.endswith(b"\\0"):
            part, controls, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(64))
            if not part:
                raise ConnectionResetError("the service went away")
            data += part
            for _, _, control in controls:
                descriptors.frombytes(control)
        answer = json.loads(data[:-1])
        if "error" in answer:
            name = answer["error"].rpartition(".")[2]
            raise Failed(name + ": " + str(answer["parameters"].get("message")))
        return answer["parameters"], list(descriptors)

    def start(self, command, **options):
        reply, fds = self.call("Exec1.Start", command=command, options=options)
        return reply["job"].rpartition("/")[2], *fds

    def attach(self, job):
        return self.call("Exec1.Attach", id=job)[1]

    def wait(self, job):
        return self.call("Exec1.Job.Wait", object=job)[0]

    def cancel(self, job):
        self.call("Exec1.Job.Cancel", object=job)

    def jobs(self):
        return {row["id"]: row for row in self.call("Exec1.ListJobs")[0]["jobs"]}

def read_all(fd):
    parts = []
    try:
        while part := os.read(fd, 1 << 20):
            parts.append(part)
    except OSError as error:  # a terminal that is hung up
        if error.errno != 5:
            raise
    return b"".join(parts)

def tell(value):
    print(json.dumps(value), flush=True)

def hear():
    return sys.stdin.readline()

peer = Peer()
call, start, attach, wait = peer.call, peer.start, peer.attach, peer.wait
cancel, jobs = peer.cancel, peer.jobs
"""


def act(sandbox: Sandbox, script: str, *, user: str = "me", machine: str = "aios") -> Any:
    """What the script tells last."""
    done = sandbox.run([PYTHON, "-I", "-c", _whole(script, machine)], user=user, timeout=60)
    return json.loads(done.stdout.splitlines()[-1])


def acting(
    sandbox: Sandbox, script: str, *, user: str = "me", machine: str = "aios"
) -> "subprocess.Popen[str]":
    """The same, left running: `told` reads what it tells."""
    return sandbox.popen([PYTHON, "-I", "-c", _whole(script, machine)], user=user)


def told(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, said = process.communicate(timeout=20)
        raise AssertionError(said)
    return json.loads(line)


def go_on(process: "subprocess.Popen[str]") -> None:
    """Lets its `hear` return."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _whole(script: str, machine: str) -> str:
    return CLIENT.replace('MACHINE = "aios"', f"MACHINE = {machine!r}") + script
