"""Links, FIFOs and races on the files that privileged services write or read."""

import json

import pytest
from governed import run_approved
from sandbox import Sandbox

pytestmark = pytest.mark.system

# What root or a service writes to → who alone may change its names.
PLACES = {
    "/etc/aios": "root", "/etc/systemd/nspawn": "root", "/etc/dbus-1/system.d": "root",
    "/usr/local/share/dbus-1/system-services": "root", "/usr/lib/aios": "root", "/run/aios": "root",
    "/run/aios/attach": "root", "/run/aios/exec": "root", "/run/aios/machine": "root",
    "/run/aios/state/aios": "root", "/var/lib/aios": "root", "/var/lib/aios/exec": "root",
    "/var/lib/aios/exec/aios": "root", "/var/lib/aios/exec/.host": "root",
    "/var/lib/aios/attach": "aios-memory", "/var/lib/aios/memory": "aios-memory",
    "/var/lib/aios/memory-backup": "aios-memory", "/var/lib/aios/policy": "aios-policy",
    "/var/lib/aios/chat": "aios-chat",
}  # fmt: skip


def test_nobody_else_can_lay_anything_there(sandbox: Sandbox) -> None:
    """So no link can be, in the place itself or anywhere above it."""
    sandbox.run(["systemctl", "start", "aios-exec@aios.service", "aios-exec@.host.service"])
    for place, owner in PLACES.items():
        parts = [place.rsplit("/", cut)[0] or "/" for cut in range(place.count("/") + 1)]
        for path in parts:
            found, mode, kind = sandbox.sh(f"stat -c '%U %a %F' {path}").split(" ", 2)
            assert kind == "directory", path
            assert found == (owner if path == place else "root"), (path, found)
            assert not int(mode, 8) & 0o022, (path, mode)
    # Everything in the services' own directories is theirs, and nothing is a link out of them.
    # Files come and go meanwhile.
    for where, strange in (
        ("/var/lib/aios/exec", "! -user root"),
        ("/var/lib/aios/policy", "! -user aios-policy"),
        ("/var/lib/aios/chat", "! -user aios-chat"),
        ("/var/lib/aios", "-type l"),
        ("/var/lib/aios /run/aios", "-type f -perm /022"),
    ):
        found = sandbox.sh(f"find {where} -ignore_readdir_race {strange}")
        assert found == "", (where, strange)


WORDS = "/var/lib/aios/attach/aios"
LAID = {
    "link": f"ln -s /etc/shadow {WORDS}",
    "fifo": f"mkfifo {WORDS}",
    "directory": f"mkdir {WORDS}",
    "long": f"head -c 100000 /dev/zero > {WORDS}",
    "lines": f"printf 'read-only\\nBind=/:/host' > {WORDS}",
    "other": f"echo 'read-write:/' > {WORDS}",
}


@pytest.mark.parametrize("laid", LAID)
def test_root_takes_words_alone_from_the_memorys_service(sandbox: Sandbox, laid: str) -> None:
    before = sandbox.sh("cat /etc/systemd/nspawn/aios.nspawn")
    try:
        sandbox.sh(LAID[laid], user="aios-memory")
        sandbox.run(["systemctl", "start", "aios-attach@aios.service"], timeout=30)
        after = sandbox.sh("cat /etc/systemd/nspawn/aios.nspawn")
        assert "/var/lib/aios/memory" not in after
        assert set(after.splitlines()) <= set(before.splitlines())
    finally:
        sandbox.sh(f"rm -rf {WORDS}")
        sandbox.run(["systemctl", "start", "aios-attach@aios.service"])
    assert sandbox.sh("cat /etc/systemd/nspawn/aios.nspawn") == before


# Renames a word, a link, a FIFO and a directory over each other until its input ends.
GAME = """
import os, sys, threading
os.chdir("/var/lib/aios/attach")
on = True
def play():
    while on:
        for kind in ("word", "passwd", "fifo", "shadow"):
            try:
                if kind == "word":
                    open(".game", "w").write("read-write\\n")
                elif kind == "fifo":
                    os.mkfifo(".game")
                else:
                    os.symlink("/etc/" + kind, ".game")
                os.replace(".game", "aios")
            except OSError:
                try: os.unlink(".game")
                except OSError: pass
thread = threading.Thread(target=play)
thread.start()
print("playing", flush=True)
sys.stdin.readline()
on = False
thread.join()
for name in ("aios", ".game"):
    try: os.unlink(name)
    except OSError: pass
"""


