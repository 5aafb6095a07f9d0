"""The person's own rules, handed over when they have changed."""

import os
from pathlib import Path

import pytest
from tests.unit.client.conftest import Serve, Service

from aios.client import own_rules, typed

TEXT = '[aigpt]\nx = 1\n\n[permissions]\ndeny = ["cat"]\n'


@pytest.fixture
def file(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config.toml"
    monkeypatch.setattr(own_rules, "FILE", file)
    monkeypatch.setattr(own_rules, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return file


@pytest.fixture
def service(serve: Serve) -> Service:
    return serve("policy", lambda peer, call: peer.reply())


def texts(service: Service) -> list[str]:
    return [call["parameters"]["toml"] for call in service.calls]


def test_once_for_each_change(file: Path, service: Service, tmp_path: Path) -> None:
    own_rules.hand_over()
    assert texts(service) == []
    file.write_text(TEXT)
    own_rules.hand_over()
    own_rules.hand_over()
    assert texts(service) == [TEXT]
    file.write_text(TEXT + "# more\n")
    own_rules.hand_over()
    (tmp_path / "kept").mkdir()  # installed anew
    own_rules.hand_over()
    assert texts(service)[1:] == [TEXT + "# more\n"] * 2
    file.unlink()
    own_rules.hand_over()
    own_rules.hand_over()
    assert texts(service)[3:] == [""]


def test_a_file_that_says_nothing_about_it_is_not_handed_over(file: Path, service: Service) -> None:
    file.write_text('[aigpt]\nkey = "secret"\n')
    own_rules.hand_over()
    assert texts(service) == [""]


def test_a_file_that_does_not_parse_is_policys_to_refuse(
    file: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "~/.config/syui/ai/config.toml:1: Expected '='\x1b"
    service = serve("policy", lambda peer, call: peer.error("ConfigError", message))
    file.write_text("[permissions]\ndeny")
    for _ in range(2):
        own_rules.hand_over()
    assert len(service.calls) == 2
    assert capsys.readouterr().err.splitlines() == [
        "aios: your own rules are not taken: ~/.config/syui/ai/config.toml:1: Expected '='\\x1b"
    ] * 2  # fmt: skip


def test_never_in_the_way(
    file: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TEXT)
    own_rules.hand_over()  # no service: what follows says so
    assert capsys.readouterr().err == ""
    file.write_bytes(b"\xff")
    own_rules.hand_over()
    assert "no UTF-8" in capsys.readouterr().err
    file.unlink()
    file.mkdir()
    own_rules.hand_over()
    monkeypatch.setattr(own_rules, "FILE", file / "x\0")
    assert capsys.readouterr().err == ""


def test_somebody_elses_file_is_not_ones_own(
    file: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(TEXT)
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    own_rules.hand_over()
    assert texts(service) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="root's")
def test_root_keeps_nothing_in_a_persons_home(
    file: Path, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may be HOME (sudo keeps it): they could have root write through a link of theirs."""
    home, target = tmp_path / "home", tmp_path / "of-roots"
    (home / "aios").mkdir(parents=True)
    target.write_text("before")
    for name in ("history", f"own-rules.{os.getpid()}"):
        (home / "aios" / name).symlink_to(target)
    for path in (home, home / "aios"):
        os.chown(path, 1000, 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    file.write_text(TEXT)
    own_rules.hand_over()
    typed.Kept().add("a prompt")
    assert texts(service) == [TEXT]
    assert target.read_text() == "before"
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "not/there"))
    typed.Kept()
    assert not (home / "not").exists()


def test_people_in_machines_have_none(file: Path, service: Service, runtime: Path) -> None:
    (runtime / "exec").rmdir()
    (runtime / "machine").rmdir()
    file.write_text(TEXT)
    own_rules.hand_over()
    assert texts(service) == []
