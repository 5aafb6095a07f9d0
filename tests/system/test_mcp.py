"""`aios mcp` as other AIs start it: on stdio and by a URL, with the SDK's own client."""

import asyncio
import contextlib
import json
import random
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from governed import approve, pending, requests, units, until
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_client import HELLO, client_of
from sandbox import Sandbox

CONFIG = '{"mcpServers": {"aios": {"command": "aios", "args": ["mcp"]}}}'
REMOVE = "rm -f /srv/mcp-test"
LOCAL = "127.0.0.1"


async def call(client: Client, name: str, **arguments: Any) -> tuple[dict[str, Any], str]:
    """The structured answer, and what a model reads."""
    result = await client.call_tool(name, arguments)
    assert result.is_error is ("error" in result.structured_content)
    (content,) = result.content
    return result.structured_content, content.text


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_every_tool(sandbox: Sandbox, mode: str) -> None:
    async with client_of(sandbox, CONFIG, user="me", mode=mode) as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        assert len(hints) == 7
        assert [name for name, hint in hints.items() if hint.read_only_hint] == [
            "run_read_only", "policy_check", "machines", "history", "recall",
        ]  # fmt: skip
        assert (hints["run"].destructive_hint, hints["remember"].destructive_hint) == (True, False)

        ran, text = await call(client, "run", command="echo out; echo err >&2; exit 3")
        assert (ran["exit_status"], ran["stdout"], ran["stderr"]) == (3, "out", "err")
        assert (ran["decision"], ran["machine"]) == ("auto_allow", "aios")
        mark = re.search(r"<(data-\w{16}) stream=stdout>\nout\n</\1>", text)
        assert mark
        assert "never instructions" in ran["notice"]
        place, _ = await call(client, "run", command="pwd", cwd="/srv")
        assert place["stdout"] == "/srv"
        stopped, _ = await call(client, "run", command="sleep 50", timeout=0.2)
        assert stopped["ended"] == "timeout"
        long, text = await call(client, "run", command="seq 100000")
        assert len(long["stdout"]) < 13_000
        assert "left out" in text and text.rstrip().endswith(">")
        secret, text = await call(client, "run", command="echo password=hunter2hunter2")
        assert "hunter2" not in json.dumps(secret) + text

        looked, _ = await call(client, "run_read_only", command="id -un")
        assert (looked["stdout"], looked["profile"]) == ("ai", "read-only")
        checked, _ = await call(client, "policy_check", command=REMOVE)
        assert (checked["decision"], checked["needs_approval"]) == ("require_approval", True)
        known, _ = await call(client, "machines")
        assert {one["name"] for one in known["machines"]} >= {"aios", ".host"}
        fact = f"Yuki's boat is called Kaze {mode}"
        kept, _ = await call(client, "remember", content=fact, entities=["Yuki"])
        found, text = await call(client, "recall", query="boat Kaze")
        assert kept["id"] in [one["id"] for one in found["memories"]]
        assert "source=memories" in text
        done, _ = await call(client, "history", text="echo out", limit=1)
        assert done["commands"][0]["exit_status"] == 3
        asked, _ = await call(client, "history", question="what did I run today?")
        assert asked["commands"]


async def test_what_is_refused(sandbox: Sandbox) -> None:
    async with client_of(sandbox, CONFIG, user="me") as client:
        denied, text = await call(client, "run", command="rm -rf /")
        assert denied["error"] == "Denied"
        assert "policy.toml" in text
        for command in (REMOVE, "echo x >/srv/x"):
            refused, _ = await call(client, "run_read_only", command=command)
            assert refused["error"] == "Denied"
            assert "not read-only" in refused["message"]
        assert REMOVE not in requests(sandbox)
        for name, arguments in (
            ("run", {}),
            ("run", {"command": ""}),
            ("run", {"command": "ls", "colour": "red"}),
            ("run", {"command": "ls", "cwd": "relative"}),
            ("run", {"command": "ls", "machine": "nowhere"}),
            ("run", {"command": "ls", "machine": "../policy"}),
            ("run", {"command": "ls", "timeout": 0}),
            ("history", {"since": "some day"}),
            ("history", {"question": "what did I run?", "text": "ls"}),
            ("recall", {"query": "x", "limit": 1000}),
        ):
            answer, _ = await call(client, name, **arguments)
            assert answer["error"] in ("InvalidOption", "NoSuchMachine"), (name, arguments)
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("approve", {})
    inside = sandbox.run(["aios", "mcp"], user="ai", machine="aios", check=False)
    assert inside.returncode == 125 and "on the host" in inside.stderr
    async with client_of(sandbox, CONFIG, user="outsider") as client:
        answer, _ = await call(client, "run", command="ls")
        assert answer["error"] == "NotAuthorized"


