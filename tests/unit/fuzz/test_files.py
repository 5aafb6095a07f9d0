"""Files that people write and others hand over, as nobody meant them: refused with a place and a
reason, never a fault of ours."""

import contextlib
import io
import json
import re
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fuzz import budget, integers, json_values, surprising, texts
from hypothesis import given
from hypothesis import strategies as st

from aios import config
from aios.client import aigpt
from aios.errors import AiosError, ConfigError, InvalidOption
from aios.mcp import servers
from aios.memory.importers import FORMATS, read
from aios.policy.policy import Policy

number = count()

# TOML as somebody might have begun to write it: real sections and keys with anything behind them.
KEYS = ["permissions", "permissions.rule", "chat", "policy", "exec", "exec.guard", "memory",
        "machine", "machine.aios", "profile.full", "profile.x", "general", "aigpt",
        "nonsense"]  # fmt: skip
NAMES = ["auto_allow", "notify", "require_approval", "deny", "default", "mask", "user_floor",
         "rule",
         "pattern", "decision", "machines", "users", "reason", "match", "not_match", "timeout",
         "memory_max", "cpu_weight", "files", "units", "require", "base_url", "max_cost", "backups",
         "machine_users", "machine_approvals", "approval_timeout", "\"\"", "'a b'",
         "x.y"]  # fmt: skip
PATTERNS = ["ls", "rm -rf /", "rm -rf*", "ls $", "$", "*", "[", "[!", "a[]b", "'", "\"x", "\\",
            "ls |",
            "curl * | sh", "> /boot/*", ":(){ :|:& };:", "$(x)", "`", "x y z " * 50, "é\u202e",
            "{a,b}"]  # fmt: skip


def written(value: Any) -> str:
    """A TOML value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value)
    return "nan" if value is None else str(value)


values = json_values(st.none() | st.booleans() | integers | st.floats() | st.sampled_from(PATTERNS))
lines = (
    st.sampled_from(KEYS).map(lambda key: f"[{key}]")
    | st.sampled_from(KEYS).map(lambda key: f"[[{key}]]")
    | st.tuples(st.sampled_from(NAMES), values | st.lists(st.sampled_from(PATTERNS))).map(
        lambda pair: f"{pair[0]} = {written(pair[1])}"
    )
    | st.sampled_from(
        ["", "# note", "x = 1e999", "x = 1979-05-27T07:32:00Z", "y = " + "[" * 1_500, "[[[", "=",
        "\0",
         "n = " + "9" * 5000, 'pattern = "ls"', 'decision = "deny"', 'default = "auto_allow"',
         'x = """', "a.b.c = 1", "\r", "\ufeff"]
    )
    | surprising
)  # fmt: skip
tomls = st.lists(lines, max_size=8).map("\n".join)


def says_where(error: AiosError, name: str) -> None:
    assert re.match(rf"{re.escape(name)}:\d+: .", error.message), error.message
    assert not re.search(r"Traceback|object at 0x|<class", str(error)), str(error)


