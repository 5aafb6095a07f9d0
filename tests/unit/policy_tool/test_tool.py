"""cat, test, diff and explain, as they print."""

import json
from pathlib import Path

import pytest

from aios.policy.policy import Policy
from aios.policy.tool import asker, listing
from aios.policy.tool.__main__ import main


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_explain(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--config", str(config), "ls;", "rm"]) == 0
    assert main(["explain", "--config", str(config), "--", "ls | rm -rf /"]) == 0
    assert main(["explain", "--config", str(config), "ls \x1b[2J"]) == 0
    said = out(capsys)
    assert "├─ ls" in said and "deny" in said and f"{config}:4 rm -rf /" in said
    assert "\x1b" not in said
    assert main(["explain", "--json", "--config", str(config), "ls"]) == 0
    assert json.loads(out(capsys))["tree"][0]["words"] == ["ls"]


def test_check(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, status in (("ls", 0), ("df", 1), ("rm -rf /", 126)):
        assert main(["check", "--config", str(config), command]) == status
    assert "deny\n  command     rm -rf /\n" in out(capsys)
    assert main(["check", "--config", str(config), "--json", "ls"]) == 0
    assert json.loads(out(capsys))["decision"] == "auto_allow"
    assert main(["check", "--config", "/nowhere", "ls"]) == 2


def test_cat_shows_what_is_masked_and_by_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped, etc = tmp_path / "policy.toml", tmp_path / "config.toml"
    shipped.write_text('[permissions]\nauto_allow = ["ls"]\nrequire_approval = ["systemctl stop*"]')
    etc.write_text('[permissions]\nmask = ["systemctl stop*"]\ndefault = "deny"\n')
    policy = Policy.load([shipped, etc], shipped=shipped)
    own = policy.load_user('[permissions]\ndeny = ["ls"]\n')
    listing.show(policy, own, as_object=False)
    lines = out(capsys).splitlines()
    assert lines[0] == f"deny              what no rule covers    # {etc}:3 default"
    assert f"auto_allow        ls    # {shipped}:2" in lines
    masked = f"masked by {etc}: require_approval systemctl stop*    # {shipped}:3"
    assert masked in lines
    assert lines[-3] == "deny              ls    # ~/.config/syui/ai/config.toml:2"
    rules = listing.as_json(policy, own)["rules"]
    assert [rule["masked_by"] for rule in rules] == ["", str(etc), ""]
    assert [rule["own"] for rule in rules] == [False, False, True]


def test_test(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(
        '{"command": "ls", "expect": "auto_allow"}\n\n'
        '{"command": "systemctl restart x", "machine": "dev", "user": "ann", "expect": "notify"}\n'
    )
    arguments = ["test", "--config", str(config), str(cases)]
    assert main(arguments) == 0
    assert f"1 self-tests in 1 files passed\n{cases}: 2 of 2 cases" in out(capsys)
    with cases.open("a") as file:
        file.write('{"command": "df", "expect": "deny", "why": "no\\u001b"}\n')
    assert main(arguments) == 1
    said = out(capsys)
    assert f"{cases}:4: df" in said and "expected  deny (no\\x1b)" in said
    assert f"decided   require_approval by {config}:5 default" in said
    cases.write_text('{"command": "df", "expect": "maybe"}\n')
    assert main(arguments) == 2
    assert f"{cases}:1: expect is one of" in capsys.readouterr().err
    config.write_text(config.read_text().replace("match = [", 'match = ["id", '))
    assert main(arguments) == 2
    assert f"{config}:7: the pattern" in capsys.readouterr().err


def test_diff(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(config), str(config)]) == 0
    assert out(capsys) == ""
    new = tmp_path / "new.toml"
    new.write_text(
        '[permissions]\nauto_allow = ["ls"]\nrequire_approval = ["cat"]\n'
        'deny = ["rm -rf /", "mkfs*"]\ndefault = "deny"\n'
    )
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"command": "ls"}\n{"command": "df"}\n{"command": "mkfs.ext4 x"}\n')
    assert main(["diff", "--cases", str(cases), str(config), str(new)]) == 1
    lines = out(capsys).splitlines()
    assert f"! auto_allow -> require_approval  cat    # {new}:3" in lines
    assert f"+ deny              mkfs*    # {new}:4" in lines
    assert f"- notify            apt-get install*    # {config}:3" in lines
    assert any(line.startswith("- notify            systemctl restart *") for line in lines)
    assert "! default require_approval -> deny" in lines
    changed = [line.partition("    #")[0] for line in lines if line[0] not in "+-!"]
    assert changed == ["require_approval -> deny  df", "require_approval -> deny  mkfs.ext4 x"]


def test_who_may_ask_about_others(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = asker.alone(config)
    monkeypatch.setattr(asker.os, "getuid", lambda: 4_000_000)
    with pytest.raises(asker.NotAuthorized):
        asker.somebody(policy, "root", own=True)
    assert asker.somebody(policy, "4000000", own=False).user == "4000000"
    monkeypatch.setattr(asker.os, "getuid", lambda: 0)
    with pytest.raises(asker.NotFound):
        asker.somebody(policy, "nobody-of-that-name", own=True)
    assert asker.somebody(policy, "daemon", own=False).groups >= {"daemon"}
