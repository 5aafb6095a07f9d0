"""An MCP server in the sandbox, as its clients' configuration starts it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from sandbox import Sandbox

HELLO = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
)


@asynccontextmanager
async def client_of(
    sandbox: Sandbox, config: str, *arguments: str, user: str, machine: str = "", mode: str = "auto"
) -> AsyncIterator[Client]:
    """The SDK's, of the only server in `config`; arguments: more than are there."""
    ((_, entry),) = json.loads(config)["mcpServers"].items()
    program, *rest = sandbox._command(
        [entry["command"], *entry["args"], *arguments], user=user, machine=machine
    )
    server = StdioServerParameters(command=program, args=rest)
    async with Client(server, mode=mode, read_timeout_seconds=60) as client:
        yield client
