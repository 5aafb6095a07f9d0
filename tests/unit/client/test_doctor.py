"""What aios doctor makes of what it finds; on a whole installation: tests/system/test_doctor.py."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from aios.client.doctor import chat, examine, installed, paths, record, units
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.doctor.tools import Unseen, told

LOADED = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}


def subjects(report: Report) -> list[tuple[str, str]]:
    return [(finding.subject, finding.mend) for finding in report.findings]


@pytest.mark.parametrize(
    ("changed", "said", "mend"),
    [
        ({}, "", ""),
        ({"LoadState": "masked"}, "masked", "systemctl unmask X && systemctl enable --now X"),
        ({"LoadState": "not-found"}, "not there", "aios-install.sh"),
        ({"LoadState": "bad-setting"}, "cannot be loaded", "systemd-analyze verify X"),
        ({"ActiveState": "inactive"}, "does not listen", "systemctl start X"),
        ({"ActiveState": "failed", "Result": "resources"}, "resources", "journalctl -xeu X"),
        ({"UnitFileState": "disabled"}, "not enabled", "systemctl enable X"),
    ],
)
def test_a_socket(changed: dict[str, str], said: str, mend: str) -> None:
    report = Report("units")
    units._unit(report, "aios-chat.socket", LOADED | changed)
    assert len(report.findings) == (1 if said else 0)
    for finding in report.findings:
        assert said in finding.what
        assert mend.replace("X", "aios-chat.socket") in finding.mend


def test_a_service_that_is_idle_or_has_failed_is_asked_and_not_judged() -> None:
    report = Report("units")
    for state in ("inactive", "failed"):
        unit = LOADED | {"ActiveState": state, "UnitFileState": "static"}
        units._unit(report, "aios-chat.service", unit)
    assert report.findings == []


def test_a_socket_file(tmp_path: Path) -> None:
    path, report = tmp_path / "s", Report("files")
    paths._socket(report, "aios-chat.socket", path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        paths._socket(report, "aios-chat.socket", path)
        path.chmod(0o666)
        paths._socket(report, "aios-chat.socket", path)
    path.unlink()
    path.touch()
    paths._socket(report, "aios-chat.socket", path)
    start = "systemctl stop aios-chat.service aios-chat.socket && systemctl start aios-chat.socket"
    assert [mend for _, mend in subjects(report) if "chown" not in mend] == [
        start, f"chmod 0666 {path}", f"rm {path}; systemctl restart aios-chat.socket",
    ]  # fmt: skip


def test_installed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name: str(tmp_path / name) for name in ("same", "other", "gone", "link", "empty")}
    for name in ("same", "other"):
        (tmp_path / name).write_text("text")
    (tmp_path / "link").symlink_to("same")
    (tmp_path / "empty").mkdir()
    text = "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
    known = {"same": text, "other": "0" * 64, "gone": text, "link": "-> same", "empty": "directory"}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"files": {names[n]: digest for n, digest in known.items()}}))
    monkeypatch.setattr(installed, "MANIFEST", manifest)
    report = installed.check(None)  # type: ignore[arg-type]
    assert [(finding.subject, finding.what) for finding in report.findings] == [
        (names["gone"], "is not there"), (names["other"], "is not as it was installed"),
    ]  # fmt: skip
    manifest.write_text("{")
    assert installed.check(None).unseen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("Storage=none", "keeps nothing"),
        ("Storage=volatile", "Storage=volatile"),
        ("Storage=persistent\nSystemMaxUse=10M", "10.0 MiB"),
        ("Storage=persistent\nSystemMaxUse=1G", ""),
        ("Storage=persistent\n#Storage=none", ""),
    ],
)
def test_how_the_journal_is_kept(
    config: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record.tools, "told", lambda *_: f"[Journal]\nStorage=auto\n{config}\n")
    monkeypatch.setattr(record, "_persistent", lambda: True)
    report = Report("record")
    record._kept(report)
    assert [said in finding.what for finding in report.findings] == ([True] if said else [])


def test_the_brain_that_chat_would_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "ADMINISTRATOR", tmp_path)
    (tmp_path / "config.d").mkdir()
    (tmp_path / "config.toml").write_text('[chat]\nbrain = "offline"\nmodel = "m"\n')
    (tmp_path / "config.d/1.toml").write_text('[chat]\nbrain = "anthropic"\n')
    (tmp_path / "config.d/2.toml").write_text("[chat\n")
    assert chat._settings() == {"brain": "anthropic", "model": "m"}
    report = Report("chat")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: Any = server.getsockname()[1]
        chat._reaches(report, f"http://127.0.0.1:{port}")
        assert report.findings == []
    chat._reaches(report, f"http://127.0.0.1:{port}/v1")
    chat._reaches(report, "http://[")
    assert len(report.findings) == 2


def test_an_administrators_own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = f"# of mine\nd {tmp_path}\nd {tmp_path} - - - -\nd {tmp_path} ~0700 root root -\n"
    (tmp_path / "aios.conf").write_text(lines)
    monkeypatch.setattr(paths, "TMPFILES", (tmp_path / "none", tmp_path / "aios.conf"))
    found = list(paths._wanted(Report("files")))
    assert found == [(tmp_path, 0o755, "root", "root")] * 2


def test_a_check_that_meets_what_is_no_text_keeps_no_other() -> None:
    def check(_host: object) -> Report:
        return Report(b"\xff".decode())

    report = examine._looked("files", check, Host(False, {}, (), {}))
    assert report.check == "files" and "can't decode" in report.unseen[0]


def test_what_is_not_there_cannot_be_asked() -> None:
    with pytest.raises(Unseen, match="aios-no-such-tool"):
        told("aios-no-such-tool")
    with pytest.raises(Unseen, match="false"):
        told("false")
