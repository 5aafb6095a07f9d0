"""Who lends their authority, and for how long; people in machines, who have that machine's."""

import json
from typing import Any

import pytest
from people import play
from sandbox import Sandbox

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("plain")]


def test_a_delegation_lives_as_long_as_its_call(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        person = Peer("me")
        lent = person.delegate()
        def chat(**context):
            answer = authorize("ls", user="aios-chat", **{"delegation": lent, **context})
            return answer.get("error") or answer["why"]["user"] + " " + answer["why"]["session"]
        found = dict(
            live=chat(), named=chat(session="S"), elsewhere=chat(session="T"),
            machine=chat(machine="other"), invented=chat(delegation=lent[:-1]), none=chat(
            delegation=""), stolen=authorize("ls", user="plain", delegation=lent)["error"],
            described=[Peer("aios-memory").call("DescribeDelegation", delegation=lent),
                       Peer("me").call("DescribeDelegation", delegation=lent)],
            own=authorize("ls", user="me", delegation=lent).get("error"))
        person.socket.close()
        # The same service is asked next: it has read that the peer is gone.
        show(**found, after=chat())
    """,
    )
    refused = "NotAuthorized"
    assert shown["live"] == shown["named"] == "me S"
    for key in ("elsewhere", "machine", "invented", "none", "stolen", "after"):
        assert shown[key] == refused, key
    assert shown["own"] is None
    assert shown["described"][0]["user"] == "me"
    assert shown["described"][1]["error"] == refused


def test_a_session_hears_of_its_requests_alone(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        session = new_id()
        early = authorize("rm early", session=session)["id"]
        person, other = Peer("me"), Peer("plain")
        lent = person.delegate(session)
        other_lent = other.delegate(session)
        asked = [person.receive()]
        late = authorize("rm late", user="aios-chat", delegation=lent)["id"]
        asked.append(person.receive())
        rejected = Peer("me").call("Reject", id=early, reason="no")
        told = person.receive()
        theirs = authorize("rm theirs", user="aios-chat", delegation=other_lent)["id"]
        heard = other.receive()
        Peer("me").call("Revoke", delegation=lent)
        show(early=early, late=late, asked=asked, told=told, theirs=theirs, heard=heard,
             end=person.receive(), lent=lent, uid=uid("me"),
             plain=Peer("me").call("Delegate", session="S", machine="aios"))
    """,
    )
    assert [event["request"]["id"] for event in shown["asked"]] == [shown["early"], shown["late"]]
    assert shown["asked"][1]["request"]["command"] == "rm late"
    assert shown["told"]["resolved"] == {
        "id": shown["early"], "outcome": "rejected", "by_uid": shown["uid"]}  # fmt: skip
    assert shown["heard"]["request"]["id"] == shown["theirs"]
    assert shown["end"] == {"delegation": shown["lent"]}
    assert shown["plain"]["error"] == "InvalidOption"


def test_a_delegation_on_the_bus_survives_the_service(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        person = bus_of("me")
        (lent,) = bus_call(person, "Delegate", "ss", "S", "aios")
        def chat(reference, **context):
            answer = authorize("ls", user="aios-chat", delegation=reference, **context)
            return answer.get("error") or answer["why"]["user"]
        found = [chat(lent), chat(person.unique_name, session="chats own")]
        kill()
        found += [chat(lent), chat(person.unique_name), chat(person.unique_name, machine="other")]
        person.close()
        show(found=found, after=[chat(lent), chat(person.unique_name)])
    """,
    )
    assert shown["found"] == ["me", "me", "me", "me", "NotAuthorized"]
    assert shown["after"] == ["NotAuthorized", "NotAuthorized"]


MACHINE = r"""
import json, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(30)
peer.connect("/run/aios/policy.sock")
answers = []
for method, parameters in json.loads(sys.argv[1]):
    call = {"method": "org.aios.Policy1." + method, "parameters": parameters, "more": True}
    peer.sendall(json.dumps(call).encode() + b"\0")
    data = b""
    while not data.endswith(b"\0"):
        data += peer.recv(65536)
    answer = json.loads(data.rstrip(b"\0"))
    answers.append(answer.get("error", answer.get("parameters")))
    if method == "Delegate" and "error" not in answer:
        print(json.dumps(answers), flush=True)
        sys.stdin.readline()
        break
print(json.dumps(answers))
"""


def in_machine(sandbox: Sandbox, user: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    command = ["python3", "-I", "-c", MACHINE, json.dumps(calls)]
    output = sandbox.run(command, user=user, machine="aios").stdout
    answers: list[Any] = json.loads(output.splitlines()[-1])
    return answers


def test_people_in_a_machine_have_that_machine(sandbox: Sandbox) -> None:
    # Asked for on the host: not theirs to see.
    asked = play(sandbox, 'show(id=authorize("rm x")["id"])')["id"]
    here, there = {"session": "M", "machine": "aios"}, {"session": "M", "machine": "aios-dev"}
    answers = in_machine(
        sandbox, "ai",
        ("Check", {"command": "ls", "machine": "aios"}),
        ("Check", {"command": "ls", "machine": "aios-dev"}),
        ("Delegate", there),
        ("ListPending", {}),
        ("Approve", {"id": asked, "options": {}}),
        ("Reject", {"id": asked, "reason": ""}),
        ("Authorize", {"command": "ls", "machine": "aios", "context": {}}),
        ("ReloadConfig", {}),
        ("Delegate", here),
    )  # fmt: skip
    assert answers[0]["decision"] == "auto_allow"
    assert answers[1] == answers[2] == "org.aios.Error.NotAuthorized"
    assert asked not in str(answers[3]["requests"])
    assert answers[4] == answers[5] == "org.aios.Error.NotFound"
    assert answers[6] == answers[7] == "org.aios.Error.NotAuthorized"
    assert answers[8]["delegation"]


@pytest.mark.parametrize(("approvals", "outcome"), [("prompt", "approved"), ("host", "pending")])
def test_who_approves_what_a_machine_asks_for(
    sandbox: Sandbox, settings: str, approvals: str, outcome: str
) -> None:
    sandbox.sh(f"printf '[machine]\\nmachine_approvals = \"{approvals}\"\\n' >{settings}")
    shown = play(sandbox, r"""
        def inside(user, *calls):
            return subprocess.Popen(
                ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-M", "aios",
                 "--uid=" + user, "--", "python3", "-I", "-c", sys.argv[1], json.dumps(calls)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        person = inside("ai", ("Delegate", {"session": new_id(), "machine": "aios"}))
        (lent,) = json.loads(person.stdout.readline())
        asked = authorize("rm x", user="aios-chat", delegation=lent["delegation"])
        approve = ("Approve", {"id": asked["id"], "options": {}})
        outsider = inside("nobody", approve)
        refused = json.loads(outsider.communicate()[0])
        approver = inside("ai", ("ListPending", {}), approve)
        answers = json.loads(approver.communicate()[0])
        person.communicate("\n")
        show(asked=asked, refused=refused, answers=answers, state=redeem(asked["id"]))
    """, MACHINE)  # fmt: skip
    assert shown["asked"]["why"]["user"] == "ai@aios"
    assert shown["refused"] == ["org.aios.Error.NotAuthorized"]
    listed = [request[0] for request in shown["answers"][0]["requests"]]
    assert shown["asked"]["id"] in listed
    assert shown["state"]["state"] == outcome
    if outcome == "approved":
        assert shown["state"]["why"]["by_user"] == "ai@aios"
    else:
        assert shown["answers"][1] == "org.aios.Error.NotAuthorized"
