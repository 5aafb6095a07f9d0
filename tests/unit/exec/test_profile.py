import contextlib
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aios.errors import ConfigError, ProfileNotEnforced
from aios.exec import probe
from aios.exec.limits import Limits
from aios.exec.profile import CAP_DAC_READ_SEARCH, Name, Profile, load
from aios.exec.spec import Spec, account

READ_ONLY = load({})["read-only"]


def test_the_table_of_policy() -> None:
    properties = dict(READ_ONLY.properties())
    assert properties["ProtectSystem"] == ("s", "strict")
    assert properties["ProtectHome"] == ("s", "read-only")
    assert properties["NoNewPrivileges"] == ("b", True)
    assert properties["CapabilityBoundingSet"] == ("t", CAP_DAC_READ_SEARCH)
    assert properties["AmbientCapabilities"] == ("t", CAP_DAC_READ_SEARCH)
    assert properties["RestrictAddressFamilies"] == ("(bas)", (True, ["AF_UNIX", "AF_NETLINK"]))
    allowed, calls = properties["SystemCallFilter"][1]
    assert not allowed
    assert {"@debug", "@mount", "@module", "@clock", "@reboot"} <= set(calls)
    # What people ask about is seen as it is.
    assert not any(name.startswith("Private") for name in properties)


def test_on_the_host_nobody_reads_more_than_they_may() -> None:
    assert dict(READ_ONLY.on_host().properties())["AmbientCapabilities"] == ("t", 0)
    full = load({})["full"]
    assert full.on_host() is full


def test_what_is_not_there_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/docker.sock").touch()
    (tmp_path / "run/link").symlink_to("/nowhere")
    wanted = ["-/run/docker.sock", "-/run/none", "-/run/docker.sock/below", "-/run/link", "/needed"]
    profile = Profile(Name.READ_ONLY, {"InaccessiblePaths": wanted}).among(tmp_path)
    assert profile.settings == {"InaccessiblePaths": ["-/run/docker.sock", "-/run/link", "/needed"]}
    # What cannot be looked at is hidden.
    long = "-/" + "x" * 300
    profile = Profile(Name.READ_ONLY, {"ReadOnlyPaths": [long]}).among(tmp_path)
    assert profile.settings == {"ReadOnlyPaths": [long]}


def test_who_runs_it() -> None:
    assert account("aios", READ_ONLY, 1000) == "ai"
    assert account(".host", READ_ONLY, 0) == "root"
    assert account("aios", load({})["standard"], 1000) == "root"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("wide", {}),
        ("full", {"ExecStart": "/bin/sh"}),
        ("full", {"TasksMax": 0}),
        ("full", {"TasksMax": True}),
        ("full", {"MemoryMax": "1X"}),
        ("full", {"NoNewPrivileges": 1}),
        ("full", {"InaccessiblePaths": "/x"}),
        ("full", {"AmbientCapabilities": ["CAP_SYS_ADMIN"]}),
        ("full", {"RuntimeMaxSec": 0}),
        ("full", {"CPUWeight": 0}),
        ("full", {"CPUWeight": 10_001}),
    ],
)
def test_what_is_no_profile(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"profile.{name}"):
        load({name: settings})


def test_the_command_is_not_expanded() -> None:
    spec = Spec(
        command="echo $X ${Y} %n", profile=READ_ONLY, account="ai", cwd="", env={"TERM": "vt100"},
        limits=Limits(timeout_usec=5),
    )  # fmt: skip
    properties = dict(spec.properties())
    # `$$` is systemd's `$`, and it does not look at `%` in what comes over the bus.
    assert properties["ExecStart"][1] == [("/bin/bash", ["bash", "-c", "echo $$X $${Y} %n"], False)]
    assert "TERM=vt100" in properties["Environment"][1]
    assert "TERM=dumb" not in properties["Environment"][1]


STATUS = """\
Name:\tbash
Uid:\t1000\t1000\t1000\t1000
CapInh:\t0000000000000004
CapPrm:\t0000000000000004
CapEff:\t0000000000000004
CapBnd:\t0000000000000004
CapAmb:\t0000000000000004
NoNewPrivs:\t1
Seccomp:\t2
"""
MOUNTS = """\
Mounts
500 400 0:5 / / ro,relatime - ext4 /dev/vda rw
501 500 0:6 / /home ro,relatime shared:1 - tmpfs tmpfs rw
502 500 0:7 / /dev rw,nosuid - tmpfs tmpfs rw
"""
LIMITS = """\
Limit memory.max 1073741824
Limit pids.max 256
Limit cpu.weight 50
"""
SEEN = STATUS + MOUNTS + LIMITS + "Internet no\n"


