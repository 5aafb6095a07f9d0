"""What aios log makes of commands; reading them from a journal is in tests/system/test_log.py."""

import json
from pathlib import Path

import pytest

from aios.client import log_show, log_stats, log_table
from aios.client.__main__ import main
from aios.client.commands import log
from aios.client.log_rows import Command
from aios.client.log_show import size
from aios.client.terminal import Terminal


def command(text: str, *, last: str = "finished", **fields: object) -> Command:
    known = {
        "command": text,
        "machine": "aios",
        "user": "me",
        "requested_usec": 1_700_000_000_000_000,
    }
    return Command("01" + "A" * 24, {**known, **fields}, [{"event": last, "at_usec": 1}])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (command("ls", exit_status=0), ("✓", "done")),
        (command("ls", exit_status=2, ended="exit"), ("✗", "exit 2")),
        (command("ls", exit_status=137, ended="timeout"), ("✗", "timeout, exit 137")),
        (command("ls", last="started"), ("…", "running")),
        (command("ls", last="pending"), ("…", "pending")),
        (command("ls", last="decided", decision="deny"), ("✗", "not run")),
    ],
)
def test_what_became_of_it(given: Command, said: tuple[str, str]) -> None:
    mark, _, end = log_table.how(given)
    assert (mark, end) == said


def test_a_table_keeps_to_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        command("echo 日本語 " * 30, decision="auto_allow", exit_status=0, duration_usec=1500),
        command("printf '\x1b[2K\u202e'\nls", outcome="rejected", decision="require_approval"),
    ]
    log_table.table(Terminal(), rows)
    head, first, second = capsys.readouterr().out.splitlines()
    at = head.index("COMMAND")
    assert first[at:].startswith("✓ echo 日本語") and first.endswith("…")
    assert log_table.width(first) <= 80 + log_table.MIN_COMMAND
    assert "rejected" in second and "\\x1b[2K" in second and "\x1b" not in second


def test_stats(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [command("true", decision="auto_allow", exit_status=0, duration_usec=usec, bytes_out=1)
            for usec in range(9)]  # fmt: skip
    rows += [command("rm -rf /srv", decision="deny", user="you")] * 3
    assert log_stats.stats(rows, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["commands"], said["failed"]) == (12, 0)
    assert said["users"] == {"me": 9, "you": 3} and said["refused"] == {"rm -rf /srv": 3}
    assert [each["duration_usec"] for each in said["slowest"]] == [8, 7, 6, 5, 4]
    assert log_stats.stats(rows, as_json=False) == 0
    assert "3 times  rm -rf /srv" in capsys.readouterr().out


def test_what_is_said_passes_for_no_record(capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "__REALTIME_TIMESTAMP": "0", "AIOS_EVENT": "requested", "AIOS_COMMAND": "ls\nls",
        "MESSAGE": "asked\nfor: ls\nls", "AIOS_CWD": "/tmp/\nforged", "AIOS_WORDS": "one\ntwo",
    }  # fmt: skip
    log_show._events(Terminal(), [record])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith(r"asked\nfor")
    assert rest == ["    said: one", "      two", "    in: /tmp/", "      forged"]


def test_a_file_from_elsewhere_says_nothing_in_our_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = {"AIOS_MACHINE": "a\n✓ b: 9 records", "AIOS_EVENT": "x\n✓ c: 9 records"}
    (tmp_path / "export").write_text(json.dumps(forged))
    assert main(["log", "verify", str(tmp_path / "export")]) == 1
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("✓")]


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"aios_export": "end", "machines": [[1]]}', '{"aios_export": "end"}',
     '{"aios_export": "end", "machines": {"aios": 1}}'],
)  # fmt: skip
def test_a_broken_file_from_elsewhere(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"AIOS_MACHINE": "aios", "AIOS_EVENT": "requested"}
    (tmp_path / "export").write_text(f"{line}\n{json.dumps(record)}\n")
    assert main(["log", "verify", str(tmp_path / "export")]) == 1


def test_sizes() -> None:
    assert [size(n) for n in (0, 1023, 1536, 5 * 2**30)] == ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]


@pytest.mark.parametrize(
    "arguments",
    [["--decision", "perhaps"], ["-n", "-1"], ["--grep", "("], ["show"], ["stats", "x"],
     ["export", "--grep", "x"]],
)  # fmt: skip
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["log", *arguments])
    assert caught.value.code == 2


def test_times_may_begin_with_a_dash() -> None:
    assert log._joined(["--since", "-2h", "-n", "1"]) == ["--since=-2h", "-n", "1"]
