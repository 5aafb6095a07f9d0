"""The prompt on a terminal: every key, Ctrl-C at each moment, and what a terminal may be or do."""

import json
import re
from typing import Any

import pytest
from person import PROMPT, Person
from sandbox import Sandbox
from test_chat import model, requests, run  # noqa: F401 - model is a fixture

pytestmark = pytest.mark.system

CARD = r"\[\?\] explain "
WRITES = "cat /etc/os-release > /etc/x"
COLOUR = re.compile(r"\x1b\[[0-9;]*[1-9][0-9]?m")
LINES = [f"line {number}" for number in range(100)]


def editor(sandbox: Sandbox) -> str:
    """The process that reads the keys."""
    return sandbox.run(
        ["pgrep", "-f", "-n", "^/usr/lib/aios/venv/bin/python3 .*aios.terminal"]
    ).stdout.strip()


def wrote(sandbox: Sandbox, path: str) -> bool:
    there = sandbox.machine(["test", "-e", path], check=False).returncode == 0
    sandbox.machine(["rm", "-f", path])
    return there


# Keys


def test_keys_at_a_card(sandbox: Sandbox, me: Person) -> None:
    me.say(f"!{WRITES}")
    card = me.sees(CARD)
    for field in ("command", "machine    aios", "user       me", "profile    full", "rule",
                  "reason", "expires", "id"):  # fmt: skip
        assert field in card
    me.type("?")
    assert "decision    require_approval" in me.sees(CARD)
    me.type("e")
    me.sees(re.escape(WRITES) + "$")
    me.type("2\r")
    assert "runs this instead" in me.sees(r"│ command    cat /etc/os-release > /etc/x2\s")
    me.sees(CARD)
    me.type("y")
    assert "✓" in me.sees(PROMPT)
    assert wrote(sandbox, "/etc/x2") and not wrote(sandbox, "/etc/x")


def test_an_edit_that_changes_nothing(me: Person) -> None:
    me.say(f"!{WRITES}")
    me.sees(CARD)
    me.type("e")
    me.sees(re.escape(WRITES) + "$")
    me.type("\r")
    assert "as it was" in me.sees(CARD)
    me.type("e")
    me.sees(re.escape(WRITES) + "$")
    me.type("\x03")
    me.sees(CARD)
    me.type("n")
    assert "not run" in me.sees(PROMPT)


def test_why_not_goes_to_the_model(sandbox: Sandbox, model: Any) -> None:  # noqa: F811
    model(
        {"text": "I write it.", "tools": [run(WRITES)], "stop": "tool_use"},
        {"text": "Then **not**."},
    )
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        person.say("write it")
        person.sees(CARD)
        person.type("n")
        person.sees(r"why\? .*\) ")
        person.type("the disk is full\r")
        assert "Then not." in person.sees(PROMPT)
        assert COLOUR.search(person.raw)
        person.say("/cost")
        assert "input tokens" in person.sees(PROMPT)
    assert "the disk is full" in json.dumps(requests(sandbox)[-1])


def test_editing(me: Person) -> None:
    me.type("!echo 日本語x\x7f\r")
    assert "\n日本語\n" in me.sees(PROMPT)
    me.type("!echo 'first\x1b\rsecond'\r")
    me.sees("\nfirst\nsecond\n")
    me.sees(PROMPT)
    # Up: the two lines of the last prompt, then the one before.
    me.type("\x1b[A\x1b[A\x1b[A\r")
    me.sees("\n日本語\n")


def test_completion(me: Person) -> None:
    me.type("/mach\t")
    me.sees("ine")
    me.type(" .h\t")
    me.sees("ost")
    me.type("\r")
    me.sees(r"\[\.host\] > ")
    me.type("!ls /etc/os-rel\t")
    me.sees("ease")
    me.type("\x03")
    me.sees(r"\[\.host\] > ")
    me.say("/machine aios")
    me.sees(PROMPT)


