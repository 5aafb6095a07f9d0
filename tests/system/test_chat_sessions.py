"""Sessions that outlive their client and the service, commands while they run, and what a model
does in several steps."""

import json
from typing import Any

import pytest
from governed import kill, kill_exec, units, until
from sandbox import PYTHON, Sandbox
from test_chat import Conversation, model, requests, run

__all__ = ["model"]
pytestmark = pytest.mark.system

CALL = """
import json, sys
from aios.client.varlink import ClientError, Connection
with Connection("/run/aios/chat.sock") as peer:
    try:
        print(json.dumps(peer.call("org.aios.Chat1." + sys.argv[1], json.loads(sys.argv[2]))))
    except ClientError as error:
        print(json.dumps({"error": error.name, "message": error.message}))
"""
GO = "/run/aios-test-go"
WAITS = f"echo before; until test -e {GO}; do sleep 0.1; done; echo after"


def call(sandbox: Sandbox, method: str, user: str = "me", **parameters: Any) -> dict[str, Any]:
    argv = [PYTHON, "-I", "-c", CALL, method, json.dumps(parameters)]
    return dict(json.loads(sandbox.run(argv, user=user).stdout))


def go(sandbox: Sandbox) -> None:
    sandbox.machine(["touch", GO])


@pytest.fixture(autouse=True)
def stay(sandbox: Sandbox) -> None:
    sandbox.machine(["rm", "-f", GO])


def test_output_comes_as_it_is_printed(sandbox: Sandbox) -> None:
    with Conversation(sandbox, approve=True) as me:
        me.say(f"!{WAITS}")
        me.until("output")
        assert me.printed() == "before\n"
        go(sandbox)
        assert me.until("status")["status"] == "ok"
        assert me.printed() == "before\nafter\n"


def test_a_command_has_no_input_and_an_end(sandbox: Sandbox) -> None:
    with Conversation(sandbox) as me:
        assert me.ask("!readlink /proc/self/fd/0; cat") == "ok"
        assert me.printed() == "/dev/null\n"


def test_an_interrupt_stops_what_runs_and_keeps_the_conversation(
    sandbox: Sandbox, model: Any
) -> None:
    model({"tools": [run(WAITS), run("touch /srv/never")]}, {"text": "As you like."})
    with Conversation(sandbox, approve=True) as me:
        me.say("wait for it")
        me.until("output")
        call(sandbox, "Session.Interrupt", object=me.session)
        assert me.until("status")["status"] == "interrupted"
        until(lambda: not units(sandbox))
        assert me.ask("what now?") == "ok"
        assert me.text == "As you like."
    stopped, never = requests(sandbox)[-1]["messages"][2]["content"]
    assert "before" in stopped["content"]
    assert never["content"] == "No result: the person interrupted it."


def test_a_session_is_taken_up_again_after_a_kill(sandbox: Sandbox, model: Any) -> None:
    model(
        {"text": "I look.", "tools": [run("echo a-mark; hostname")]},
        {"text": "It is aios."},
        {"text": "Half of", "hang": True},
        {"text": "As I said: aios."},
    )
    with Conversation(sandbox) as me:
        session = me.session
        assert me.ask("what is the machine called?") == "ok"
        shown = [event for event in me.events if event.get("kind") != "request"]
        me.say("say it again")
        me.until("text")
        kill(sandbox, "aios-chat")
        me.until("failed")
    (known,) = [one for one in call(sandbox, "Sessions")["sessions"] if one["id"] == session]
    assert (known["machine"], known["prompts"]) == ("aios", 2)
    assert known["title"] == "what is the machine called?"
    log = call(sandbox, "Session.Log", object=session)["events"]
    told = {kind: [e["data"] for e in log if e["kind"] == kind] for kind in ("prompt", "text")}
    assert told["prompt"] == [{"text": "what is the machine called?"}, {"text": "say it again"}]
    assert "".join(data["text"] for data in told["text"]).startswith("I look.It is aios.Half")
    for kind in ("command", "output", "finished"):
        seen = {event["data"]["number"] for event in shown if event.get("kind") == kind}
        assert {e["data"]["number"] for e in log if e["kind"] == kind} == seen
    for options in ({"resume": session}, {"continue": True}):
        with Conversation(sandbox, **options) as me:
            assert me.session == session
    with Conversation(sandbox, resume=session) as me:
        assert me.ask("once more") == "ok"
    words = json.dumps(requests(sandbox)[-1]["messages"])
    assert "a-mark" in words
    assert "Half" in words


def test_a_session_belongs_to_its_user_alone(sandbox: Sandbox) -> None:
    with Conversation(sandbox) as me:
        assert me.ask("!echo mine") == "ok"
        mine = me.session
    assert mine in [one["id"] for one in call(sandbox, "Sessions")["sessions"]]
    assert mine not in [one["id"] for one in call(sandbox, "Sessions", "root")["sessions"]]
    asked = {"machine": "aios", "options": {"resume": mine}}
    for method, parameters in (
        ("Open", asked),
        ("Session.Log", {"object": mine}),
        ("Forget", {"session": mine}),
    ):
        answer = call(sandbox, method, "root", **parameters)
        assert answer["error"] == "org.aios.Error.NotFound", method
    assert call(sandbox, "Session.Close", object=mine) == {}
    assert mine in [one["id"] for one in call(sandbox, "Sessions")["sessions"]]
    assert call(sandbox, "Forget", session=mine) == {}
    assert call(sandbox, "Open", **asked)["error"] == "org.aios.Error.NotFound"


