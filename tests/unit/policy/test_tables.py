"""Tables of tools from packagers and administrators, and users' own rules."""

from pathlib import Path

import pytest

from aios.errors import ConfigError
from aios.policy import tables, tools
from aios.policy.decision import Decision
from aios.policy.patterns import Mild
from aios.policy.policy import SHIPPED, Policy


def test_a_file_adds_a_tool_and_replaces_one_of_its_name(tmp_path: Path) -> None:
    first, later = tmp_path / "share", tmp_path / "etc"
    first.mkdir()
    later.mkdir()
    (first / "frob.toml").write_text('[frob]\nflags = "a"\n')
    (later / "frob.toml").write_text('[frob]\nflags = "b"\n')
    rules = tmp_path / "rules.toml"
    rules.write_text('[permissions]\nauto_allow = ["frob"]\n')
    policy = Policy.load([rules])
    before = tools.use(tables.load(tables.files([tables.SHIPPED, first, later])))
    try:
        assert policy.check("frob -b", "m").decision is Decision.AUTO_ALLOW
        assert policy.check("frob -a", "m").decision is Decision.REQUIRE_APPROVAL
    finally:
        tools.use(before)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[frob\n", 1, ""),
        ('[frob]\n\nflag = "a"\n', 3, "unknown key"),
        ('[frob]\nflags = ["a"]\n', 2, "must be a str"),
        ('[frob]\nalso = ["ls"]\n', 2, "has a table in"),
        ('[frob]\noperands = "all"\n', 2, "is none of"),
        ('[frob]\n[[frob.modes]]\nflags = "a"\n', 1, "needs `for`"),
        ('[frob.wrapper]\nchange = true\n', 2, "unknown key"),
        ('[a]\n[frob]\nlong = ["--x"]\n', 3, "not understood"),
        ("frob = 1\n", 1, "no table"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_right(tmp_path: Path, text: str, where: int, what: str) -> None:
    path = tmp_path / "frob.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        tables.load([*tables.files([tables.SHIPPED]), path])
    assert caught.value.message.startswith(f"{path}:{where}: ")
    assert what in caught.value.message


def test_a_users_own_rules(tmp_path: Path) -> None:
    policy = Policy.load([SHIPPED])
    own = policy.load_user(
        '[general]\nname = "x"\n[permissions]\nauto_allow = ["frob", "rm", "systemctl stop *"]\n'
        'notify = ["uname"]\ndeny = ["ls"]\ndefault = "auto_allow"\n'
    )

    def decision(command: str, machine: str = "m") -> Decision:
        return policy.check(command, machine, user="me", user_rules=own).decision

    assert decision("frob x") is Decision.AUTO_ALLOW  # left to the default above
    assert decision("rm x") is Decision.REQUIRE_APPROVAL  # decided above
    assert decision("systemctl stop x") is Decision.REQUIRE_APPROVAL
    assert decision("uname") is Decision.NOTIFY  # stricter
    assert decision("echo $(ls)") is Decision.DENY
    assert decision("other") is Decision.REQUIRE_APPROVAL  # no milder default
    assert decision("frob > x") is Decision.REQUIRE_APPROVAL
    assert decision("frob x", ".host") is Decision.REQUIRE_APPROVAL
    assert policy.check("ls", "m", user="me").decision is Decision.AUTO_ALLOW


def test_the_floor_for_users(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[permissions]\nuser_floor = "notify"\n')
    policy = Policy.load([SHIPPED, path])
    own = policy.load_user('[permissions]\nauto_allow = ["frob"]\n')
    assert policy.check("frob", "m", user_rules=own).decision is Decision.NOTIFY


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[permissions]\nuser_floor = "deny"\n', 2),
        ('[permissions]\n\nmask = ["rm"]\n', 3),
        ("[general]\n[profile.full]\n", 2),
        ('[permissions]\nsecrets = ["!x"]\n', 2),
        ('[permissions]\nnotify = "x"\n', 2),
    ],
)
def test_what_a_user_may_not_set(text: str, where: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Policy.load([SHIPPED]).load_user(text, Path("mine.toml"))
    assert caught.value.message.startswith(f"mine.toml:{where}: ")


def test_every_shipped_rule_has_a_reason() -> None:
    assert all(rule.reason for rule in Policy.load([SHIPPED]).rules)


def test_what_a_rule_names_has_a_table() -> None:
    """A rule for a tool or a subcommand without one covers whatever stands behind it."""
    known = tools.tools()
    for rule in Policy.load([SHIPPED]).rules:
        matcher = rule.matcher
        if not isinstance(matcher, Mild) or matcher.exact:
            continue
        name, *words = [word.replace("*", "") for word in matcher.words]
        tool = known.get(name)
        assert tool is not None, rule.pattern
        if words and words[0].isalpha() and tool.modes:
            assert tool.mode([name, *words]) is not tool, rule.pattern


def test_what_reads_only_where_it_is_confined_is_not_run_as_root(tmp_path: Path) -> None:
    more = tmp_path / "commands"
    more.mkdir()
    (more / "frob.toml").write_text("[frob]\nconfined = true\n")
    rules = tmp_path / "rules.toml"
    rules.write_text('[permissions]\nauto_allow = ["frob", "ls"]\nnotify = ["grok"]\n')
    policy = Policy.load([rules])
    before = tools.use(tables.load(tables.files([tables.SHIPPED, more])))
    try:
        assert policy.check("frob | ls", "m").decision is Decision.AUTO_ALLOW
        assert policy.check("grok; ls", "m").decision is Decision.NOTIFY
        verdict = policy.check("grok; ls; frob", "m")
        assert verdict.decision is Decision.REQUIRE_APPROVAL
        assert verdict.command == "frob"
        assert "grok" in verdict.reason
    finally:
        tools.use(before)
