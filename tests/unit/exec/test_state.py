"""Jobs, the history queue and the hash: what is on disk."""

import asyncio
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aios.errors import AuditUnavailable, InvalidOption, Unavailable
from aios.exec import history as history_module
from aios.exec.audit import digest, shown
from aios.exec.history import History, row
from aios.exec.job import Job, Jobs, Step
from aios.exec.permit import Answer, require_bound
from aios.exec.unit import Ended, Result
from aios.varlink import MAX_MESSAGE, encode

JOB = Job(
    id="01ARZ3NDEKTSV4RRFFQ69G5FAV", command="echo 'é'\n$X", machine="aios", uid=1000, user="me",
    requested_usec=1, env={"LANG": "C"},
)  # fmt: skip


def test_a_job_is_found_again(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    job = jobs.keep(JOB)
    job = jobs.keep(job, step=Step.STARTED, unenforced=("MemoryMax",))
    assert Jobs(tmp_path / "jobs").left() == [job]
    jobs.forget(job)
    assert jobs.left() == []


def test_a_job_that_has_ended_is_kept_and_not_owed(tmp_path: Path) -> None:
    """Its unit may be there, if exec was killed before it stopped it."""
    jobs = Jobs(tmp_path)
    job = jobs.keep(JOB, step=Step.STARTED)
    assert jobs.owed() == {job.id}
    ended = jobs.keep(job, step=Step.ENDED)
    assert (jobs.owed(), jobs.left()) == (set(), [ended])


def test_a_broken_file_is_no_job(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    jobs.keep(JOB)
    (tmp_path / "x.json").write_text('{"id": ')
    (tmp_path / "y.json").write_text('{"id": "y"}')
    assert [job.id for job in jobs.left()] == [JOB.id]


def test_what_cannot_be_kept_does_not_happen(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    (tmp_path / "jobs").rmdir()
    with pytest.raises(AuditUnavailable):
        jobs.keep(JOB)


def test_a_row_has_what_is_known() -> None:
    started = JOB.__class__(**{**JOB.__dict__, "started_usec": 1_700_000_000_000_000})
    event = row(started, Result(Ended.LOST))
    assert event["started_at"] == "2023-11-14T22:13:20+00:00"
    assert event["ended"] == "lost"
    assert "exit_status" not in event
    assert "session" not in event
    assert row(started, Result(Ended.EXIT, status=0))["exit_status"] == 0


async def deliver(history: History) -> None:
    history.deliver()
    assert history._task is not None
    await asyncio.wait_for(history._task, 5)


async def test_rows_wait_for_memory(tmp_path: Path) -> None:
    taken: list[str] = []
    answers: list[Exception | None] = [Unavailable("asleep")]

    async def record(events: list[dict[str, Any]]) -> None:
        answer = answers.pop(0) if answers else None
        if answer is not None:
            raise answer
        taken.extend(event["id"] for event in events)

    history = History(tmp_path, record)
    history.add({"id": "1"})
    history.add({"id": "2"})
    await deliver(history)
    assert taken == []
    # Another process finds them.
    again = History(tmp_path, record)
    await deliver(again)
    assert taken == ["1", "2"]
    assert list(tmp_path.iterdir()) == []


async def test_rows_that_take_too_long_together_go_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "DELIVER_SECONDS", 0.05)
    taken: list[str] = []
    stuck = asyncio.Event()

    async def record(events: list[dict[str, Any]]) -> None:
        if len(events) > 1 or events[0]["id"] == "3":
            await stuck.wait()
        taken.extend(event["id"] for event in events)

    history = History(tmp_path, record)
    for number in "1234":
        history.add({"id": number})
    await deliver(history)
    assert taken == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.json", "4.json"]


async def test_a_row_that_memory_does_not_take_is_on_the_disk(tmp_path: Path) -> None:
    async def record(events: list[dict[str, Any]]) -> None:
        raise Unavailable("asleep")

    history = History(tmp_path / "kept", record, tmp_path / "passing")
    history.add({"id": "1"})
    assert [path.name for path in (tmp_path / "passing").iterdir()] == ["1.json"]
    await deliver(history)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["1.json"]
    assert list((tmp_path / "passing").iterdir()) == []


async def test_no_more_rows_go_together_than_a_message_holds(tmp_path: Path) -> None:
    sizes: list[int] = []
    taken: list[str] = []

    async def record(events: list[dict[str, Any]]) -> None:
        sizes.append(len(encode({"parameters": {"events": events}})))
        taken.extend(event["id"] for event in events)

    for again in (False, True):
        history = History(tmp_path, record)
        for number in range(70):
            history.add({"id": f"{number:02}", "command": "\x1b" * 64 * 1024})
        # As this exec knows them, and as another finds them.
        await deliver(History(tmp_path, record) if again else history)
    assert taken == [f"{number:02}" for number in range(70)] * 2
    assert max(sizes) < MAX_MESSAGE


async def test_what_waits_for_memory_is_on_the_disk_alone(tmp_path: Path) -> None:
    async def record(events: list[dict[str, Any]]) -> None:
        raise Unavailable("asleep")

    history = History(tmp_path / "kept", record, tmp_path / "passing")
    tracemalloc.start()
    try:
        for number in range(1000):
            history.add({"id": str(number), "command": str(number) * 20_000})
            if number % 100 == 99:
                await deliver(history)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 16 * 2**20
    taken: list[str] = []

    async def take(events: list[dict[str, Any]]) -> None:
        taken.extend(event["id"] for event in events)

    history._record = take
    await deliver(history)
    assert taken == [str(number) for number in range(1000)]


def test_detached_jobs_outlive_a_boot(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "kept", tmp_path / "passing")
    passing, kept = jobs.keep(JOB), jobs.keep(replace(JOB, id=JOB.id[:-1] + "W", detach=True))
    assert jobs.left() == [passing, kept]
    assert Jobs(tmp_path / "kept", tmp_path / "empty").left() == [kept]


async def test_a_row_that_memory_refuses_holds_up_no_other(tmp_path: Path) -> None:
    taken: list[str] = []

    async def record(events: list[dict[str, Any]]) -> None:
        if any(event["id"] == "1" for event in events):
            raise InvalidOption("no")
        taken.extend(event["id"] for event in events)

    (tmp_path / "0.json").write_text("nonsense")
    history = History(tmp_path, record)
    history.add({"id": "1"})
    history.add({"id": "2"})
    await deliver(history)
    assert taken == ["2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.refused", "1.refused"]


def test_the_hash_covers_the_content_and_the_record_before() -> None:
    fields = {
        "MESSAGE": "m", "MESSAGE_ID": "i", "PRIORITY": "6", "AIOS_ID": "1", "AIOS_PREVIOUS": "0",
    }  # fmt: skip
    known = digest(fields)
    assert digest({**fields, "AIOS_HASH": known, "_UID": "0", "SYSLOG_PID": "5"}) == known
    for name in fields:
        assert digest({**fields, name: "x"}) != known
    assert digest({**fields, "AIOS_RULE": "x"}) != known


def test_a_message_is_one_line() -> None:
    assert shown("ls\n\x1b[2Krm") == "ls\\n\\x1b[2Krm"
    assert shown("x" * 500).endswith("… (500 characters)")


def test_a_permit_is_for_one_command() -> None:
    from aios.binding import binding

    bound = binding(
        command=JOB.command, machine="aios", uid=1000, cwd="", env={"LANG": "C"}, profile="full"
    )
    answer = Answer("pending", "", "", "", "full", bound, 1000, "me", "")
    require_bound(JOB, answer)
    for other in (
        Job(**{**JOB.__dict__, "command": JOB.command + " "}),
        Job(**{**JOB.__dict__, "machine": ".host"}),
        Job(**{**JOB.__dict__, "cwd": "/"}),
        Job(**{**JOB.__dict__, "env": {}}),
    ):
        with pytest.raises(Exception, match="not for this command"):
            require_bound(other, answer)