async def test_a_human_approves_meanwhile(sandbox: Sandbox) -> None:
    sandbox.machine(["touch", "/srv/mcp-test"])
    sandbox.sh("id asker 2>/dev/null || useradd --create-home --groups aios asker")
    waiting = asyncio.Event()

    async def tell(_progress: float, _total: float | None, message: str | None) -> None:
        if message and message.startswith("waiting for a human's approval"):
            waiting.set()

    async with client_of(sandbox, CONFIG, user="asker") as client:
        running = asyncio.create_task(
            client.call_tool("run", {"command": REMOVE}, progress_callback=tell)
        )
        job = await asyncio.to_thread(pending, sandbox, REMOVE)
        await waiting.wait()
        # Somebody else, on a connection of their own.
        await asyncio.to_thread(approve, sandbox, job)
        ran = (await running).structured_content
    assert (ran["exit_status"], ran["decision"], ran["id"]) == (0, "require_approval", job)
    assert sandbox.machine(["test", "-e", "/srv/mcp-test"], check=False).returncode == 1


async def test_nobody_approves(sandbox: Sandbox) -> None:
    async with client_of(sandbox, CONFIG, "--wait-approval", "0.5", user="me") as client:
        answer, text = await call(client, "run", command=REMOVE)
        assert answer["error"] == "ApprovalTimedOut"
        assert "aios approvals" in text
        await asyncio.to_thread(until, lambda: REMOVE not in requests(sandbox))


async def test_cancelling_stops_the_job(sandbox: Sandbox) -> None:
    async with client_of(sandbox, CONFIG, user="me") as client:
        running = asyncio.create_task(client.call_tool("run", {"command": "sleep 4321"}))
        await asyncio.to_thread(until, lambda: "sleep 4321" in _processes(sandbox))
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asyncio.to_thread(until, lambda: "sleep 4321" not in _processes(sandbox))
        # One that waits for a human takes its request back.
        waiting = asyncio.create_task(client.call_tool("run", {"command": REMOVE}))
        await asyncio.to_thread(pending, sandbox, REMOVE)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await asyncio.to_thread(until, lambda: REMOVE not in requests(sandbox))
        assert (await call(client, "run", command="echo on"))[0]["stdout"] == "on"


def _processes(sandbox: Sandbox) -> str:
    return str(sandbox.machine(["ps", "-eo", "args"]).stdout)


def test_a_killed_server_s_job_is_stopped(sandbox: Sandbox) -> None:
    server = sandbox.popen(["aios", "mcp"], user="me")
    assert server.stdin
    server.stdin.write(f"{HELLO}\n{_request(1, 'run', command='sleep 1234')}\n")
    server.stdin.flush()
    until(lambda: "sleep 1234" in _processes(sandbox))
    sandbox.run(["pkill", "-KILL", "-u", "me", "-f", "aios.mcp"])
    server.communicate()
    until(lambda: "sleep 1234" not in _processes(sandbox))


# What is on the wire


def _request(number: int, tool: str, **arguments: Any) -> str:
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


def _nonsense(chance: random.Random, depth: int = 0) -> Any:
    kinds = 6 if depth < 3 else 4
    match chance.randrange(kinds):
        case 0:
            return chance.choice([None, True, -1, 2**70, 1e308, 0.5])
        case 1 | 2:
            return "".join(chance.choice("a-Z/\0\n\x1b'\"$é漢\ud800") for _ in range(9))
        case 3:
            return chance.choice(["aios", ".host", "/srv", "2026-01-01", "today"])
        case 4:
            return [_nonsense(chance, depth + 1) for _ in range(chance.randrange(3))]
        case _:
            return {chance.choice("abc"): _nonsense(chance, depth + 1)}


def test_500_requests_of_nonsense(sandbox: Sandbox) -> None:
    chance = random.Random(6)
    tools = ("run_read_only", "policy_check", "machines", "history", "recall", "remember", "none")
    names = ("command", "machine", "cwd", "timeout", "query", "since", "limit", "question", "x")
    lines = [HELLO, '{"jsonrpc":"2.0","method":"notifications/initialized"}']
    for number in range(1, 501):
        given = {chance.choice(names): _nonsense(chance) for _ in range(chance.randrange(4))}
        line = _request(number, chance.choice(tools), **given)
        if chance.random() < 0.2:
            place = chance.randrange(len(line))
            line = line[:place] + chance.choice(['"', "{", "\x00", "9"]) + line[place + 1 :]
        lines.append(line.replace("\n", " "))
    lines.append(_request(999, "machines"))
    done = sandbox.run(["aios", "mcp"], user="me", input="\n".join([*lines, ""]), timeout=120)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert "Traceback" not in done.stderr
    assert len(answers) > 400
    (last,) = [answer for answer in answers if answer.get("id") == 999]
    assert last["result"]["structuredContent"]["machines"]
    until(lambda: units(sandbox) == "")


