"""Preferences: stated, superseded, shown, forgotten; what a prompt is answered with."""

import sqlite3
from datetime import UTC, datetime

import pytest

from aios.ids import new_id
from aios.memory import context, history, memories, preferences
from aios.memory.history import Event
from aios.memory.memories import Draft, Source

ME = Source("", "me", 1000)


def say(db: sqlite3.Connection, text: str, source: Source = ME) -> str:
    return preferences.create(db, new_id(), Draft.of(text), source)


def known(db: sqlite3.Connection, user: str = "me") -> dict[str, str]:
    return {one.topic: one.value for one in preferences.of(db, user)}


def use(db: sqlite3.Connection, command: str, times: int) -> None:
    for second in range(times):
        started = f"2026-03-01T10:00:{second:02}Z"
        history.record(db, Event(new_id(), command, "aios", 1000, "me", started))


@pytest.mark.parametrize(
    ("text", "topic", "value"),
    [
        ("I prefer vim", "editor", "vim"),
        ("remember that I prefer podman over docker.", "containers", "podman"),
        ("always use podman", "containers", "podman"),
        ("call me Syui", "name", "Syui"),
        ("my distro is Arch", "distribution", "Arch"),
        ("Answer in Japanese", "language", "Japanese"),
        ("use nano as my editor", "editor", "nano"),
        ("I prefer tabs for indentation", "indentation", "tabs"),
        ("日本語で答えて", "language", "日本語"),
    ],
)
def test_statements(text: str, topic: str, value: str) -> None:
    found = preferences.stated(text)
    assert found is not None
    assert (found.topic, found.value) == (topic, value)


@pytest.mark.parametrize(
    "text",
    ["install vim", "use vim to edit /etc/hosts", "always use podman to run nginx",
     "answer in detail",
     "call me a taxi tomorrow", "I am running late", "i prefer not to restart", "", "vim"],
)  # fmt: skip
def test_orders_are_no_statements(text: str) -> None:
    assert preferences.stated(text) is None


def test_the_last_word_counts_and_forgetting_forgets(db: sqlite3.Connection) -> None:
    old = say(db, "I prefer nano")
    new = say(db, "my editor is vim")
    say(db, "I prefer emacs", Source("", "you", 1001))
    assert known(db) == {"editor": "vim"}
    assert preferences.superseded(db) == {old}
    assert preferences.TAG in memories.get(db, new).related_entities
    memories.delete(db, new)
    assert known(db) == {}


def test_saying_it_again_counts_again(db: sqlite3.Connection) -> None:
    for text in ("I prefer nano", "I prefer vim", "I prefer nano"):
        say(db, text)
    assert known(db) == {"editor": "nano"}


def test_what_is_changed_says_something_else(db: sqlite3.Connection) -> None:
    memory_id = say(db, "I prefer nano")
    preferences.update(db, memory_id, Draft.of("nano is a word"))
    assert known(db) == {}


def test_use_shows_a_preference_until_one_is_stated(db: sqlite3.Connection) -> None:
    use(db, "nano /etc/hosts", preferences.SHOWN_AFTER - 1)
    assert known(db) == {}
    use(db, "sudo nano /etc/fstab", 1)
    assert known(db) == {"editor": "nano"}
    say(db, "I prefer vim")
    assert known(db) == {"editor": "vim"}


def test_context_is_chosen_and_bounded(db: sqlite3.Connection) -> None:
    say(db, "I prefer nano")
    say(db, "I prefer vim")
    say(db, "the backup of the database runs at three")
    say(db, "database " * 2000)
    use(db, "systemctl restart nginx", 30)
    items = context.gather(
        db, "when did I restart nginx, before the database backup?", user="me", uid=1000,
        now=datetime(2026, 3, 1, 12, tzinfo=UTC), zone=UTC, budget=2000,
    )  # fmt: skip
    kinds = [item.kind for item in items]
    assert kinds == sorted(kinds, key=["preference", "asked", "memory", "recent"].index)
    assert "editor: vim (I prefer vim)" in [item.text for item in items]
    assert not any("nano" in item.text for item in items)
    assert any("runs at three" in item.text for item in items)
    assert sum(len(item.text) for item in items) <= 2000
    assert len({item.id for item in items}) == len(items)
