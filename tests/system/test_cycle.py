"""Install, use, upgrade, uninstall: what is there afterwards is what was there before.

One sandbox of their own for all of them, in this order; each test says what it finds and leaves.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator

import bare
import pytest
from bare import KEYS, SOURCE, Bare
from governed import run_approved
from person import Person
from sandbox import ROOT

KEY = "sk-ant-test-" + hashlib.sha256(b"a key").hexdigest()
NEWER = f"{SOURCE}-newer"
CONFIG = "/etc/aios/config.toml"
# What an uninstallation leaves on purpose: machines and the memory.
KEPT = (
    "var/lib/machines", "var/lib/aios", "var/cache/aios", "etc/systemd/nspawn", "etc/aios",
    "etc/systemd/system/machines.target.wants", "etc/systemd/system/multi-user.target.wants",
    KEYS[1:],
)  # fmt: skip
# An upgrade that changes a unit, a module, and the default of what people edit.
CHANGES = {
    "units/aios-chat.service": "# newer\n",
    "services/aios/ids.py": "# newer\n",
    "cfg/config.toml": "# newer\n",
}


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[Bare]:
    checkout = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:6]
    host = bare.boot(f"cycle-{checkout}", request.config.getoption("--release"))
    newer = host.put_sources(NEWER)
    for path, text in CHANGES.items():
        with (newer / path).open("a") as file:
            file.write(text)
    yield host
    host.sandbox.install("--purge")


@pytest.fixture(scope="module")
def before(host: Bare) -> dict[str, str]:
    return host.state()


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {
        path: (before.get(path, "-"), after.get(path, "-"))
        for path in {*before, *after}
        if before.get(path) != after.get(path)
    }


def without(state: dict[str, str], *paths: str) -> dict[str, str]:
    return {
        path: what
        for path, what in state.items()
        if not any(path == one or path.startswith(f"{one}/") for one in paths)
    }


def test_what_is_missing_is_said_at_once(host: Bare, before: dict[str, str]) -> None:
    """Not installed, before and after."""
    script = """
        mount --bind /usr/lib/systemd/system /usr/lib/systemd/system
        mount -o remount,bind,ro /usr/lib/systemd/system
        mount -t tmpfs -o size=20m none /var/lib/machines
        printf 'ID=other\\n' >/run/os-release
        mount --bind /run/os-release /etc/os-release
        exec "$@"
    """
    result = host.sandbox.run(
        ["unshare", "--mount", "sh", "-ec", script, "sh", *host.command()], check=False
    )
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("aios: error: ")]
    for said in (
        "no packages are known for this distribution (other)",
        "/usr/lib/systemd/system is read-only",
        "20 MB are free at /var/lib/machines; aios needs 400 MB",
        "3 of the above",
    ):
        assert any(said in error for error in errors), result.stderr
    assert differences(before, host.state()) == {}


def test_a_dry_run_changes_nothing(host: Bare) -> None:
    """Not installed, before and after."""
    exactly = host.exact()
    said = host.install("--dry-run", "--api-key").stdout
    for part in ("install Python packages", "/usr/bin/aios is new", "enable aios-chat.socket",
                 "add me to the group aios", "make the machine aios", "ask for the API key",
                 "link /home/me/.config/syui/ai/gpt"):  # fmt: skip
        assert f"{part}" in said, said
    assert host.exact() == exactly


@pytest.mark.long
@pytest.mark.parametrize("fault", ["unit", "file"])
def test_a_failure_leaves_nothing(host: Bare, before: dict[str, str], fault: str) -> None:
    """Not installed, before and after."""
    drop_in = host.tree / "etc/systemd/system/aios-policy.socket.d"
    if fault == "unit":
        drop_in.mkdir()
        (drop_in / "no.conf").write_text("[Socket]\nListenStream=/proc/no\n")
        result = host.install(check=False)
        shutil.rmtree(drop_in)
    else:
        host.immutable("/usr/share/polkit-1/rules.d", on=True)
        result = host.install(check=False)
        host.immutable("/usr/share/polkit-1/rules.d", on=False)
    assert result.returncode == 1
    assert "everything is as it was before" in result.stderr, result.stderr
    assert differences(before, host.state()) == {}
    assert host.sandbox.sh("systemctl daemon-reload; systemctl list-units --all -q 'aios-*'") == ""


@pytest.mark.long
@pytest.mark.parametrize("step", ["making the machine aios", "starting the machine aios"])
def test_interrupted_at_a_terminal(host: Bare, before: dict[str, str], step: str) -> None:
    """Not installed, before and after."""
    with Person(host.sandbox, host.command(), user="root") as person:
        person.sees(step)
        # All that runs there hears it; whoever presses it again changes nothing.
        person.type("\x03")
        person.sees("putting back what this run has changed")
        person.type("\x03")
        person.sees("everything is as it was before", timeout=120)
        assert person.leaves() == 130
    assert "Traceback" not in person.screen, person.screen
    assert differences(before, host.state()) == {}


def test_the_key_is_nowhere_but_where_chat_reads_it(host: Bare, before: dict[str, str]) -> None:
    """Not installed before; installed afterwards."""
    # What every process's arguments and environment are while the key is on its way.
    shadow = host.tree / "usr/local/sbin/systemd-creds"
    shadow.write_text(
        "#!/bin/sh\ncat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >/run/seen 2>/dev/null\n"
        'exec /usr/bin/systemd-creds "$@"\n'
    )
    shadow.chmod(0o755)
    result = host.install("--api-key", "-", input=f"{KEY}\n")
    shadow.unlink()
    assert "aios-install.sh" in host.sandbox.sh("tr '\\0' ' ' </run/seen")
    assert "aios is installed" in result.stderr
    assert KEY not in result.stdout + result.stderr
    host.sandbox.run(["systemctl", "start", "aios-chat.service"])
    credential = "/run/credentials/aios-chat.service/aios.anthropic-api-key"
    assert host.sandbox.run(["cat", credential]).stdout == KEY
    host.sandbox.run(["systemctl", "stop", "aios-chat.service"])
    # The machine, and what machines are made of, are not looked through.
    found = host.sandbox.run(
        ["grep", "-rlF", "--exclude-dir=machines", "--exclude-dir=host", KEY,
         "/etc", "/var/lib", "/var/log", "/usr/lib/aios/aios", "/root", "/home", "/tmp", "/run"],
        check=False, timeout=300,
    )  # fmt: skip
    assert found.stdout == ""


@pytest.mark.parametrize("wrong", ["", "two words\n", "\n"])
def test_what_is_no_key_is_refused(host: Bare, wrong: str) -> None:
    """Installed, before and after."""
    result = host.install("--api-key", "-", input=wrong, check=False)
    assert (result.returncode, "that is no API key" in result.stderr) == (1, True)


def test_a_typed_key_is_not_shown(host: Bare) -> None:
    """Installed, before and after; with another key."""
    typed = KEY[::-1]
    with Person(host.sandbox, host.command("--api-key"), user="root") as person:
        person.sees("API key: ")
        person.say(typed)
        person.sees("the API key is kept, encrypted")
        assert person.leaves() == 0
    assert typed not in person.raw
    name = "aios.anthropic-api-key"
    kept = host.sandbox.run(["systemd-creds", "decrypt", f"--name={name}", f"{KEYS}/{name}", "-"])
    assert kept.stdout == typed


def test_it_works_and_a_second_installation_changes_nothing(host: Bare) -> None:
    """Installed, before and after."""
    host.sandbox.wait_machine("aios")
    said = host.sandbox.run(["aios", "exec", "-m", "aios", "--", "echo", "hello"], user="me")
    assert said.stdout == "hello\n"
    # What runs writes its state; the installation is to be the only one that could.
    host.sandbox.run(["systemctl", "stop", "aios-*.service"])
    state = ("var/lib/aios/exec", "var/lib/aios/memory", "var/lib/aios/policy", "var/lib/aios/chat")
    running = ("var/lib/machines/aios",)
    exactly = host.exact(*state, *running)
    result = host.install()
    assert result.stderr.splitlines()[-1] == "aios: aios is installed already; nothing has changed"
    assert host.exact(*state, *running) == exactly
    assert host.install("--dry-run").stderr.endswith("nothing would change\n")


def edit(host: Bare) -> None:
    host.sandbox.sh(f"grep -qx '# mine' {CONFIG} || echo '# mine' >>{CONFIG}")


@pytest.mark.long
def test_an_upgrade_that_fails_or_is_killed_is_none(host: Bare) -> None:
    """Installed, before and after; edited."""
    edit(host)
    running = ("var/lib/machines/aios", "var/lib/aios")
    there = host.state(*running)
    host.immutable("/usr/lib/systemd/system/aios-chat.service", on=True)
    result = host.install(source=NEWER, check=False)
    host.immutable("/usr/lib/systemd/system/aios-chat.service", on=False)
    assert "everything is as it was before" in result.stderr, result.stderr
    assert differences(there, host.state(*running)) == {}
    # The sockets listen again.
    assert host.sandbox.run(["aios", "exec", "-m", "aios", "--", "true"], user="me").returncode == 0
    # Killed when it is about to start what it has installed.
    shadow = host.tree / "usr/local/sbin/systemctl"
    shadow.write_text(
        '#!/bin/sh\ncase "$1 $2" in "daemon-reload "|"--quiet stop") '
        'kill -9 "$(ps -o ppid= -p $$)";; esac\nexec /usr/bin/systemctl "$@"\n'
    )
    shadow.chmod(0o755)
    result = host.install(source=NEWER, check=False)
    shadow.unlink()
    assert result.returncode in (137, -9), result
    assert "# newer" in host.sandbox.sh("cat /usr/lib/systemd/system/aios-chat.service")
    result = host.install()
    assert "did not end; putting back" in result.stderr
    assert differences(there, host.state(*running)) == {}


@pytest.mark.long
def test_other_packages_that_cannot_be_started_are_none(host: Bare) -> None:
    """Installed, before and after."""
    host.sandbox.sh("echo others >/usr/lib/aios/venv/.wheels")
    running = ("var/lib/machines/aios", "var/lib/aios")
    there = host.state(*running)
    shadow = host.tree / "usr/local/sbin/systemctl"
    shadow.write_text(
        '#!/bin/sh\nif [ "$1" = start ] && mkdir /run/refused-once; then exit 1; fi\n'
        'exec /usr/bin/systemctl "$@"\n'
    )
    shadow.chmod(0o755)
    result = host.install(check=False)
    shadow.unlink()
    assert "everything is as it was before" in result.stderr, result.stderr
    assert differences(there, host.state(*running)) == {}
    assert host.sandbox.run(["aios", "exec", "-m", "aios", "--", "true"], user="me").returncode == 0
    host.install()


def test_an_upgrade_keeps_what_was_edited(host: Bare) -> None:
    """Installed, before and after, then the newer one; edited."""
    edit(host)
    result = host.install(source=NEWER)
    assert f"{CONFIG} was edited and stays; the new default is {CONFIG}.aios-new" in result.stderr
    assert host.sandbox.sh(f"tail -n 1 {CONFIG}") == "# mine"
    assert host.sandbox.sh(f"tail -n 1 {CONFIG}.aios-new") == "# newer"
    assert "# newer" in host.sandbox.sh("cat /usr/lib/systemd/system/aios-chat.service")
    said = host.sandbox.run(["aios", "exec", "-m", "aios", "--", "echo", "newer"], user="me")
    assert said.stdout == "newer\n"


def test_uninstalled(host: Bare, before: dict[str, str]) -> None:
    """Installed before; afterwards not, with a machine that runs."""
    leader = host.sandbox.sh("machinectl show -p Leader --value aios")
    # What it still has to write is written.
    host.sandbox.run(["systemctl", "stop", "aios-*.service"])
    memory = host.state()["var/lib/aios/memory/memory.db"].split()[-1]
    listed = host.install("--uninstall", "--dry-run").stdout
    result = host.install("--uninstall")
    for said in (f"{CONFIG} was edited and stays", "machine aios stays", "API key stays"):
        assert said in result.stderr
    after = host.state()
    assert differences(without(before, *KEPT), without(after, *KEPT)) == {}
    for line in listed.splitlines():
        if line.startswith("would remove /"):
            assert line.removeprefix("would remove /") not in after
    assert {path for path in after if path.startswith("etc/aios/")} == {CONFIG[1:]}
    # Nobody gets the memory with the next account.
    assert after["var/lib/aios/memory/memory.db"].split()[1:] == ["0:0", memory]
    kept = [path for path in after if path.startswith("var/lib/aios/")]
    assert {after[path].split()[1] for path in kept} == {"0:0"}
    assert (
        host.sandbox.sh("getent passwd; getent group; systemctl list-units --all").count("aios-")
        == 0
    )
    assert host.sandbox.sh("machinectl show -p Leader --value aios") == leader
    assert host.sandbox.sh("find /run/aios") == "/run/aios\n/run/aios/machine"
    host.sandbox.run(["systemctl", "restart", "systemd-nspawn@aios.service"])
    host.sandbox.wait_machine("aios")
    assert "aios" not in host.sandbox.machine(["cat", "/proc/self/mounts"]).stdout
    assert host.install("--uninstall").stderr == "aios: aios is not installed here\n"


@pytest.mark.long
def test_all_is_found_again(host: Bare) -> None:
    """Not installed, before and after; with what was kept."""
    assert "runs without aios's client until it is restarted" in host.install().stderr
    said = host.sandbox.run(["aios", "exec", "-m", "aios", "--", "echo", "again"], user="me")
    assert said.stdout == "again\n"
    host.sandbox.run(["systemctl", "restart", "systemd-nspawn@aios.service"])
    host.sandbox.wait_machine("aios")
    rows = json.loads(host.sandbox.run(["aios", "history", "--json"], user="me").stdout)
    assert "echo hello" in json.dumps(rows)
    assert host.sandbox.sh(f"tail -n 1 {CONFIG}") == "# mine"
    assert host.sandbox.machine(["aios", "status"]).returncode == 0
    host.install("--uninstall")


@pytest.mark.long
def test_purged(host: Bare, before: dict[str, str]) -> None:
    """Not installed, before and after; with what was kept, and without."""
    refused = host.install("--uninstall", "--purge", check=False)
    assert (refused.returncode, "needs --yes" in refused.stderr) == (1, True)
    kept = host.state()
    for answer, said, status in (
        ("no", "nothing was changed", 1), ("yes", "aios is uninstalled", 0),
    ):  # fmt: skip
        asking = host.command("--uninstall", "--purge")
        with Person(host.sandbox, asking, user="root") as person:
            person.sees("Type yes: ")
            assert differences(kept, host.state()) == {}
            person.say(answer)
            person.sees(said)
            assert person.leaves() == status
    assert differences(before, host.state()) == {}
    assert host.sandbox.sh("machinectl list --no-legend; machinectl list-images --no-legend") == ""


@pytest.mark.long
def test_with_another_prefix(host: Bare, before: dict[str, str]) -> None:
    """Not installed, before and after."""
    result = host.install("--prefix", "/opt/aios")
    assert "its commands are in /opt/aios/bin, which PATH does not have" in result.stderr
    assert host.sandbox.sh("ls -d /usr/lib/aios /usr/share/aios /usr/bin/aios || true") == ""
    host.sandbox.wait_machine("aios")
    aios = "/opt/aios/bin/aios"
    host.sandbox.run([aios, "exec", "-m", "aios", "--", "pwd"], user="me")
    assert run_approved(host.sandbox, "pwd", machine=".host").status == 0
    assert host.sandbox.machine(["aios", "status"]).returncode == 0
    assert "df" in host.sandbox.run([aios, "plan", "show disk usage"], user="me").stdout
    # These two need the services' interpreter.
    assert host.sandbox.run([aios, "policy", "cat"], user="me").returncode == 0
    assert host.sandbox.run([aios, "approvals"], user="me").returncode == 0
    assert host.sandbox.sh("systemctl start aios-memory-backup.service; echo $?") == "0"
    # The builder of OS trees runs from there, too, as far as it can here.
    made = host.sandbox.run([aios, "machine", "create", "--refresh", "more"], user="me",
                            check=False)  # fmt: skip
    assert "there is no mmdebstrap here" in made.stderr
    host.sandbox.run([aios, "machine", "create", "--network", "none", "more"], user="me")
    assert "VirtualEthernet=no" in host.sandbox.sh("cat /etc/systemd/nspawn/more.nspawn")
    # It stays there.
    refused = host.install("--prefix", "/usr", check=False)
    assert "aios is installed in /opt/aios" in refused.stderr
    assert host.install().stderr.endswith("nothing has changed\n")
    host.install("--uninstall", "--purge", "--yes")
    assert differences(before, host.state()) == {}
