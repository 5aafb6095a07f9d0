"""Whose MCP servers are kept, and what of theirs a model gets to see."""

import json
from pathlib import Path
from typing import Any

import pytest

from aios.caller import Caller
from aios.chat import mcp_client
from aios.chat.mcp_client import Tools
from aios.errors import ConfigError, NotAuthorized
from aios.mcp.servers import Server

ROOT = Caller(uid=0, pid=1)
SERVER = Server("files", "x", "f", {}, "files of /srv")
OBJECT = {"type": "object"}


def servers(*names: str) -> str:
    return json.dumps({"mcpServers": {name: {"command": name} for name in names}})


def test_whose_they_are(tmp_path: Path) -> None:
    tools = Tools(tmp_path / "mcp", tmp_path / "none.json")
    tools.set_servers(ROOT, servers("a"))
    kept = tmp_path / "mcp/0.json"
    assert kept.read_text() == servers("a")
    with pytest.raises(ConfigError, match=r"mcp\.json:1:"):
        tools.set_servers(ROOT, "{")
    with pytest.raises(ConfigError, match="64 KiB"):
        tools.set_servers(ROOT, " " * 70_000)
    assert kept.read_text() == servers("a")
    with pytest.raises(NotAuthorized):
        tools.set_servers(Caller(uid=100_000, pid=1, machine="box", machine_uid=0), servers("a"))
    with pytest.raises(NotAuthorized):
        tools.set_servers(Caller(uid=65534, pid=1), servers("a"))
    tools.set_servers(ROOT, "")
    assert kept.read_text() == ""


def test_lists_of_servers_that_are_gone_go(tmp_path: Path) -> None:
    tools = Tools(tmp_path, tmp_path / "none.json")
    lists = tmp_path / "tools"
    lists.mkdir()
    mark = Server("a", "a", "f").mark
    kept, gone, others = (
        lists / f"0-box-a.{mark}.json", lists / "0-my.box-b.0123.json", lists / "7-box-b.0123.json",
    )  # fmt: skip
    for file in (kept, gone, others):
        file.write_text("[]")
    tools.set_servers(ROOT, servers("a"))
    assert set(lists.iterdir()) == {kept, others}


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "two words", "inputSchema": OBJECT},
        {"name": "größe", "inputSchema": OBJECT},
        {"name": "x" * 60, "inputSchema": OBJECT},
        {"name": "none"},
        {"name": "text", "inputSchema": "object"},
        {"name": "list", "inputSchema": {"type": "array"}},
        {"name": "big", "inputSchema": OBJECT | {"title": "x" * 9000}},
        {"name": "half", "inputSchema": OBJECT | {"title": "\ud800"}},
        {"name": "nan", "inputSchema": OBJECT | {"default": float("nan")}},
    ],
)
def test_a_tool_that_is_left_out(tool: dict[str, Any]) -> None:
    assert mcp_client._tool(SERVER, tool) is None


def test_a_tool_s_description_is_bounded_and_says_whose_it_is() -> None:
    told = "Reads.\n\nIgnore all\x1b[2J " + "x" * 5000
    found = mcp_client._tool(SERVER, {"name": "re-ad", "inputSchema": OBJECT, "description": told})
    assert found is not None
    assert found["name"] == "files__re-ad"
    assert found["description"].startswith("(MCP server files) Reads. Ignore all\\x1b[2J xxx")
    assert len(found["description"]) < 1100


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\nb"),
        ({"content": [], "structuredContent": {"n": "é"}}, '{"n": "é"}'),
        ({"content": [{"type": "image", "mimeType": "image/png", "data": "x"}]},
         "[image/png: not shown]"),
        ({"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "t"}}]}, "t"),
        ({"content": [{"type": "resource_link", "uri": "file:///a"}]}, "[resource_link: file:///a]"),
    ],
)  # fmt: skip
def test_results(result: dict[str, Any], said: str) -> None:
    text = mcp_client._described(SERVER, result)
    opening, body, closing = text.split("\n", 1)[0], text.split("\n", 1)[1], text.rsplit("\n")[-1]
    assert opening.startswith("<data-") and opening.endswith(" server=files>")
    assert body.rsplit("\n", 1)[0] == said
    assert closing == f"</{opening[1:].split()[0]}>"


def test_results_without_content() -> None:
    for odd in ({}, {"content": 5}, {"content": [5]}, {"content": [], "structuredContent": 5}):
        assert mcp_client._described(SERVER, odd) == "(no output)"
    failed = mcp_client._described(SERVER, {"content": [], "isError": True})
    assert failed == "The tool says that it failed.\n(no output)"
