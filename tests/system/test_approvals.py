"""Approvals by real people: polkit with its agent on a terminal, grants for a session, the watch,
wider profiles."""

import json
import time
from collections.abc import Iterator

import pytest
from governed import BUSCTL, POLICY, approve, end, pending, requests, start, until
from person import PROMPT, Person
from sandbox import Sandbox
from test_policy import PEOPLE, play

pytestmark = pytest.mark.system

QUESTION = r"run it\? \[y\] yes, once  \[n\] no "
FOR_SESSION = r"\[s\] for this session "
GRANT = r"grant it\? \[y\] yes  \[n\] back "
REMOVE = "rm -r /srv/granted"


@pytest.fixture(scope="module", autouse=True)
def people(sandbox: Sandbox) -> None:
    """`plain` authenticates as root to approve."""
    sandbox.sh("""
        id plain 2>/dev/null || useradd --create-home --shell /bin/bash plain
        usermod -aG aios plain
        echo root:secret | chpasswd
    """)
    sandbox.machine(["mkdir", "-p", "/srv/granted"])


@pytest.fixture
def me(sandbox: Sandbox) -> Iterator[Person]:
    with Person(sandbox, ["aios"]) as person:
        person.sees(PROMPT)
        yield person


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


# Grants


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
    sandbox.run(["systemctl", "kill", "-s", "KILL", "aios-policy.service"])
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
    assert grants(sandbox) == []


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


# polkit


