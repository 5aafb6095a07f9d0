"""What a command leaves for the next of its session; bash itself says whether that is right."""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from aios.exec.effects import Shell, follow
from aios.exec.session import MAX_SESSIONS, Sessions, State
from aios.exec.steps import Unknown

SRV = State("/srv", {"A": "x", "DIR": "/opt/app"}, "/tmp")


def left(
    tmp_path: Path, command: str, before: State = SRV, status: int = 0, home: str = "/root"
) -> State | str:
    """The state for the next command, or why it is the old one."""
    sessions = Sessions(tmp_path / "sessions")
    sessions._keep(1000, "s", before)
    reason = sessions.after(1000, "s", command, before, status, home=home)
    after = sessions.state(1000, "s")
    if reason:
        assert after == before
        return reason
    return after


@pytest.mark.parametrize(
    ("command", "status", "cwd"),
    [
        ("cd /opt", 0, "/opt"),
        ("cd /opt", 1, "/srv"),
        ("cd -- sub/dir/", 0, "/srv/sub/dir"),
        ("cd ..", 0, "/"),
        ("cd ../..", 0, "/"),
        ("cd -", 0, "/tmp"),
        ("cd", 0, ""),
        ("cd ~", 0, ""),
        ("cd ~/src", 0, "/root/src"),
        ("cd $DIR", 0, "/opt/app"),
        ('cd "${DIR}/x"', 0, "/opt/app/x"),
        ("cd '/a b'", 0, "/a b"),
        ("cd /opt && make", 0, "/opt"),
        ("cd /opt && make", 2, "/opt"),
        ("cd /opt && cd x && ls", 0, "/opt/x"),
        ("cd /opt || exit 3; ls", 1, "/opt"),
        ("cd /opt || exit 3; ls", 3, None),
        ("set -eu\ncd /opt\nmake\n", 0, "/opt"),
        ("set -e; cd /opt; make", 2, "/opt"),
        ("(cd /opt)", 0, "/srv"),
        ("cd /opt | cat", 0, "/srv"),
        ("cd /opt & true", 0, "/srv"),
        ("if true; then ls; fi; cd /opt", 0, "/opt"),
        ("! cd /opt", 0, "/srv"),
        ("! cd /opt", 1, "/opt"),
        ("echo 'cd /opt'", 0, "/srv"),
        # It may or may not have succeeded.
        ("cd /opt; ls", 0, None),
        ("cd /opt && false", 1, None),
        ("cd /opt\nls", 1, None),
        ("cd /opt 2>/dev/null; true", 0, None),
        ("true || cd /opt", 0, "/srv"),
        ("cd $X", 0, None),
        ("cd /opt*", 0, None),
        ("cd /opt/../x", 0, None),
        ("cd ../x", 0, None),
        ("cd -P /opt", 0, None),
        ("cd ~nobody", 0, None),
        ("{ cd /opt; }", 0, None),
        ("f() { cd /opt; }; f", 0, None),
        ("eval 'cd /opt'", 0, None),
        ("pushd /opt", 0, None),
        ("CDPATH=/x cd opt", 0, None),
        ("CDPATH=/x; cd opt", 0, None),
        ("cd `pwd`", 0, None),
        ("cd 'x", 2, None),
    ],
)
def test_directory(tmp_path: Path, command: str, status: int, cwd: str | None) -> None:
    found = left(tmp_path, command, status=status)
    if cwd is None:
        assert isinstance(found, str)
    else:
        assert isinstance(found, State), found
        assert found.cwd == cwd


@pytest.mark.parametrize(
    ("command", "env"),
    [
        ("export B=1", {"B": "1"}),
        ("export B='a b' C=2; ls", {"B": "a b", "C": "2"}),
        ("B=1; export B", {"B": "1"}),
        ("A=y", {"A": "y"}),
        ("A=y ls", {}),
        ("B=1; cd /opt && ls", {}),
        ("unset A", {"A": None}),
        ("export B=$A-$DIR", {"B": "x-/opt/app"}),
        ("export B=1; (export B=2)", {"B": "1"}),
        ("export A=z; export B=$A", None),
        ("export B=$X", None),
        ("export B", None),
        ("export PATH=$PATH:/opt", None),
        ("export B=~/x", None),
        ("export B=x:~/x", None),
        ("export IFS=x", None),
        ("export PWD=/x", None),
        ("export HOME=/x", None),
        ("export BASH_ENV=/x", None),
        ("export B+=1", None),
        ("export -n A", None),
        ("declare -x B=1", None),
        ("A=$(date)", None),
        ("read A; export A", None),
        ("for A in 1 2; do :; done; export A", None),
        ("export B=$'\\x07'", None),
    ],
)
def test_environment(tmp_path: Path, command: str, env: dict[str, str | None] | None) -> None:
    found = left(tmp_path, command)
    if env is None:
        assert isinstance(found, str)
        return
    assert isinstance(found, State), found
    changed = {**SRV.env, **env}
    assert found.env == {name: value for name, value in changed.items() if value is not None}


def test_from_the_home_directory(tmp_path: Path) -> None:
    home = State()
    assert left(tmp_path, "cd src", home) == State("/root/src", {}, "")
    assert isinstance(left(tmp_path, "cd src", home, home=""), str)
    assert isinstance(left(tmp_path, "cd ..", home), str)
    assert left(tmp_path, "cd -", home, status=1) == home


