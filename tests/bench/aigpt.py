"""`aigpt server` on a file: how soon it answers, what a call takes, how much memory it holds."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import Figure, spread, timed

ROOT = Path(__file__).parents[2]
ROUNDS = 200
STARTS = 5
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


class Server:
    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "aios.aigpt", "--db", path, "--enable-layer4"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
        )
        self.ask("initialize", **HELLO)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer["result"]

    def call(self, name: str, **arguments: Any) -> None:
        assert not self.ask("tools/call", name=name, arguments=arguments)["isError"]

    def memory(self, kind: str) -> float:
        """MiB, as the kernel counts them (Rss, Pss, Private_Dirty)."""
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith(f"{kind}:")]
        return int(line.split()[1]) / 1024

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "memory.db")
        starts = []
        for _ in range(STARTS):
            begun = time.perf_counter()
            server = Server(path)
            starts.append((time.perf_counter() - begun) * 1000)
            server.close()
        yield from spread("start to first answer", starts, "ms")

        server = Server(path)
        yield Figure("Rss, started", server.memory("Rss"), "MiB")
        yield from spread("ping", timed(lambda: server.ask("ping"), ROUNDS), "us")
        number = iter(range(10 * ROUNDS))

        def create() -> None:
            text = f"note {next(number)} about the harbour"
            server.call("create_memory", content=text, related_entities=["harbour"])

        yield from spread("create_memory", timed(create, ROUNDS), "us")
        for name, given in (
            ("search_memories", {"query": "harbour note 7", "limit": 10}),
            ("list_memories", {"limit": 10}),
            ("get_profile", {}),
            ("list_relationships", {}),
        ):
            values = timed(lambda n=name, g=given: server.call(n, **g), ROUNDS)
            yield from spread(name, values, "us")
        yield Figure("Rss, after", server.memory("Rss"), "MiB")
        yield Figure("Pss, after", server.memory("Pss"), "MiB")
        yield Figure("Private_Dirty, after", server.memory("Private_Dirty"), "MiB")
        server.close()
