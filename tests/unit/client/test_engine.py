"""Where `aios policy …` runs without the service."""

from pathlib import Path

import pytest

from aios.client import engine
from aios.client.__main__ import main


def test_in_a_checkout_it_is_this_interpreter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.toml"
    file.write_text('[permissions]\nauto_allow = ["ls"]\n')
    assert main(["policy", "check", "--config", str(file), "ls"]) == 0
    assert main(["-m", "dev", "policy", "explain", "--config", str(file), "ls"]) == 0
    assert "auto_allow  on dev" in capsys.readouterr().out
    assert main(["policy", "test", "--config", str(file)]) == 0


def test_a_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "_PACKAGE", "aios.absent")
    monkeypatch.setattr(engine, "PYTHON", tmp_path / "python3")
    assert main(["policy", "cat"]) == 125
    assert "reads files of the host" in capsys.readouterr().err


def test_installed_it_is_the_services_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python3"
    python.touch()
    ran: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(engine, "_PACKAGE", "aios.absent")
    monkeypatch.setattr(engine, "PYTHON", python)
    monkeypatch.setattr(engine.os, "execv", lambda *what: ran.append(what))
    engine.run(["check", "--batch"])
    assert ran == [(python, [str(python), "-I", "-m", "aios.policy.tool", "check", "--batch"])]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "an ACTION: check, explain"),
        (["chekc", "ls"], "no action 'chekc'"),
        (["check"], "no COMMAND"),
        (["--nonsense", "check"], "unrecognized arguments"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["policy", *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["policy", "--help"])
    assert left.value.code == 0
    assert "suggest  rules for what was approved often" in capsys.readouterr().out
