"""aios machine: made, copied, moved and removed, and nothing half of it left."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from governed import run_approved, until
from machines import ID, aios, listed, show
from sandbox import Sandbox

# What a machine can have left a trace in.
TRACES = """
find /etc /var/lib/aios /usr/local/share/dbus-1 /run/aios -ignore_readdir_race \
    -not -path '/var/lib/aios/exec/*/a*' -not -path '/run/aios/state/*' \
    -not -path '/var/lib/aios/memory*' \
    -not -path '/var/lib/aios/chat*'
find /var/lib/machines /run/systemd/nspawn -ignore_readdir_race -maxdepth 1 -not -name '*.lck'
"""


def traces(sandbox: Sandbox) -> list[str]:
    """Without what stays of the record: the directories that it is in."""
    found = sandbox.sh(TRACES).splitlines()
    return [path for path in sorted(found) if not re.fullmatch("/var/lib/aios/exec/[^/]+", path)]


def hidden(sandbox: Sandbox) -> str:
    return sandbox.sh("ls -A /var/lib/machines | grep '^.aios-' || true")


@pytest.fixture(scope="module")
def before(sandbox: Sandbox) -> list[str]:
    """What there was before the machine `made`."""
    return traces(sandbox)


@pytest.fixture(scope="module")
def made(sandbox: Sandbox, before: list[str]) -> Iterator[str]:
    aios(sandbox, "create", "made")
    aios(sandbox, "start", "made")
    yield "made"
    aios(sandbox, "remove", "--yes", "--force", "made", check=False)


def test_a_new_machine_is_a_whole_one(sandbox: Sandbox, made: str) -> None:
    about = show(sandbox, made)
    assert about["state"] == "running"
    assert about["governed"] == "yes"
    assert about["missing"] == []
    assert sandbox.machine(["hostname"], name=made).stdout == "made\n"
    others = sandbox.sh("cat /etc/machine-id /var/lib/machines/aios/etc/machine-id").split()
    assert re.fullmatch("[0-9a-f]{32}", about["machine_id"])
    assert about["machine_id"] not in others
    ran = sandbox.run(["aios", "exec", "-m", made, "--", "id -un; hostname"], user="me")
    assert ran.stdout.split() == ["ai", "made"]
    # The memory of all, and its own files.
    sandbox.run(["aios", "memory", "add", "made is new"], user="ai", machine=made)
    assert sandbox.run(["aios", "memory", "search", "made", "new"], user="me").stdout
    assert sandbox.sh("cat /etc/systemd/nspawn/made.nspawn").count("# aios: begin") == 1


def test_packages_install_in_a_new_machine(sandbox: Sandbox, made: str) -> None:
    ran = sandbox.run(["aios", "exec", "-m", made, "--", "apt-get install -y -q hello"], user="me",
                      timeout=120)  # fmt: skip
    assert "Setting up hello" in ran.stdout


def test_machinectl_and_systemctl_work_on_it(sandbox: Sandbox, made: str) -> None:
    sandbox.run(["machinectl", "stop", made])
    sandbox.wait_machine_gone(made)
    assert listed(sandbox)[made] == "stopped"
    sandbox.run(["systemctl", "start", f"systemd-nspawn@{made}"])
    assert listed(sandbox)[made] == "running"
    aios(sandbox, "restart", made)
    aios(sandbox, "stop", made)
    assert made not in sandbox.sh("machinectl list --no-legend")
    refused = aios(sandbox, "stop", made, check=False)
    assert (refused.returncode, "does not run" in refused.stderr) == (125, True)


@pytest.mark.long
def test_an_archive_boots_elsewhere(sandbox: Sandbox, made: str) -> None:
    archive = "/var/tmp/made.tar"
    if listed(sandbox)[made] == "running":
        aios(sandbox, "stop", made)
    aios(sandbox, "export", made, "--output", archive)
    owners = sandbox.sh(f"tar --numeric-owner -tvf {archive} | awk '{{print $2}}' | sort -u")
    assert all(int(one) < 65536 for pair in owners.split() for one in pair.split("/"))
    aios(sandbox, "import", archive, "moved")
    sandbox.sh(f"rm {archive}")
    # The first is still there, so this is another one.
    assert show(sandbox, "moved")["machine_id"] == ""
    aios(sandbox, "start", "moved")
    ran = sandbox.run(["aios", "exec", "-m", "moved", "--", "ls /usr/bin/hello"], user="me")
    assert ran.stdout == "/usr/bin/hello\n"
    assert show(sandbox, "moved")["machine_id"] != show(sandbox, made)["machine_id"]
    running = aios(sandbox, "remove", "--yes", "moved", check=False)
    assert "moved runs" in running.stderr
    aios(sandbox, "remove", "--yes", "--force", "moved")


def test_nothing_of_a_machine_is_left(sandbox: Sandbox, before: list[str], made: str) -> None:
    """It is gone afterwards: the tests above are those that use it."""
    sandbox.run(["aios", "memory", "attach", made, "--access", "socket"], user="root")
    sandbox.run(["systemctl", "enable", "--now", f"systemd-nspawn@{made}"])
    sandbox.run(["aios", "exec", "-m", made, "--", "true"], user="me")
    unconfirmed = aios(sandbox, "remove", made, check=False)
    assert (unconfirmed.returncode, "--yes" in unconfirmed.stderr) == (1, True)
    aios(sandbox, "remove", "--yes", "--force", made)
    assert traces(sandbox) == before
    # What proves that nothing was taken out of the record is not the machine's.
    kept = sandbox.sh(f"ls /var/lib/aios/exec/{made}").split()
    assert kept == ["anchors.jsonl", "audit-head.json"]
    assert sandbox.run(["aios", "log", "verify", "-m", made]).returncode == 0
    assert f"@{made}." not in sandbox.sh("systemctl list-units --all --no-legend --plain")


def test_a_copy_has_an_identity_of_its_own(sandbox: Sandbox, small: str) -> None:
    aios(sandbox, "clone", small, "small-two")
    tree = "/var/lib/machines/small-two"
    assert sandbox.sh(f"cat {tree}/etc/machine-id; test ! -e {tree}/etc/hostname") == ""
    assert sandbox.sh(f"stat -c %u {tree}/etc/machine-id") == "1234567168"
    assert "Small 1" in show(sandbox, "small-two")["os"]
    again = aios(sandbox, "clone", small, "small-two", check=False)
    assert "already" in again.stderr


def test_another_name(sandbox: Sandbox, small: str) -> None:
    sandbox.run(["aios", "memory", "attach", small, "--access", "none"])
    sandbox.sh(f"""
        systemctl enable systemd-nspawn@{small}
        echo '# mine' >/etc/systemd/nspawn/{small}.nspawn
        mkdir -p /var/lib/aios/exec/{small}/sessions /var/lib/aios/exec/{small}/history
        cd /var/lib/aios/exec/{small}
        touch sessions/one history/row anchors.jsonl
        printf '# not of small\n[machine.{small}]\ntimeout = 60\n' >/etc/aios/config.d/x.toml""")
    said = aios(sandbox, "rename", small, "small-new").stderr
    sandbox.sh("rm /etc/aios/config.d/x.toml")
    assert "/etc/aios/config.d/x.toml:2 still names small" in said
    assert "small" not in listed(sandbox)
    assert show(sandbox, "small-new")["memory"] == "none"
    assert show(sandbox, "small-new")["enabled"] is True
    assert show(sandbox, "small-new")["machine_id"] == ID
    assert "# mine" in sandbox.sh("cat /etc/systemd/nspawn/small-new.nspawn")
    state = sandbox.sh("cd /var/lib/aios/exec && find small small-new -type f").split()
    assert sorted(state) == ["small-new/sessions/one", "small/anchors.jsonl", "small/history/row"]
    sandbox.sh("rm -r /var/lib/aios/exec/small")


def test_what_a_machine_of_anothers_making_lacks(sandbox: Sandbox, small: str) -> None:
    lacks = {one["what"] for one in show(sandbox, small)["missing"]}
    assert lacks == {"bash", "systemd", "user ai"}
    assert "missing: user ai" in aios(sandbox, "show", small).stdout


def test_settings_that_are_there_stay(sandbox: Sandbox, small: str) -> None:
    settings = "/etc/systemd/nspawn/small-own.nspawn"
    sandbox.sh(f"printf '[Exec]\\nBoot=no\\n' >{settings}")
    aios(sandbox, "create", "small-own", "--from", small)
    assert sandbox.sh(f"cat {settings}") == "[Exec]\nBoot=no"


@pytest.mark.parametrize(
    "option", ["--network=none", "--no-private-users", "--release=sid", "--refresh"]
)
def test_a_copy_takes_no_other_settings(sandbox: Sandbox, small: str, option: str) -> None:
    create = ["aios", "machine", "create", "small-other", "--from", small, option]
    done = sandbox.run(create, check=False)
    assert done.returncode == 125
    assert f"a copy of {small} has its system and its settings" in done.stderr
    assert "small-other" not in listed(sandbox)


# What is started with &, here or by whoever runs the tests, would not hear Ctrl-C otherwise.
CANCELLED = """
env --default-signal=INT aios machine create cancelled & client=$!
until ls -d /var/lib/machines/.aios-new-*/usr 2>/dev/null; do kill -0 $client; done
{kill}
! wait $client
"""


@pytest.mark.parametrize("kill", ["kill -INT $client", "kill -KILL $client",
                                  "systemctl kill -s KILL aios-machine.service"])  # fmt: skip
def test_cancelled_on_the_way(sandbox: Sandbox, kill: str) -> None:
    before = traces(sandbox)
    sandbox.run(["bash", "-ec", CANCELLED.format(kill=kill)])
    assert "cancelled" not in listed(sandbox)
    until(lambda: not hidden(sandbox))
    until(lambda: traces(sandbox) == before)


def test_half_an_archive_is_no_machine(sandbox: Sandbox, small: str) -> None:
    sandbox.sh("tar -C /var/lib/machines/small -czf /tmp/small.tgz .")
    sandbox.sh("head -c 200 /tmp/small.tgz >/tmp/half.tgz; echo no archive >/tmp/none.tar")
    for archive in ("half.tgz", "none.tar"):
        failed = aios(sandbox, "import", f"/tmp/{archive}", "small-half", check=False)
        assert failed.returncode == 125
        assert "unpacking" in failed.stderr
    # A client that is killed closes its pipe as one does that is done.
    sandbox.sh("""
        mkfifo /tmp/slow; gunzip </tmp/small.tgz >/tmp/small.tar
        aios machine import - small-half </tmp/slow & client=$!
        exec 9>/tmp/slow; head -c 2048 /tmp/small.tar >&9
        until ls -d /var/lib/machines/.aios-new-* 2>/dev/null; do kill -0 $client; done
        kill -KILL $client; rm /tmp/slow""")
    until(lambda: not hidden(sandbox))
    assert "small-half" not in listed(sandbox)
    aios(sandbox, "import", "/tmp/small.tgz", "small-whole")
    assert show(sandbox, "small-whole")["machine_id"] == ""
    aios(sandbox, "remove", "--yes", small)
    aios(sandbox, "import", "/tmp/small.tgz", "small")
    assert show(sandbox, small)["machine_id"] == ID


def test_an_archive_may_be_a_stream(sandbox: Sandbox, small: str) -> None:
    sandbox.sh(f"aios machine export {small} | aios machine import - small-piped", user="me")
    assert show(sandbox, "small-piped")["os"] == "Small 1"


@pytest.mark.parametrize("name", [".host", "../x", "a b", "-x", ".aios-new-x", "a" * 65])
def test_what_cannot_be_a_name(sandbox: Sandbox, name: str) -> None:
    for method, arguments in (("Create", ["sa{sv}", "--", name, "0"]),
                              ("Remove", ["sa{sv}", "--", name, "0"])):  # fmt: skip
        with pytest.raises(subprocess.CalledProcessError) as refused:
            sandbox.call("org.aios.Machine1", "/org/aios/Machine1", "org.aios.Machine1", method,
                         *arguments)  # fmt: skip
        assert "machine" in refused.value.stderr
    assert "aios" in listed(sandbox)


def test_who_may_not(sandbox: Sandbox, member: str) -> None:
    assert "aios" in aios(sandbox, "list", user=member).stdout
    for action in (["create", "x"], ["stop", "aios"], ["remove", "--yes", "aios"],
                   ["export", "aios"], ["rename", "aios", "x"]):  # fmt: skip
        refused = aios(sandbox, *action, user=member, check=False)
        assert refused.returncode == 125
        assert "needs authentication" in refused.stderr
    for user in ("outsider", "aios-chat", "aios-memory", "aios-policy"):
        for action in (["list"], ["stop", "aios"]):
            refused = aios(sandbox, *action, user=user, check=False)
            assert refused.returncode == 125
            assert "may not" in refused.stderr
    assert listed(sandbox)["aios"] == "running"


def test_machines_and_commands_may_not(sandbox: Sandbox) -> None:
    inside = sandbox.run(["aios", "machine", "list"], user="root", machine="aios", check=False)
    assert "on the host" in inside.stderr
    assert "machines.sock" not in sandbox.machine(["ls", "/run/aios"]).stdout
    ran = run_approved(sandbox, "aios machine stop aios", machine=".host")
    assert ran.status == 125
    assert "what aios runs may not ask aios" in ran.stderr
    assert listed(sandbox)["aios"] == "running"


def test_from_a_script(sandbox: Sandbox, small: str) -> None:
    service = ("org.aios.Machine1", "/org/aios/Machine1", "org.aios.Machine1")
    (machines,) = sandbox.call(*service, "List")
    assert {"aios", small} <= {one["name"]["data"] for one in machines}
    (copy,) = sandbox.call(*service, "Clone", "ss", small, "small-bus")
    assert copy["name"]["data"] == "small-bus"
    assert sandbox.call(*service, "Remove", "sa{sv}", "small-bus", "0") == [[]]
