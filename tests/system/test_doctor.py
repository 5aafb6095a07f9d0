"""aios doctor: nothing on a healthy installation, and each of fourteen planted faults by name, with
a way to mend it that does."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sandbox import Sandbox

EXEC_POLICY = "/etc/dbus-1/system.d/org.aios.Exec1.aios.conf"
RULES = "/usr/share/polkit-1/rules.d/50-aios.rules"
NSPAWN = "/etc/systemd/nspawn/aios.nspawn"
MEMORY = "/var/lib/aios/memory"
PASSWD = "/var/lib/machines/aios/etc/passwd"
RELOAD = "busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig"
ALTERED = "/usr/lib/systemd/system/aios-aigpt@.service"
BROKEN = "/etc/aios/config.d/99-broken.toml"
DAMAGE = f"""
from pathlib import Path
database = Path("{MEMORY}/memory.db")
with database.open("r+b") as file:
    for page in range(1, database.stat().st_size // 4096):
        file.seek(page * 4096)
        file.write(b"\\xff" * 2048)
"""


def doctor(
    sandbox: Sandbox, *arguments: str, user: str = "root"
) -> tuple[int, dict[str, dict[str, Any]]]:
    """(exit status, finding by subject). Of the machines only `aios`: others are other tests'."""
    argv = ["aios", "doctor", "--json", "-m", "aios", *arguments]
    done = sandbox.run(argv, user=user, check=False)
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    found = {
        finding["subject"]: {**finding, "check": check["check"]}
        for check in told["checks"]
        for finding in check["findings"]
    }
    assert told["findings"] == sum(len(check["findings"]) for check in told["checks"])
    assert done.returncode == (1 if told["findings"] else 0)
    return done.returncode, found


@contextmanager
def kept(sandbox: Sandbox, path: str) -> Iterator[None]:
    """The file as it was, with owner and mode."""
    aside = f"/root/kept{path.replace('/', '-')}"
    sandbox.run(["cp", "-a", path, aside])
    try:
        yield
    finally:
        # In place where it can be: it may be bound somewhere.
        sandbox.sh(f"cp -a {aside} {path}; rm {aside}")


@contextmanager
def there(sandbox: Sandbox, path: str, text: str) -> Iterator[None]:
    sandbox.run(["mkdir", "-p", path.rpartition("/")[0]])
    sandbox.run(["tee", path], input=text)
    try:
        yield
    finally:
        sandbox.run(["rm", "-f", path])


@contextmanager
def undone(sandbox: Sandbox, plant: str, undo: str) -> Iterator[None]:
    sandbox.sh(plant)
    try:
        yield
    finally:
        sandbox.sh(undo)


def well(sandbox: Sandbox, found: dict[str, dict[str, Any]]) -> bool:
    """The sandbox's cgroups have no controllers: that is so, and a warning. Other tests have made
    up records."""
    for subject, finding in found.items():
        if finding["check"] == "record" and subject.startswith("record of "):
            machine = subject.removeprefix("record of ")
            told = sandbox.run(["aios", "log", "verify", "-m", machine], check=False)
            assert told.returncode == 1
        elif (finding["level"], finding["check"]) != ("warning", "kernel"):
            return False
    return True


def test_nothing_is_found_where_nothing_is_wrong(sandbox: Sandbox) -> None:
    for user in ("root", "me"):
        _, found = doctor(sandbox, user=user)
        assert well(sandbox, found), found
    lacking = {"memory", "pids", "cpu"} - set(
        sandbox.sh("cat /sys/fs/cgroup/cgroup.controllers").split()
    )
    assert bool(lacking) == ("cgroup v2" in found)
    assert all(name in found["cgroup v2"]["what"] for name in lacking)


def test_who_sees_less_is_told_so(sandbox: Sandbox) -> None:
    said = sandbox.run(["aios", "doctor"], user="outsider", check=False)
    assert said.returncode == 1 and "\x1b" not in said.stdout
    assert "outsider is not in group aios" in said.stdout
    assert "usermod -aG aios outsider" in said.stdout
    assert "sudo aios doctor" in said.stderr
    assert sandbox.run(["aios", "doctor", "-m", "none"], check=False).returncode == 2
    there = sandbox.run(["/usr/local/bin/aios", "doctor"], machine="aios", check=False)
    assert there.returncode == 2 and "on the host" in there.stderr


@pytest.fixture
def faults(sandbox: Sandbox) -> Iterator[None]:
    # What is written to the journal from here on is no fault of the record.
    with ExitStack() as stack:
        for planted in (
            undone(sandbox, "systemctl mask aios-console-notify@.service aios-chat.service",
                   "systemctl unmask aios-console-notify@.service aios-chat.service"),
            undone(sandbox, "systemctl disable aios-aigpt.socket",
                   "systemctl enable aios-aigpt.socket"),
            undone(sandbox, "systemctl stop aios-exec@aios.socket aios-exec@aios.service",
                   "systemctl start aios-exec@aios.socket"),
            undone(sandbox, "chmod 0600 /run/aios/policy.sock",
                   "chmod 0666 /run/aios/policy.sock"),
            undone(sandbox, "chmod 0755 /var/lib/aios/exec", "chmod 0700 /var/lib/aios/exec"),
            *(kept(sandbox, path) for path in (ALTERED, RULES, EXEC_POLICY, NSPAWN, PASSWD)),
            undone(sandbox, f"systemctl stop aios-memory.service; cp -a {MEMORY} /root/memory",
                   "systemctl stop aios-memory.service;"
                   f" cp -a /root/memory/. {MEMORY}/; rm -r /root/memory"),
            there(sandbox, "/etc/aios/config.d/98-brain.toml", '[chat]\nbrain = "anthropic"\n'),
            there(sandbox, "/etc/systemd/journald.conf.d/volatile.conf",
                  "[Journal]\nStorage=volatile\n"),
        ):  # fmt: skip
            stack.enter_context(planted)
        sandbox.sh(f"rm {RULES} {EXEC_POLICY}; sed -i '/aios: begin/,/aios: end/d' {NSPAWN}")
        sandbox.sh(f"sed -i '/^ai:/d' {PASSWD}; echo '# mine' >> {ALTERED}")
        sandbox.python(DAMAGE)
        yield
    sandbox.sh(RELOAD)


EXPECTED = {
    ALTERED: ("installed", "not as it was installed", ""),
    "aios-chat.service": ("units", "masked", "systemctl unmask aios-chat.service"),
    "aios-aigpt.socket": ("units", "not enabled", "systemctl enable aios-aigpt.socket"),
    "aios-exec@aios.socket": ("machine aios", "does not listen",
                              "systemctl start aios-exec@aios.socket"),
    "/run/aios/policy.sock": ("files", "mode 0600", "chmod 0666 /run/aios/policy.sock"),
    "/var/lib/aios/exec": ("files", "mode 0755", "systemd-tmpfiles --create aios.conf"),
    RULES: ("polkit", "is not there", ""),
    EXEC_POLICY: ("bus", "is not there", "systemctl start aios-attach@aios.service"),
    NSPAWN: ("machine aios", "has not aios's lines", ""),
    "aios user ai": ("machine aios", "is not there", ""),
    "memory.db": ("memory", "damaged", ""),
    "credential aios.anthropic-api-key": ("chat", "not there", ""),
    "journald": ("record", "Storage=volatile", ""),
}  # fmt: skip


def test_each_fault_is_named_and_mended(sandbox: Sandbox, faults: None) -> None:
    status, found = doctor(sandbox)
    assert status == 1
    for subject, (check, what, mend) in EXPECTED.items():
        assert subject in found, (subject, sorted(found))
        finding = found[subject]
        assert (finding["check"], finding["level"]) == (check, "fault"), finding
        assert what in finding["what"] and finding["mend"]
        if mend:
            assert finding["mend"] == mend
            sandbox.sh(mend)
    _, left = doctor(sandbox)
    mended = {subject for subject, (_, _, mend) in EXPECTED.items() if mend}
    assert not mended & set(left), mended & set(left)
    # What the machine's next start would have mended, its attaching has as well.
    assert NSPAWN not in left


def test_a_broken_file_is_told_by_whoever_reads_it(sandbox: Sandbox) -> None:
    """Quickly, and no longer than it is broken: the services that cannot begin say why."""
    sandbox.run(["systemctl", "stop", "aios-memory.service", "aios-exec@aios.service"])
    with there(sandbox, BROKEN, "[exec]\ntimeout = never\n"):
        for asked in (["aios", "memory", "stats"], ["aios", "exec", "--", "true"]):
            # Before the bus would give it up.
            said = sandbox.run(asked, user="me", check=False, timeout=20)
            assert said.returncode == 125 and f"{BROKEN}:2" in said.stderr
        _, found = doctor(sandbox)
        finding = found.pop(f"{BROKEN}:2")
        assert finding["check"] == "policy" and "last good" in finding["what"]
        assert f"move {BROKEN} away" in finding["mend"]
        assert well(sandbox, found), found
    for unit in ("aios-memory.service", "aios-exec@aios.service"):
        sandbox.wait_unit(unit, "inactive", "failed")
    _, found = doctor(sandbox)
    assert well(sandbox, found), found


def test_all_is_well_again(sandbox: Sandbox) -> None:
    """After the faults: they were put back by hand."""
    _, found = doctor(sandbox)
    assert well(sandbox, found), found
