"""mcp.json: which MCP servers there are, as people have it for Claude and others. Standard library
only.

    {"mcpServers": {NAME: {"command": …, "args"?: […], "env"?: {…}, "description"?: …}}}

What other programs keep in it besides is left alone; a server that is reached by a URL, or is
switched off, is named with the reason why it is not used.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aios.errors import ConfigError

ADMINISTRATOR = Path("/etc/aios/mcp.json")
MAX_SERVERS = 32
MAX_DESCRIPTION = 500
BETWEEN = "__"
"""SERVER__TOOL"""
_NAME = re.compile(r"(?!.*__)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,30}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Server:
    name: str
    command: str
    """With its arguments: a line for bash."""
    origin: str
    """The file that it stands in."""
    env: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def mark(self) -> str:
        """Of what it is: another one when what is run changes."""
        content = json.dumps([self.command, dict(self.env)], sort_keys=True)
        return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Servers:
    known: Mapping[str, Server] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Name → why."""

    def over(self, other: "Servers") -> "Servers":
        """Both; one of ours hides the other's of that name."""
        mine = {*self.known, *self.unusable}
        return Servers(
            dict(self.known) | {n: s for n, s in other.known.items() if n not in mine},
            dict(self.unusable) | {n: s for n, s in other.unusable.items() if n not in mine},
        )


def load(path: Path, origin: str = "") -> Servers:
    """None where there is no file. origin: what it is called, if not by its path. Raises
    ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Servers()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}:1: {error}") from error
    return parse(text, origin or str(path))


def parse(text: str, origin: str) -> Servers:
    """Raises ConfigError with FILE:LINE."""
    if not text.strip():
        return Servers()
    try:
        data = json.loads(text)
        data = data.get("mcpServers", {}) if isinstance(data, dict) else None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{origin}:{error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError(f"{origin}:1: nested too deep") from error
    except ValueError as error:
        raise ConfigError(f"{origin}:1: a number is too long") from error
    if not isinstance(data, dict) or len(data) > MAX_SERVERS:
        raise ConfigError(f'{origin}:1: it has {{"mcpServers": {{…}}}}, at most {MAX_SERVERS}')
    known: dict[str, Server] = {}
    unusable: dict[str, str] = {}
    for name, entry in data.items():
        found = _server(name, entry, origin)
        if isinstance(found, Server):
            known[name] = found
        else:
            unusable[name] = found
    return Servers(known, unusable)


def _server(name: str, entry: Any, origin: str) -> Server | str:
    """It, or why it cannot be used."""
    if not _NAME.fullmatch(name):
        return "a name has 1 to 32 of A-Z a-z 0-9 - _, and no two underscores side by side"
    if not isinstance(entry, dict):
        return "no object"
    if entry.get("disabled") is True:
        return "disabled"
    if "url" in entry or entry.get("type", "stdio") != "stdio":
        return "only stdio servers run in machines"
    command, arguments = entry.get("command"), entry.get("args", [])
    env, description = entry.get("env", {}), entry.get("description", "")
    if not isinstance(command, str) or not command.strip():
        return '"command" is a program'
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        return '"args" is a list of strings'
    if not isinstance(env, dict) or not all(isinstance(one, str) for one in env.values()):
        return '"env" has strings'
    if not isinstance(description, str):
        return '"description" is a string'
    line = shlex.join([command, *arguments])
    try:
        "".join([line, description, *env, *env.values()]).encode()
    except UnicodeEncodeError:
        return "text that has no UTF-8 form"
    if "\0" in line:
        return "a word with NUL, which no program can be given"
    return Server(name, line, origin, dict(env), description[:MAX_DESCRIPTION])
