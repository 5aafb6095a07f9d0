"""`aios` as people use it: at a terminal, from a script, in a machine."""

import json

import pytest
from governed import until
from person import PROMPT, QUESTION, Person, when_hidden
from sandbox import Sandbox

pytestmark = pytest.mark.system

NEEDS_APPROVAL = "cat /etc/os-release > /etc/x"


def approved_file(sandbox: Sandbox) -> bool:
    there = sandbox.machine(["test", "-e", "/etc/x"], check=False).returncode == 0
    sandbox.machine(["rm", "-f", "/etc/x"])
    return there


def test_a_day_at_the_prompt(sandbox: Sandbox, me: Person) -> None:
    sandbox.machine(["sh", "-c", "apt-get -qq purge -y tree >/dev/null 2>&1 || true"])
    me.say("install tree")
    said = me.sees(PROMPT, timeout=180)
    assert "$ apt-get install" in said and "✓" in said and "notify" in said
    assert sandbox.machine(["test", "-x", "/usr/bin/tree"], check=False).returncode == 0

    me.say("remove tree")
    card = me.sees(QUESTION)
    assert "needs approval" in card and "tree" in card and "machine    aios" in card
    me.type("y")
    assert "✓" in me.sees(PROMPT, timeout=180)
    assert sandbox.machine(["test", "-e", "/usr/bin/tree"], check=False).returncode == 1

    me.say("delete everything")
    assert "$" not in me.sees(PROMPT).partition("\n")[2].replace("!", "")
    me.say("!rm -rf /")
    said = me.sees(PROMPT)
    assert "not run" in said and "denies" in said
    assert sandbox.machine(["test", "-x", "/bin/bash"]).returncode == 0

    me.say("what did I install today?")
    assert "tree" in me.sees(PROMPT)
    me.say("exit")
    assert me.leaves() == 0


def test_no_at_the_prompt(sandbox: Sandbox, me: Person) -> None:
    me.say(f"!{NEEDS_APPROVAL}")
    me.sees(QUESTION)
    me.type("n")
    assert "not run" in me.sees(PROMPT)
    assert not approved_file(sandbox)


def test_what_was_typed_before_the_question_is_no_answer(sandbox: Sandbox, me: Person) -> None:
    me.type(f"!{NEEDS_APPROVAL}\ry\ryyyy")
    me.sees(QUESTION)
    # Nor is a paste.
    me.type("yes, do it\r")
    me.sees(QUESTION)
    me.type("n")
    assert "not run" in me.sees(PROMPT)
    assert not approved_file(sandbox)


def test_the_card_shows_the_whole_command_escaped(me: Person) -> None:
    command = f"!touch /srv/{'x' * 300} $'\\x1b[2K\\r' \t> /srv/end"
    me.say(command.replace("\t", "\x16\t"))
    card = me.sees(QUESTION)
    rows = [line for line in card.splitlines() if "│" in line]
    assert "x" * 300 in "".join(row.partition("│ ")[2].strip() for row in rows)
    assert all(len(row) <= 80 for row in rows)
    me.type("n")
    me.sees(PROMPT)


@pytest.mark.usefixtures("nothing_waits")
def test_approved_from_another_terminal(sandbox: Sandbox, me: Person) -> None:
    me.say(f"!{NEEDS_APPROVAL}")
    me.sees(QUESTION)
    (request,) = json.loads(sandbox.run(["aios", "approvals", "--json"], user="me").stdout)
    with Person(sandbox, ["aios", "approve", request["id"]]) as other:
        assert NEEDS_APPROVAL in other.sees(QUESTION)
        other.type("y")
        other.sees("approved")
        assert other.leaves() == 0
    said = me.sees(PROMPT)
    assert "approved" in said and "✓" in said
    assert approved_file(sandbox)


@pytest.mark.usefixtures("nothing_waits")
def test_interrupt(sandbox: Sandbox, me: Person) -> None:
    me.say(f"!{NEEDS_APPROVAL}")
    me.sees(QUESTION)
    me.type("\x03")
    me.sees(PROMPT)
    assert sandbox.run(["aios", "approvals", "--json"], user="me").stdout == "[]\n"
    me.say("!tail -f /dev/null")
    me.sees(r"\$ tail -f /dev/null")
    me.type("\x03")
    me.sees(PROMPT)
    me.say("!echo still here")
    assert "still here\n" in me.sees(PROMPT)
    me.type("half a line\x03")
    me.sees(PROMPT)
    me.type("\x04")
    assert me.leaves() == 0


