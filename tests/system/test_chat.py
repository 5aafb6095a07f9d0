"""Conversations: the offline brain, the anthropic brain against a server on the loopback, and both
when something is killed."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from governed import kill, units, until
from sandbox import PYTHON, Sandbox

pytestmark = pytest.mark.system

LOOPBACK = Path(__file__).parents[1] / "loopback"
KEY = "none"
"""What is sent where no credential is set."""

# One session, one prompt a line of standard input; one JSON object a line for each event and
# status. Approves with `busctl`, as the person, what asks for it when argv says so.
ASK = """
import json, subprocess, sys, threading
from aios.client.varlink import Connection

approve = "approve" in sys.argv
lock = threading.Lock()

def tell(message):
    with lock:
        print(json.dumps(message), flush=True)

chat, policy = "/run/aios/chat.sock", "/run/aios/policy.sock"
with Connection(chat) as peer:
    parameters = {"machine": "aios", "options": json.loads(sys.argv[1])}
    session = peer.call("org.aios.Chat1.Open", parameters)["session"]
tell({"session": session})

def attend(replies):
    for reply in replies:
        request = reply.parameters.get("request")
        if request:
            tell({"request": request})
            if approve:
                subprocess.run(["busctl", "call", "org.aios.Policy1", "/org/aios/Policy1",
                                "org.aios.Policy1", "Approve", "sa{sv}", request["id"], "0"])

for line in sys.stdin:
    with Connection(policy) as lent, Connection(chat) as peer:
        replies = lent.stream("org.aios.Policy1.Delegate", {"session": session, "machine": "aios"})
        delegation = next(replies).parameters["delegation"]
        threading.Thread(target=attend, args=[replies], daemon=True).start()
        parameters = {"object": session, "prompt": line.rstrip("\\n"),
                      "options": {"delegation": delegation}}
        try:
            for reply in peer.stream("org.aios.Chat1.Session.Ask", parameters):
                tell(reply.parameters)
        except Exception as error:
            tell({"failed": str(error)})
"""


class Conversation:
    """A person's client, driven a prompt at a time."""

    def __init__(self, sandbox: Sandbox, *, approve: bool = False, **options: Any) -> None:
        """options: Open's."""
        arguments = [json.dumps(options), *(["approve"] if approve else [])]
        self._process = sandbox.popen([PYTHON, "-I", "-c", ASK, *arguments], user="me")
        self.session = str(self.read()["session"])
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr
            pytest.fail(self._process.stderr.read())
        return dict(json.loads(line))

    def say(self, prompt: str) -> None:
        assert self._process.stdin
        self.events = []
        self._process.stdin.write(prompt + "\n")
        self._process.stdin.flush()

    def until(self, *keys: str) -> dict[str, Any]:
        """The next message with one of these keys, or an event of one of these kinds."""
        while True:
            message = self.read()
            self.events.append(message)
            if message.get("kind") in keys or not message.keys().isdisjoint(keys):
                return message

    def ask(self, prompt: str) -> str:
        """The prompt's status."""
        self.say(prompt)
        return str(self.until("status", "failed").get("status", "failed"))

    def seen(self, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event.get("kind") == kind]

    def printed(self, stream: str = "stdout") -> str:
        return "".join(data["text"] for data in self.seen("output") if data["stream"] == stream)

    @property
    def text(self) -> str:
        return "".join(data["text"] for data in self.seen("text"))


@pytest.fixture
def model(sandbox: Sandbox) -> Iterator[Any]:
    """Starts the model server in the sandbox with a script, and points the chat at it."""
    sandbox.run(["mkdir", "-p", "/run/loopback/loopback", "/etc/aios/config.d"])
    for file in LOOPBACK.glob("*.py"):
        sandbox.run(["tee", f"/run/loopback/loopback/{file.name}"], input=file.read_text())
    servers: dict[str, subprocess.Popen[str]] = {}
    """By their pid in the sandbox."""

    def start(*script: dict[str, Any]) -> None:
        sandbox.run(["tee", "/run/loopback/script.json"], input=json.dumps(script))
        command = (
            "cd /run/loopback && echo $$ && exec python3 -m loopback --script script.json"
            f" --key {KEY} --model scripted --log requests.json"
        )
        server = sandbox.popen(["sh", "-c", command])
        assert server.stdout
        servers[server.stdout.readline().strip()] = server
        url = server.stdout.readline().strip()
        settings = f'[chat]\nbase_url = "{url}"\nmodel = "scripted"\nready_seconds = 0\n'
        sandbox.run(["tee", "/etc/aios/config.d/90-loopback.toml"], input=settings)

    yield start
    sandbox.run(["rm", "-rf", "/etc/aios/config.d/90-loopback.toml", "/run/loopback"])
    for pid, server in servers.items():
        sandbox.run(["kill", pid])
        server.communicate(timeout=30)


def run(command: str, **more: str) -> dict[str, Any]:
    return {"name": "run", "input": {"command": command, "why": "as asked", **more}}


