"""What each machine sees of the memory: wanted, and in force."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sandbox import Sandbox

SEEN = "/root/.config/syui/ai/gpt/memory.db"
NSPAWN = "/etc/systemd/nspawn/aios.nspawn"
OPEN = """
import sqlite3
db = sqlite3.connect("/root/.config/syui/ai/gpt/memory.db", isolation_level=None)
db.execute("PRAGMA wal_autocheckpoint = 0")
db.execute("INSERT INTO memories(id, content, created_at, updated_at) VALUES ('01ORIGINAL',"
           " 'from an original aigpt', '2026-01-31T12:00:00+00:00', '2026-01-31T12:00:00+00:00')")
print("written", flush=True)
import os
os._exit(0)  # closing would take the log away from the others
"""


def attachment(sandbox: Sandbox) -> dict[str, Any]:
    listed = json.loads(sandbox.run(["aios", "memory", "attachments", "--json"]).stdout)
    (one,) = (one for one in listed if one["machine"] == "aios")
    return dict(one)


def restart(sandbox: Sandbox) -> None:
    sandbox.run(["machinectl", "stop", "aios"])
    sandbox.wait_machine_gone("aios")
    sandbox.run(["systemctl", "start", "systemd-nspawn@aios"])
    sandbox.wait_machine("aios")


@pytest.fixture
def attached(sandbox: Sandbox) -> Iterator[None]:
    sandbox.wait_machine("aios")
    yield
    sandbox.run(["aios", "memory", "attach", "aios"])
    restart(sandbox)
    assert attachment(sandbox) == {
        "machine": "aios", "wanted": "read-only", "running": True, "in_force": "read-only",
        "restart_needed": False,
    }  # fmt: skip


def test_from_read_only_to_nothing_and_back(sandbox: Sandbox, attached: None) -> None:
    assert attachment(sandbox)["in_force"] == "read-only"
    sandbox.machine(["test", "-r", SEEN])
    # The service refuses at once; the bind goes with the machine.
    told = sandbox.run(["aios", "memory", "detach", "aios"]).stdout
    assert "wanted none" in told and "in force read-only" in told
    refused = sandbox.run(["aios", "memory", "list"], user="ai", machine="aios", check=False)
    assert "does not see the memory" in refused.stderr
    assert attachment(sandbox)["restart_needed"] is True
    restart(sandbox)
    assert sandbox.machine(["test", "-e", SEEN], check=False).returncode == 1
    assert attachment(sandbox)["in_force"] == "none"
    sandbox.run(["aios", "memory", "attach", "aios", "--access", "socket"])
    sandbox.run(["aios", "memory", "list"], user="ai", machine="aios")
    assert attachment(sandbox)["in_force"] == "socket"
    assert attachment(sandbox)["restart_needed"] is False


def test_read_write_for_an_original(sandbox: Sandbox, attached: None) -> None:
    asked = sandbox.run(["aios", "memory", "attach", "aios", "--access", "read-write"], check=False)
    assert asked.returncode == 1
    assert attachment(sandbox)["wanted"] == "read-only"
    sandbox.run(["aios", "memory", "attach", "aios", "--access", "read-write", "--force"])
    restart(sandbox)
    assert attachment(sandbox)["in_force"] == "read-write"
    output = sandbox.run(["/usr/bin/python3", "-ISc", OPEN], machine="aios")
    assert output.stdout == "written\n"
    found = sandbox.run(["aios", "memory", "search", "original"], user="me")
    assert "from an original aigpt" in found.stdout
    sandbox.run(["aigpt", "delete", "01ORIGINAL"])


def test_who_may_say(sandbox: Sandbox) -> None:
    inside = sandbox.run(["aios", "memory", "attach", "aios"], user="ai", machine="aios",
                         check=False)  # fmt: skip
    assert "for root and aios-admin" in inside.stderr
    seen = sandbox.run(["aios", "memory", "attachments", "--json"], user="ai", machine="aios")
    assert [one["machine"] for one in json.loads(seen.stdout)] == ["aios"]
    absent = sandbox.run(["aios", "memory", "attach", "nowhere"], check=False)
    assert "no machine 'nowhere'" in absent.stderr


def test_root_takes_nothing_but_known_words(sandbox: Sandbox) -> None:
    before = sandbox.sh(f"cat {NSPAWN}")
    line = "read-write:/etc\\nBind=/"
    sandbox.sh(f"runuser -u aios-memory -- sh -c 'printf \"{line}\" >/var/lib/aios/attach/aios'")
    sandbox.run(["systemctl", "start", "aios-attach@aios.service"])
    assert "/var/lib/aios/memory" not in sandbox.sh(f"cat {NSPAWN}")
    sandbox.sh("rm /var/lib/aios/attach/aios")
    sandbox.run(["systemctl", "start", "aios-attach@aios.service"])
    assert sandbox.sh(f"cat {NSPAWN}") == before