def test_lines_are_kept(sandbox: Sandbox) -> None:
    sandbox.run(["rm", "-rf", "/home/me/.local/state/aios"])
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        person.say("!echo first line")
        person.sees(PROMPT)
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        person.type("\x1b[A\r")
        assert "first line\n" in person.sees(PROMPT)
    mode = sandbox.run(["stat", "-c", "%a %U", "/home/me/.local/state/aios/history"]).stdout
    assert mode == "600 me\n"


def test_output_cannot_reach_the_terminal(sandbox: Sandbox, me: Person) -> None:
    me.say("!printf '\\033[2Khidden\\r\\n'")
    assert "\\x1b[2Khidden\n" in me.sees(PROMPT)


@pytest.mark.parametrize("unit", ["aios-chat", "aios-policy", "aios-memory", "aios-exec@aios"])
def test_a_killed_service_between_prompts(sandbox: Sandbox, me: Person, unit: str) -> None:
    me.say("!echo one")
    assert "one\n" in me.sees(PROMPT)
    sandbox.run(["systemctl", "kill", "-s", "KILL", f"{unit}.service"], check=False)
    me.say("!echo two")
    assert "two\n" in me.sees(PROMPT)


# From a script


def test_lines_of_input(sandbox: Sandbox) -> None:
    asked = "show disk usage of /var\nwhat did I just run?\n"
    result = sandbox.run(["aios"], user="me", input=asked)
    assert result.returncode == 0
    assert "/var" in result.stdout and "du -sh /var" in result.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("prompt", "status"),
    [("!true", 0), ("!ls /nowhere", 1), ("!rm -rf /", 126), ("delete everything", 4)],
)
def test_exit_status(sandbox: Sandbox, prompt: str, status: int) -> None:
    result = sandbox.run(["aios", prompt], user="me", check=False)
    assert result.returncode == status, result


def test_an_approval_nobody_gives(sandbox: Sandbox) -> None:
    prompt = ["aios", "--wait-approval", "0.5", f"!{NEEDS_APPROVAL}"]
    command = ["aios", "exec", "--wait-approval", "0.5", "--", NEEDS_APPROVAL]
    for argv in (prompt, command):
        result = sandbox.run(argv, user="me", input="y\ny\n", check=False)
        assert result.returncode == 3, result
        assert "needs approval" in result.stderr and "aios approve" in result.stderr
    assert not approved_file(sandbox)


def test_exec(sandbox: Sandbox) -> None:
    result = sandbox.run(["aios", "exec", "--", "echo out; ls /nowhere"], user="me", check=False)
    assert (result.returncode, result.stdout) == (2, "out\n")
    assert "/nowhere" in result.stderr
    said = json.loads(sandbox.run(["aios", "exec", "--json", "--", "id", "-un"], user="me").stdout)
    assert (said["stdout"], said["exit_status"]) == ("ai\n", 0)
    result = sandbox.run(["aios", "exec", "-m", "nowhere", "ls"], user="me", check=False)
    assert result.returncode == 125 and "no machine" in result.stderr


def test_exec_times_out(sandbox: Sandbox) -> None:
    result = sandbox.run(
        ["aios", "exec", "--timeout", "0.5", "--", "tail -f /dev/null"], user="me", check=False
    )
    assert result.returncode == 124, result


@pytest.mark.parametrize(
    ("command", "status"), [("ls", 0), (NEEDS_APPROVAL, 1), ("ls; rm -rf /", 126)]
)
def test_policy_check(sandbox: Sandbox, command: str, status: int) -> None:
    result = sandbox.run(["aios", "policy", "check", command], user="me", check=False)
    assert result.returncode == status
    assert "rule" in result.stdout and "normalized" in result.stdout


