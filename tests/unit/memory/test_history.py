import sqlite3
from typing import Any

import pytest

from aios.errors import InvalidOption
from aios.ids import new_id
from aios.memory import history
from aios.memory.history import Event, Filter

ME = {"uid": 1000, "user": "me"}


def done(command: str, *, db: sqlite3.Connection, **fields: Any) -> str:
    known = {
        "id": new_id(), "command": command, "machine": "aios", **ME,
        "started_at": "2026-03-01T10:00:00+00:00", "ended": "exit", "exit_status": 0, **fields,
    }  # fmt: skip
    history.record(db, Event(**known))
    return str(known["id"])


def ids(db: sqlite3.Connection, **wanted: Any) -> list[str]:
    filter_ = Filter(**{"user": "me", "uid": 1000, **wanted})
    return [row["id"] for row in history.rows(db, filter_)]


def test_a_row_has_what_exec_told(db: sqlite3.Connection) -> None:
    told = Event(
        id=new_id(), command="apt install tree", machine="aios", uid=1000, user="me",
        session="S", decision="notify", rule="policy.toml:9 apt install*", profile="change",
        exit_status=0, ended="exit", started_at="2026-03-01T19:00:00.5+09:00",
        duration_usec=12, cpu_usec=7, memory_peak=4096, cwd="/", purpose="install tree",
        words="i want to see directories",
    )  # fmt: skip
    history.record(db, told)
    (row,) = history.rows(db, Filter(user="me", uid=1000))
    assert row == {
        **vars(told),
        "started_at": "2026-03-01T10:00:00.500000+00:00",
        "action": "install",
        "objects": ["tree"],
    }


def test_what_is_not_known_is_absent(db: sqlite3.Connection) -> None:
    done("true", db=db, ended="lost", exit_status=None)
    (row,) = history.rows(db, Filter(user="me", uid=1000))
    assert set(row) == {
        "id", "command", "machine", "uid", "user", "ended", "started_at", "action", "objects",
    }  # fmt: skip
    assert row["action"] == "other"


def test_a_command_told_twice_is_one_row(db: sqlite3.Connection) -> None:
    event = Event(new_id(), "apt install tree", "aios", 1000, "me", "2026-03-01T10:00:00Z")
    for _ in range(3):
        history.record(db, event)
    assert ids(db) == [event.id]
    assert db.execute("SELECT count(*) FROM command_actions").fetchone()[0] == 1


def test_people_see_their_own_rows(db: sqlite3.Connection) -> None:
    mine = done("a", db=db)
    done("b", db=db, uid=1001, user="you")
    # A machine without private users has the host's uids.
    theirs = done("c", db=db, uid=1000, user="ai@aios")
    assert ids(db) == [mine]
    assert ids(db, user="ai@aios", uid=None) == [theirs]
    assert len(ids(db, user=None, uid=None)) == 3


def test_each_action_has_its_own_objects(db: sqlite3.Connection) -> None:
    both = done("apt-get update && apt-get install -y tree vim && apt-get remove nano", db=db)
    (row,) = history.rows(db, Filter(user="me", uid=1000, action="remove"))
    assert (row["action"], row["objects"]) == ("remove", ["nano"])
    (row,) = history.rows(db, Filter(user="me", uid=1000))
    assert (row["action"], row["objects"]) == ("install", ["tree", "vim"])
    assert ids(db, action="install", object="vim") == [both]
    assert ids(db, action="install", object="nano") == []
    assert ids(db, object="nano") == [both]
    assert ids(db, action="upgrade") == []


def test_a_unit_is_found_with_and_without_its_suffix(db: sqlite3.Connection) -> None:
    rows = [done(f"systemctl restart {unit}", db=db) for unit in ("nginx.service", "nginx")]
    for asked in ("nginx", "nginx.service"):
        assert set(ids(db, object=asked)) == set(rows)


@pytest.mark.parametrize(
    ("command", "main"),
    [
        ("apt update && apt install tree", "install"),
        ("cat a > b; systemctl restart nginx", "service-restart"),
        ("cat a > b", "write"),
        ("cat a", "read"),
        ("true", "other"),
    ],
)
def test_the_action_that_says_most_is_shown(
    db: sqlite3.Connection, command: str, main: str
) -> None:
    done(command, db=db)
    (row,) = history.rows(db, Filter(user="me", uid=1000))
    assert row["action"] == main


def test_a_family_of_actions_and_entities(db: sqlite3.Connection) -> None:
    restart = done("sudo systemctl restart nginx", db=db)
    copy = done("scp a.tar root@web1:/srv", db=db)
    assert ids(db, action="service") == ids(db, entity="nginx") == [restart]
    assert ids(db, entity="web1") == ids(db, entity="scp") == [copy]
    assert ids(db, action="serv") == []


def test_words_are_found_and_nothing_is_left_of_a_row(db: sqlite3.Connection) -> None:
    row = done("apt install nginx", db=db, words="put the web server on")
    assert ids(db, text="WEB server") == [row]
    db.execute("DELETE FROM commands WHERE id = ?", (row,))
    for table in ("command_actions", "command_entities", "command_words", "command_index"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


def test_time_windows_are_half_open(db: sqlite3.Connection) -> None:
    times = ["2026-02-28T23:59:59.999999Z", "2026-03-01T00:00:00Z", "2026-03-01T23:59:59.9Z",
             "2026-03-02T00:00:00Z"]  # fmt: skip
    rows = [done("x", db=db, started_at=time) for time in times]
    since, until = "2026-03-01T00:00:00.000000+00:00", "2026-03-02T00:00:00.000000+00:00"
    assert ids(db, since=since, until=until) == [rows[2], rows[1]]
    assert ids(db, since=since) == [rows[3], rows[2], rows[1]]
    assert ids(db, until=until) == [rows[2], rows[1], rows[0]]


@pytest.mark.parametrize(
    "fields",
    [
        {"exit_status": 1},
        {"ended": "signal", "exit_status": 137},
        {"ended": "timeout", "exit_status": None},
        {"ended": None, "exit_status": None, "decision": "deny"},
    ],
)
def test_outcomes(db: sqlite3.Connection, fields: dict[str, Any]) -> None:
    good = done("good", db=db)
    bad = done("bad", db=db, **fields)
    assert ids(db, ok=True) == [good]
    assert ids(db, ok=False) == [bad]


def test_probes_are_left_out(db: sqlite3.Connection) -> None:
    seen = done("df -h", db=db, purpose="show disk usage")
    probe = done("dpkg -s tree", db=db, purpose="probe")
    assert ids(db) == [seen]
    assert set(ids(db, probes=True)) == {seen, probe}


def test_text_machine_session_and_pages(db: sqlite3.Connection) -> None:
    first = done("echo 100%_A", db=db, session="S1")
    second = done("echo x", db=db, machine="aios-dev", session="S2",
                  started_at="2026-03-01T10:00:01+00:00")  # fmt: skip
    assert ids(db, text="0%_a") == [first]
    assert ids(db, text="0_") == []
    assert ids(db, machine="aios-dev") == ids(db, session="S2") == [second]
    assert ids(db, limit=1) == [second]
    assert ids(db, limit=1, offset=1) == [first]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T10:00:00", "2026-13-01T00:00:00Z",
                                  "0001-01-01T00:00:00+09:00"])  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        history.moment(text)
