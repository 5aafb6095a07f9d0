"""The installer: what stands after it, and what a second call does."""

import fcntl
import os
import re
import resource
import select
import struct
import subprocess
import termios

import pytest
from governed import until
from sandbox import INSTALLER, SANDBOXES, Sandbox

SETTINGS = "/etc/systemd/nspawn/aios.nspawn"
BOUND = (
    "/run/aios",
    "/root/.config/syui/ai/gpt",
    "/usr/lib/aios/client",
    "/usr/local/bin/aios",
    "/usr/local/bin/aigpt",
    "/etc/profile.d/aios.sh",
)


def test_streams_and_exit_status_pass_through(sandbox: Sandbox) -> None:
    result = sandbox.install("--", "sh", "-c", "cat; echo aside >&2; exit 7", input="in\n",
                             check=False)  # fmt: skip
    assert (result.returncode, result.stdout) == (7, "in\n")
    assert result.stderr.endswith("aside\n")


def test_a_command_is_not_read_again_on_its_way(sandbox: Sandbox) -> None:
    argument = "a $HOME $$ %n 'b' \"c\" \\n"
    result = sandbox.install("--user", "me", "--", "printf", "%s", argument)
    assert result.stdout == argument


def test_a_user_gets_a_login_session_of_theirs(sandbox: Sandbox) -> None:
    result = sandbox.install(
        "--user", "me", "--", "sh", "-c", "id -nG; pwd; ls -d $XDG_RUNTIME_DIR"
    )
    groups, *rest = result.stdout.splitlines()
    assert set(groups.split()) == {"me", "aios", "aios-admin", "systemd-journal"}
    assert rest == ["/home/me", "/run/user/1000"]


