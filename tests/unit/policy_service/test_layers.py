"""Which files are in force, and what happens when one is broken."""

import os
from pathlib import Path

import pytest

from aios.errors import ConfigError
from aios.policy.decision import Decision
from aios.policy.layers import Layers

NOBODY: frozenset[str] = frozenset()


class Files:
    def __init__(self, root: Path) -> None:
        self.etc, self.state = root / "etc", root / "state"
        self.shipped = root / "shipped" / "policy.toml"
        self.etc.mkdir()
        self.shipped.parent.mkdir()
        self.write(self.shipped, '[permissions]\nauto_allow = ["ls"]\ndeny = ["mkfs*"]\n')
        self.config = self.etc / "config.toml"

    def write(self, path: Path, text: str) -> None:
        """As editors do: another inode in its place."""
        path.parent.mkdir(exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_text(text)
        new.replace(path)

    def layers(self) -> Layers:
        return Layers(self.state, self.etc, self.shipped)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def decide(layers: Layers, command: str) -> Decision:
    return layers.check(command, "aios", user="me", groups=NOBODY).decision


def test_changes_are_seen(files: Files) -> None:
    layers = files.layers()
    assert decide(layers, "ls") is Decision.AUTO_ALLOW
    files.write(files.config, '[permissions]\ndeny = ["ls"]\n[policy]\napproval_timeout = 7\n')
    assert decide(layers, "ls") is Decision.DENY
    assert layers.config.policy.approval_timeout == 7
    files.config.unlink()
    assert decide(layers, "ls") is Decision.AUTO_ALLOW
    files.write(files.etc / "config.d" / "10-x.toml", '[permissions]\nnotify = ["ls"]\n')
    assert decide(layers, "ls") is Decision.NOTIFY


def test_a_file_in_etc_replaces_the_shipped_one(files: Files) -> None:
    files.write(files.etc / "policy.toml", '[permissions]\nnotify = ["ls"]\n')
    layers = files.layers()
    assert decide(layers, "ls") is Decision.NOTIFY
    assert decide(layers, "mkfs x") is Decision.REQUIRE_APPROVAL
    # And is the one that a mask is about.
    files.write(files.config, '[permissions]\nmask = ["ls"]\n')
    assert decide(layers, "ls") is Decision.REQUIRE_APPROVAL


@pytest.mark.parametrize(
    "broken",
    ["[permissions\n", "[permissions]\ndeny = 3\n", "[colours]\n", "[policy]\napproval_time = 1\n"],
)
def test_a_broken_file_changes_nothing(files: Files, broken: str) -> None:
    files.write(files.config, '[permissions]\ndeny = ["ls"]\n')
    layers = files.layers()
    files.write(files.config, broken)
    assert decide(layers, "ls") is Decision.DENY
    assert str(files.config) in layers.fault
    with pytest.raises(ConfigError):
        layers.reload()
    again = files.layers()
    assert decide(again, "ls") is Decision.DENY
    assert str(files.config) in again.fault
    files.write(files.config, "")
    assert decide(again, "ls") is Decision.AUTO_ALLOW
    assert not again.fault


def test_with_nothing_good_everything_needs_approval(files: Files) -> None:
    files.write(files.config, "[permissions]\ndeny = 3\n")
    layers = files.layers()
    judgement = layers.check("ls", "aios", user="me", groups=NOBODY)
    assert judgement.decision is Decision.REQUIRE_APPROVAL
    assert str(files.config) in judgement.reason
    files.config.unlink()
    assert decide(layers, "ls") is Decision.AUTO_ALLOW


def test_reload_reads_what_looks_the_same(files: Files) -> None:
    files.write(files.config, '[permissions]\ndeny = ["ls"]\n')
    layers = files.layers()
    before = files.config.stat()
    files.config.write_text('[permissions]\ndeny = ["rm"]\n')
    os.utime(files.config, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert decide(layers, "ls") is Decision.DENY
    layers.reload()
    assert decide(layers, "ls") is Decision.AUTO_ALLOW


def test_what_ships_is_good(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "state", tmp_path / "etc")
    assert not layers.fault
    assert decide(layers, "ls -la | cat") is Decision.AUTO_ALLOW
    assert decide(layers, "ls; rm -rf /") is Decision.DENY


def on_host(layers: Layers, command: str) -> Decision:
    return layers.check(command, ".host", user="me", groups=NOBODY).decision


def test_a_host_that_is_its_own_machine(files: Files) -> None:
    layers = files.layers()
    assert on_host(layers, "ls") is Decision.REQUIRE_APPROVAL
    files.write(files.config, "[permissions]\nhost_is_machine = true\n")
    assert on_host(layers, "ls") is Decision.AUTO_ALLOW
    assert on_host(layers, "mkfs x") is Decision.DENY
    assert on_host(layers, "unheard-of") is Decision.REQUIRE_APPROVAL
    # A later file takes it back.
    files.write(files.etc / "config.d" / "90-x.toml", "[permissions]\nhost_is_machine = false\n")
    assert on_host(layers, "ls") is Decision.REQUIRE_APPROVAL


def test_rules_for_some_machines_stay_theirs(files: Files) -> None:
    rule = '[[permissions.rule]]\npattern = "df"\ndecision = "notify"\nmachines = ["dev*"]\n'
    files.write(files.config, f"[permissions]\nhost_is_machine = true\n{rule}")
    assert on_host(files.layers(), "df") is Decision.REQUIRE_APPROVAL
    files.write(files.config, '[permissions]\nhost_is_machine = "yes"\n')
    with pytest.raises(ConfigError, match=r"config\.toml:2: host_is_machine is true or false"):
        files.layers().reload()