def test_slash_commands(me: Person) -> None:
    me.say("/help")
    said = me.sees(PROMPT)
    for name in ("machine", "model", "memory", "log", "jobs", "sessions", "cost", "clear", "quit"):
        assert f"/{name} " in said
    me.say("/machines")
    assert "Did you mean /machine" in me.sees(PROMPT)
    me.say("!seq 100")
    said = me.sees(PROMPT)
    reference = re.search(r"… 80 lines, /log (\w+) shows all", said)
    assert reference is not None and "\n50\n" not in said
    me.say(f"/log {reference[1]}")
    assert "\n50\n" in me.sees(PROMPT)
    for name in ("memory", "jobs", "sessions", "model"):
        me.say(f"/{name}")
        me.sees(PROMPT)
    me.say("/clear")
    me.sees(PROMPT)
    me.say("/quit")
    assert me.leaves() == 0


# Ctrl-C


def test_ctrl_c(sandbox: Sandbox, model: Any) -> None:  # noqa: F811
    model(
        {"text": "I think about it. ", "hang": True},
        {"text": "Here. ", "tools": [run("tail -f /dev/null")], "stop": "tool_use"},
        {"text": "Writing.", "tools": [run(WRITES)], "stop": "tool_use"},
        {"text": "You said no."},
    )
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        person.type("half a line\x03")
        person.sees(PROMPT)
        person.say("think")
        person.sees("think about")
        person.type("\x03")
        assert "interrupted" in person.sees(PROMPT)
        person.say("follow it")
        person.sees(r"\$ tail -f /dev/null")
        person.type("\x03")
        person.sees(PROMPT)
        person.say("write it")
        person.sees(CARD)
        person.type("\x03")
        # A no, and the answer goes on.
        assert "You said no." in person.sees(PROMPT)
        person.say("!echo still here")
        assert "still here\n" in person.sees(PROMPT)
        person.type("\x04")
        assert person.leaves() == 0


# The terminal


def test_a_hundred_lines_are_one_prompt(me: Person) -> None:
    me.paste("!printf '%s\\n' '" + "\n".join(LINES) + "'")
    me.sees("line 99")
    me.type("\r")
    assert "/log" in me.sees(PROMPT)
    me.say("/log")
    assert len(re.findall(r"printf", me.sees(PROMPT))) == 1


def test_resize(me: Person) -> None:
    me.resize(24, 40)
    me.say(f"!{WRITES}" + "x" * 60)
    card = me.sees(r"machine    aios")
    rows = [row for row in card.splitlines() if "│" in row]
    assert rows and all(len(row) <= 40 for row in rows)
    me.sees(CARD)
    me.resize(24, 80)
    me.type("n")
    me.sees(PROMPT)


@pytest.mark.parametrize("killed", ["child", "parent"])
def test_the_terminal_after_a_kill(sandbox: Sandbox, killed: str) -> None:
    script = "aios; until stty -a | grep -q '[^-]icanon.*[^-]echo '; do :; done; echo RESTORED"
    script = script.replace(
        "grep -q '[^-]icanon.*[^-]echo '", "tr '\\n' ' ' | grep -q ' icanon .* echo '"
    )
    with Person(sandbox, ["sh", "-c", script]) as person:
        person.sees(PROMPT)
        pid = editor(sandbox)
        if killed == "parent":
            pid = sandbox.run(["ps", "-o", "ppid=", "-p", pid]).stdout.strip()
        sandbox.run(["kill", "-9", pid])
        person.sees("RESTORED")
        assert "\x1b[?2004l" in person.raw
        person.leaves()


def test_no_color(sandbox: Sandbox) -> None:
    with Person(sandbox, ["env", "NO_COLOR=1", "aios"]) as person:
        person.sees(PROMPT)
        person.say("!ls /nowhere")
        assert "✗ exit 2" in person.sees(PROMPT)
        assert not COLOUR.search(person.raw)