def test_a_password_for_a_grant(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios"], user="plain") as person:
        person.sees(PROMPT)
        person.say(f"!{REMOVE}")
        person.sees(FOR_SESSION)
        person.type("s")
        person.sees(GRANT)
        person.type("y")
        assert "as often as plain asks" in person.sees("(?i)password: ")
        _when_hidden(sandbox)
        person.type("secret\r")
        assert "✓" in person.sees(PROMPT) and removed(sandbox)
        person.say(f"!{REMOVE}")
        assert "✓" in person.sees(PROMPT) and removed(sandbox)


def _when_hidden(sandbox: Sandbox) -> None:
    sandbox.sh(
        "tty=$(readlink /proc/$(pgrep -x pkttyagent)/fd/0);"
        " timeout 30 sh -c 'until stty -F $0 -a | grep -q -- \" -echo \"; do :; done' $tty"
    )


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
        os.write(self.leader, password.encode() + b"\n")

    def ends(self):
        os.waitpid(self.child, 0)
"""


def asked(sandbox: Sandbox, script: str, *argv: str) -> list[dict[str, str]]:
    """The answers in order, then what the script shows."""
    lines = sandbox.python(PEOPLE + ASKED + script, *argv).splitlines()
    return [json.loads(line) for line in lines]


def test_two_approvers_at_once(sandbox: Sandbox) -> None:
    first, second, state = asked(sandbox, """
id = authorize("rm x", user="plain")["id"]
one, two = Asked("plain", id), Asked("plain", id)
one.sees(b"assword:"), two.sees(b"assword:")
two.types("secret")
# The agent may flush its terminal once more before it reads: then type it again.
for _ in range(20):
    time.sleep(0.5)
    if redeem(id)["state"] != "pending":
        break
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


def test_time_passes_while_polkit_asks(sandbox: Sandbox) -> None:
    path = "/etc/aios/config.d/90-test.toml"
    sandbox.sh(f"mkdir -p /etc/aios/config.d; printf '[policy]\\napproval_timeout = 3\\n' >{path}")
    try:
        answer, state = asked(sandbox, """
id = authorize("rm x", user="plain")["id"]
one = Asked("plain", id)
one.sees(b"assword:")
one.ends()
show(**redeem(id))
""")  # fmt: skip
    finally:
        sandbox.sh(f"rm {path}")
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


def test_root_is_not_asked(sandbox: Sandbox) -> None:
    shown = play(sandbox, """
        id = authorize("rm x", user="plain")["id"]
        show(answer=Peer().call("Approve", id=id, options={}), state=redeem(id))
    """)  # fmt: skip
    assert shown["answer"] == {}
    assert (shown["state"]["state"], shown["state"]["why"]["by_user"]) == ("approved", "root")


# The watch


@pytest.mark.usefixtures("nothing_waits")
def test_watch_at_a_terminal(sandbox: Sandbox) -> None:
    with Person(sandbox, ["aios", "approvals", "--watch"]) as watcher:
        watcher.sees("Waiting for requests")
        waiting = start(sandbox, REMOVE, cwd="/srv")
        card = watcher.sees(QUESTION)
        assert REMOVE in card and "cwd        /srv" in card and "profile    full" in card
        watcher.type("y")
        assert end(waiting).status == 0 and removed(sandbox)
        # Policy may go and come back, with what waits.
        sandbox.run(["systemctl", "kill", "-s", "KILL", "aios-policy.service"])
        again = start(sandbox, REMOVE)
        watcher.sees(QUESTION)
        approve(sandbox, pending(sandbox, REMOVE))
        watcher.sees("approved")
        assert end(again).status == 0 and removed(sandbox)
        third = start(sandbox, REMOVE)
        watcher.sees(QUESTION)
        watcher.type("q")
        assert watcher.leaves() == 0
    job = pending(sandbox, REMOVE)
    sandbox.run(["aios", "reject", job], user="me")
    end(third)


@pytest.mark.usefixtures("nothing_waits")
def test_watch_by_lines(sandbox: Sandbox) -> None:
    watcher = sandbox.popen(["aios", "approvals", "--watch", "--json"], user="me")
    assert watcher.stdout is not None
    try:
        time.sleep(1)
        command = "rm -f /srv/\x1b[2Kx"
        waiting = start(sandbox, command)
        request = json.loads(watcher.stdout.readline())["request"]
        assert request["command"] == "rm -f /srv/\\x1b[2Kx" and request["grant"] == {}
        sandbox.run(["aios", "reject", request["id"], "no"], user="me")
        resolved = json.loads(watcher.stdout.readline())["resolved"]
        assert (resolved["id"], resolved["outcome"]) == (request["id"], "rejected")
        end(waiting)
    finally:
        watcher.kill()
        watcher.wait()


# Profiles


def test_a_wider_profile_needs_approval(sandbox: Sandbox) -> None:
    refused = sandbox.run(
        ["aios", "exec", "--wait-approval", "0.5", "--profile", "standard", "--", "id", "-un"],
        user="me", check=False,
    )  # fmt: skip
    assert refused.returncode == 3
    with Person(sandbox, ["aios", "exec", "--profile", "standard", "--", "id", "-un"]) as person:
        card = person.sees(QUESTION)
        assert "profile    standard" in card and FOR_SESSION not in card
        person.type("y")
        person.sees("root")
        assert person.leaves() == 0


def test_the_profile_may_be_why(sandbox: Sandbox) -> None:
    failed = sandbox.run(["aios", "exec", "--", "ls /proc/1/root/"], user="me", check=False)
    assert failed.returncode == 2
    assert "may be why" in failed.stderr and "--profile standard" in failed.stderr
    other = sandbox.run(["aios", "exec", "--", "ls /nowhere"], user="me", check=False)
    assert "may be why" not in other.stderr
    said = sandbox.run(["aios", "!ls /proc/1/root/"], user="me", check=False)
    assert "may be why" in said.stdout + said.stderr


def test_what_aios_runs_approves_nothing(sandbox: Sandbox) -> None:
    """A command of aios's is no person, whoever's it is and wherever it found the socket."""
    waiting = start(sandbox, REMOVE)
    job = pending(sandbox, REMOVE)
    script = (
        'import json,socket;s=socket.socket(socket.AF_UNIX);s.connect("/run/aios/policy.sock");'
        's.sendall(json.dumps({"method":"org.aios.Policy1.ListPending"}).encode()+bytes(1));'
        "print(s.recv(9999))"
    )
    command = f"python3 -c '{script}'"
    trying = start(sandbox, command)
    until(lambda: requests(sandbox).get(command))
    approve(sandbox, pending(sandbox, command))
    assert "NotAuthorized" in end(trying).stdout
    sandbox.run(["aios", "reject", job], user="me")
    end(waiting)