def test_log(sandbox: Sandbox) -> None:
    marker = "echo for-the-log"
    sandbox.run(["aios", "exec", "--", marker], user="me")
    sandbox.run(["aios", "exec", "--", "rm -rf /"], user="me", check=False)
    # Anybody may write such fields; they prove nothing.
    forged = "MESSAGE=x\nAIOS_ID=1\nAIOS_EVENT=requested\nAIOS_COMMAND=forged\n"
    sandbox.run(["logger", "--journald"], input=forged)
    sandbox.run(["journalctl", "--sync"])
    said = sandbox.run(["aios", "log", "-n", "2"]).stdout.splitlines()
    assert len(said) == 2
    assert f"✓ {marker}" in said[0] and "auto_allow" in said[0]
    assert "✗ rm -rf /" in said[1] and "deny" in said[1]
    last = json.loads(sandbox.run(["aios", "log", "-n", "2", "--json"]).stdout.splitlines()[0])
    assert [event["event"] for event in last["events"]] == [
        "requested", "decided", "started", "finished",
    ]  # fmt: skip
    assert "forged" not in sandbox.run(["aios", "log", "-n", "0"]).stdout


def test_log_says_when_it_may_not_be_read(sandbox: Sandbox) -> None:
    result = sandbox.run(["aios", "log"], user="outsider", check=False)
    assert result.returncode == 125 and "systemd-journal" in result.stderr


def test_history_and_memory(sandbox: Sandbox) -> None:
    sandbox.run(["aios", "exec", "--", "echo for-history"], user="me")
    asked = ["aios", "history", "--since", "today", "for-history"]
    # exec answers first and tells memory then.
    said = until(lambda: sandbox.run(asked, user="me").stdout)
    assert "✓ echo for-history  (aios, me, " in said
    made = sandbox.run(["aios", "memory", "add", "the", "kettle", "whistles"], user="me").stdout
    found = sandbox.run(["aios", "memory", "search", "kettle"], user="me").stdout
    assert made.strip() in found and "the kettle whistles" in found


def test_status(sandbox: Sandbox) -> None:
    assert "machine aios: runs" in sandbox.run(["aios", "status"], user="me").stdout
    sandbox.run(["systemctl", "stop", "aios-memory.socket", "aios-memory.service"])
    try:
        result = sandbox.run(["aios", "status", "--json"], user="me", check=False)
        assert result.returncode == 1
        states = {s["service"]: s["state"] for s in json.loads(result.stdout)["services"]}
        assert states["memory"] == "its socket is inactive"
    finally:
        sandbox.run(["systemctl", "start", "aios-memory.socket"])


def test_a_password_is_asked_of_others(sandbox: Sandbox, member: str) -> None:
    """Who is in `aios` alone gets polkit's question, on this terminal."""
    with Person(sandbox, ["aios"], user=member) as person:
        person.sees(PROMPT)
        person.say(f"!{NEEDS_APPROVAL}")
        person.sees(QUESTION)
        person.type("y")
        assert "AUTHENTICATING" in person.sees("(?i)password: ")
        when_hidden(sandbox)
        person.type("wrong\r")
        assert "wrong" not in person.sees(QUESTION)
        person.type("n")
        assert "not run" in person.sees(PROMPT)
    assert not approved_file(sandbox)


# In a machine


@pytest.mark.parametrize("user", ["ai", "root"])
def test_machinectl_shell(sandbox: Sandbox, user: str) -> None:
    with Person(sandbox, ["machinectl", "shell", f"{user}@aios"], user="root") as person:
        person.sees(PROMPT)
        person.say("!id -un")
        assert "ai\n" in person.sees(PROMPT)
        person.say(f"!{NEEDS_APPROVAL}")
        person.sees(QUESTION)
        person.type("y")
        assert "✓" in person.sees(PROMPT)
        assert approved_file(sandbox)
        person.say("exit")
        person.sees(r"[$#] ")
        person.say("echo plain $0 shell")
        person.sees("plain -?.*sh shell")
        person.say("exit")
        person.leaves()


def test_an_unreachable_host_gives_the_shell(sandbox: Sandbox) -> None:
    sandbox.run(["systemctl", "stop", "aios-chat.socket", "aios-chat.service"])
    try:
        with Person(sandbox, ["machinectl", "shell", "ai@aios"], user="root") as person:
            assert "cannot be reached" in person.sees(r"[$#] ")
            person.say("exit")
            person.leaves()
    finally:
        sandbox.run(["systemctl", "start", "aios-chat.socket"])


def test_the_way_past_it(sandbox: Sandbox) -> None:
    argv = ["machinectl", "shell", "--setenv=AIOS_SHELL=1", "ai@aios"]
    with Person(sandbox, argv, user="root") as person:
        assert "[aios]" not in person.sees(r"[$#] ")
        person.say("exit")
        person.leaves()
