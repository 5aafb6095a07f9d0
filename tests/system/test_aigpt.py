"""aigpt as its users start it: the MCP server by their configuration, on the host and in a machine,
and what comes from other programs' files."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from governed import until
from mcp import Client
from mcp_client import HELLO, client_of
from sandbox import Sandbox

# As it stands in the configuration of Claude Code, Claude Desktop, and others.
CONFIG = """
{
  "mcpServers": {
    "aigpt": {
      "command": "aigpt",
      "args": ["server", "--enable-layer4"]
    }
  }
}
"""
PLACES = [{"user": "me", "machine": ""}, {"user": "ai", "machine": "aios"}]


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    said: dict[str, Any] = json.loads(result.content[0].text)
    assert said["success"] is not result.is_error
    return said


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("place", PLACES, ids=["host", "machine"])
async def test_by_its_configuration(sandbox: Sandbox, place: dict[str, str], mode: str) -> None:
    async with client_of(sandbox, CONFIG, **place, mode=mode) as client:
        assert len((await client.list_tools()).tools) == 12
        said = f"Yuki keeps bees {place['machine']} {mode}"
        made = await call(client, "create_memory", content=said, related_entities=["Yuki"])
        memory = (await call(client, "get_memory", id=made["id"]))["memory"]
        owner = f"ai@{place['machine']}" if place["machine"] else "me"
        assert (memory["user"], memory["source"]) == (owner, "mcp")
        assert memory["related_entities"] == ["Yuki"]
        assert (await call(client, "list_relationships"))["relationships"]
        assert "no memory" in (await call(client, "get_memory", id="none"))["error"]
    # The same memory, from the other place.
    other = next(one for one in PLACES if one != place)
    found = sandbox.run(["aigpt", "search", "bees", "--json"], **other).stdout
    assert said in [one["content"] for one in json.loads(found)]


def servers(sandbox: Sandbox) -> list[str]:
    listed = sandbox.sh("systemctl list-units --plain --no-legend 'aios-aigpt@*'")
    return [line.split()[0] for line in listed.splitlines()]


async def test_a_machine_s_server_ends_with_its_client(sandbox: Sandbox) -> None:
    # Those of others have ended, or will soon.
    until(lambda: not servers(sandbox))
    client = sandbox.popen(["aigpt", "server"], user="ai", machine="aios")
    assert client.stdin
    assert client.stdout
    client.stdin.write(HELLO + "\n")
    client.stdin.flush()
    assert json.loads(client.stdout.readline())["result"]["serverInfo"]["name"] == "aigpt"
    (unit,) = servers(sandbox)
    rights = sandbox.sh(f"systemctl show -P ExecMainPID {unit}")
    status = sandbox.sh(f"grep -E '^(Uid|CapEff|NoNewPrivs)' /proc/{rights}/status")
    assert "CapEff:\t0000000000000000" in status
    assert "Uid:\t0\t" not in status
    # Not by its input's end: what kills a client asks nobody.
    sandbox.machine(["pkill", "-KILL", "-f", "aigpt server"])
    sandbox.wait_unit(unit, "inactive")
    client.stdin.close()
    client.stdout.close()
    assert client.stderr
    client.stderr.close()
    client.wait()


async def test_who_may_not_is_told_so(sandbox: Sandbox) -> None:
    async with client_of(sandbox, CONFIG, user="outsider") as client:
        assert "aios" in (await call(client, "list_memories"))["error"]


def test_without_a_host_s_server_it_says_so(sandbox: Sandbox) -> None:
    sandbox.run(["systemctl", "stop", "aios-aigpt.socket"])
    try:
        said = sandbox.run(["aigpt", "server"], user="ai", machine="aios", check=False)
    finally:
        sandbox.run(["systemctl", "start", "aios-aigpt.socket"])
    assert said.returncode == 1
    assert "aios-aigpt.socket" in said.stderr


def test_memories_come_in_once(sandbox: Sandbox, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(
            "CREATE TABLE memories (updated_at TEXT, id TEXT PRIMARY KEY, content TEXT,"
            " created_at TEXT, priority_score REAL);"
            "INSERT INTO memories VALUES ('2024-05-01T00:00:00Z', '01HWQZZZZZZZZZZZZZZZZZZZZZ',"
            " 'a harpsichord in the attic', '2024-05-01T00:00:00Z', 0.25)"
        )
    # Where the user named me may read it.
    inside = "/home/me/old.db"
    target = Path(f"/proc/{sandbox.leader}/root{inside}")
    target.write_bytes((tmp_path / "old.db").read_bytes())
    sandbox.run(["chmod", "644", inside])
    first, again = (
        json.loads(sandbox.run(["aigpt", "--json", "import", inside], user="me").stdout)
        for _ in range(2)
    )
    assert (first["memories"], first["known"]) == (1, 0)
    assert (again["memories"], again["known"]) == (0, 1)
    found = json.loads(sandbox.run(["aigpt", "--json", "search", "harpsichord"], user="me").stdout)
    assert found[0]["id"] == "01HWQZZZZZZZZZZZZZZZZZZZZZ"
    assert found[0]["created_at"].startswith("2024-05-01")
    assert found[0]["source"].startswith("import")


def test_twenty_answers_are_an_analysis(sandbox: Sandbox) -> None:
    said = sandbox.run(["aigpt", "personality", "--json"], user="me", input=json.dumps([5] * 20))
    # All the same, and half of most is keyed the other way round.
    assert json.loads(said.stdout)["extraversion"] == 0.5
