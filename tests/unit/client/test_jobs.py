"""aios jobs, attach and cancel, and commands on many machines, between services that answer as
these tests say."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.conftest import Peer, Serve, Service

from aios.client import machines
from aios.client.__main__ import main
from aios.client.many import Lines
from aios.client.varlink import ClientError

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
OTHER = "01ARZ3NDEKTSV4RRFFQ69G5FAW"


def listed(job: str = ID, **more: Any) -> dict[str, Any]:
    return {
        "id": job, "command": "make\x1b[2K", "state": "running", "uid": 1000, "user": "me",
        "detach": True, "pty": False, **more,
    }  # fmt: skip


@pytest.fixture
def running(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where machined says what runs."""
    directory = runtime / "machines"
    directory.mkdir()
    monkeypatch.setattr(machines, "RUNNING", str(directory))
    return directory


def exec_of(
    serve: Serve, running: Path, name: str, jobs: list[dict[str, Any]], status: int = 0
) -> Service:
    def answer(peer: Peer, call: dict[str, Any]) -> None:
        match call["method"].rpartition(".")[2]:
            case "ListJobs":
                peer.reply(jobs=jobs)
            case "Start" | "Attach" as method:
                (stdin, stdin_end), (out_end, out), (err_end, err) = (os.pipe() for _ in range(3))
                os.write(out, f"from {name}\nno newline".encode())
                for fd in (stdin, out, err):
                    os.close(fd)
                job = {"job": ID} if method == "Start" else {}
                peer.give([stdin_end, out_end, err_end], stdin=0, stdout=1, stderr=2, **job)
            case "Wait":
                peer.reply(exit_status=status, details={"ended": "exit"})
            case "Run":
                peer.reply(exit_status=status, stdout=name, stderr="", details={"ended": "exit"})
            case _:
                peer.reply()

    (running / name).touch()
    return serve(f"exec/{name}", answer)


def delegating(peer: Peer, call: dict[str, Any]) -> None:
    peer.event(delegation="d")
    peer.wait_gone()