def requests(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What the model server was sent."""
    lines = sandbox.run(["cat", "/run/loopback/requests.json"]).stdout.splitlines()
    return [json.loads(line) for line in lines]


def installed(sandbox: Sandbox, name: str) -> bool:
    status = sandbox.machine(["dpkg-query", "-W", "-f=${db:Status-Abbrev}", name], check=False)
    return status.stdout.startswith("ii")


# Offline


def test_transcript_through_a_pipe(sandbox: Sandbox) -> None:
    said = sandbox.run(
        ["aios"], user="me", input="show disk usage of /var\nwhat did I just run?\n"
    ).stdout
    assert "/var" in said
    assert "You just ran `du " in said


def test_install_remove_and_history(sandbox: Sandbox) -> None:
    sandbox.machine(["apt-get", "-y", "purge", "tree"], check=False)
    with Conversation(sandbox, approve=True) as me:
        assert me.ask("install tree") == "ok"
        assert me.seen("notice")[0]["text"] == "offline: rules, no model"
        assert me.seen("finished")[-1]["decision"] == "notify"
        assert installed(sandbox, "tree")
        assert me.ask("what did I install today?") == "ok"
        assert "tree" in me.text
        assert me.ask("remove tree") == "ok"
        assert [event["request"]["command"] for event in me.events if "request" in event]
        assert not installed(sandbox, "tree")
        assert me.ask("what did I remove today?") == "ok"
        assert "tree" in me.text


def test_vague_and_dangerous(sandbox: Sandbox) -> None:
    with Conversation(sandbox) as me:
        assert me.ask("delete everything") == "abstained"
        assert me.text
        assert me.seen("command") == []
        assert me.ask("install no-such-package-at-all") == "abstained"
        assert "no-such-package-at-all" in me.text
        assert me.ask("!rm -rf /") == "denied"
        assert me.seen("refused")[0]["name"] == "org.aios.Error.Denied"
        assert me.ask("!echo still here") == "ok"
        assert me.seen("output")[0]["text"] == "still here\n"
    assert sandbox.machine(["test", "-e", "/usr/bin/bash"]).returncode == 0


def test_units_are_grounded(sandbox: Sandbox) -> None:
    with Conversation(sandbox) as me:
        assert me.ask("is systemd-journald running?") in ("ok", "failed")
        assert "systemd-journald" in me.seen("command")[0]["command"]
        assert me.ask("restart no-such-unit") == "abstained"
        assert me.seen("command") == []


def test_for_scripts_on_the_bus(sandbox: Sandbox) -> None:
    said = sandbox.python(
        """
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection("SYSTEM")

def call(service, member, signature, *arguments):
    address = DBusAddress(f"/org/aios/{service}", f"org.aios.{service}", f"org.aios.{service}")
    return bus.send_and_get_reply(
        new_method_call(address, member, signature, arguments), timeout=60).body[0]

print(call("Chat1", "Ask", "ss", "aios", "!echo before"))
call("Policy1", "Delegate", "ss", "a-script", "aios")
print(call("Chat1", "Ask", "ss", "aios", "!echo after"))
""",
        user="me",
    )
    before, after = said.strip().split("\n")[0], said.strip().split("\n")[-1]
    assert "delegation" in before
    assert after == "after"


# A model


def test_a_model_installs_in_several_steps(sandbox: Sandbox, model: Any) -> None:
    sandbox.machine(["apt-get", "-y", "purge", "tree"], check=False)
    model(
        {"text": "Größe, 見る first.", "tools": [run("apt-cache policy tree")]},
        {"tools": [run("apt-get install -y tree"), run("tree --version")]},
        {"text": "tree ✓ is installed."},
    )
    with Conversation(sandbox, approve=True) as me:
        assert me.ask("give me the tree command") == "ok"
        assert me.text == "Größe, 見る first.tree ✓ is installed."
        assert [data["exit_status"] for data in me.seen("finished")] == [0, 0, 0]
    assert installed(sandbox, "tree")
    first, _second, third = requests(sandbox)
    assert "Debian GNU/Linux" in first["system"][0]["text"]
    assert "tree v" in str(third["messages"][-1]["content"])


def test_a_model_is_refused_and_does_otherwise(sandbox: Sandbox, model: Any) -> None:
    model(
        {"tools": [run("rm -rf /var/log /")]},
        {"text": "Then only a look.", "tools": [run("du -sh /var/log")]},
        {"text": "I left it."},
    )
    with Conversation(sandbox) as me:
        assert me.ask("clean up the logs") == "ok"
        assert me.seen("refused")[0]["command"] == "rm -rf /var/log /"
        assert me.seen("finished")[0]["exit_status"] == 0
    (result,) = requests(sandbox)[1]["messages"][-1]["content"]
    assert result["is_error"]
    assert "Denied" in result["content"]
    sandbox.machine(["test", "-d", "/var/log"])


def test_a_model_asks_the_history(sandbox: Sandbox, model: Any) -> None:
    with Conversation(sandbox) as me:
        assert me.ask("!echo a-mark-for-history") == "ok"
    model(
        {"tools": [{"name": "history", "input": {"text": "a-mark-for-history"}}]},
        {"text": "You ran: $RESULT"},
    )
    with Conversation(sandbox) as me:
        assert me.ask("what did I run?") == "ok"
        assert '"command": "echo a-mark-for-history"' in me.text


def test_a_stream_that_breaks_off(sandbox: Sandbox, model: Any) -> None:
    model({"text": "Half of what I wan", "cut": 300}, {"text": "Now whole."})
    with Conversation(sandbox) as me:
        assert me.ask("hello") == "failed"
        assert me.seen("error")[0]["name"] == "org.aios.Error.ModelUnavailable"
        assert me.ask("hello again") == "ok"
        assert me.text == "Now whole."


def test_a_killed_chat_costs_the_prompt_and_not_the_session(sandbox: Sandbox, model: Any) -> None:
    model({"tools": [run("sleep 300; true")]}, {"text": "Here again."})
    with Conversation(sandbox, approve=True) as me:
        me.say("wait a little")
        me.until("command")
        kill(sandbox, "aios-chat")
        me.until("failed")
        assert me.ask("are you there?") == "ok"
        assert me.text == "Here again."
    _first, last = requests(sandbox)
    assert [message["role"] for message in last["messages"]] == ["user", "assistant", "user"]
    result, words, _context = last["messages"][-1]["content"]
    assert result["is_error"]
    assert words["text"] == "are you there?"
    until(lambda: units(sandbox) == "")