def test_in_force() -> None:
    assert probe.check(READ_ONLY, SEEN) == ()


@pytest.mark.parametrize(
    ("seen", "unenforced"),
    [
        (SEEN.replace("Limit memory.max 1073741824\n", ""), ("MemoryMax",)),
        (SEEN.replace(LIMITS, ""), ("MemoryMax", "TasksMax", "CPUWeight")),
        (SEEN.replace("pids.max 256", "pids.max max"), ("TasksMax",)),
    ],
)
def test_limits_without_a_controller(seen: str, unenforced: tuple[str, ...]) -> None:
    assert set(probe.check(READ_ONLY, seen)) == set(unenforced)


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivileges"),
        ("Seccomp:\t2", "Seccomp:\t0", "SystemCallFilter"),
        ("CapBnd:\t0000000000000004", "CapBnd:\t000001ffffffffff", "CapBnd"),
        ("CapEff:\t0000000000000004", "CapEff:\t0000000000000024", "CapEff"),
        ("CapBnd:\t0000000000000004\n", "", "CapBnd"),
        ("/ / ro,", "/ / rw,", "ProtectSystem"),
        ("/home ro,", "/home rw,", "ProtectHome"),
        ("Internet no", "Internet yes", "RestrictAddressFamilies"),
        ("502 500", "503 500 0:8 / /usr rw - overlay o rw\n502 500", "ProtectSystem"),
        (SEEN, "", "NoNewPrivileges"),
    ],
)
def test_not_in_force(old: str, new: str, missing: str) -> None:
    assert old in SEEN
    with pytest.raises(ProfileNotEnforced, match=missing):
        probe.check(READ_ONLY, SEEN.replace(old, new))


def test_an_unconfined_profile_misses_nothing_but_limits() -> None:
    assert probe.check(Profile(Name.FULL, {}), "Mounts\n" + LIMITS) == ()


def test_a_terminal_is_all_three_streams_and_has_pagers() -> None:
    spec = Spec(
        command="vim", profile=READ_ONLY, account="ai", cwd="", env={}, limits=Limits(),
        terminal="/dev/pts/3",
    )  # fmt: skip
    properties = dict(spec.properties())
    assert properties["TTYPath"] == ("s", "/dev/pts/3")
    for name in ("StandardInput", "StandardOutput", "StandardError"):
        assert properties[name] == ("s", "tty")
    assert not [line for line in properties["Environment"][1] if "PAGER" in line or "TERM" in line]


def environment(spec: Spec) -> dict[str, str]:
    lines: list[str] = dict(spec.properties())["Environment"][1]
    return dict(line.partition("=")[::2] for line in lines)


def test_a_pagers_keys_are_no_commands(tmp_path: Path) -> None:
    for name, ran in (("full", True), ("standard", False), ("read-only", False)):
        spec = Spec(
            command="less", profile=load({})[name], account="root", cwd="", env={"TERM": "dumb"},
            limits=Limits(), terminal="/dev/pts/3",
        )  # fmt: skip
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["less", __file__], cwd=tmp_path, env={**os.environ, **environment(spec)},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        ) as less:  # fmt: skip
            os.close(theirs)
            for keys in (b"!touch ran\n", b"\n", b"q", b"\nq"):
                with contextlib.suppress(OSError):  # it has ended
                    os.write(ours, keys)
            with contextlib.suppress(subprocess.TimeoutExpired):
                less.wait(5)
            less.kill()
        os.close(ours)
        assert (tmp_path / "ran").exists() is ran, name
        (tmp_path / "ran").unlink(missing_ok=True)


def test_a_clone_is_no_program(tmp_path: Path) -> None:
    """git takes a directory with the files of a bare repository for one, and its configuration."""
    inner = tmp_path / "clone" / "inner"
    for name in ("objects", "refs", "tree"):
        (inner / name).mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/main\n")
    (inner / "config").write_text(
        "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = tree\n"
        f'fsmonitor = "touch {tmp_path}/ran; false"\n'
    )
    for name, ran in (("full", True), ("standard", False), ("read-only", False)):
        spec = Spec(
            command="git status", profile=load({})[name], account="root", cwd="", env={},
            limits=Limits(),
        )  # fmt: skip
        subprocess.run(
            ["/bin/bash", "-c", spec.command], cwd=inner, env={**os.environ, **environment(spec)},
            capture_output=True, check=False,
        )  # fmt: skip
        assert (tmp_path / "ran").exists() is ran, name
        (tmp_path / "ran").unlink(missing_ok=True)