def test_jobs_of_every_machine(
    serve: Serve, running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec_of(serve, running, "one", [listed(), listed(OTHER, state="ended", detach=False)])
    exec_of(serve, running, "two", [listed(OTHER, state="ended", ended="exit", exit_status=3)])
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{ID}  make\\x1b[2K  (one, me, detach, running)",
        f"{OTHER}  make\\x1b[2K  (two, me, detach, exit, exit 3)",
    ]
    assert main(["jobs", "-m", "two", "--json"]) == 0
    (job,) = json.loads(capsys.readouterr().out)
    assert (job["id"], job["machine"]) == (OTHER, "two")


def test_a_machine_that_says_nothing_hides_no_other(
    serve: Serve, running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (running / "broken").touch()
    serve("exec/broken", lambda peer, call: peer.error("ConfigError", "x.toml:1: no", "Mend it."))
    service = exec_of(serve, running, "two", [listed()])
    assert main(["jobs"]) == 125
    out, err = capsys.readouterr()
    assert out == f"{ID}  make\\x1b[2K  (two, me, detach, running)\n"
    assert err == "aios: broken: x.toml:1: no\n  Mend it.\n"
    assert main(["cancel", ID]) == 0
    assert service.calls[-1]["method"] == "org.aios.Exec1.Job.Cancel"
    # Its end might be another's there.
    assert main(["cancel", ID[-5:]]) == 125
    assert service.calls[-1]["method"] == "org.aios.Exec1.ListJobs"
    assert main(["jobs", "-m", "broken"]) == 125


def test_attach(serve: Serve, running: Path, capfd: pytest.CaptureFixture[str]) -> None:
    service = exec_of(serve, running, "one", [listed()], status=5)
    assert main(["attach", ID[-5:].lower()]) == 5
    assert capfd.readouterr().out == "from one\nno newline"
    assert [call["parameters"] for call in service.calls[1:]] == [{"id": ID}, {"object": ID}]


def test_what_was_printed_is_shown_though_nobody_knows_the_end(
    serve: Serve, running: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "x" * 300_000

    def answer(peer: Peer, call: dict[str, Any]) -> None:
        match call["method"].rpartition(".")[2]:
            case "ListJobs":
                peer.reply(jobs=[listed()])
            case "Attach":
                (stdin, stdin_end), (out_end, out), (err_end, err) = (os.pipe() for _ in range(3))
                peer.give([stdin_end, out_end, err_end], stdin=0, stdout=1, stderr=2)
                os.close(stdin)
                os.close(err)
                writing = threading.Thread(target=write, args=(out,))
                writing.start()
            case "Wait":
                peer.error("MachineNotRunning", "machine one went away", "It did.")

    def write(out: int) -> None:
        with os.fdopen(out, "w") as file:
            file.write(text)

    (running / "one").touch()
    serve("exec/one", answer)
    assert main(["attach", ID]) == 125
    out, err = capfd.readouterr()
    assert (out == text, err) == (True, "aios: machine one went away\n  It did.\n")


def test_cancel(serve: Serve, running: Path) -> None:
    exec_of(serve, running, "one", [])
    service = exec_of(serve, running, "two", [listed()])
    assert main(["cancel", ID]) == 0
    assert service.calls[-1] == {
        "method": "org.aios.Exec1.Job.Cancel",
        "parameters": {"object": ID},
    }


def test_which_job_is_meant(
    serve: Serve, running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec_of(serve, running, "one", [listed(), listed(OTHER[:-2] + "AV")])
    assert main(["cancel", "AV"]) == 125
    assert main(["cancel", "ZZ"]) == 125
    said = capsys.readouterr().err
    assert "several ids" in said and "no job 'ZZ'" in said


def test_no_id_means_no_job(serve: Serve, running: Path) -> None:
    """An unset variable of a script."""
    service = exec_of(serve, running, "one", [listed()])
    assert main(["cancel", ""]) == 125
    assert main(["attach", ""]) == 125
    assert {call["method"] for call in service.calls} == {"org.aios.Exec1.ListJobs"}


@pytest.fixture
def two(serve: Serve, running: Path) -> tuple[Service, Service]:
    serve("policy", delegating)
    return (
        exec_of(serve, running, "web1", [], status=0),
        exec_of(serve, running, "web2", [], status=4),
    )


def test_on_many_machines(two: tuple[Service, Service], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "-m", "web*", "--cwd", "/srv", "--", "true"]) == 4
    said = capfd.readouterr()
    assert sorted(said.out.splitlines()) == [
        "web1 | from web1", "web1 | no newline", "web2 | from web2", "web2 | no newline",
    ]  # fmt: skip
    assert said.err.splitlines() == ["web1 | ✓ done", "web2 | ✗ exit 4"]
    starts = [service.calls[0]["parameters"] for service in two]
    assert [start["command"] for start in starts] == ["true", "true"]
    assert starts[0]["options"]["session"] != starts[1]["options"]["session"]


def test_on_many_machines_as_json(
    two: tuple[Service, Service], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exec", "-m", "web2", "-m", "web1", "--json", "--", "true"]) == 4
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["machine"], each["exit_status"]) for each in said] == [("web2", 4), ("web1", 0)]


def test_one_of_many_refuses(
    serve: Serve, running: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    serve("policy", delegating)
    exec_of(serve, running, "web1", [])
    (running / "web2").touch()
    serve("exec/web2", lambda peer, call: peer.error("Denied", "no\x1b[2K"))
    assert main(["exec", "-m", "web?", "--", "x"]) == 126
    assert "web2 | ✗ no\\x1b[2K" in capfd.readouterr().err


def test_what_a_pattern_means(runtime: Path, running: Path) -> None:
    for name in ("web1", "web2", "db", ".host", "stopped"):
        (runtime / "exec" / f"{name}.sock").touch()
        if name not in ("stopped", ".host"):
            (running / name).touch()
    (running / "not-ours").touch()
    assert machines.matching(["web*", "*"]) == ["web1", "web2", "db"]
    assert machines.matching([".host", "w*1"]) == [".host", "web1"]
    for nothing in ("stop*", "not*", "x*"):
        with pytest.raises(ClientError, match="no machine that runs"):
            machines.matching([nothing])


@pytest.mark.parametrize("chunks", [[b"a\nb\n"], [b"a", b"\nb", b"\n"], [b"a\n", b"b"]])
def test_lines(chunks: list[bytes]) -> None:
    shown: list[bytes] = []
    lines = Lines(shown.append)
    for chunk in [*chunks, b""]:
        read, write = os.pipe()
        os.write(write, chunk)
        os.close(write)
        assert lines.move(read, read) == len(chunk)
        os.close(read)
    assert shown == [b"a", b"b"]