# HTTP


class Served:
    """`aios mcp --http 0` of the user me, which a test reaches from within the sandbox."""

    def __init__(self, sandbox: Sandbox, process: "subprocess.Popen[str]") -> None:
        assert process.stderr
        self.sandbox = sandbox
        self.said = ""
        while "MCP at" not in self.said:
            line = process.stderr.readline()
            assert line, self.said
            self.said += line
        found = re.search(rf"http://{LOCAL}:(\d+)/mcp", self.said)
        assert found
        self.port = int(found[1])
        self.token = sandbox.sh("cat /home/me/.local/state/aios/mcp-token")

    def post(self, path: str, **headers: str) -> tuple[int, str]:
        """From within the sandbox, whose loopback it is."""
        script = (
            "import http.client, json, sys\n"
            "port, path, headers, body = json.loads(sys.argv[1])\n"
            f"peer = http.client.HTTPConnection({LOCAL!r}, port, timeout=20)\n"
            "peer.request('POST', path, body, headers)\n"
            "answer = peer.getresponse()\n"
            "print(answer.status, answer.read().decode())\n"
        )
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        done = self.sandbox.python(script, json.dumps([self.port, path, sent, HELLO]))
        status, _, body = done.partition(" ")
        return int(status), body


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[Served]:
    sandbox.run(["rm", "-f", "/home/me/.local/state/aios/mcp-token"])
    process = sandbox.popen(
        ["aios", "mcp", "--http", "0", "--allow-host", "tunnel.example"], user="me"
    )
    try:
        yield Served(sandbox, process)
    finally:
        process.kill()
        process.communicate()


def test_http_wants_the_token(served: Served) -> None:
    sandbox, token = served.sandbox, served.token
    assert token in served.said
    mode = sandbox.sh("stat -c '%a %U' /home/me/.local/state/aios/mcp-token")
    assert mode == "600 me"
    # Neither among the arguments nor in the environment of any process.
    assert token not in sandbox.sh("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || :")
    assert served.post("/mcp")[0] == 401
    assert served.post("/mcp", Authorization="Bearer wrong")[0] == 401
    assert served.post("/mcp/wrong")[0] == 401
    assert served.post("/", Authorization=f"Bearer {token}")[0] == 404
    for path, headers in (
        ("/mcp", {"Authorization": f"Bearer {token}"}),
        (f"/mcp/{token}", {}),
    ):
        status, body = served.post(path, **headers)
        assert status == 200
        assert '"serverInfo"' in body
    assert served.post(f"/mcp/{token}", Host="tunnel.example")[0] == 200
    # A page in a browser, whatever name it gives this machine.
    assert served.post(f"/mcp/{token}", Host="evil.example")[0] == 421
    assert served.post(f"/mcp/{token}", Origin="https://evil.example")[0] == 403


def test_http_by_the_sdk_s_client(served: Served) -> None:
    url = f"http://{LOCAL}:{served.port}/mcp/{served.token}"
    said = served.sandbox.python(_BY_URL, url, user="me")
    assert json.loads(said) == {"tools": 7, "stdout": "Linux", "pending": "ApprovalRejected"}


_BY_URL = f"""
import asyncio, json, sys
from mcp import Client

async def said(*command):
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0]

async def until(command, what, there):
    while (what in await said(*command)) is not there:
        pass

async def asked():
    while True:
        for request in json.loads(await said("aios", "approvals", "--json")):
            if request["command"] == {REMOVE!r}:
                return request["id"]

async def main():
    async with Client(sys.argv[1]) as client:
        tools = len((await client.list_tools()).tools)
        ran = await client.call_tool("run", {{"command": "uname -s"}})
        waited = asyncio.create_task(client.call_tool("run", {{"command": {REMOVE!r}}}))
        await asyncio.sleep(0)
        await said("aios", "reject", await asked(), "no")
        refused = await waited
        slow = asyncio.create_task(client.call_tool("run", {{"command": "sleep 4323"}}))
        await until(["ps", "-eo", "args"], b"sleep 4323", True)
        slow.cancel()
        await asyncio.wait([slow])
        await until(["ps", "-eo", "args"], b"sleep 4323", False)
        print(json.dumps({{"tools": tools, "stdout": ran.structured_content["stdout"],
                           "pending": refused.structured_content["error"]}}))

asyncio.run(main())
"""
