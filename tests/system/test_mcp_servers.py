"""Other people's MCP servers: listed, tried, and used by a model, as jobs in the machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from governed import approve, pending, requests, until
from sandbox import Sandbox
from test_chat import Conversation, model
from test_chat import requests as sent

__all__ = ["model"]  # a fixture

pytestmark = pytest.mark.system

SERVER = Path(__file__).parents[1] / "unit/mcp/server.py"
COMMAND = "python3 /srv/mcp-server.py"
MINE = "/home/me/.config/syui/ai/mcp.json"


@pytest.fixture
def servers(sandbox: Sandbox) -> Iterator[Any]:
    """Writes an mcp.json of me's; the machine has a server."""
    sandbox.run(["mkdir", "-p", str(Path(MINE).parent)], user="me")
    sandbox.run(["tee", "/srv/mcp-server.py"], machine="aios", input=SERVER.read_text())

    def write(**entries: dict[str, Any]) -> None:
        sandbox.run(["tee", MINE], user="me", input=json.dumps({"mcpServers": entries}))

    yield write
    sandbox.run(["rm", "-f", MINE, "/etc/aios/mcp.json"])
    sandbox.machine(["rm", "-f", "/srv/mcp-server.py"])


def entry(*faults: str, **more: Any) -> dict[str, Any]:
    return {"command": "python3", "args": ["/srv/mcp-server.py", *faults], **more}


@pytest.mark.usefixtures("nothing_waits")
def test_list_and_test(sandbox: Sandbox, servers: Any) -> None:
    servers(tools=entry(description="says it again"), far={"url": "https://example.org"})
    sandbox.run(
        ["tee", "/etc/aios/mcp.json"],
        input=json.dumps({"mcpServers": {"all": entry("dies"), "tools": {"command": "hidden"}}}),
    )
    listed = json.loads(sandbox.run(["aios", "mcp", "list", "--json"], user="me").stdout)
    assert {one["name"]: one["origin"] for one in listed["servers"]} == {
        "tools": MINE, "all": "/etc/aios/mcp.json",
    }  # fmt: skip
    assert "far" in listed["unusable"]
    said = sandbox.run(["aios", "mcp", "list"], user="me").stdout
    assert COMMAND in said and "far: not used" in said

    trying = sandbox.popen(["aios", "mcp", "test", "--wait-approval", "30"], user="me")
    approve(sandbox, pending(sandbox, COMMAND))
    approve(sandbox, pending(sandbox, f"{COMMAND} dies"))
    said, _ = trying.communicate(timeout=60)
    assert trying.returncode == 1
    assert "✓ tools: 5 tools" in said and "tools__echo" in said
    assert "✗ all" in said and "no such licence" in said
    until(lambda: COMMAND not in sandbox.machine(["ps", "-eo", "args"]).stdout)

    refused = sandbox.run(
        ["aios", "mcp", "test", "tools", "--wait-approval", "0.5"], user="me", check=False
    )
    assert refused.returncode == 1 and "nobody approved it" in refused.stdout
    assert requests(sandbox) == {}
    unknown = sandbox.run(["aios", "mcp", "test", "none"], user="me", check=False)
    assert unknown.returncode == 125 and "tools" in unknown.stderr


def tool(name: str, **given: Any) -> dict[str, Any]:
    return {"name": f"tools__{name}", "input": given}


def names(request: dict[str, Any]) -> list[str]:
    return [one["name"] for one in request["tools"] if "__" in one["name"]]


def results(request: dict[str, Any]) -> list[str]:
    return [str(block["content"]) for block in request["messages"][-1]["content"]]


def processes(sandbox: Sandbox) -> str:
    return str(sandbox.machine(["ps", "-eo", "args"]).stdout)


def test_a_model_uses_them(sandbox: Sandbox, servers: Any, model: Any) -> None:
    servers(tools=entry(description="says it again", env={"COLOUR": "blue"}))
    sandbox.run(["aios", "mcp", "list"], user="me")  # hands them over
    model(
        {"tools": [tool("list_tools")]},
        {"tools": [tool("echo", text="a" * 20_000), tool("where")]},
        {"tools": [tool("crash")]},
        {"tools": [tool("where"), tool("not_there")]},
        {"text": "All four ways."},
        {"tools": [tool("where")]},
        {"text": "Again."},
    )
    with Conversation(sandbox, approve=True) as me:
        assert me.ask("use the tool") == "ok"
        assert [one["request"]["command"] for one in me.events if "request" in one] == [COMMAND] * 2
        assert any("starts the MCP server tools" in one["text"] for one in me.seen("notice"))
        until(lambda: COMMAND not in processes(sandbox))
        first, second, third, fourth, fifth = sent(sandbox)
        assert names(first) == ["tools__list_tools"]
        assert "says it again" in str(first["tools"])
        # What it listed is there at once; names that the API does not take are left out.
        assert names(second) == ["tools__echo", "tools__crash", "tools__where"]
        described = next(one for one in second["tools"] if one["name"] == "tools__echo")
        assert described["description"] == "(MCP server tools) Says it again\\x1b"
        assert "tools__echo" in results(second)[0]
        echoed, where = results(third)
        assert "left out" in echoed and len(echoed) < 13_000
        assert "server=tools" in where and " blue " in where and "image/png: not shown" in where
        (crashed,) = results(fourth)
        assert "crashing now" in crashed
        again, unknown = results(fifth)
        assert " blue " in again and again.split()[-4:] != where.split()[-4:]
        assert "no tool not_there" in unknown
        # The next prompt knows its tools without starting it.
        assert me.ask("and again") == "ok"
        assert names(sent(sandbox)[5]) == ["tools__echo", "tools__crash", "tools__where"]
    until(lambda: COMMAND not in processes(sandbox))
    kept = sandbox.sh("stat -c '%a %U' /var/lib/aios/chat/mcp /var/lib/aios/chat/mcp/*.json")
    assert set(kept.splitlines()) == {"700 aios-chat", "600 aios-chat"}


def test_one_that_nobody_approves_does_not_start(
    sandbox: Sandbox, servers: Any, model: Any
) -> None:
    servers(tools=entry("other"))
    sandbox.run(["aios", "mcp", "list"], user="me")
    model({"tools": [tool("list_tools")]}, {"text": "Then not."})
    with Conversation(sandbox) as me:
        me.say("use the tool")
        job = pending(sandbox, f"{COMMAND} other")
        sandbox.run(["aios", "reject", job, "no"], user="me")
        me.until("status")
        assert "Then not." in me.text
        assert "ApprovalRejected" in results(sent(sandbox)[-1])[0]


def test_what_is_wrong_in_the_file_is_said(sandbox: Sandbox, servers: Any) -> None:
    sandbox.run(["tee", MINE], user="me", input="{\n  nonsense")
    said = sandbox.run(["aios", "mcp", "list"], user="me", check=False)
    assert f"{MINE}:2:" in said.stderr and "your MCP servers are not taken" in said.stderr
    other = sandbox.run(
        ["busctl", "call", "org.aios.Chat1", "/org/aios/Chat1", "org.aios.Chat1",
         "SetUserServers", "s", "{}"], user="outsider", check=False,
    )  # fmt: skip
    assert other.returncode and "Access denied" in other.stderr
