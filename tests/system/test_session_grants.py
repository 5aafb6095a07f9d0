"""Approvals for a session: what they are for, and when they end."""

import json

import pytest
from governed import BUSCTL, POLICY, end, kill, pending, requests, start, until
from person import PROMPT, QUESTION, Person, when_hidden
from sandbox import Sandbox

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("plain")]

FOR_SESSION = r"\[s\] for this session "
GRANT = r"grant it\? \[y\] yes  \[n\] back "
REMOVE = "rm -r /srv/granted"


@pytest.fixture(scope="module", autouse=True)
def to_be_removed(sandbox: Sandbox) -> None:
    sandbox.machine(["mkdir", "-p", "/srv/granted"])


def removed(sandbox: Sandbox) -> bool:
    """Whether REMOVE has run since it was asked about last."""
    return sandbox.machine(["mkdir", "/srv/granted"], check=False).returncode == 0


def grants(sandbox: Sandbox, user: str = "me") -> list[dict[str, object]]:
    listed = sandbox.run(["aios", "approvals", "grants", "--json"], user=user).stdout
    found: list[dict[str, object]] = json.loads(listed)
    return found


def grant(sandbox: Sandbox, person: Person, command: str) -> None:
    person.say(f"!{command}")
    person.sees(FOR_SESSION)
    person.type("s")
    card = person.sees(GRANT)
    assert "until" in card and "machine    aios" in card
    assert not any(g["command"] == command for g in grants(sandbox))
    person.type("y")
    assert "yes, for this session" in person.sees(PROMPT)


def test_a_grant_for_the_session(sandbox: Sandbox, me: Person) -> None:
    grant(sandbox, me, REMOVE)
    assert removed(sandbox)
    me.say("!rm  '-r' /srv/granted")
    assert "✓" in me.sees(PROMPT) and removed(sandbox)
    # Another command, another session: none of theirs.
    me.say("!rm -r /srv/granted2")
    me.sees(QUESTION)
    me.type("n")
    me.sees(PROMPT)
    with Person(sandbox, ["aios"]) as other:
        other.sees(PROMPT)
        other.say(f"!{REMOVE}")
        other.sees(QUESTION)
        other.type("n")
        other.sees(PROMPT)
    (found,) = grants(sandbox)
    assert (found["user"], found["machine"], found["exact"]) == ("me", "aios", False)
    assert grants(sandbox, user="plain") == []
    refused = sandbox.run(
        ["aios", "approvals", "revoke", str(found["id"])], user="plain", check=False
    )
    assert refused.returncode == 125
    assert REMOVE in sandbox.run(["aios", "approvals", "grants"], user="me").stdout
    kill(sandbox, "aios-policy")
    assert len(grants(sandbox)) == 1
    rule = sandbox.journal("--unit=aios-exec@*", "AIOS_COMMAND=rm  '-r' /srv/granted")
    assert any("granted for this session by me" in str(entry) for entry in rule)
    sandbox.run(["aios", "approvals", "revoke", str(found["id"])], user="me")
    assert grants(sandbox) == []
    me.say(f"!{REMOVE}")
    me.sees(QUESTION)
    me.type("n")
    me.sees(PROMPT)
    assert not removed(sandbox)


def test_a_grant_ends_with_its_session(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        grant(sandbox, person, REMOVE)
        assert removed(sandbox) and len(grants(sandbox)) == 1
        person.say("exit")
        person.leaves()
    until(lambda: grants(sandbox) == [])


def test_second_thoughts(sandbox: Sandbox, me: Person) -> None:
    me.say(f"!{REMOVE}")
    me.sees(FOR_SESSION)
    me.type("s")
    me.sees(GRANT)
    me.type("n")
    me.sees(FOR_SESSION)
    me.type("n")
    me.sees(PROMPT)
    assert grants(sandbox) == [] and not removed(sandbox)


def test_what_runs_anything_is_granted_to_the_byte(sandbox: Sandbox, me: Person) -> None:
    grant(sandbox, me, "python3 -c 'pass'")
    assert grants(sandbox)[0]["exact"] is True
    me.say("!python3 -c 'pass'")
    assert "✓" in me.sees(PROMPT)
    me.say("!python3  -c 'pass'")
    me.sees(QUESTION)
    me.type("n")
    me.sees(PROMPT)


def test_no_grant_without_a_session_nor_by_a_service(sandbox: Sandbox) -> None:
    waiting = start(sandbox, REMOVE)
    job = pending(sandbox, REMOVE)
    command = [*BUSCTL, *POLICY, "Approve", "sa{sv}", job, "1", "grant", "s", "session"]
    alone = sandbox.run(command, user="me", check=False)
    assert alone.returncode and "not asked for in a session" in alone.stderr
    chat = sandbox.run(command, user="aios-chat", check=False)
    assert chat.returncode and "may not" in chat.stderr
    odd = sandbox.run([*command[:-1], "ever"], user="me", check=False)
    assert odd.returncode and "grant" in odd.stderr
    assert requests(sandbox).get(REMOVE) == job
    sandbox.run(["aios", "reject", job], user="me")
    assert end(waiting).error and not removed(sandbox) and grants(sandbox) == []


def test_a_password_for_a_grant(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios"], user="plain") as person:
        person.sees(PROMPT)
        person.say(f"!{REMOVE}")
        person.sees(FOR_SESSION)
        person.type("s")
        person.sees(GRANT)
        person.type("y")
        assert "as often as plain asks" in person.sees("(?i)password: ")
        when_hidden(sandbox)
        person.type("secret\r")
        assert "✓" in person.sees(PROMPT) and removed(sandbox)
        person.say(f"!{REMOVE}")
        assert "✓" in person.sees(PROMPT) and removed(sandbox)
