import os
from pathlib import Path

import pytest

from aios.caller import Caller
from aios.chat.session import DAY_SECONDS, Store
from aios.errors import NotFound

ME = Caller(uid=1000, pid=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sessions")


def test_only_who_opened_it_has_it(store: Store) -> None:
    session = store.create(ME, "box")
    assert store.open(Caller(uid=1000, pid=9), session.id).target == "box"
    inside = Caller(uid=600000, pid=1, machine="box", machine_uid=1000)
    for other in (Caller(uid=0, pid=1), Caller(uid=1001, pid=1), inside):
        with pytest.raises(NotFound):
            store.open(other, session.id)


def test_people_of_a_machine_keep_theirs_when_its_uids_move(store: Store) -> None:
    session = store.create(Caller(uid=600000, pid=1, machine="box", machine_uid=1000), "box")
    store.open(Caller(uid=900000, pid=1, machine="box", machine_uid=1000), session.id)
    with pytest.raises(NotFound):
        store.open(Caller(uid=600000, pid=1, machine="other", machine_uid=1000), session.id)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "01J00000000000000000000000", "a/b"])
def test_no_other_name_is_a_session(store: Store, name: str) -> None:
    assert not store.has(name)
    with pytest.raises(NotFound):
        store.open(ME, name)


def test_what_was_appended_is_there_after_a_crash(store: Store, tmp_path: Path) -> None:
    session = store.create(ME, "box")
    session.append("prompt", text="größer\n\ud800")
    log = tmp_path / "sessions" / session.id / "log.jsonl"
    with log.open("ab") as file:
        file.write(b'{"type": "said", "content": [{"type": "te')
    again = Store(tmp_path / "sessions").open(ME, session.id)
    assert [entry["text"] for entry in again.entries()] == ["größer\n?"]
    again.append("prompt", text="next")
    assert [entry["text"] for entry in again.entries()] == ["größer\n?", "next"]
    assert log.parent.stat().st_mode & 0o777 == 0o700
    assert log.stat().st_mode & 0o077 == 0


def test_a_log_that_is_torn_from_its_start_is_empty(store: Store, tmp_path: Path) -> None:
    session = store.create(ME, "box")
    log = tmp_path / "sessions" / session.id / "log.jsonl"
    log.write_bytes(b"x" * 200_000)
    session.append("prompt", text="first")
    assert [entry["text"] for entry in session.entries()] == ["first"]


def test_old_sessions_and_drafts_are_swept(store: Store, tmp_path: Path) -> None:
    old, new = store.create(ME, "box"), store.create(ME, "box")
    old.append("prompt", text="hello")
    log = tmp_path / "sessions" / old.id / "log.jsonl"
    stamp = log.stat().st_mtime - 7 * DAY_SECONDS - 10
    os.utime(log, (stamp, stamp))
    (tmp_path / "sessions" / "new-draft").mkdir()
    store.sweep(8)
    assert store.has(old.id)
    store.sweep(7)
    assert [path.name for path in (tmp_path / "sessions").iterdir()] == [new.id]
