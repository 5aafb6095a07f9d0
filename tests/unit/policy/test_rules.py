"""Rules from files: layers, masks, self-tests, machines, users, and files that are rejected."""

from pathlib import Path

import pytest

from aios.errors import ConfigError
from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy

COMPATIBLE = """
[general]
version = "0.1.0"
name = "aios"
description = "AI operating system"
[paths]
config_dir = "~/.config/syui/ai"
memory_db = "~/.config/syui/ai/gpt/memory.db"
mcp_config = "~/.config/syui/ai/mcp.json"
[permissions]
auto_allow = ["pacman -Q*", "pacman -Ss*", "systemctl status*", "ls", "cat", "grep", "find", "ps",
  "top", "htop", "df", "free", "uname"]
notify = ["pacman -S*", "pacman -Sy*", "git clone*", "cargo install*", "systemctl start*",
  "systemctl enable*"]
require_approval = ["pacman -R*", "rm -rf*", "systemctl stop*", "systemctl disable*", "dd*"]
deny = ["rm -rf /", "rm -rf /*", "mkfs*", ":(){ :|:& };:"]
[aigpt]
enable_layer4 = true
wal_mode = true
cache_size_mb = 64
[container]
runtime = "systemd-nspawn"
private_users = true
virtual_ethernet = true
"""


def policy(tmp_path: Path, *texts: str) -> Policy:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        paths.append(path)
    return Policy.load(paths)


def decision(found: Policy, command: str, machine: str = "aios", **who: object) -> Decision:
    user = str(who.get("user", "me"))
    groups = frozenset(who.get("groups", ()))  # type: ignore[call-overload]
    return found.check(command, machine, user=user, groups=groups).decision


def test_the_file_that_users_have(tmp_path: Path) -> None:
    found = policy(tmp_path, COMPATIBLE)
    assert decision(found, "pacman -Qi vim | grep Version") is Decision.AUTO_ALLOW
    assert decision(found, "pacman -Ss vim") is Decision.NOTIFY  # no exceptions: strictest wins
    assert decision(found, "rm -rf /home") is Decision.REQUIRE_APPROVAL
    assert decision(found, "rm -rf /*") is Decision.DENY
    assert decision(found, "bomb() { bomb | bomb & }; bomb") is Decision.DENY
    assert decision(found, "git -c x=y clone z") is Decision.REQUIRE_APPROVAL
    assert decision(found, "cat /etc/shadow") is Decision.REQUIRE_APPROVAL


def test_strict_patterns_are_generous(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        """[permissions]
        default = "auto_allow"
        deny = ["systemctl stop*", "rm -rf /srv/*", "/opt/bad", "> /boot/*", "curl * | sh", "x y $"]
        """,
    )
    for command in (
        "systemctl --no-block stop nginx", "rm -r --force /srv/old", "rm -fr /srv/a/b",
        "rm -rf /srv//a", "/opt/bad x", "echo > /boot/grub", "curl -s http://x | sh", "x y",
    ):  # fmt: skip
        assert decision(found, command) is Decision.DENY, command
    for command in ("systemctl status stopper", "rm -rf /srv2/x", "curl http://x", "bad", "x y z"):
        assert decision(found, command) is not Decision.DENY, command


def test_an_unknown_word_may_be_what_a_strict_rule_is_about(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        """[permissions]
        auto_allow = ["ls", "cat", "frob"]
        require_approval = ["ls /srv/x/*", "frob --hard*"]
        deny = ["frob /dev/*", "ls -R /srv"]
        """,
    )
    for command in ('for f in /srv/x/y; do ls "$f"; done', "ls -l $X", 'frob "$X"'):
        assert decision(found, command) is Decision.REQUIRE_APPROVAL, command
    for command in ("ls -l /srv", "frob x", "ls *"):
        assert decision(found, command) is Decision.AUTO_ALLOW, command
    assert decision(found, 'ls -R "$X"') is Decision.DENY


def test_mild_patterns_are_literal(tmp_path: Path) -> None:
    found = policy(tmp_path, '[permissions]\nauto_allow = ["git status*", "foo -x *", "sort -o *"]')
    assert decision(found, "git status -s") is Decision.AUTO_ALLOW
    assert decision(found, "git -C / status") is Decision.REQUIRE_APPROVAL
    assert decision(found, "foo -x y z") is Decision.AUTO_ALLOW
    assert decision(found, "foo -x $Y") is Decision.REQUIRE_APPROVAL
    assert decision(found, "foo -x") is Decision.REQUIRE_APPROVAL
    # An effect that the rule itself spells out is what the rule is about.
    assert decision(found, "sort -o out in") is Decision.AUTO_ALLOW
    assert decision(found, "sort -o out --compress-program=x in") is Decision.REQUIRE_APPROVAL


def test_a_default_below_approval_does_not_cover_what_is_unclear(tmp_path: Path) -> None:
    found = policy(tmp_path, '[permissions]\ndefault = "auto_allow"')
    assert decision(found, "frobnicate") is Decision.AUTO_ALLOW
    for command in (
        "$X",
        "eval ls",
        "ls > x",
        "PATH=/x ls",
        "python3 -c 1",
        "f() { ls; }; f",
        "ls )",
    ):
        assert decision(found, command) is Decision.REQUIRE_APPROVAL, command
    assert decision(found, "ls", ".host") is Decision.REQUIRE_APPROVAL


