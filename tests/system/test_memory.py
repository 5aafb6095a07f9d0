"""One memory for the host and its machines: both doors, the read-only file, kill -9, delegation."""

import json
import subprocess
from typing import Any

import pytest
from sandbox import Sandbox

from aios.ids import new_id

MEMORY = ("org.aios.Memory1", "/org/aios/Memory1", "org.aios.Memory1")
HOST_FILE = "/var/lib/aios/memory/memory.db"
MACHINE_FILE = "/root/.config/syui/ai/gpt/memory.db"

READ = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(db.execute("SELECT count(*) FROM memories WHERE content = ?", sys.argv[2:]).fetchone()[0])
"""
WRITE = """
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("DELETE FROM memories")
"""
# Each tenth round writes until the service has been killed under it.
KILL = """
import itertools, subprocess, sys
from aios.client.varlink import ClientError, Connection

kept, failed = [], 0
for number in range(int(sys.argv[1])):
    killed = number % 10 == 5
    try:
        with Connection("/run/aios/memory.sock", timeout=60) as connection:
            for part in itertools.count() if killed else range(5):
                text = f"{sys.argv[2]} {number} {part}"
                connection.call("org.aios.Memory1.Create", {"content": text})
                kept.append(text)
                if killed and part == 0:
                    # It serves this connection.
                    killer = subprocess.Popen(
                        ["systemctl", "kill", "-s", "KILL", "aios-memory.service"])
    except ClientError:
        failed += 1
        if killed:
            killer.wait()
print(failed)
with Connection("/run/aios/memory.sock", timeout=60) as connection:
    offset, found = 0, set()
    while page := connection.call(
        "org.aios.Memory1.List", {"options": {"limit": 1000, "offset": offset}}
    )["memories"]:
        offset += len(page)
        found |= {memory["content"] for memory in page}
print(len(kept), len(set(kept) - found))
"""
# A person lends their authority on a connection of their own; aios-chat uses it.
DELEGATE = """
import json, os, pwd
from aios.client.varlink import ClientError, Connection

def connect(user, path):
    os.seteuid(pwd.getpwnam(user).pw_uid)
    try:
        return Connection(path, timeout=60)
    finally:
        os.seteuid(0)

def attempt(method, parameters):
    try:
        with connect("aios-chat", "/run/aios/memory.sock") as chat:
            return chat.call("org.aios.Memory1." + method, parameters)
    except ClientError as error:
        return error.name

person = connect("me", "/run/aios/policy.sock")
stream = person.stream("org.aios.Policy1.Delegate", {"session": "S", "machine": "aios"})
given = {"delegation": next(stream).parameters["delegation"]}
said = [attempt("Create", {"content": "told to chat", "options": {}})]
made = attempt("Create", {"content": "told to chat", "options": given})
said.append(attempt("Search", {"query": "told chat", "options": given})["memories"][0])
said.append(attempt("History", {"filter": given})["rows"])
person.close()
# Policy sees the end of the connection a moment after it.
for _ in range(1000):
    last = attempt("List", {"options": given})
    if isinstance(last, str):
        break
