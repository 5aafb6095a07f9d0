"""aios-policy as exec and people meet it; exec's part is played by root."""

import pytest
from people import play
from sandbox import Sandbox

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("plain")]


def test_the_decision_chooses_the_profile_and_binds(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        from aios.binding import binding
        read, install, remove, wipe = [
            authorize(c) for c in ("ls -la", "apt install tree", "rm -r /srv/x", "rm -rf /")]
        show(read=read, install=install, remove=remove, wipe=wipe, bound=binding(
            command="rm -r /srv/x", machine="aios", uid=uid("me"), cwd="/", env={},
            profile="full"))
    """,
    )
    assert [shown[k]["decision"] for k in ("read", "install", "remove", "wipe")] == [
        "auto_allow", "notify", "pending", "deny"]  # fmt: skip
    assert [shown[k]["why"]["profile"] for k in ("read", "install", "remove")] == [
        "read-only", "standard", "full"]  # fmt: skip
    assert shown["remove"]["why"]["binding"] == shown["bound"]
    assert shown["remove"]["why"]["user"] == "me"


def test_what_the_context_adds(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        show(wider=authorize("ls", profile="full"), narrower=authorize("ls", profile="read-only"),
             tighter=authorize("apt install tree", profile="read-only"),
             preload=authorize("ls", env={"LD_PRELOAD": "/tmp/x.so"}),
             locale=authorize("ls", env={"LANG": "C.UTF-8"}),
             probe=authorize("rm -r /srv/x", purpose="probe"),
             look=authorize("ls", purpose="probe"),
             inside=authorize("rm -rf *", cwd="/srv/x"), above=authorize("rm -rf *", cwd="/"),
             unknown=authorize("ls", profile="roomy"), bad_id=authorize("ls", id="../x"),
             empty=authorize(" "), place=authorize("ls", machine="../x"),
             option=authorize("ls", colour="red"))
    """,
    )
    decisions = {k: v.get("decision", v.get("error")) for k, v in shown.items()}
    assert decisions == {
        "wider": "pending", "narrower": "auto_allow", "tighter": "notify", "preload": "pending",
        "locale": "auto_allow", "probe": "deny", "look": "auto_allow",
        "inside": "pending", "above": "deny",
        "unknown": "InvalidOption", "bad_id": "InvalidOption", "empty": "InvalidCommand",
        "place": "NoSuchMachine", "option": "InvalidOption",
    }  # fmt: skip
    assert shown["tighter"]["why"]["profile"] == "read-only"
    assert "LD_PRELOAD" in shown["preload"]["why"]["reason"]


def test_only_roots_exec_authorizes_redeems_and_withdraws(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        id = authorize("rm x")["id"]
        context = {"id": new_id(), "uid": 0}
        show(me=Peer("me").call("Authorize", command="ls", machine="aios", context=context),
             chat=Peer("aios-chat").call("Authorize", command="ls", machine="aios",
                                         context=context),
             redeem=Peer("me").call("Redeem", id=id),
             other=Peer("plain").call("Withdraw", id=id), own=Peer("me").call("Withdraw", id=id),
             state=redeem(id)["state"])
    """,
    )
    assert [shown[k]["error"] for k in ("me", "chat", "redeem")] == ["NotAuthorized"] * 3
    assert shown["other"]["error"] == "NotFound"
    assert shown["own"] == {}
    assert shown["state"] == "withdrawn"


def test_whom_a_command_may_be_for(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        show(**{u: authorize("ls", user=u).get("error") for u in
                ("me", "root", "plain", "nobody", "aios-chat", "aios-memory", "aios-policy")})
    """,
    )
    refused = "NotAuthorized"
    assert shown == {
        "me": None, "root": None, "plain": None, "nobody": refused,
        "aios-chat": refused, "aios-memory": refused, "aios-policy": refused,
    }  # fmt: skip


def test_nothing_is_lost_when_it_is_killed(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        id = new_id()
        asked = authorize("rm x", id=id)
        kill()
        again = authorize("rm x", id=id)
        other = authorize("rm y", id=id)
        kill()
        approved = busctl("me", "Approve", "sa{sv}", id, "0")
        kill()
        first = redeem(id)
        kill()
        show(asked=asked, again=again, other=other, approved=approved, first=first,
             second=redeem(id))
    """,
    )
    assert shown["again"] == shown["asked"]
    assert shown["other"]["error"] == "InvalidOption"
    assert shown["approved"][0] == 0, shown
    assert shown["first"]["state"] == "approved"
    assert shown["second"] == shown["first"]


def test_a_request_expires(sandbox: Sandbox, settings: str) -> None:
    sandbox.sh(f"printf '[policy]\\napproval_timeout = 1\\n' >{settings}")
    shown = play(
        sandbox,
        """
        listener = bus_of("me")
        rule = MatchRule(type="signal", interface="org.aios.Policy1", member="ApprovalResolved")
        Proxy(message_bus, listener).AddMatch(rule)
        with listener.filter(rule) as signals:
            id = authorize("rm x")["id"]
            told = listener.recv_until_filtered(signals, timeout=20).body
        show(id=id, told=told, state=redeem(id)["state"],
             late=busctl("root", "Approve", "sa{sv}", id, "0"))
    """,
    )
    assert shown["told"] == [shown["id"], "expired", 2**32 - 1]
    assert shown["state"] == "expired"
    assert "no longer pending: expired" in shown["late"][1]


def test_a_broken_file_leaves_the_last_good_in_force(sandbox: Sandbox, settings: str) -> None:
    sandbox.sh(f"printf '[permissions]\\ndeny = [\"ls\"]\\n' >{settings}")
    script = """
        why = Peer("me").call("Check", command="ls", machine="aios")
        show(**why, reload=busctl("me", "ReloadConfig"), plain=busctl("plain", "ReloadConfig"))
    """
    good = play(sandbox, script)
    assert good["decision"] == "deny"
    assert "fault" not in good["why"]
    assert good["reload"][0] == 0
    assert "only root" in good["plain"][1]
    sandbox.sh(f"printf '[permissions]\\ndeny = 3\\n' >{settings}")
    for _ in range(2):  # the second time in a service that never saw the good one
        broken = play(sandbox, script)
        assert broken["decision"] == "deny"
        assert settings in broken["why"]["fault"]
        assert broken["reload"][0] and settings in broken["reload"][1]
        play(sandbox, "kill(); show()")
    sandbox.sh(f"rm {settings}")
    assert play(sandbox, script)["decision"] == "auto_allow"