def test_a_race_for_the_word_wins_nothing(sandbox: Sandbox) -> None:
    before = sandbox.sh("cat /etc/systemd/nspawn/aios.nspawn")
    writable = before.replace(":rootidmap", ":idmap").replace(
        "BindReadOnly=/var/lib/aios/memory", "Bind=/var/lib/aios/memory"
    )
    game = sandbox.popen(["/usr/bin/python3", "-I", "-c", GAME], user="aios-memory")
    assert game.stdout is not None
    assert game.stdout.readline() == "playing\n"
    try:
        for _ in range(8):
            sandbox.run(["systemctl", "start", "aios-attach@aios.service"], timeout=30)
            after = sandbox.sh("cat /etc/systemd/nspawn/aios.nspawn")
            assert set(after.splitlines()) <= {*before.splitlines(), *writable.splitlines()}
    finally:
        game.communicate("\n", timeout=30)
        sandbox.run(["systemctl", "start", "aios-attach@aios.service"])
    assert sandbox.sh("cat /etc/systemd/nspawn/aios.nspawn") == before


def test_the_guard_saves_nothing_that_others_can_swap(sandbox: Sandbox) -> None:
    """Root would keep a copy of /etc/shadow, and put it back as the person's own file."""
    sandbox.sh("mkdir -p /srv/theirs && echo mine > /srv/theirs/file && chown -R me /srv/theirs")
    settings = '[exec.guard]\nfiles = ["/srv/theirs/file"]\n'
    sandbox.run(["tee", "/etc/aios/config.d/60-guard.toml"], input=settings)
    command = "touch /srv/guarded"
    # It reads its configuration when it starts.
    sandbox.run(["systemctl", "stop", "aios-exec@.host.service"])
    try:
        said = run_approved(sandbox, command, machine=".host", confirm_within_usec=60_000_000)
        assert "/srv/theirs is not root's alone to write" in said.error, said
        assert sandbox.run(["test", "-e", "/srv/guarded"], check=False).returncode == 1
        assert sandbox.sh("ls -A /var/lib/aios/exec/.host/guard") == ""
        sandbox.sh("chown -R root /srv/theirs")
        said = run_approved(sandbox, command, machine=".host", confirm_within_usec=60_000_000)
        assert said.status == 0, said
        sandbox.run(["aios", "confirm", said.details["id"]], user="me")
    finally:
        sandbox.sh("rm -rf /etc/aios/config.d/60-guard.toml /srv/theirs /srv/guarded")
        sandbox.run(["systemctl", "stop", "aios-exec@.host.service"])


def test_a_persons_home_moves_no_file_of_roots(sandbox: Sandbox) -> None:
    """Their rules and servers are read by themselves and handed over as text."""
    sandbox.sh("mkdir -p ~/.config/syui/ai && ln -sf /etc/shadow ~/.config/syui/ai/config.toml"
               " && ln -sf /etc/shadow ~/.config/syui/ai/mcp.json", user="me")  # fmt: skip
    try:
        for argv in (["policy", "check", "ls"], ["mcp", "list"]):
            done = sandbox.run(["aios", *argv], user="me", check=False)
            assert "root:" not in done.stdout + done.stderr
        kept = sandbox.sh("cat /var/lib/aios/policy/users/* /var/lib/aios/chat/mcp/* || true")
        assert "root:" not in kept
    finally:
        sandbox.sh("rm -f ~/.config/syui/ai/config.toml ~/.config/syui/ai/mcp.json", user="me")


def test_the_memory_is_written_by_its_service_alone(sandbox: Sandbox) -> None:
    """Members of aios read the file; a backup goes where nobody else is."""
    for user in ("me", "outsider", "aios-chat", "aios-policy"):
        for attempt in ("touch /var/lib/aios/memory/x", "mv /var/lib/aios/memory/memory.db /tmp/x",
                        "ln -s /etc/shadow /var/lib/aios/memory/memory.db-journal",
                        "ln -s /etc/shadow /var/lib/aios/memory-backup/x",
                        "echo x >> /var/lib/aios/memory/memory.db"):  # fmt: skip
            assert sandbox.run(["sh", "-c", attempt], user=user, check=False).returncode, attempt
    assert sandbox.run(["cat", "/var/lib/aios/memory/memory.db"], user="outsider", check=False
                       ).returncode  # fmt: skip
    rows = sandbox.run(["aios", "memory", "stats", "--json"], user="me").stdout
    assert json.loads(rows)["memories"] >= 0