said.append(last)
print(json.dumps(said))
"""


def stop(sandbox: Sandbox) -> None:
    """As after a minute of silence, but now."""
    sandbox.run(["systemctl", "stop", "aios-memory.service"])


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value["data"] for name, value in row.items()}


def history(sandbox: Sandbox, *filters: str, user: str = "me") -> list[dict[str, Any]]:
    count = str(len(filters) // 3)
    (rows,) = sandbox.call(*MEMORY, "History", "a{sv}", count, *filters, user=user)
    return [plain(row) for row in rows]


def test_host_and_machine_share_it(sandbox: Sandbox) -> None:
    (made,) = sandbox.call(*MEMORY, "Create", "sa{sv}", "the attic key hangs by the stove", "0")
    for user in ("ai", "root"):
        found = sandbox.run(
            ["aigpt", "search", "where is the attic key?"], user=user, machine="aios"
        )
        assert found.stdout.startswith(made)
    told = sandbox.run(["aigpt", "create", "屋根裏の鍵は台所にある"], user="ai", machine="aios")
    memory = json.loads(sandbox.run(["aigpt", "search", "鍵", "--json"], user="me").stdout)[0]
    assert memory["id"] == told.stdout.strip()
    assert (memory["user"], memory["machine"]) == ("ai@aios", "aios")
    sandbox.run(["aigpt", "delete", made], user="root", machine="aios")
    assert sandbox.run(["aigpt", "get", made], user="me", check=False).returncode == 1


def test_it_is_read_while_the_service_is_idle(sandbox: Sandbox) -> None:
    text = f"read me while idle {new_id()}"
    sandbox.run(["aigpt", "create", text], user="me")
    stop(sandbox)
    for file, machine in ((HOST_FILE, ""), (MACHINE_FILE, "aios")):
        output = sandbox.run(
            ["/usr/bin/python3", "-I", "-", file, text], input=READ, machine=machine
        )
        assert output.stdout == "1\n"
        stat = sandbox.run(["stat", "-c", "%s", f"{file}-wal", f"{file}-shm"], machine=machine)
        assert len(stat.stdout.split()) == 2
    active = sandbox.run(["systemctl", "is-active", "aios-memory.service"], check=False)
    assert active.stdout == "inactive\n"
    refused = sandbox.run(
        ["/usr/bin/python3", "-I", "-", MACHINE_FILE], input=WRITE, machine="aios", check=False
    )
    assert "readonly database" in refused.stderr


@pytest.mark.parametrize("user", ["outsider", "ai"])
def test_the_file_is_not_for_others(sandbox: Sandbox, user: str) -> None:
    file, machine = (MACHINE_FILE, "aios") if user == "ai" else (HOST_FILE, "")
    assert sandbox.run(["cat", file], user=user, machine=machine, check=False).returncode != 0


def test_what_was_acknowledged_survives_kill_9(sandbox: Sandbox) -> None:
    # Kills of the tests before this one count to the same start limit.
    sandbox.run(["systemctl", "reset-failed", "aios-memory.service"])
    failed, counts = sandbox.python(KILL, "60", new_id()).splitlines()
    acknowledged, lost = map(int, counts.split())
    assert lost == 0
    # No round but those failed.
    assert int(failed) == 6
    assert acknowledged >= 54 * 5 + 6
    check = sandbox.run(
        ["/usr/bin/python3", "-Ic", "import sqlite3; print(*sqlite3.connect("
         f"'file:{HOST_FILE}?mode=ro', uri=True).execute('PRAGMA integrity_check').fetchone())"]
    )  # fmt: skip
    assert check.stdout == "ok\n"


def test_chat_has_what_a_person_lends_it(sandbox: Sandbox) -> None:
    alone, found, rows, afterwards = json.loads(sandbox.python(DELEGATE))
    assert alone == "org.aios.Error.NotAuthorized"
    assert (found["content"], found["user"], found["session"]) == ("told to chat", "me", "S")
    assert {row["user"] for row in rows} <= {"me"}
    assert afterwards == "org.aios.Error.NotAuthorized"


def test_only_root_records_and_people_see_their_own(sandbox: Sandbox) -> None:
    uid = sandbox.sh("id -u me")
    package = new_id()
    event = {"id": new_id(), "command": f"apt-get install -y {package}", "machine": "aios",
             "user": "me", "started_at": "2026-01-31T12:00:00Z", "ended": "exit"}  # fmt: skip
    values = [part for key, value in event.items() for part in (key, "s", value)]
    arguments = [str(len(event) + 2), *values, "uid", "u", uid, "exit_status", "i", "0"]
    for _ in range(2):
        sandbox.call(*MEMORY, "Record", "a{sv}", *arguments, user="root")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        sandbox.call(*MEMORY, "Record", "a{sv}", *arguments, user="me")
    assert "only exec" in refused.value.stderr
    day = ["since", "s", "2026-01-31T00:00:00+00:00", "until", "s", "2026-02-01T00:00:00+00:00"]
    (row,) = history(sandbox, *day, "action", "s", "install", "object", "s", package)
    assert row == {
        **event, "uid": int(uid), "exit_status": 0, "action": "install", "objects": [package],
        "started_at": "2026-01-31T12:00:00.000000+00:00",
    }  # fmt: skip
    assert history(sandbox, *day, user="root") == []
    assert history(sandbox, *day, "everyone", "b", "true", user="root")[0] == row
    inside = sandbox.run(["aios", "history", "--json"], user="ai", machine="aios")
    assert event["id"] not in inside.stdout


def test_a_command_of_exec_is_remembered(sandbox: Sandbox) -> None:
    marker = new_id()
    sandbox.run(["aios", "exec", "--", f"echo {marker}"], user="me")
    # exec answers first and tells memory then.
    rows = next(filter(None, (history(sandbox, "text", "s", marker) for _ in range(200))))
    (row,) = rows
    assert (row["command"], row["machine"], row["user"]) == (f"echo {marker}", "aios", "me")
    assert (row["exit_status"], row["ended"]) == (0, "exit")
