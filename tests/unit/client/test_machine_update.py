"""The upgrade of a machine's packages, as a command like any other."""

import tomllib
from pathlib import Path

import pytest
from tests.unit.client.conftest import Serve

from aios.chat.offline import DATA
from aios.client import own_rules
from aios.client.__main__ import main
from aios.client.commands import exec as execute
from aios.client.commands.machine_update import COMMANDS


def test_it_is_what_the_offline_brain_proposes() -> None:
    intents = tomllib.loads((DATA / "intents/packages.toml").read_text())["intent"]
    (upgrade,) = [one for one in intents if one["id"] == "upgrade"]
    assert upgrade["command"] == COMMANDS


def test_a_persons_own_rules_hold_for_it(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = '[permissions]\ndeny = ["apt-get upgrade*"]\n'
    (tmp_path / "config.toml").write_text(rules)
    monkeypatch.setattr(own_rules, "FILE", str(tmp_path / "config.toml"))
    machine = {"name": "dev", "family": "debian", "state": "running"}
    serve("machines", lambda peer, call: peer.reply(machine=machine))
    policy = serve("policy", lambda peer, call: peer.reply())
    told: list[object] = []

    def ran(name: str, arguments: list[str]) -> int:
        told.append([call["parameters"] for call in policy.calls])
        told.append(arguments)
        return 7

    monkeypatch.setattr(execute, "main", ran)
    assert main(["machine", "update", "dev", "--no-snapshot"]) == 7
    assert told == [[{"toml": rules}], ["-m", "dev", "--", COMMANDS["debian"]]]
