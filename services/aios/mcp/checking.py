"""`aios mcp list` and `aios mcp test`: which servers aios would use, and whether they answer."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from aios.client import own_servers, place
from aios.client.approval import asked
from aios.client.governed import Delegation, follow
from aios.client.job import ends
from aios.client.terminal import Terminal
from aios.client.varlink import ClientError, Connection
from aios.errors import AiosError, NotFound
from aios.mcp import servers
from aios.mcp.rpc import Peer, Pipes
from aios.mcp.servers import BETWEEN, Server, Servers

FAILED = 1


def known() -> Servers:
    """The person's own, over those of /etc. Raises ConfigError."""
    own = servers.load(Path(own_servers.FILE).expanduser())
    return own.over(servers.load(servers.ADMINISTRATOR))


def show(*, as_json: bool) -> int:
    found = known()
    if as_json:
        listed = [
            {"name": each.name, "command": each.command, "origin": each.origin,
             "description": each.description}
            for each in found.known.values()
        ]  # fmt: skip
        print(json.dumps({"servers": listed, "unusable": dict(found.unusable)}))
        return 0
    terminal = Terminal()
    for each in found.known.values():
        terminal.line(each.name, "bold")
        terminal.line(f"  {each.command}")
        terminal.line(f"  {each.origin}" + (f"  ({each.description})" if each.description else ""))
    for name, why in found.unusable.items():
        terminal.line(f"{name}: not used: {why}", "yellow")
    if not found.known and not found.unusable:
        terminal.note(f"none: {own_servers.FILE} and {servers.ADMINISTRATOR} name them")
    return 0


def test(name: str | None, machine: str, *, wait: float | None) -> int:
    """Starts them as jobs of the person's in the machine, one after the other."""
    found = known()
    if name is not None and name not in found.known:
        raise NotFound(
            f"no MCP server {name!r}",
            hint=found.unusable.get(name, f"there are: {', '.join(found.known) or 'none'}"),
        )
    terminal = Terminal()
    failed = False
    for server in [found.known[name]] if name else found.known.values():
        try:
            tools = _tools(server, machine, terminal, wait)
        except (AiosError, ClientError) as error:
            failed = True
            terminal.line(f"✗ {server.name}: {error.message}", "red")
            if error.hint:
                terminal.line(f"  {error.hint}", "dim")
            continue
        terminal.line(f"✓ {server.name}: {len(tools)} tools", "green")
        for tool in tools:
            told = " ".join(str(tool.get("description", "")).split())[:100]
            terminal.line(f"  {server.name}{BETWEEN}{tool['name']}  {told}")
    sys.stdout.flush()
    return FAILED if failed else 0


def _tools(
    server: Server, machine: str, terminal: Terminal, wait: float | None
) -> list[dict[str, Any]]:
    session = f"mcp-{os.urandom(8).hex()}"
    options: dict[str, Any] = {"session": session}
    if server.env:
        options["env"] = dict(server.env)
    with Connection(place.exec_socket(machine)) as call:
        with Delegation(session, machine) as delegation:
            call.send(f"{place.EXEC}.Start", {"command": server.command, "options": options})
            reply = follow(call, delegation, asked(terminal, wait), lambda event: None)
        # The job ends with `call`.
        return asyncio.run(_listed(server.name, Pipes(*ends(reply))))


async def _listed(name: str, pipes: Pipes) -> list[dict[str, Any]]:
    peer = Peer(name, pipes)
    try:
        await peer.start()
        return await peer.tools()
    finally:
        peer.close()
