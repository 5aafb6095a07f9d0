"""`aios policy …` as it is installed, and rules that a person hands over."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from governed import BUSCTL, POLICY, approve, end, pending, run, start
from sandbox import Sandbox

pytestmark = pytest.mark.system

OWN = "/home/me/.config/syui/ai/config.toml"
ETC = "/etc/aios/config.d/50-tool.toml"
EVENT: dict[str, Any] = {
    "session_id": "s", "cwd": "/", "hook_event_name": "PreToolUse", "tool_name": "Bash",
}  # fmt: skip


def write(sandbox: Sandbox, path: str, text: str) -> None:
    owner = "me" if path.startswith("/home/me/") else "root"
    sandbox.run(["install", "-d", "-o", owner, "-g", owner, path.rpartition("/")[0]])
    sandbox.run(["tee", path], input=text)
    sandbox.run(["chown", f"{owner}:{owner}", path])


@pytest.fixture
def clean(sandbox: Sandbox) -> Iterator[Sandbox]:
    yield sandbox
    sandbox.run(["rm", "-f", OWN, ETC])
    sandbox.run(["aios", "policy", "check", "ls"], user="me", check=False)


def status(sandbox: Sandbox, command: str, user: str = "me") -> int:
    return sandbox.run(["aios", "policy", "check", command], user=user, check=False).returncode


def test_batch_needs_no_service(clean: Sandbox) -> None:
    write(clean, "/home/me/alone.toml", '[permissions]\nauto_allow = ["frob"]\n')
    questions = [{"id": 1, "command": "frob"}, {"id": 2, "command": "ls"}]
    given = "\n".join(map(json.dumps, questions))
    command = ["aios", "policy", "check", "--batch"]
    for user in ("me", "outsider"):
        done = clean.run([*command, "--config", "/home/me/alone.toml"], user="root", input=given)
        found = [json.loads(line)["decision"] for line in done.stdout.splitlines()]
        assert found == ["auto_allow", "require_approval"]
        # Nothing that it reads is secret.
        done = clean.run(command, user=user, input=given)
        found = [json.loads(line)["decision"] for line in done.stdout.splitlines()]
        assert found == ["require_approval", "auto_allow"]
    done = clean.run(command, user="me", input="nonsense\n", check=False)
    assert done.returncode == 2 and "error" in json.loads(done.stdout)


def test_the_same_is_said_with_the_service_and_without(clean: Sandbox) -> None:
    write(clean, ETC, '[permissions]\ndeny = ["frobnicate"]\n')
    for command in ("ls", "rm -rf /", "frobnicate", "apt-get install -y tree", "cat /etc/shadow"):
        said = clean.run(["aios", "policy", "check", "--json", command], user="me", check=False)
        done = clean.run(["aios", "policy", "explain", "--json", command], user="me", check=False)
        tree = json.loads(done.stdout)
        answer = json.loads(said.stdout)
        assert [answer[key] for key in ("decision", "rule", "reason")] == [
            tree[key] for key in ("decision", "rule", "reason")
        ]
    assert f"deny              frobnicate    # {ETC}:2" in clean.sh("aios policy cat", user="me")


def test_a_broken_file_is_named(clean: Sandbox) -> None:
    write(clean, ETC, "[permissions]\nautoallow = []\n")
    done = clean.run(["aios", "policy", "test"], user="me", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{ETC}:2: unknown key" in done.stderr
    # What was last good is in force meanwhile.
    assert status(clean, "ls") == 0


def test_others_are_asked_about_by_those_who_may(clean: Sandbox) -> None:
    write(clean, ETC, '[[permissions.rule]]\npattern = "ls"\ndecision = "deny"\nusers = ["me"]\n')
    command = ["aios", "policy", "check", "-u"]
    assert clean.run([*command, "me", "ls"], check=False).returncode == 126
    assert clean.run([*command, "root", "ls"], user="me", check=False).returncode == 0
    refused = clean.run([*command, "me", "ls"], user="outsider", check=False)
    assert refused.returncode == 125 and "only root and members" in refused.stderr


def test_ones_own_rules(clean: Sandbox) -> None:
    write(clean, OWN, '[aigpt]\nx = 1\n[permissions]\nnotify = ["true"]\ndeny = ["uptime"]\n')
    done = clean.run(["aios", "exec", "--", "uptime"], user="me", check=False)
    assert done.returncode == 126 and f"{OWN.replace('/home/me', '~')}:5" in done.stderr
    assert status(clean, "true") == 0
    assert status(clean, "uptime", user="root") == 0
    assert clean.run(["aios", "policy", "check", "-u", "me", "uptime"], check=False).returncode
    clean.run(["systemctl", "stop", "aios-policy.service"])
    assert status(clean, "uptime") == 126
    # They do not loosen what others decide.
    write(clean, OWN, '[permissions]\nauto_allow = ["systemctl stop*", "rm"]\n')
    assert status(clean, "systemctl stop x") == 1
    assert status(clean, "uptime") == 0
    write(clean, OWN, '[permissions]\nauto_allow = []\nmask = ["rm"]\n')
    done = clean.run(["aios", "policy", "check", "uptime"], user="me")
    assert "~/.config/syui/ai/config.toml:3: [permissions] mask" in done.stderr
    assert done.stderr.count("\n") == 1


def test_only_ones_own(clean: Sandbox) -> None:
    call = [*BUSCTL, *POLICY, "SetUserRules", "s", '[permissions]\ndeny = ["ls"]\n']
    refused = clean.run(call, user="outsider", check=False)
    assert refused.returncode and "Access denied" in refused.stderr  # the bus' own word
    large = [*call[:-1], "#" * 65537]
    assert "64 KiB" in clean.run(large, user="me", check=False).stderr
    script = """if True:
        import json, socket
        policy = socket.socket(socket.AF_UNIX)
        policy.connect("/run/aios/policy.sock")
        call = {"method": "org.aios.Policy1.SetUserRules", "parameters": {"toml": ""}}
        policy.sendall(json.dumps(call).encode() + bytes(1))
        print(policy.recv(4096).decode())
    """
    answer = clean.run(["python3", "-c", script], machine="aios").stdout
    assert "org.aios.Error.NotAuthorized" in answer


def test_machines_have_check_and_hook_alone(clean: Sandbox) -> None:
    assert clean.run(["aios", "policy", "check", "ls"], machine="aios").returncode == 0
    for action in (["cat"], ["explain", "ls"], ["check", "--batch"]):
        done = clean.run(["aios", "policy", *action], machine="aios", check=False)
        assert done.returncode == 125 and "files of the host" in done.stderr
    given = json.dumps({**EVENT, "tool_input": {"command": "ls"}})
    done = clean.run(["aios", "policy", "hook", "claude-code"], machine="aios", input=given)
    assert json.loads(done.stdout)["hookSpecificOutput"]["permissionDecision"] == "allow"


def hook(sandbox: Sandbox, command: str, user: str = "me", **more: Any) -> tuple[int, str]:
    given = json.dumps({**EVENT, "tool_input": {"command": command}, **more})
    line = ["aios", "policy", "hook", "claude-code"]
    done = sandbox.run(line, user=user, input=given, check=False)
    answer = json.loads(done.stdout)["hookSpecificOutput"] if done.stdout else {}
    return done.returncode, answer.get("permissionDecision", "")


def test_the_hook_guards_the_host(clean: Sandbox) -> None:
    assert hook(clean, "ls") == (0, "ask")
    assert hook(clean, "rm -rf /") == (0, "deny")
    assert hook(clean, "rm -rf *") == (0, "deny")  # in /
    rule = '[[permissions.rule]]\npattern = ["cd", "ls"]\ndecision = "auto_allow"\n'
    write(clean, ETC, rule + 'machines = [".host"]\n')
    assert hook(clean, "ls -l") == (0, "allow")
    assert hook(clean, "ls; id") == (0, "ask")
    assert hook(clean, "x", tool_name="Read") == (0, "")
    # Who may not use aios gets no way around it either.
    assert hook(clean, "ls", user="outsider") == (2, "")


def test_suggest(clean: Sandbox) -> None:
    command = "frobnicate --everything"
    for _ in range(3):
        waiting = start(clean, command)
        approve(clean, pending(clean, command))
        end(waiting)
    forged = "\n".join(
        f"AIOS_ID=01ARZ3NDEKTSV4RRFFQ69G5FA{n}\nAIOS_EVENT={event}\nAIOS_COMMAND=forge\n"
        f"AIOS_MACHINE=aios\nAIOS_USER=me\nAIOS_OUTCOME=approved\n"
        for n in range(5)
        for event in ("decided", "requested")
    )
    clean.run(["sh", "-c", "logger --journald; journalctl --sync"], input=forged)
    said = clean.run(["aios", "policy", "suggest"], user="me").stdout
    rules = tomllib.loads(said)["permissions"]["rule"]
    found = {rule["pattern"]: rule for rule in rules}
    assert found["frobnicate --everything $"]["machines"] == ["aios"]
    assert found["frobnicate --everything $"]["users"] == ["me"]
    assert not any("forge" in pattern for pattern in found)
    assert clean.run(["aios", "policy", "suggest"], user="outsider", check=False).returncode == 125
    write(clean, ETC, said)
    assert run(clean, command).status == 127  # not found, but not asked about
