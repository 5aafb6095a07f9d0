"""What exec asks of policy, between it and a policy that answers as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aios.bus import Bus
from aios.exec import permit
from aios.exec.job import Job
from aios.exec.permit import Permits

JOB = Job(
    id="01ARZ3NDEKTSV4RRFFQ69G5FAV", command="rm x", machine="aios", uid=1000, user="me",
    requested_usec=1,
)  # fmt: skip


@pytest.fixture
async def asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """The calls. Authorize is answered to nobody: it takes its time."""
    calls: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while call := (await reader.read(65536)).rstrip(b"\0"):
            calls.put_nowait(json.loads(call))
            if b"Authorize" not in call:
                writer.write(b"{}\0")
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "policy.sock")
    monkeypatch.setattr(permit, "SOCKET", tmp_path / "policy.sock")
    yield calls
    server.close()


async def test_who_goes_while_policy_thinks_withdraws_what_it_makes(
    asked: asyncio.Queue[dict[str, Any]],
) -> None:
    permits = Permits(Bus.__new__(Bus))

    async def ask() -> None:
        async with permits.watching(JOB.id):
            await permits.authorize(JOB, caller_uid=1000, delegation="", profile="")

    asking = asyncio.create_task(ask())
    assert (await asked.get())["method"] == "org.aios.Policy1.Authorize"
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    withdrawn = {"method": "org.aios.Policy1.Withdraw", "parameters": {"id": JOB.id}}
    assert asked.get_nowait() == withdrawn
