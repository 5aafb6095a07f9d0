"""Whose jobs are there, and which of those that have ended give way."""

from dataclasses import replace
from pathlib import Path

import pytest

from aios.caller import Caller
from aios.errors import NotFound
from aios.exec import table as table_module
from aios.exec.job import Job, Jobs, Step
from aios.exec.live import Live
from aios.exec.table import Table
from aios.exec.unit import Ended, Result

JOB = Job(
    id="", command="true", machine="aios", uid=1000, user="me", requested_usec=1, start=True,
    detach=True, step=Step.ENDED,
)  # fmt: skip
ROOT = Caller(uid=0, pid=0)


def ended(table: Table, job: str, uid: int) -> None:
    live = Live(replace(JOB, id=job, uid=uid, asker=uid))
    live.ended.set_result(Result(Ended.EXIT, status=0))
    table.add(live)
    table.ended(live)


async def test_who_keeps_most_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "MAX_KEPT", 4)
    table = Table(Jobs(tmp_path))
    ended(table, "1", 1000)
    for number in range(2, 9):
        ended(table, str(number), 1001)
    assert [live.job.id for live in table.of(ROOT)] == ["1", "6", "7", "8"]
    ended(table, "9", 1000)
    assert [live.job.id for live in table.of(ROOT)] == ["1", "7", "8", "9"]


async def test_each_sees_their_own(tmp_path: Path) -> None:
    table = Table(Jobs(tmp_path))
    ended(table, "1", 1000)
    ended(table, "2", 1001)
    assert [live.job.id for live in table.of(Caller(uid=1001, pid=0))] == ["2"]
    with pytest.raises(NotFound):
        table.find("1", Caller(uid=1001, pid=0))
    # In a machine the same uid is somebody else, and nobody without a peer is on the bus.
    assert table.of(Caller(uid=1001, pid=0, machine="aios")) == []
    assert table.of(Caller(uid=1001, pid=0, bus_name=":1.2")) == []
