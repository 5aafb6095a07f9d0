"""What users hand over: whole or not at all, each for themselves, and never lost silently."""

from pathlib import Path

import pytest

from aios.caller import Caller
from aios.errors import ConfigError, NotAuthorized
from aios.policy.authority import Authority
from aios.policy.delegations import Delegations
from aios.policy.grants import Grants
from aios.policy.layers import Layers
from aios.policy.policy import Policy
from aios.policy.requests import Request, Requests
from aios.policy.user_rules import MAX_BYTES, Kept
from aios.polkit import Check

ROOT = Caller(uid=0, pid=1)
PERSON = Caller(uid=70_001_000, pid=1, machine="aios", machine_uid=1000)
OUTSIDER = Caller(uid=4_000_000, pid=1)
OWN = '[permissions]\nnotify = ["frob"]\ndeny = ["cat"]\n'


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    (tmp_path / "etc").mkdir()
    return Layers(tmp_path / "state", tmp_path / "etc")


def decision(layers: Layers, command: str, uid: int | None) -> str:
    found = layers.check(command, "aios", user="me", groups=frozenset(), uid=uid)
    return str(found.decision)


def test_stricter_and_where_nothing_else_decides(layers: Layers) -> None:
    layers.set_user_rules(1000, OWN)
    assert decision(layers, "frob", 1000) == "notify"
    assert decision(layers, "cat x", 1000) == "deny"
    for other in (1001, None):
        assert decision(layers, "frob", other) == "require_approval"
        assert decision(layers, "cat x", other) == "auto_allow"
    layers.set_user_rules(1000, '[permissions]\nauto_allow = ["systemctl stop*"]\n')
    assert decision(layers, "systemctl stop nginx", 1000) == "require_approval"
    layers.set_user_rules(1000, "")
    assert decision(layers, "cat x", 1000) == "auto_allow"


def test_the_floor_is_the_administrators(layers: Layers, tmp_path: Path) -> None:
    (tmp_path / "etc/config.toml").write_text('[permissions]\nuser_floor = "notify"\n')
    layers.set_user_rules(1000, '[permissions]\nauto_allow = ["frob"]\n')
    assert decision(layers, "frob", 1000) == "notify"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[permissions]\nuser_floor = 'deny'\n", 2),
        ("[permissions]\nmask = ['ls']\n", 2),
        ("[permissions]\nhost_is_machine = true\n", 2),
        ("[profile.full]\nX = 1\n", 1),
        ("[permissions]\nnonsense = 1\n", 2),
        ("\n[permissions\n", 2),
        ("#" * (MAX_BYTES + 1), 1),
        ("#\ud800", 1),
        ("x = " + "[" * 10_000, 1),
    ],
)
def test_what_is_not_right_changes_nothing(layers: Layers, text: str, line: int) -> None:
    layers.set_user_rules(1000, OWN)
    with pytest.raises(ConfigError) as error:
        layers.set_user_rules(1000, text)
    assert error.value.message.startswith(f"~/.config/syui/ai/config.toml:{line}: ")
    assert decision(layers, "cat x", 1000) == "deny"


def test_many_stars_end(layers: Layers) -> None:
    layers.set_user_rules(1000, "[permissions]\nnotify = ['frob *a*a*a*a*a*a*a*a*a*b']\n")
    assert decision(layers, "frob xaaaaaaaaab", 1000) == "notify"
    assert decision(layers, "frob " + "a" * 60_000 + "c", 1000) == "require_approval"


def test_they_survive_a_restart(layers: Layers, tmp_path: Path) -> None:
    layers.set_user_rules(1000, OWN)
    again = Layers(tmp_path / "state", tmp_path / "etc")
    assert decision(again, "cat x", 1000) == "deny"
    assert (tmp_path / "state/users/1000.toml").stat().st_mode & 0o777 == 0o600


def test_rules_that_are_not_right_any_more_hold_everything(tmp_path: Path) -> None:
    kept = tmp_path / "state/users/1000.toml"
    kept.parent.mkdir(parents=True)
    kept.write_text("[permissions]\nfrom_the_future = []\n")
    (tmp_path / "etc").mkdir()
    layers = Layers(tmp_path / "state", tmp_path / "etc")
    found = layers.check("ls", "aios", user="me", groups=frozenset(), uid=1000)
    assert (found.decision, found.rule) == ("require_approval", "built-in: own rules")
    assert "config.toml:2" in found.reason
    assert decision(layers, "rm -rf /", 1000) == "deny"
    assert decision(layers, "ls", 1001) == "auto_allow"
    layers.set_user_rules(1000, OWN)
    assert decision(layers, "ls", 1000) == "auto_allow"


def test_they_are_read_again_under_another_policy(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.set(Policy.load([]), 1, OWN)
    other = Policy.load([])
    assert kept.of(other, 1)[0] is not None
    (tmp_path / "1.toml").write_bytes(b"\xff")
    assert kept.of(other, 1)[1] == "" and "codec" in kept.of(Policy.load([]), 1)[1]


async def test_only_ones_own(layers: Layers, tmp_path: Path) -> None:
    async def nobody(_name: str) -> bool:
        return False

    def never(_caller: Caller, _request: Request, _grant: bool) -> Check:
        raise AssertionError

    authority = Authority(
        layers=layers,
        requests=Requests(tmp_path / "requests"),
        delegations=Delegations(tmp_path / "delegations", "bus", nobody),
        grants=Grants(tmp_path / "grants", "bus", nobody),
        ask=never,
    )
    for caller in (PERSON, OUTSIDER, Caller(0, 1, "aios", 0)):
        with pytest.raises(NotAuthorized):
            authority.set_user_rules(caller, OWN)
    authority.set_user_rules(ROOT, OWN)
    assert authority.check(ROOT, "cat x", "aios")[0] == "deny"
    # A person in a machine has none, whatever the uid.
    assert authority.check(PERSON, "cat x", "aios")[0] == "auto_allow"