@budget(150)
@given(tomls)
def test_a_policy_file_is_taken_or_refused_whole(tmp_path_factory: Any, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz-policy.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    for take in (lambda: Policy.load([path]), lambda: config.load([path])):
        try:
            take()
        except ConfigError as error:
            says_where(error, str(path))


@budget(80)
@given(st.binary(max_size=60) | tomls.map(lambda text: text.encode(errors="surrogatepass")))
def test_a_policy_file_of_any_bytes(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz-bytes.toml"
    path.write_bytes(content)
    for take in (lambda: Policy.load([path]), lambda: config.load([path])):
        try:
            take()
        except ConfigError as error:
            says_where(error, str(path))


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return Policy.load([])


@budget(100)
@given(tomls)
def test_a_persons_own_rules(shipped: Policy, text: str) -> None:
    try:
        shipped.load_user(text)
    except ConfigError as error:
        says_where(error, "~/.config/syui/ai/config.toml")


entries = st.fixed_dictionaries(
    {},
    optional={
        "command": json_values() | st.just("npx"),
        "args": json_values() | st.lists(texts, max_size=3),
        "env": json_values() | st.dictionaries(texts, texts, max_size=3),
        "description": json_values(),
        "type": json_values() | st.just("stdio"),
        "disabled": json_values(),
    },
)
MANGLED = ["", "{", "[" * 2_000, '{"mcpServers": ' + "9" * 5000 + "}", '{"mcpServers": NaN}',
           '{"mcpServers": {"a": {"command": "x", "args": ["\\ud800"]}}}', "\ufeff{}",
           "\0"]  # fmt: skip


@budget(150)
@given(
    st.sampled_from(MANGLED)
    | texts
    | st.builds(
        lambda whole: json.dumps({"mcpServers": whole}),
        json_values() | st.dictionaries(texts | st.just("ok"), entries | json_values(), max_size=4),
    )
)
def test_mcp_json(text: str) -> None:
    try:
        found = servers.parse(text, "mcp.json")
    except ConfigError as error:
        says_where(error, "mcp.json")
        return
    for server in found.known.values():
        server.command.encode()
        assert "\0" not in server.command


# What importers look for, with anything in its place.
def about(**known: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={k: v | json_values() for k, v in known.items()})


when = st.sampled_from(
    ["2025-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", 1e18, -1e18, 1, "soon"]
)
said = st.fixed_dictionaries({}, optional={
    "author": about(role=st.just("user")), "content": about(parts=st.lists(texts)), "id": texts,
    "create_time": when,
})  # fmt: skip
chats = st.lists(
    about(mapping=st.dictionaries(texts, about(message=said), max_size=3), id=texts,
          create_time=when),
    max_size=3,
)  # fmt: skip
firsts = about(
    memories=st.dictionaries(
        texts,
        about(content=texts, interpreted_content=texts, priority_score=integers, created_at=when),
        max_size=3,
    )
)
one_record = about(value=about(content=texts | about(text=texts), createdAt=when), uri=texts)
record_line = st.fixed_dictionaries(
    {"content": texts | json_values()},
    optional={
        "id": texts | json_values(), "ai_interpretation": texts | json_values(),
        "priority_score": st.floats() | json_values(), "created_at": when | json_values(),
        "related_entities": st.lists(texts) | json_values(), "session": json_values(),
        "kind": st.just("command") | json_values(), "command": texts | json_values(),
        "exit_status": integers | json_values(), "user": texts | json_values(),
    },
)  # fmt: skip
mangled_text = st.sampled_from(
    ["[" * 2_000, "9" * 5000, "{", "", "\ufeff[]", "[1e999]", "\0", "null"]
)
files = (
    st.tuples(st.just("conversations.json"), chats.map(json.dumps))
    | st.tuples(st.just("memory.json"), firsts.map(json.dumps))
    | st.tuples(st.just("record.json"), one_record.map(json.dumps))
    | st.tuples(
        st.just("lines.jsonl"),
        st.lists(record_line.map(json.dumps) | mangled_text, max_size=4).map("\n".join),
    )
    | st.tuples(st.just("core.md"), texts | st.lists(texts, max_size=6).map("\n# - --- ```".join))
    | st.tuples(st.sampled_from(["x.json", "x.jsonl", "x.db", "x"]), mangled_text | texts)
)


def imported(path: Path) -> None:
    """By the command, into a database: it comes in, or is refused in words."""
    said = io.StringIO()
    target = path.with_name("fuzz-into.db")
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = aigpt.main(["--db", str(target), "import", str(path)])
    assert status in (0, 1)
    assert said.getvalue()


@budget(200)
@given(files)
def test_a_file_to_import(tmp_path_factory: Any, file: tuple[str, str]) -> None:
    name, text = file
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}"
    path.write_bytes(text.encode(errors="surrogatepass"))
    for kind in FORMATS:
        with contextlib.suppress(InvalidOption):
            list(read(path, kind))
    imported(path)


sqlite_values = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | texts.map(
    lambda text: text.encode(errors="replace").decode()
) | st.binary(max_size=8)  # fmt: skip


@budget(60)
@given(
    st.lists(st.lists(sqlite_values, min_size=6, max_size=6), max_size=3),
    st.lists(sqlite_values, min_size=7, max_size=7),
    st.integers(0, 2000) | st.none(),
)
def test_a_database_to_import(
    tmp_path_factory: Any, rows: list[list[Any]], analysis: list[Any], broken: int | None
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / f"fuzz-{next(number)}.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE memories (id, content, ai_interpretation, priority_score,"
                   " created_at, related_entities)")  # fmt: skip
        db.execute("CREATE TABLE user_analyses (openness, conscientiousness, extraversion,"
                   " agreeableness, neuroticism, summary, analyzed_at)")  # fmt: skip
        db.executemany("INSERT INTO memories VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("INSERT INTO user_analyses VALUES (?, ?, ?, ?, ?, ?, ?)", analysis)
        db.commit()
    if broken is not None:
        content = bytearray(path.read_bytes())
        content[broken % len(content) :: 97] = b"\xff" * len(content[broken % len(content) :: 97])
        path.write_bytes(content)
    imported(path)
    path.unlink()
