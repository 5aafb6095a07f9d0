"""Approvals through polkit: who is asked, and what they see; with its agent on a terminal."""

import json
from textwrap import dedent
from typing import Any

import pytest
from people import PEOPLE, play
from sandbox import Sandbox

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("plain")]


def test_an_approval_from_the_bus_through_polkit(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        r"""
        listener = bus_of("me")
        rule = MatchRule(type="signal", interface="org.aios.Policy1")
        Proxy(message_bus, listener).AddMatch(rule)
        with listener.filter(rule) as signals:
            id = authorize("rm x\r\x1b[2Kls", session="S")["id"]
            asked = listener.recv_until_filtered(signals, timeout=20).body
            before = redeem(id)["state"]
            listed = busctl("me", "ListPending")
            first = busctl("me", "Approve", "sa{sv}", id, "0")
            told = listener.recv_until_filtered(signals, timeout=20).body
        show(id=id, asked=asked, told=told, before=before, listed=listed, first=first,
             second=busctl("root", "Approve", "sa{sv}", id, "0"),
             late=busctl("me", "Reject", "ss", id, "no"), uid=uid("me"),
             redeemed=[redeem(id), redeem(id)])
    """,
    )
    escaped = "rm x\\r\\x1b[2Kls"
    assert shown["asked"] == [shown["id"], escaped, "aios", shown["uid"]]
    assert shown["told"] == [shown["id"], "approved", shown["uid"]]
    assert shown["before"] == "pending"
    assert shown["id"] in shown["listed"][1]
    assert shown["first"][0] == 0
    assert "no longer pending: approved by me" in shown["second"][1]
    assert "no longer pending" in shown["late"][1]
    assert shown["redeemed"][0] == shown["redeemed"][1]
    assert shown["redeemed"][0]["state"] == "approved"
    assert shown["redeemed"][0]["why"]["by_user"] == "me"


def test_an_approval_from_a_socket_through_polkit(sandbox: Sandbox) -> None:
    # polkit is told of the process, which must be the person's own.
    made = play(sandbox, 'show(id=authorize("rm x")["id"])')
    script = """
        import json, socket, sys
        peer = socket.socket(socket.AF_UNIX)
        peer.connect("/run/aios/policy.sock")
        call = {"method": "org.aios.Policy1.Approve",
                "parameters": {"id": sys.argv[1], "options": {}}}
        peer.sendall(json.dumps(call).encode() + b"\\0")
        print(peer.recv(65536).decode().rstrip("\\0"))
    """
    answer = json.loads(sandbox.python(dedent(script), made["id"], user="me"))
    assert answer == {"parameters": {}}
    assert play(sandbox, "show(**redeem(sys.argv[1]))", made["id"])["why"]["by_user"] == "me"


def test_a_stolen_connection_approves_nothing(sandbox: Sandbox) -> None:
    """A socket whose uid is not its process's own (any more) identifies nobody."""
    shown = play(
        sandbox,
        """
        id = authorize("rm x")["id"]
        show(answer=Peer("me").call("Approve", id=id, options={}), state=redeem(id)["state"])
    """,
    )
    assert shown["answer"]["error"] == "NotAuthorized"
    assert shown["state"] == "pending"