def test_a_killed_exec_costs_no_output(sandbox: Sandbox) -> None:
    with Conversation(sandbox, approve=True) as me:
        me.say(f"!{WAITS}; echo é")
        me.until("output")
        kill_exec(sandbox)
        go(sandbox)
        assert me.until("status")["status"] == "ok"
        assert me.printed() == "before\nafter\né\n"


def test_a_model_finds_what_fills_a_disk(sandbox: Sandbox, model: Any) -> None:
    sandbox.machine(["sh", "-c", "mkdir -p /srv/big; head -c 30M /dev/zero >/srv/big/file"])
    model(
        {"tools": [run("du -s /srv/big"), run("df /srv"), run("find /srv -size +20M")]},
        {"text": "It is /srv/big/file.", "tools": [run("rm /srv/big/file")]},
        {"tools": [run("du -s /srv/big")]},
        {"text": "Gone."},
    )
    with Conversation(sandbox, approve=True) as me:
        assert me.ask("what fills /srv? remove it") == "ok"
        assert [event["request"]["command"] for event in me.events if "request" in event] == [
            "rm /srv/big/file"
        ]
        (usage,) = me.seen("usage")
        assert usage["steps"] == 4
        assert usage["model"] == "scripted"
        assert "cost" not in usage
    sandbox.machine(["test", "!", "-e", "/srv/big/file"])
    looked, _removed, *_rest = (
        message["content"] for message in requests(sandbox)[-1]["messages"][2::2]
    )
    texts = [block["content"] for block in looked]
    assert ["/srv/big\n" in texts[0], "Filesystem" in texts[1], "/srv/big/file" in texts[2]] == [
        True
    ] * 3


def test_a_model_mends_a_unit(sandbox: Sandbox, model: Any) -> None:
    unit = "[Service]\nType=oneshot\nExecStart=/usr/bin/tru\n"
    sandbox.machine(["sh", "-c", f"printf '{unit}' >/etc/systemd/system/broken.service"])
    sandbox.machine(["sh", "-c", "systemctl daemon-reload; systemctl start broken || true"])
    mend = "sed -i s:bin/tru$:bin/true: /etc/systemd/system/broken.service"
    model(
        {"tools": [run("systemctl status broken"), run("cat /etc/systemd/system/broken.service")]},
        {"text": "A letter is missing.", "tools": [run(mend), run("systemctl daemon-reload")]},
        {"tools": [run("systemctl restart broken")]},
        {"text": "It runs."},
    )
    with Conversation(sandbox, approve=True) as me:
        assert me.ask("mend broken.service") == "ok"
        assert me.seen("finished")[-1]["exit_status"] == 0
    assert requests(sandbox)[0]["messages"][0]["content"][0]["text"] == "mend broken.service"
    sandbox.machine(["rm", "/etc/systemd/system/broken.service"])


def test_a_person_says_no_and_the_model_does_otherwise(sandbox: Sandbox, model: Any) -> None:
    model({"tools": [run("rm /srv/dear")]}, {"text": "Then I leave it."})
    with Conversation(sandbox) as me:
        me.say("remove /srv/dear")
        request = me.until("request")["request"]
        sandbox.call(
            "org.aios.Policy1", "/org/aios/Policy1", "org.aios.Policy1", "Reject", "ss",
            request["id"], "it is dear to me",
        )  # fmt: skip
        assert me.until("status")["status"] == "denied"
        assert me.seen("refused")[0]["name"] == "org.aios.Error.ApprovalRejected"
        assert me.text == "Then I leave it."
    (result,) = requests(sandbox)[-1]["messages"][-1]["content"]
    assert "it is dear to me" in result["content"]


def test_another_machine_is_not_acted_on(sandbox: Sandbox, model: Any) -> None:
    model(
        {"tools": [{"name": "machines", "input": {}}, run("hostname", machine=".host")]},
        {"text": "That I may not."},
    )
    with Conversation(sandbox) as me:
        assert me.ask("what is the host called?") == "ok"
        assert me.seen("command") == []
    machines, refused = requests(sandbox)[-1]["messages"][-1]["content"]
    assert '"name": "aios", "here": true' in machines["content"]
    assert "aios -m .host" in refused["content"]


def test_an_overloaded_model_is_asked_again(sandbox: Sandbox, model: Any) -> None:
    busy = {"status": 529, "type": "overloaded_error", "message": "Overloaded", "after": 0}
    model({"error": busy}, {"error": busy | {"status": 429}}, {"text": "Now."})
    with Conversation(sandbox) as me:
        assert me.ask("hello") == "ok"
        assert me.text == "Now."
        assert [data["attempt"] for data in me.seen("retry")] == [1, 2]
