"""aios status: what waits, what was done, and in place without keeping anything running."""

import json

from governed import approve, end, pending, reject, run, start
from person import Person
from sandbox import Sandbox

SERVICES = ("aios-policy.service", "aios-memory.service", "aios-chat.service")


def test_what_waits_and_what_was_refused(sandbox: Sandbox) -> None:
    run(sandbox, "true; true # status")
    waiting = start(sandbox, "rm -rf /srv/status-waits")
    job = pending(sandbox, "rm -rf /srv/status-waits")
    refused = start(sandbox, "rm -rf /srv/status-refused")
    reject(sandbox, pending(sandbox, "rm -rf /srv/status-refused"), "not now")
    end(refused)
    sandbox.run(["journalctl", "--sync"])
    told = json.loads(sandbox.run(["aios", "status", "--json"], user="me").stdout)
    assert [one["id"] for one in told["pending"]] == [job]
    assert told["refused"][0]["command"] == "rm -rf /srv/status-refused"
    assert "true; true # status" in [one["command"] for one in told["commands"]]
    assert told["memory"]["bytes"] > 0
    shown = sandbox.run(["aios", "status"], user="me").stdout
    assert f"… {job}" in shown and "Waiting for approval: 1" in shown
    reject(sandbox, job, "enough")
    end(waiting)
    less = sandbox.run(["aios", "status"], user="outsider").stdout
    assert "not seen" in less and "status-refused" not in less


def test_in_place(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios", "status", "--watch"]) as person:
        person.sees("Nothing waits")
        waiting = start(sandbox, "rm -rf /srv/status-watched")
        job = pending(sandbox, "rm -rf /srv/status-watched")
        person.sees("Waiting for approval: 1")
        person.sees(job)
        approve(sandbox, job)
        end(waiting)
        person.sees("Nothing waits")
        person.sees("done +rm -rf /srv/status-watched")
        # It goes on being painted, and starts nothing.
        sandbox.run(["systemctl", "stop", *SERVICES])
        person.sees("policy +idle")
        for _ in range(2):
            person.sees("q leaves")
        active = sandbox.run(["systemctl", "is-active", *SERVICES], check=False).stdout.split()
        assert active == ["inactive"] * len(SERVICES)
        person.resize(6, 60)
        person.sees("lines do not fit")
        person.type("q")
        assert person.leaves() == 0
        assert person.raw.rstrip().endswith("\x1b[?25h\x1b[?1049l")


def test_a_watch_that_is_ended_leaves_the_terminal_as_it_was(sandbox: Sandbox) -> None:
    for ends, status in (("\x03", 0), ("TERM", 143)):
        with Person(sandbox, ["aios", "status", "--watch"]) as person:
            person.sees("q leaves")
            if ends == "TERM":
                sandbox.run(["pkill", "-TERM", "-f", "^/usr/bin/python3 .*aios status --watch"])
            else:
                person.type(f"\x1a{ends}")
            assert person.leaves() == status
            assert "\x1b[?25h\x1b[?1049l" in person.raw


def test_a_line_whenever_something_is_otherwise(sandbox: Sandbox) -> None:
    watching = sandbox.popen(["aios", "status", "--watch", "--json"])
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["place"] == "host"
    run(sandbox, "echo seen by the watch")
    commands: list[str] = []
    while "echo seen by the watch" not in commands:
        commands = [one["command"] for one in json.loads(watching.stdout.readline())["commands"]]
    watching.stdout.close()
    assert watching.wait(timeout=20) == 141
    said = sandbox.run(["aios", "status", "--watch"], check=False)
    assert said.returncode == 2 and "terminal" in said.stderr