def test_a_command_s_own_options_are_not_the_session_s(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    assert sessions.after(1, "s", "export B=2; cd /opt", State(), 0) == ""
    before = sessions.state(1, "s").given("/srv", {"C": "3"})
    assert before == State("/srv", {"B": "2", "C": "3"})
    assert sessions.after(1, "s", "export D=4", before, 0) == ""
    assert sessions.state(1, "s") == State("/opt", {"B": "2", "D": "4"}, "")
    assert sessions.after(1, "s", "cd sub", before, 0) == ""
    assert sessions.state(1, "s").cwd == "/srv/sub"


def test_each_uid_and_session_has_its_own(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions.after(1, "s", "cd /opt", State(), 0)
    assert sessions.state(1, "s").cwd == "/opt"
    assert sessions.state(1, "t") == sessions.state(2, "s") == State()


def test_what_ended_otherwise_leaves_nothing(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    assert sessions.after(1, "s", "cd /opt", State(), None)
    assert sessions.after(1, "s", "ls", State(), None) == ""
    assert sessions.state(1, "s") == State()


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions.after(1, "s", "export B=1; cd /opt", State(), 0)
    sessions.lost(1, "s", "/srv")
    sessions.lost(1, "", "")
    assert sessions.state(1, "s").cwd == "/opt"
    sessions.lost(1, "s", "/opt")
    assert sessions.state(1, "s") == State("", {"B": "1"})


def test_the_environment_says_where_it_is() -> None:
    assert SRV.environment() == {"A": "x", "DIR": "/opt/app", "PWD": "/srv", "OLDPWD": "/tmp"}
    assert State.of("/srv", SRV.environment()) == SRV
    assert State().environment() == {}


def test_old_sessions_give_way(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    for number in range(MAX_SESSIONS + 5):
        sessions.after(1, str(number), "cd /opt", State(), 0)
        moment = time.time() - 1000 + number
        os.utime(sessions._path(1, str(number)), (moment, moment))
    assert len(list(tmp_path.iterdir())) == MAX_SESSIONS
    assert sessions.state(1, "0") == State()
    os.utime(sessions._path(1, "60"), (0, 0))
    assert sessions.state(1, "60") == State()


def test_a_broken_file_is_an_empty_state(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions._path(1, "s").write_text("[1")
    assert sessions.state(1, "s") == State()
    sessions._path(1, "s").write_text("[]")
    assert sessions.state(1, "s") == State()


# What bash makes of it. Each line runs in a tree of its own, and an EXIT trap, which bash sets up
# before the line, tells where the shell ended and what it would hand on.

STEPS = [
    "cd a", "cd a/b", "cd link", "cd link/c", "cd ..", "cd ../..", "cd ../a", "cd missing", "cd -",
    "cd .", "cd a/b/..", "cd $A", 'cd "$A"', "cd ~", "cd ~/a", "cd", "cd -- a", "cd a b",
    "cd //{root}/a",
    "cd {root}/link", "cd {root}/a/b", "export A=a", "export B=b", "A=link", "B=x", "export B",
    "unset A", "unset B", "export C=$A", "false", "true", "ls", "ls missing", "test -d a", "(cd a)",
    "cd a | cat", "cd a &", "exit 3", "exit", "set -e", "set -eu", "export B=$B", "! cd a",
    "! false",
    "if cd a; then ls; fi", "for A in a b; do :; done", "A=b ls", "cd $(echo a)", "echo ${{X?}}",
    "cd a 2>/dev/null", "cd a >missing/x", "command cd a", "while false; do ls; done",
]  # fmt: skip
TRAP = """
trap 'printf "%s\\0" "$PWD" "${OLDPWD-}" "$(env -0 | tr "\\0" "\\1")" >&9' EXIT
"""


def tree(root: Path) -> None:
    (root / "a/b/a").mkdir(parents=True)
    (root / "home/a").mkdir(parents=True)
    (root / "real/c/a").mkdir(parents=True)
    (root / "real/a").mkdir()
    (root / "link").symlink_to("real")
    (root / "a/link").symlink_to(root / "real/c")


def bash(root: Path, line: str, state: State, home: Path) -> tuple[int, str, dict[str, str]]:
    """(status, directory, environment without bash's own)"""
    (root / "trap").write_text(TRAP)
    read_end, write_end = os.pipe()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "BASH_ENV": str(root / "trap")}
    done = subprocess.run(
        ["/bin/bash", "-c", f'exec "$0" -c "$1" 9>&{write_end}', "/bin/bash", line],
        cwd=state.cwd, env=env | state.environment(), pass_fds=[write_end],
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    os.close(write_end)
    with os.fdopen(read_end, "rb") as said:
        *_, cwd, _old, exported, _end = said.read().decode().split("\0")
    found = dict(pair.split("=", 1) for pair in exported.split("\1") if pair)
    return done.returncode, cwd, {name: found[name] for name in "ABC" if name in found}


def test_as_bash_does(tmp_path: Path) -> None:
    chance = random.Random(4)
    tree(tmp_path)
    home = tmp_path / "home"
    known = 0
    for _ in range(120):
        steps = chance.choices(STEPS, k=chance.randint(1, 4))
        line = steps[0]
        for step in steps[1:]:
            joint = chance.choice((" && ", " && ", "; ", "\n", " || "))
            line += (" " if line.endswith("&") else joint) + step
        line = line.format(root=tmp_path)
        cwd = chance.choice(("", "/a", "/a/b", "/link", "/a/link"))
        state = State(f"{tmp_path}{cwd}", chance.choice(({}, {"A": "a"}, {"B": "a"})))
        status, there, env = bash(tmp_path, line, state, home)
        start = Shell(state.cwd, None, frozenset(state.env.items()))
        try:
            end = follow(line, start, home=str(home), exit_status=status)
        except Unknown:
            continue
        known += 1
        assert Path(end.cwd or home).samefile(there), (line, state, status, there)
        assert end.exported() == env, (line, state, status)
        if end.cwd and end.logical:
            assert end.cwd == there.replace("//", "/"), (line, state, status, there)
    assert known > 30, known
