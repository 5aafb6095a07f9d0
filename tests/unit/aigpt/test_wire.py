"""What is on the wire, line by line: order, errors, ends, cancellation, and nonsense."""

import json
import random
import signal
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.unit.aigpt.conftest import ENVIRONMENT, command

HELLO = {
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = '{"jsonrpc":"2.0","method":"notifications/initialized"}'


def request(number: int, method: str, **parameters: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters})


def tool(number: int, name: str, **arguments: Any) -> str:
    return request(number, "tools/call", name=name, arguments=arguments)


def talk(path: Path, lines: Iterable[str | bytes]) -> list[dict[str, Any]]:
    """All answers to the lines, whose end is the server's."""
    hello = json.dumps({"jsonrpc": "2.0", "id": 0, **HELLO})
    said = [line.encode() if isinstance(line, str) else line for line in (hello, READY, *lines)]
    result = subprocess.run(
        command(path, "--enable-layer4"), input=b"\n".join([*said, b""]),
        capture_output=True, env=ENVIRONMENT, timeout=120, check=True,
    )  # fmt: skip
    assert b"Traceback" not in result.stderr, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_answers_that_are_due_at_the_end_are_given(path: Path) -> None:
    texts = [f"thing {number}" for number in range(30)]
    made = talk(path, [tool(n, "create_memory", content=text) for n, text in enumerate(texts, 1)])
    assert [answer["id"] for answer in made] == list(range(31))
    (_, answer) = talk(path, [tool(1, "list_memories")])
    listed = json.loads(answer["result"]["content"][0]["text"])["memories"]
    assert [one["content"] for one in listed] == texts[::-1]


def test_what_is_no_message_is_refused(path: Path) -> None:
    lines = [
        "nonsense", "[]", "5", "", '{"jsonrpc":"2.0","id":"a"}',
        '{"jsonrpc":"1.0","method":"ping"}',
        '{"jsonrpc":"2.0","method":"notifications/unheard-of"}', b'\xff\xfe{"id":1}',
        request(7, "ping"), request(8, "resources/unheard-of"),
    ]  # fmt: skip
    answers = talk(path, lines)[1:]
    told = [(one["id"], one.get("error", {}).get("code")) for one in answers]
    assert told[:5] == [(None, -32700), (None, -32600), (None, -32600), ("a", -32600),
                        (None, -32700)]  # fmt: skip
    assert sorted(told[5:], key=str) == [(7, None), (8, -32601)]


def test_a_cancelled_call_is_not_answered_and_holds_up_nothing(path: Path) -> None:
    talk(path, [])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        server = subprocess.Popen(
            command(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
        )
        assert server.stdin
        assert server.stdout

        def send(*lines: str) -> None:
            assert server.stdin
            server.stdin.write("\n".join([*lines, ""]).encode())
            server.stdin.flush()

        send(json.dumps({"jsonrpc": "2.0", "id": 0, **HELLO}), READY)
        server.stdout.readline()
        send(tool(1, "create_memory", content="waits for the lock"))
        cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1}}
        send(json.dumps({"jsonrpc": "2.0", **cancelled}), request(2, "ping"))
        assert json.loads(server.stdout.readline())["id"] == 2
        other.execute("ROLLBACK")
        send(tool(3, "list_memories"))
        assert json.loads(server.stdout.readline())["id"] == 3
        server.stdin.close()
        assert server.stdout.read() == b""
        assert server.wait(60) == 0
        server.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(path: Path, number: signal.Signals) -> None:
    server = subprocess.Popen(
        command(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    )
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 0, **HELLO}).encode() + b"\n")
    server.stdin.flush()
    server.stdout.readline()
    server.send_signal(number)
    assert server.wait(60) == -number
    server.stdin.close()
    server.stdout.close()


VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 10**400, -(10**30), 1e308, "", " ", "x", "%_*\"'", "\ud800", "日本語",
    "a\0b", "\u202e", "x" * 70_000, [], [[]], ["x", 1], {}, {"x": None}, [None] * 100, "01ARZ3",
]  # fmt: skip
NAMES = ["id", "content", "query", "limit", "offset", "priority_score", "related_entities",
         "summary", "ai_interpretation", "entity_id", "half_life_days", "openness",
         "neuroticism"]  # fmt: skip
TOOLS = ["create_memory", "create_ai_memory", "get_memory", "search_memories", "list_memories",
         "update_memory", "delete_memory", "save_user_analysis", "get_user_analysis",
         "get_profile", "get_relationship", "list_relationships", "", "nope"]  # fmt: skip
METHODS = ["tools/call", "tools/list", "ping", "initialize", "server/discover", "", "nope",
           "notifications/cancelled", "logging/setLevel", "resources/list"]  # fmt: skip


def nonsense(chance: random.Random, number: int) -> str | bytes:
    arguments: Any = {
        name: chance.choice(VALUES) for name in chance.sample(NAMES, chance.randint(0, 5))
    }
    if chance.random() < 0.05:
        arguments = chance.choice(VALUES)
    message: Any = {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": chance.choice(TOOLS), "arguments": arguments},
    }
    kind = chance.random()
    if kind < 0.15:
        message["method"] = chance.choice(METHODS)
        message["params"] = chance.choice([{}, [], None, {"_meta": chance.choice(VALUES)}])
    elif kind < 0.25:
        message[chance.choice(["jsonrpc", "id", "method", "params"])] = chance.choice(VALUES)
    line = json.dumps(message, allow_nan=True).encode()
    if 0.25 < kind < 0.3:
        cut = chance.randrange(len(line))
        line = line[:cut] + bytes(chance.choices(range(256), k=3)).replace(b"\n", b"") + line[cut:]
    elif 0.3 < kind < 0.33:
        line = line[: chance.randrange(len(line))]
    return line


def test_nonsense(path: Path) -> None:
    """1,000 requests: no crash, no hang, no traceback, and the last is answered as it should be."""
    seed = random.randrange(2**32)
    print("seed", seed)  # pytest shows it when this fails
    chance = random.Random(seed)
    lines = [nonsense(chance, number) for number in range(1, 1001)]
    answers = talk(path, [*lines, tool(2001, "create_memory", content="still there")])
    (last,) = [answer for answer in answers if answer["id"] == 2001]
    assert last["result"]["isError"] is False
    for answer in answers:
        assert answer.get("error", {}).get("code") != -32603, answer
        result = answer.get("result", {})
        if "content" in result:
            assert json.loads(result["content"][0]["text"])["success"] is not result["isError"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
