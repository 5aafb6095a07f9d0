"""mcp.json, as people have it."""

import json
from pathlib import Path

import pytest

from aios.errors import ConfigError
from aios.mcp.servers import Servers, load, parse


def test_what_is_used_and_what_is_not() -> None:
    found = parse(
        json.dumps(
            {
                "mcpServers": {
                    "files": {
                        "command": "npx",
                        "args": ["-y", "@x/files", "/srv/two words"],
                        "env": {"TOKEN": "t"},
                        "description": "files of /srv",
                        "autoApprove": [],
                    },
                    "typed": {"type": "stdio", "command": "uvx"},
                    "far": {"url": "https://example.org/mcp"},
                    "off": {"command": "x", "disabled": True},
                    "two__scores": {"command": "x"},
                    "-": {"command": "x"},
                    "none": {"command": ""},
                    "odd": {"command": "x", "args": "-y"},
                    "numbers": {"command": "x", "env": {"PORT": 1}},
                    "nul": {"command": "x\0"},
                    "half": {"command": "x", "args": ["\ud800😀"]},
                    "list": [],
                },
                "theme": "dark",
            }
        ),
        "f",
    )
    assert set(found.known) == {"files", "typed"}
    files = found.known["files"]
    assert files.command == "npx -y @x/files '/srv/two words'"
    assert (files.env, files.description, files.origin) == ({"TOKEN": "t"}, "files of /srv", "f")
    assert len(found.unusable) == 10
    assert "stdio" in found.unusable["far"]


@pytest.mark.parametrize(
    ("text", "where"),
    [("{", "f:1:"), ('{\n"mcpServers": {,}}', "f:2:"), ("[]", "f:1:"), ("[" * 10**5, "f:1:"),
     ('{"mcpServers": 5}', "f:1:"),
     (json.dumps({"mcpServers": {f"s{n}": {} for n in range(40)}}), "f:1:")],
)  # fmt: skip
def test_what_is_rejected_whole(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert caught.value.message.startswith(where)


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == Servers() == parse(" \n", "f") == parse("{}", "f")
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(ConfigError):
        load(tmp_path / "bytes")


def test_one_s_own_hide_the_administrator_s() -> None:
    mine = parse('{"mcpServers": {"a": {"command": "mine"}, "b": {"disabled": true}}}', "own")
    theirs = parse('{"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"},'
                   ' "c": {"command": "x"}}}', "etc")  # fmt: skip
    both = mine.over(theirs)
    assert {name: server.origin for name, server in both.known.items()} == {"a": "own", "c": "etc"}
    assert both.unusable == {"b": "disabled"}


def test_another_command_is_another_server() -> None:
    marks = [
        parse(json.dumps({"mcpServers": {"a": entry}}), "f").known["a"].mark
        for entry in (
            {"command": "x"}, {"command": "x", "args": ["y"]}, {"command": "x", "env": {"A": "b"}},
            {"command": "x", "description": "d"},
        )
    ]  # fmt: skip
    assert len(set(marks)) == 3 and marks[0] == marks[3]
