import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "services")}
MODES = ("legacy", "auto", "2026-07-28")
"""The handshake, the newest a server speaks, and the stateless protocol by name."""

Connect = Callable[..., AbstractAsyncContextManager[Client]]


def command(path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "aios.aigpt", "--db", str(path), *arguments]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def connect(path: Path) -> Connect:
    """The SDK's own client, on a server of its own on the file."""

    @asynccontextmanager
    async def connected(mode: str = "auto", *, layer4: bool = True) -> AsyncIterator[Client]:
        program, *arguments = command(path, *(["--enable-layer4"] if layer4 else []))
        server = StdioServerParameters(command=program, args=arguments, env=ENVIRONMENT)
        async with Client(server, mode=mode, read_timeout_seconds=60) as client:
            yield client

    return connected


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """What a tool says, in both its shapes, which must agree; a failure says so in both."""
    result = await client.call_tool(name, arguments)
    (content,) = result.content
    said: dict[str, Any] = json.loads(content.text)
    assert said == result.structured_content
    assert said["success"] is not result.is_error
    with contextlib.suppress(KeyError):
        assert said["error"]
    return said
