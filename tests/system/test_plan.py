"""`aios plan`: what would be done, with the service and without; nothing is done."""

import json

import pytest
from sandbox import Sandbox

pytestmark = pytest.mark.system


def test_a_proposal_with_names_of_the_machine(sandbox: Sandbox) -> None:
    done = sandbox.run(["aios", "plan", "--json", "restart", "systemd-journald"], user="me")
    plan = json.loads(done.stdout)
    assert plan["command"] == "systemctl restart systemd-journald"
    assert plan["changes"] and plan["machine"] == "aios" and "unverified" not in plan
    done = sandbox.run(["aios", "plan", "start no-such-thing"], user="me", check=False)
    assert done.returncode == 4 and "no unit called no-such-thing" in done.stderr
    shown = sandbox.run(["aios", "history", "restart systemd-journald"], user="me").stdout
    assert "systemctl restart" not in shown


def test_only_for_those_who_may(sandbox: Sandbox) -> None:
    done = sandbox.run(["aios", "plan", "uptime"], user="outsider", check=False)
    assert done.returncode == 125
    done = sandbox.run(["aios", "plan", "uptime"], user="ai", machine="aios")
    assert done.stdout == "uptime -p\n"


def test_batch_needs_no_service(sandbox: Sandbox) -> None:
    lines = '{"id": 1, "nl": "how much ram is free"}\n{"id": 2, "nl": "fix everything"}\n'
    done = sandbox.run(["aios", "plan", "--batch"], user="outsider", input=lines)
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["cmd"], second["cmd"]) == ("free -h", None)


def test_what_was_installed_is_shown(sandbox: Sandbox) -> None:
    sandbox.machine(["apt-get", "-y", "purge", "tree"], check=False)
    done = sandbox.run(["aios", "install tree"], user="me")
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "✓ tree " in line]
    version = sandbox.machine(["dpkg-query", "-W", "-f=${Version}", "tree"]).stdout
    assert line.strip().endswith(version)
