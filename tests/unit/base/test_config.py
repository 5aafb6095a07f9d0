"""Configuration files that are right, and those that are rejected whole."""

from pathlib import Path

import pytest

from aios import config
from aios.errors import ConfigError, InvalidOption
from aios.options import STRING_MAP, STRINGS, Options
from aios.text import visible


def write(directory: Path, text: str) -> list[Path]:
    path = directory / "config.toml"
    path.write_text(text)
    return [path]


def test_the_later_file_wins(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[policy]\napproval_timeout = 10\n")
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.d" / "10-x.toml").write_text("[policy]\napproval_timeout = 20\n")
    loaded = config.load(config.files(tmp_path))
    assert loaded.policy.approval_timeout == 20
    assert loaded.machine.machine_users == (0, 1000)


def test_what_other_parts_read_is_left_to_them(tmp_path: Path) -> None:
    text = (
        '[permissions]\nauto_allow = ["ls"]\n[aigpt]\nwal_mode = true\n[profile.x]\nTasksMax = 5\n'
    )
    assert config.load(write(tmp_path, text)).profiles == {"x": {"TasksMax": 5}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[nope]\n", ":1: unknown section"),
        ("[chat]\n\nmodle = 'x'\n", ":3: unknown key [chat] modle"),
        ("[policy]\napproval_timeout = 'x'\n", ":2: [policy] approval_timeout must be int"),
        ("[policy]\napproval_timeout = true\n", ":2: [policy] approval_timeout must be int"),
        ("[machine]\nmachine_users = ['ai']\n", ":2: [machine] machine_users"),
        ("[machine]\nmachine_approvals = 'all'\n", "'prompt' or 'host'"),
        ("[chat\n", "config.toml:"),
        ("[exec]\nmemory_max = '1X'\n", ":2: [exec] memory_max cannot be '1X'"),
        ("[exec]\nmemory_max = 5\n", ":2: [exec] memory_max must be str"),
        ("[exec]\ntimeout = 0\n", ":2: [exec] timeout must be in"),
        ("[machine.aios]\ntimeout = 'x'\n", ":2: [machine.aios] timeout must be int"),
        ("[machine.aios]\ncpu_weight = 10001\n", ":2: [machine.aios] cpu_weight must be in"),
        ("[machine.aios]\nmachine_users = [0]\n", "unknown key [machine.aios] machine_users"),
        ("[machine.'a b']\ntimeout = 1\n", "'a b' is no machine"),
        ("[exec.guard]\nfile = []\n", ":2: unknown key [exec.guard] file"),
        ("[exec.guard]\nfiles = ['a', 1]\n", ":2: [exec.guard] files is a list of strings"),
        ("[exec.guard]\nfiles = ['/root/.ssh']\n", ":2: [exec.guard] files: /root/.ssh cannot"),
        ("[exec.guard]\nfiles = ['/etc/../x']\n", "no plain absolute path"),
        ("[exec.guard]\nfiles = ['etc']\n", "no plain absolute path"),
        ("[exec]\nguard = 1\n", ":2: [exec] guard must be"),
    ],
)
def test_a_wrong_file_is_rejected_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    assert says in caught.value.message


def test_a_machine_s_own_ceiling(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        "[exec]\ntimeout = 7\n[machine]\nmachine_users = [5]\n"
        "[machine.dev]\ntimeout = 8\ntasks_max = 9\n[exec.guard]\nrequire = true\n"
    )
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.d" / "x.toml").write_text('[machine.dev]\nmemory_max = "1G"\n')
    loaded = config.load(config.files(tmp_path))
    assert loaded.machine.machine_users == (5,)
    assert loaded.ceiling("aios").timeout == 7
    dev = loaded.ceiling("dev")
    assert (dev.timeout, dev.tasks_max, dev.memory_max) == (8, 9, "1G")
    assert loaded.exec.guard.require
    assert loaded.exec.guard.files == config.Guard().files


def test_options_are_typed_and_known() -> None:
    known = {"cwd": str, "n": int, "names": STRINGS, "env": STRING_MAP}
    given = Options({"cwd": "/", "n": 3, "names": ["a"], "env": {"A": "b"}}, known)
    assert (given.get_str("cwd"), given.get_int("n", 0), given.get_strings("names")) == (
        "/",
        3,
        ["a"],
    )
    assert given.get_map("env") == {"A": "b"}
    for wrong in (
        {"cwdd": "/"},
        {"cwd": 1},
        {"n": True},
        {"names": [1]},
        {"env": {"A": 1}},
        {"names": "a"},
    ):
        with pytest.raises(InvalidOption):
            Options(wrong, known)
    with pytest.raises(InvalidOption):
        given.get_int("n", 0, high=2)


def test_what_a_human_sees_cannot_move_the_cursor() -> None:
    shown = visible("ls\r\x1b[2Krm\u202e\u200b\x9b é")
    assert shown == "ls\\r\\x1b[2Krm\\u202e\\u200b\\x9b é"