def test_services_are_no_approvers(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        id = authorize("rm x")["id"]
        calls = [("Approve", "sa{sv}", id, "0"), ("Reject", "ss", id, "no"),
                 ("Delegate", "ss", "S", "aios"), ("ListPending",), ("ReloadConfig",)]
        show(answers=[busctl(u, *c) for u in ("aios-chat", "aios-memory", "nobody")
                      for c in calls],
             state=redeem(id)["state"])
    """,
    )
    for status, text in shown["answers"]:
        assert status
        assert "may not" in text or "denied" in text or "only root" in text
    assert shown["state"] == "pending"


def test_root_is_not_asked(sandbox: Sandbox) -> None:
    shown = play(sandbox, """
        id = authorize("rm x", user="plain")["id"]
        show(answer=Peer().call("Approve", id=id, options={}), state=redeem(id))
    """)  # fmt: skip
    assert shown["answer"] == {}
    assert (shown["state"]["state"], shown["state"]["why"]["by_user"]) == ("approved", "root")


def test_without_an_agent_nobody_is_asked(sandbox: Sandbox) -> None:
    shown = play(
        sandbox,
        """
        id = authorize("rm x", user="plain")["id"]
        show(answer=busctl("plain", "Approve", "sa{sv}", id, "0"), state=redeem(id)["state"])
    """,
    )
    assert shown["answer"][0]
    assert "authentication" in shown["answer"][1]
    assert shown["state"] == "pending"


# Somebody with an agent on a terminal of their own, who has said yes.
ASKED = r"""
import fcntl, pty, select, signal, termios

class Asked:
    def __init__(self, user, id, language="C.UTF-8"):
        leader, follower = pty.openpty()
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            entry = pwd.getpwnam(user)
            os.setsid()
            fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
            os.initgroups(user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            os.environ["LANG"] = language
            agent = subprocess.Popen(
                ["pkttyagent", "--notify-fd", str(told), "--process", str(os.getpid())],
                stdin=follower, stdout=follower, stderr=follower, pass_fds=[told])
            os.close(told)
            os.read(ready, 1)
            peer = Peer.__new__(Peer)
            peer.socket, peer.buffer = socket.socket(socket.AF_UNIX), b""
            peer.socket.connect("/run/aios/policy.sock")
            signal.signal(signal.SIGUSR1, lambda *_: agent.kill())
            print(json.dumps(peer.call("Approve", id=id, options={})), flush=True)
            agent.kill()
            os._exit(0)
        os.close(follower)
        os.close(told)
        self.leader, self.child, self.screen = leader, child, b""

    def sees(self, what):
        while what not in self.screen:
            assert select.select([self.leader], [], [], 20)[0], self.screen
            self.screen += os.read(self.leader, 4096)

    def types(self, password):
        # The agent asks first, and drops what came before it hid what is typed.
        while termios.tcgetattr(self.leader)[3] & termios.ECHO:
            os.sched_yield()
        os.write(self.leader, password.encode() + b"\n")

    def ends(self):
        os.waitpid(self.child, 0)
"""


def asked(sandbox: Sandbox, script: str, *argv: str) -> list[dict[str, Any]]:
    """The answers in order, then what the script shows."""
    lines = sandbox.python(PEOPLE + ASKED + script, *argv).splitlines()
    return [json.loads(line) for line in lines]


def test_others_authenticate_and_see_what_it_is(sandbox: Sandbox) -> None:
    answer, shown = asked(sandbox, r"""
id = authorize("rm x\r\x1b[2Kls $(machine)", user="plain", session="S")["id"]
one = Asked("plain", id)
one.sees(b"assword:")
one.types("secret")
one.ends()
show(screen=one.screen.decode(), state=redeem(id))
""")  # fmt: skip
    assert answer == {}
    assert "rm x\\r\\x1b[2Kls $(machine)" in shown["screen"]
    assert "\x1b[2K" not in shown["screen"]
    assert "aios" in shown["screen"]
    state = shown["state"]
    assert (state["state"], state["why"]["by_user"]) == ("approved", "plain")


def test_the_question_ends_with_the_request(sandbox: Sandbox) -> None:
    answer, shown = asked(sandbox, """
id = authorize("rm x", user="plain")["id"]
one = Asked("plain", id)
one.sees(b"assword:")
rejected = busctl("me", "Reject", "ss", id, "not today")
one.ends()
show(rejected=rejected, state=redeem(id))
""")  # fmt: skip
    assert shown["rejected"][0] == 0
    assert answer["error"] == "NotFound"
    assert shown["state"]["state"] == "rejected"
    assert shown["state"]["why"]["reason"] == "not today"


def test_two_approvers_at_once(sandbox: Sandbox) -> None:
    first, second, state = asked(sandbox, """
id = authorize("rm x", user="plain")["id"]
one, two = Asked("plain", id), Asked("plain", id)
one.sees(b"assword:"), two.sees(b"assword:")
two.types("secret")
two.ends(), one.ends()
show(**redeem(id))
""")  # fmt: skip
    assert {} in (first, second)
    other = first if second == {} else second
    assert other["error"] == "NotFound" and "approved by plain" in other["message"]
    assert state["state"] == "approved"


def test_dismissed(sandbox: Sandbox) -> None:
    answer, state = asked(sandbox, """
id = authorize("rm x", user="plain")["id"]
one = Asked("plain", id)
one.sees(b"assword:")
os.kill(one.child, signal.SIGUSR1)
one.ends()
show(**redeem(id))
""")  # fmt: skip
    assert answer["error"] == "NotAuthorized"
    assert state["state"] == "pending"


def test_time_passes_while_polkit_asks(sandbox: Sandbox, settings: str) -> None:
    sandbox.sh(f"printf '[policy]\\napproval_timeout = 3\\n' >{settings}")
    answer, state = asked(sandbox, """
id = authorize("rm x", user="plain")["id"]
one = Asked("plain", id)
one.sees(b"assword:")
one.ends()
show(**redeem(id))
""")  # fmt: skip
    assert answer["error"] == "NotFound" and "expired" in answer["message"]
    assert state["state"] == "expired"


@pytest.mark.parametrize(
    ("language", "said"),
    [("de_DE.UTF-8", "Legitimierung ist nötig"), ("ja_JP.UTF-8", "認証が必要です"),
     ("fr_FR.UTF-8", "Une authentification est requise"), ("C.UTF-8", "Authentication is")],
)  # fmt: skip
def test_in_the_persons_language(sandbox: Sandbox, language: str, said: str) -> None:
    _, shown = asked(sandbox, r"""
id = authorize("rm x\r\x1b[2K $(machine)", user="plain")["id"]
one = Asked("plain", id, sys.argv[1])
one.sees(b"assword:")
os.kill(one.child, signal.SIGUSR1)
one.ends()
show(screen=one.screen.decode())
""", language)  # fmt: skip
    assert said in shown["screen"]
    assert "rm x\\r\\x1b[2K $(machine)" in shown["screen"] and "\x1b[2K" not in shown["screen"]
