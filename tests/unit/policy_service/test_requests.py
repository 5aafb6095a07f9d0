"""Requests as files: what is on disk when, and what a restart finds."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from aios.errors import Busy, InvalidOption, NotFound, Unavailable
from aios.ids import new_id
from aios.policy.clock import now_usec
from aios.policy.requests import (
    GRACE_USEC,
    KEPT_USEC,
    MAX_PENDING,
    NOBODY,
    Request,
    Requests,
    State,
)


def make(*, seconds: float = 60, **changes: object) -> Request:
    request = Request(
        id=new_id(), command="rm -r x", machine="aios", uid=1000, user="me", origin="",
        session="s", cwd="/", profile="full", binding="b", part="rm -r x", rule="f:1 rm*",
        reason="", normalized="rm -r x", expires_usec=now_usec() + int(seconds * 1_000_000),
    )  # fmt: skip
    return replace(request, **changes)  # type: ignore[arg-type]


def on_disk(directory: Path, request: Request) -> dict[str, object]:
    data: dict[str, object] = json.loads((directory / f"{request.id}.json").read_text())
    return data


async def test_it_is_on_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    requests, heard = Requests(tmp_path), []
    requests.watch(lambda r: heard.append(on_disk(tmp_path, r)["state"]))
    request = requests.add(make())
    requests.resolve(request.id, State.APPROVED, by_uid=0, by_user="root")
    assert heard == ["pending", "approved"]


async def test_a_restart_finds_everything(tmp_path: Path) -> None:
    first = Requests(tmp_path)
    waiting, done = first.add(make()), first.add(make(env={"LANG": "C"}))
    first.resolve(done.id, State.REJECTED, by_uid=1, by_user="x", note="no")
    second = Requests(tmp_path)
    assert second.pending() == [waiting]
    found = second.get(done.id)
    assert (found.state, found.by_user, found.note) == (State.REJECTED, "x", "no")
    assert found.env == {"LANG": "C"}


async def test_an_approval_is_used_once_and_answered_again(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    request = requests.add(make())
    assert requests.redeem(request.id).state is State.PENDING
    assert not on_disk(tmp_path, request)["used"]
    requests.resolve(request.id, State.APPROVED, by_uid=0, by_user="root")
    assert requests.redeem(request.id).state is State.APPROVED
    assert on_disk(tmp_path, request)["used"]
    assert Requests(tmp_path).redeem(request.id).state is State.APPROVED


async def test_the_first_outcome_stays(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    request = requests.add(make())
    requests.resolve(request.id, State.REJECTED, by_uid=7, by_user="seven")
    with pytest.raises(NotFound, match="rejected by seven"):
        requests.resolve(request.id, State.APPROVED, by_uid=0, by_user="root")


async def test_the_timer_expires_it(tmp_path: Path) -> None:
    requests, heard = Requests(tmp_path), asyncio.Queue[Request]()
    requests.watch(heard.put_nowait)
    request = requests.add(make(seconds=0.05))
    assert (await heard.get()).state is State.PENDING
    resolved = await asyncio.wait_for(heard.get(), 5)
    assert (resolved.state, resolved.by_uid) == (State.EXPIRED, NOBODY)
    assert on_disk(tmp_path, request)["state"] == "expired"


async def test_what_expired_while_nothing_ran_is_expired(tmp_path: Path) -> None:
    request = make(seconds=0.01)
    Requests(tmp_path).add(request)
    requests = Requests(tmp_path)
    await asyncio.wait_for(requests.ended(request.id), 5)
    assert requests.redeem(request.id).state is State.EXPIRED
    with pytest.raises(NotFound):
        requests.resolve(request.id, State.APPROVED)


async def test_an_approval_that_nobody_fetched_expires(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    long_ago = now_usec() - GRACE_USEC - 1
    request = make(state=State.APPROVED, expires_usec=long_ago, resolved_usec=long_ago - 1)
    requests.add(request)
    assert requests.redeem(request.id).state is State.EXPIRED
    used = replace(request, id=new_id(), used=True)
    requests.add(used)
    assert requests.redeem(used.id).state is State.APPROVED


async def test_old_outcomes_are_swept(tmp_path: Path) -> None:
    old = now_usec() - KEPT_USEC - 1
    request = Requests(tmp_path).add(make(state=State.REJECTED, resolved_usec=old))
    with pytest.raises(NotFound):
        Requests(tmp_path).get(request.id)
    assert not list(tmp_path.iterdir())


async def test_an_id_means_one_command(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    request = requests.add(make())
    assert requests.add(replace(request, expires_usec=0)) == request
    with pytest.raises(InvalidOption):
        requests.add(replace(request, binding="other"))


async def test_one_person_cannot_fill_it(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    for _ in range(MAX_PENDING):
        requests.add(make())
    with pytest.raises(Busy):
        requests.add(make())
    requests.add(make(uid=1001))


async def test_a_torn_or_strange_file_is_left_alone(tmp_path: Path) -> None:
    request = Requests(tmp_path).add(make())
    (tmp_path / "X.json").write_text('{"id": ')
    (tmp_path / f".{new_id()}.json.new").write_text("{")
    assert Requests(tmp_path).pending() == [request]


async def test_what_cannot_be_kept_is_not_promised(tmp_path: Path) -> None:
    requests = Requests(tmp_path)
    heard: list[Request] = []
    requests.watch(heard.append)
    request = make()
    (tmp_path / f".{request.id}.json.new").mkdir()
    with pytest.raises(Unavailable):
        requests.add(request)
    assert not heard
    assert not requests.pending()


DAY_USEC = 24 * 3600 * 1_000_000


async def test_a_clock_set_back_gives_nobody_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Requests(tmp_path)
    waiting, approved = requests.add(make()), requests.add(make())
    requests.resolve(approved.id, State.APPROVED, by_uid=0, by_user="root")
    yesterday, later = now_usec() - DAY_USEC, approved.until_usec + GRACE_USEC
    monkeypatch.setattr("aios.policy.clock.now_usec", lambda: yesterday)
    assert requests.pending() == [waiting]
    monkeypatch.setattr("aios.policy.clock._since_boot_usec", lambda: later)
    assert Requests(tmp_path).get(waiting.id).state is State.EXPIRED
    assert requests.redeem(approved.id).state is State.EXPIRED


async def test_on_a_full_disk_only_a_yes_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Requests(tmp_path)
    request, other, late = (requests.add(make()) for _ in range(3))

    def full(path: Path, text: str) -> None:
        raise Unavailable("no space left on device")

    monkeypatch.setattr("aios.policy.disk.write", full)
    with pytest.raises(Unavailable):
        requests.resolve(request.id, State.APPROVED, by_uid=0, by_user="root")
    assert requests.redeem(request.id).state is State.PENDING
    requests.resolve(other.id, State.REJECTED, by_uid=0, by_user="root")
    assert requests.redeem(other.id).state is State.REJECTED
    monkeypatch.setattr("aios.policy.clock.now_usec", lambda: late.expires_usec)
    assert requests.pending() == []
