"""`aios exec --pty`: programs that want a terminal, driven by a person at one."""

import re
from collections.abc import Iterator

import pytest
from governed import kill_exec, until
from person import QUESTION, Person
from sandbox import Sandbox

pytestmark = pytest.mark.system

SHELL = r"shell> "


@pytest.fixture
def shell(sandbox: Sandbox) -> Iterator[Person]:
    """An interactive shell with job control on the host, where aios is called from."""
    argv = ["env", "PS1=shell> ", "HISTFILE=", "bash", "--norc", "--noprofile", "-i"]
    with Person(sandbox, argv) as person:
        person.sees(SHELL)
        person.say("stty rows 24 cols 80; bind 'set enable-bracketed-paste off'")
        person.sees(SHELL)
        yield person


def settings(shell: Person) -> str:
    shell.say("stty -g | tr -d '\\n'; echo .")
    found = re.search(r"([0-9a-f:]{20,})\.", shell.sees(SHELL))
    assert found is not None
    return found[1]


def begin(shell: Person, command: str) -> None:
    """Runs it on the terminal, and says yes to it."""
    shell.say(f"aios exec --pty -- {command}")
    shell.sees(QUESTION)
    shell.type("y")


def ended(shell: Person, status: int) -> None:
    shell.say("echo status $?")
    assert f"status {status}\n" in shell.sees(rf"status \d+\n.*{SHELL}").replace("\r", "")


def terminal_of(sandbox: Sandbox) -> str:
    """The one on which the person's aios runs."""
    return sandbox.sh("readlink /proc/$(pgrep -n -u me -f 'aios exec --pty')/fd/0")


def test_a_pager(shell: Person) -> None:
    before = settings(shell)
    begin(shell, "less /usr/share/common-licenses/GPL-3")
    shell.sees("GNU GENERAL PUBLIC LICENSE")
    shell.type("G")
    shell.sees(r"\(END\)")
    shell.type("q")
    shell.sees(SHELL)
    ended(shell, 0)
    assert settings(shell) == before


def test_top(shell: Person) -> None:
    before = settings(shell)
    shell.say("aios exec --pty -- top")
    shell.sees("load average")
    shell.type("q")
    shell.sees(SHELL)
    ended(shell, 0)
    assert settings(shell) == before


def test_a_password_is_not_echoed(shell: Person) -> None:
    begin(shell, "'read -rsp word: x; echo; echo got ${x^^}; exit 4'")
    shell.sees("word:")
    shell.type("secret\r")
    said = shell.sees(SHELL)
    assert "got SECRET" in said and "secret" not in said
    ended(shell, 4)


def test_sudo_asks_for_a_password(sandbox: Sandbox, shell: Person) -> None:
    rights = "/etc/sudoers.d/asked"
    sandbox.sh(f"echo ai:secret | chpasswd; echo 'ai ALL=(ALL) ALL' >{rights}", machine="aios")
    try:
        before = settings(shell)
        begin(shell, "runuser -u ai -- sudo -k id -un")
        shell.sees("password for ai:")
        shell.type("secret\r")
        said = shell.sees(SHELL)
        assert "root" in said and "secret" not in said
        ended(shell, 0)
        assert settings(shell) == before
    finally:
        sandbox.sh(f"rm {rights}; passwd -q -d ai; passwd -q -l ai", machine="aios")


def test_keys_that_are_signals_reach_the_program(sandbox: Sandbox, shell: Person) -> None:
    """A shell with job control: Ctrl-Z stops its child, fg goes on, Ctrl-C ends that only."""
    before = settings(shell)
    begin(shell, "env PS1='inner> ' bash --norc --noprofile -i")
    shell.sees("inner> ")
    # Until it has the terminal, keys are the shell's.
    running = ["pgrep", "-f", "-x", "-r", "S", "sleep 1000"]
    shell.say("sleep 1000")
    until(lambda: sandbox.machine(running, check=False).stdout)
    shell.type("\x1a")
    assert "Stopped" in shell.sees("inner> ")
    shell.say("fg")
    shell.sees("sleep 1000\n")
    until(lambda: sandbox.machine(running, check=False).stdout)
    shell.type("\x03")
    shell.sees("inner> ")
    shell.say("exit 9")
    shell.sees(SHELL)
    ended(shell, 9)
    assert settings(shell) == before


def test_its_size_follows(sandbox: Sandbox, shell: Person) -> None:
    begin(
        shell,
        "'trap \"stty size\" WINCH; stty size; echo ready; while read -r x; do stty size; done'",
    )
    assert "24 80" in shell.sees("ready")
    sandbox.run(["stty", "-F", terminal_of(sandbox), "rows", "33", "cols", "101"])

    def grown() -> bool:
        shell.type("\r")
        return "33 101" in shell.sees(r"\d+ \d+\n")

    until(grown)
    shell.type("\x04")
    shell.sees(SHELL)


@pytest.mark.parametrize("signal", ["TERM", "HUP", "QUIT"])
def test_a_killed_client_leaves_the_terminal_as_it_was(
    sandbox: Sandbox, shell: Person, signal: str
) -> None:
    before = settings(shell)
    begin(shell, "'echo begun; read -r x'")
    shell.sees("begun")
    sandbox.sh(f"kill -{signal} $(pgrep -n -u me -f 'aios exec --pty')")
    shell.sees(SHELL)
    assert settings(shell) == before


def test_a_killed_exec_loses_neither_the_job_nor_the_terminal(
    sandbox: Sandbox, shell: Person
) -> None:
    before = settings(shell)
    begin(shell, "'echo begun; read -r x; echo heard $x; exit 6'")
    shell.sees("begun")
    kill_exec(sandbox)
    shell.type("you\r")
    shell.sees("heard you")
    shell.sees(SHELL)
    ended(shell, 6)
    assert settings(shell) == before


def test_a_closed_terminal_leaves_a_detached_job(sandbox: Sandbox, shell: Person) -> None:
    before = settings(shell)
    shell.say("aios exec --pty --detach -- 'echo begun; read -r x; echo heard $x'")
    shell.sees(QUESTION)
    shell.type("y")
    found = re.search(r"\b[0-7][0-9A-Z]{25}\r?\n", shell.sees(SHELL))
    assert found is not None
    job = found[0].strip()
    shell.say(f"aios attach {job}")
    shell.sees("begun")
    sandbox.sh("kill -HUP $(pgrep -n -u me -f 'aios attach')")
    assert f"it goes on: aios attach {job}" in shell.sees(SHELL)
    shell.say(f"aios attach {job}")
    shell.sees("begun")
    shell.type("you\r")
    shell.sees("heard you")
    shell.sees(SHELL)
    ended(shell, 0)
    assert settings(shell) == before