def test_plain(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios", "--plain"]) as person:
        person.sees(PROMPT)
        person.say("!echo hello")
        assert "ok: " in person.sees(PROMPT)
        person.say(f"!{WRITES}")
        card = person.sees(CARD)
        assert "command: " + WRITES in card and "machine: aios" in card
        person.type("n")
        assert "  not run: " in person.sees(PROMPT)
        assert not COLOUR.search(person.raw)
        assert not re.search(r"[✓✗│┌└…─•]", person.screen)


def test_over_a_line_editor_of_readline(sandbox: Sandbox) -> None:
    """As in machines: the same keys."""
    with Person(sandbox, ["machinectl", "shell", "ai@aios"], user="root") as person:
        person.sees(PROMPT)
        person.say(f"!{WRITES}")
        person.sees(CARD)
        person.type("?")
        assert "decision" in person.sees(CARD)
        person.type("e")
        person.sees(re.escape(WRITES))
        person.type("3\r")
        person.sees(CARD)
        person.type("\x03")
        assert "not run" in person.sees(PROMPT)
        person.type("/mach\t")
        person.sees("ine")
        person.type("\r")
        assert "aios  (this one)" in person.sees(PROMPT)
        person.paste("!echo '" + "\n".join(LINES[:30]) + "'")
        person.type("\r")
        assert "/log" in person.sees(PROMPT)


# Sessions


def test_going_on(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        person.say("!echo the kettle")
        person.sees(PROMPT)
        person.say("exit")
        person.leaves()
    listed = json.loads(sandbox.run(["aios", "sessions", "--json"], user="me").stdout)
    assert "the kettle" in listed[0]["title"]
    assert listed[0]["id"] in sandbox.run(["aios", "sessions"], user="me").stdout
    for argv in (["--continue"], ["--resume", listed[0]["id"][-8:]]):
        with Person(sandbox, ["aios", *argv]) as person:
            said = person.sees(PROMPT)
            assert "> !echo the kettle" in said and "\nthe kettle\n" in said
            person.say("exit")
            assert person.leaves() == 0
    with Person(sandbox, ["aios", "--resume"]) as person:
        person.sees("Go on with number: ")
        person.type("1\r")
        assert "the kettle" in person.sees(PROMPT)
    unknown = sandbox.run(["aios", "--resume", "ZZZZZZ", "x y"], user="me", check=False)
    assert unknown.returncode == 125 and "aios sessions" in unknown.stderr


# From scripts


def test_piped(sandbox: Sandbox, model: Any) -> None:  # noqa: F811
    model({"text": "A file is missing."})
    said = sandbox.run(["aios", "why did this fail?"], user="me", input="cc: no such file\n")
    assert said.stdout == "A file is missing.\n"
    (request,) = requests(sandbox)
    prompt = json.dumps(request["messages"][-1])
    assert "why did this fail?" in prompt and "cc: no such file" in prompt and "<data-" in prompt


def test_json(sandbox: Sandbox) -> None:
    argv = ["aios", "--json", "--wait-approval", "0.2", f"!{WRITES}"]
    result = sandbox.run(argv, user="me", check=False)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 3
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "prompt" and "approval" in kinds and "refused" in kinds
    assert events[-1] == {"kind": "end", "data": {"status": "denied", "exit_status": 3}}
    result = sandbox.run(["aios", "--json"], user="me", input="!echo one\n!false\n", check=False)
    ends = [json.loads(line) for line in result.stdout.splitlines() if '"end"' in line]
    assert [end["data"]["exit_status"] for end in ends] == [0, 1] and result.returncode == 1


def test_alt_e(sandbox: Sandbox) -> None:
    sandbox.run(
        ["tee", "/home/me/alt-e"], input="PS1='$ '\neval \"$(aios init bash)\"\n", user="me"
    )
    with Person(sandbox, ["bash", "--rcfile", "/home/me/alt-e", "-i"]) as person:
        person.sees(r"\$ ")
        person.type("show disk usage of /var\x1be")
        person.sees("du -sh /var")
        person.type("\x15echo nothing ran\r")
        person.sees("\nnothing ran")
        person.say("exit")
        person.leaves()


def test_one_shot_needs_no_editor(sandbox: Sandbox) -> None:
    script = (
        "import sys; sys.path.insert(0, '/usr/lib/aios/client')\n"
        "from aios.client.__main__ import main\n"
        "main(sys.argv[1:])\n"
        "print(sorted(m for m in sys.modules if m.partition('.')[0] in"
        " ('prompt_toolkit', 'anthropic', 'rich', 'readline')))"
    )
    for argv in (["--version"], ["!echo x"], ["exec", "--", "true"]):
        said = sandbox.run(["python3", "-IS", "-c", script, *argv], user="me")
        assert said.stdout.endswith("[]\n")