@pytest.mark.parametrize("user", ["me", "root"])
def test_a_terminal_stays_a_terminal(sandbox: Sandbox, user: str) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 33, 101, 0, 0))
    script = "test -t 0 && test -t 1 && stty size && read -r line && echo got $line; exit 5"
    command = [INSTALLER, "--sandbox", "--name", sandbox.name, "--user", user]
    with subprocess.Popen(
        [*command, "--", "sh", "-c", script],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = _read_until(ours, "33 101\r\n")
        os.write(ours, b"this\n")
        shown += _read_until(ours, "got this\r\n")
        assert process.wait(30) == 5, shown
    os.close(ours)


def _read_until(terminal: int, text: str) -> str:
    shown = ""
    while text not in shown:
        readable, _, _ = select.select([terminal], [], [], 30)
        assert readable, shown
        shown += os.read(terminal, 4096).decode()
    return shown


def test_a_second_call_does_nothing_again(sandbox: Sandbox) -> None:
    before = _used()
    result = sandbox.install("--", "true")
    assert result.stderr == ""
    assert _used() - before < 3


def _used() -> float:
    """Seconds of a processor, whatever else runs here."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def test_two_calls_at_once(sandbox: Sandbox) -> None:
    command = [INSTALLER, "--sandbox", "--name", sandbox.name, "--", "echo", "here"]
    calls = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [call.communicate(timeout=60)[0] for call in calls] == ["here\n"] * 3


def _install_again(sandbox: Sandbox) -> None:
    sandbox.run(
        ["env", "AIOS_USER=me", "AIOS_CACHE=/run/host/aios-cache", "/usr/src/aios/aios-install.sh"],
        timeout=120,
    )


def test_installing_again_keeps_what_is_the_users(sandbox: Sandbox) -> None:
    own = "\n[Files]\nBindReadOnly=/usr/share/doc:/mnt\n# mine\n"
    sandbox.sh(f"printf '{own.encode('unicode_escape').decode()}' >>{SETTINGS}")
    sandbox.sh("echo '# mine' >>/etc/aios/config.toml")
    before = sandbox.sh("sha256sum /var/lib/machines/aios/etc/machine-id /etc/aios/config.toml")
    _install_again(sandbox)
    settings = sandbox.run(["cat", SETTINGS]).stdout
    assert settings.count("# aios: begin") == settings.count("BindReadOnly=/run/aios/machine") == 1
    assert own in settings
    assert before == sandbox.sh(
        "sha256sum /var/lib/machines/aios/etc/machine-id /etc/aios/config.toml"
    )


def test_nothing_failed(sandbox: Sandbox) -> None:
    assert sandbox.sh("systemctl --failed --no-legend --plain") == ""
    assert sandbox.sh("systemctl is-system-running --wait") == "running"


def test_memory_is_where_it_always_was(sandbox: Sandbox) -> None:
    assert sandbox.sh("readlink /home/me/.config/syui/ai/gpt") == "/var/lib/aios/memory"
    assert sandbox.sh("stat -c '%U:%G %a' /var/lib/aios/memory") == "aios-memory:aios 2750"


def test_the_machine(sandbox: Sandbox) -> None:
    sandbox.wait_machine("aios")
    assert sandbox.machine(["hostname"]).stdout == "aios\n"
    assert sandbox.machine(["id", "-u", "ai"]).stdout == "1000\n"
    machine_id = sandbox.machine(["cat", "/etc/machine-id"]).stdout
    assert re.fullmatch("[0-9a-f]{32}\n", machine_id)
    assert machine_id != sandbox.run(["cat", "/etc/machine-id"]).stdout
    # Private users: its root is nobody out here.
    assert sandbox.machine(["cat", "/proc/self/uid_map"]).stdout.split()[1] != "0"
    assert sandbox.machine(["systemctl", "--failed", "--no-legend", "--plain"]).stdout == ""
    # ai sits at the console: logged in when nothing else is to be started any more.
    until(lambda: "ai" in sandbox.machine(["loginctl", "--no-legend"]).stdout.split())


def test_what_aios_puts_into_the_machine(sandbox: Sandbox) -> None:
    listing = sandbox.machine(["ls", "-l", "/run/aios"]).stdout
    for name in ("chat.sock", "memory.sock", "policy.sock"):
        assert re.search(rf"^srw-rw-rw-.* {name}$", listing, re.MULTILINE)
    for path in BOUND:
        options = sandbox.machine(["findmnt", "-n", "-o", "OPTIONS", path]).stdout
        assert options.startswith("ro,"), path
    # Root in there reads the memory; what lies around it is root's own.
    assert sandbox.machine(["stat", "-c", "%U", "/root/.config/syui/ai/gpt"]).stdout == "root\n"
    sandbox.machine(["touch", "/root/.config/other"])


def test_packages_install_in_the_machine(sandbox: Sandbox) -> None:
    sandbox.machine(["apt-get", "install", "-y", "-q", "hello"])
    assert "Hello" in sandbox.machine(["hello"]).stdout
    sandbox.machine(["apt-get", "remove", "-y", "-q", "hello"])


def test_a_new_client_reaches_running_machines(sandbox: Sandbox) -> None:
    for path in ("/usr/lib/aios/client/profile.sh", "/usr/bin/aios"):
        inside = path.replace("/usr/lib/aios/client/profile.sh", "/etc/profile.d/aios.sh").replace(
            "/usr/bin", "/usr/local/bin"
        )
        sandbox.sh(f"echo '# older' >>{path}")
        assert "# older" in sandbox.machine(["cat", inside]).stdout
    _install_again(sandbox)
    assert "# older" not in sandbox.machine(["cat", "/etc/profile.d/aios.sh"]).stdout
    assert "# older" not in sandbox.machine(["cat", "/usr/local/bin/aios"]).stdout


def test_the_host_uses_the_tree_of_the_client(sandbox: Sandbox) -> None:
    assert sandbox.run(["aios", "--help"], user="me").returncode == 0
    assert sandbox.machine(["aios", "--help"]).returncode == 0


def test_everything_is_there_after_a_reboot(sandbox: Sandbox) -> None:
    sandbox.install("--down")
    result = sandbox.install("--", "systemctl", "is-active", "systemd-nspawn@aios.service",
                             "aios-chat.socket", "aios-policy.socket", "aios-memory.socket",
                             "aios-exec@.host.socket", "aios-exec@aios.socket")  # fmt: skip
    assert result.stdout.split() == ["active"] * 6
    assert "installing" not in result.stderr


def test_what_forbids_it_is_said_before_anything_is_built() -> None:
    result = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--",
         INSTALLER, "--sandbox", "--name", "forbidden", "--", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "namespaces" in result.stderr
    assert "--privileged" in result.stderr
    assert not (SANDBOXES / "forbidden").exists()


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--name"], ["--name", "../x"], ["--down"]])
def test_a_wrong_call_is_refused(arguments: list[str]) -> None:
    sandbox = [] if arguments == ["--down"] else ["--sandbox"]
    result = subprocess.run([INSTALLER, *sandbox, *arguments], capture_output=True, text=True,
                            check=False)  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("aios: error: ")