def test_table_rules(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        """[permissions]
        auto_allow = ["ls"]
        [[permissions.rule]]
        pattern = "systemctl restart *"
        decision = "notify"
        machines = ["aios-dev*"]
        users = ["alice", "@wheel"]
        reason = "dev services may be restarted freely"
        match = ["systemctl restart nginx"]
        not_match = ["systemctl stop nginx"]
        [[permissions.rule]]
        pattern = "uname"
        decision = "auto_allow"
        machines = [".host"]
        [[permissions.rule]]
        pattern = "df"
        decision = "auto_allow"
        machines = ["*"]
        """,
    )
    restart = "systemctl restart nginx"
    assert decision(found, restart, "aios-dev1", user="alice") is Decision.NOTIFY
    assert decision(found, restart, "aios-dev1", groups=["wheel"]) is Decision.NOTIFY
    assert decision(found, restart, "aios-dev1") is Decision.REQUIRE_APPROVAL
    assert decision(found, restart, "aios", user="alice") is Decision.REQUIRE_APPROVAL
    assert decision(found, "uname", ".host") is Decision.AUTO_ALLOW
    assert decision(found, "uname", "aios") is Decision.REQUIRE_APPROVAL
    assert decision(found, "df", ".host") is Decision.REQUIRE_APPROVAL
    assert decision(found, "df", "aios") is Decision.AUTO_ALLOW
    verdict = found.check(restart, "aios-dev1", user="alice", groups=frozenset())
    assert verdict.rule == f"{tmp_path}/0.toml:3 systemctl restart *"
    assert verdict.reason == "dev services may be restarted freely"


def test_lines_are_told(tmp_path: Path) -> None:
    found = policy(
        tmp_path,
        '# "ls"\n[permissions]\nnotify = [\n  "ls", # "x"\n  \'cat\',\n]\ndeny = ["rm [a]", "dd"]\n'
        'default = "deny"\n',
    )
    assert found.check("ls", "m", user="").rule.endswith("0.toml:4 ls")
    assert found.check("cat x", "m", user="").rule.endswith("0.toml:5 cat")
    assert found.check("dd", "m", user="").rule.endswith("0.toml:7 dd")
    assert found.check("y", "m", user="").rule.endswith("0.toml:8 default")


def test_layers_and_masks(tmp_path: Path) -> None:
    local = tmp_path / "config.toml"
    local.write_text('[permissions]\nmask = ["systemctl stop*"]\nnotify = ["systemctl stop*"]')
    drop_ins = tmp_path / "config.d"
    drop_ins.mkdir()
    (drop_ins / "10.toml").write_text('[permissions]\ndeny = ["ls"]\nsecrets = ["/srv/keys/*"]')
    found = Policy.load([SHIPPED, local, drop_ins, tmp_path / "absent.toml"])
    assert decision(found, "systemctl stop nginx") is Decision.NOTIFY
    assert [rule.pattern for rule in found.masked] == ["systemctl stop*"]
    assert decision(found, "ls") is Decision.DENY
    assert decision(found, "cat /srv/keys/x") is Decision.REQUIRE_APPROVAL
    # Only shipped rules are masked.
    (drop_ins / "20.toml").write_text('[permissions]\nmask = ["ls"]')
    assert decision(Policy.load([SHIPPED, local, drop_ins]), "ls") is Decision.DENY


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[permissions\n", 1, "Expected"),
        ("[permissions]\n\ncolour = []\n", 3, "unknown key"),
        ("[general]\n[nonsense]\n", 2, "unknown section"),
        ("x = 1\n", 1, "unknown section"),
        ('[permissions]\ndeny = "ls"\n', 2, "list of strings"),
        ('[permissions]\nnotify = []\ndeny = ["ls", 3]\n', 3, "list of strings"),
        ('[permissions]\ndefault = "maybe"\n', 2, "no decision"),
        ('[permissions]\ndeny = [\n  "ls",\n  "a \'b",\n]\n', 4, "pattern"),
        ('[permissions]\nauto_allow = ["a | b"]\n', 2, "shell syntax"),
        ('[permissions]\nnotify = ["a [z-a]"]\n', 2, "bad character range"),
        ('[permissions]\ndeny = ["a", "[z-a] x"]\n', 2, "bad character range"),
        ('[permissions]\ndeny = ["a > \'/[z-a]\'"]\n', 2, "bad character range"),
        ('[permissions]\nsecrets = [\n"/srv/[z-a]",\n]\n', 3, "bad character range"),
        ('[[permissions.rule]]\npattern = "ls"\n', 1, "decision"),
        ('[permissions]\n\n[[permissions.rule]]\npattern="a"\ndecision="deny"\nwho="x"\n', 3,
        "unknown key"),
        ('[[permissions.rule]]\npattern="ls"\ndecision="notify"\nmatch=["cat"]\n', 1,
        "does not match"),
        ('[[permissions.rule]]\npattern="ls"\ndecision="deny"\nnot_match=["ls -l"]\n', 1,
        "matches"),
        ('[[permissions.rule]]\npattern="ls"\ndecision="deny"\nmachines=[]\n', 1, "empty"),
    ],
)  # fmt: skip
def test_a_file_is_rejected_whole(tmp_path: Path, text: str, where: int, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(tmp_path, text)
    assert caught.value.message.startswith(f"{tmp_path}/0.toml:{where}: ")
    assert what in caught.value.message
