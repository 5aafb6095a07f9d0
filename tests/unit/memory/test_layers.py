"""Analyses, profile, relationships, priorities, the questionnaire: by their formulas."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from aios.errors import InvalidOption
from aios.memory import analyses, history, memories, personality, profile, relationships, score
from aios.memory.analyses import TRAITS
from aios.memory.memories import Draft


def keep(
    db: sqlite3.Connection, content: str, *names: str, rated: float | None = None, days: float = 0
) -> str:
    memory_id = memories.new_id()
    draft = Draft.of(content, priority_score=rated, related_entities=list(names))
    when = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    memories.insert(db, memory_id, draft, created_at=when)
    memories.index(db)
    return memory_id


def analyse(db: sqlite3.Connection, **traits: float) -> analyses.Analysis:
    return analyses.save(db, memories.new_id(), dict.fromkeys(TRAITS, 0.5) | traits, "said")


def test_the_latest_analysis_counts(db: sqlite3.Connection) -> None:
    assert analyses.latest(db) is None
    analyse(db, openness=0.9)
    second = analyse(db, extraversion=7, neuroticism=-7)
    assert analyses.latest(db) == second
    assert (second.extraversion, second.neuroticism) == (1.0, 0.0)
    assert second.dominant_trait == "extraversion"
    assert db.execute("SELECT count(*) FROM user_analyses").fetchone()[0] == 2
    for wrong in ({}, dict.fromkeys(TRAITS, float("nan"))):
        with pytest.raises(InvalidOption):
            analyses.save(db, "x", wrong, "")


@pytest.mark.parametrize(
    ("count", "average", "outgoing", "bond", "kind"),
    [
        (20, 1.0, 0.4, 1.0, "close_friend"),
        (20, 0.5, 0.4, 0.8, "close_friend"),
        (10, 0.8, 0.4, 0.62, "friend"),
        (5, 0.7, 0.49, 0.43, "valued_acquaintance"),
        (10, 0.5, 0.5, 0.38, "regular_contact"),
        (15, 0.5, 0.5, 0.42, "acquaintance"),
        (50, 0.9, 0.9, 0.94, "close_friend"),
        (1, 0.5, 0.5, 0.308, "distant"),
        (0, 0.5, 0.2, 0.2, "distant"),
    ],
)
def test_bonds(count: int, average: float, outgoing: float, bond: float, kind: str) -> None:
    strength = relationships.bond(count, average, outgoing)
    assert strength == pytest.approx(bond)
    assert relationships.kind(round(strength, 9), count, average) == kind


def test_confidence() -> None:
    counts = (0, 1, 2, 3, 4, 5, 9, 10, 15, 20, 1000)
    expected = (0, 0.2, 0.3, 0.4, 0.45, 0.5, 0.7, 0.8, 0.9, 1.0, 1.0)
    assert [relationships.confidence(n) for n in counts] == pytest.approx(expected)


def test_relationships_follow_memories(db: sqlite3.Connection) -> None:
    first = keep(db, "met Aoi", "Aoi", "Kyoto", rated=0.9)
    keep(db, "Aoi called", "Aoi", rated=0.5, days=10)
    keep(db, "no score", "Aoi", days=3)
    aoi = relationships.get(db, "Aoi")
    assert (aoi.interaction_count, aoi.avg_priority) == (3, pytest.approx(0.7))
    assert aoi.days_since_last == pytest.approx(0, abs=0.01)
    assert [one.entity_id for one in relationships.strongest(db, limit=9)] == ["Kyoto", "Aoi"]
    assert len(relationships.strongest(db, limit=9, offset=1)) == 1
    memories.update(db, first, Draft.of("met Ren", related_entities=["Ren"]))
    assert {one.entity_id for one in relationships.strongest(db, limit=9)} == {"Aoi", "Ren"}
    memories.delete(db, first)
    assert relationships.get(db, "Ren").interaction_count == 0
    later = relationships.get(db, "Aoi", half_life_days=3)
    assert later.bond_strength == pytest.approx(
        relationships.get(db, "Aoi").bond_strength / 2, abs=1e-3
    )


def test_commands_are_told_beside_a_bond(db: sqlite3.Connection) -> None:
    for number, (command, machine, user) in enumerate(
        [
            ("apt install -y nginx", "aios", "me"),
            ("systemctl restart nginx", "aios", "me"),
            ("systemctl restart nginx", "aios", "else"),
            ("uptime", "web1", "me"),
        ]
    ):
        when = f"2026-01-0{number + 1}T00:00:00Z"
        event = history.Event(f"C{number}", command, machine, 1000, user, when)
        history.record(db, event)
    plain = relationships.get(db, "nobody")
    nginx = relationships.get(db, "nginx", whose=relationships.Whose("me", 1000))
    assert (nginx.commands, nginx.interaction_count) == (2, 0)
    assert (nginx.bond_strength, nginx.confidence) == (plain.bond_strength, 0)
    assert nginx.last_command_at
    assert nginx.last_command_at.startswith("2026-01-02")
    assert relationships.get(db, "nginx").commands == 3
    assert relationships.get(db, "web1").commands == 1
    assert (plain.commands, plain.last_command_at) == (0, None)


def test_what_an_original_writes_counts(db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT INTO memories VALUES ('x', 'y', NULL, 0.5, '2025-01-01T00:00:00Z',"
        " '2025-01-01T00:00:00Z', '[\"Aoi\"]')"
    )
    assert relationships.get(db, "Aoi").interaction_count == 1
    db.execute("UPDATE memories SET related_entities = '[\"Ren\"]'")
    assert [one.entity_id for one in relationships.strongest(db, limit=9)] == ["Ren"]


def test_a_profile_holds_until_something_changes(db: sqlite3.Connection) -> None:
    for number in range(5):
        keep(db, f"sailing trip {number}", rated=0.9 if number == 3 else None)
    made = profile.get(db)
    assert made["core_interests"][:2] == ["sailing", "trip"]
    assert made["data_quality"] == pytest.approx(0.05)
    assert profile.get(db) == made
    assert profile.kept(db) == made
    changes = [
        lambda: analyse(db, openness=0.8),
        lambda: keep(db, "gardening"),
        lambda: db.execute("UPDATE memories SET content = 'x' WHERE priority_score = 0.9"),
        lambda: db.execute("DELETE FROM memories WHERE content = 'x'"),
        # An original's own.
        lambda: db.execute("UPDATE user_profiles SET data = '{}', last_updated = 'then'"),
    ]
    for change in changes:
        change()
        assert profile.kept(db) is None
        assert profile.get(db)["last_updated"] != made["last_updated"]
    told = profile.get(db)
    assert told["dominant_traits"][0] == {"name": "openness", "score": 0.8}
    assert told["data_quality"] == pytest.approx(0.55)


def test_parts_of_a_priority(db: sqlite3.Connection) -> None:
    first = keep(db, "the harbour ferry leaves at nine", days=60)
    again = keep(db, "the harbour ferry leaves at nine sharp")
    marked = keep(db, "important: ring the plumber", "plumber")
    given = keep(db, "scored", rated=0.3)

    def parts(memory_id: str) -> dict[str, float]:
        told = score.fields(db, memories.get(db, memory_id))
        assert told["priority_score"] == pytest.approx(sum(told["score_parts"].values()), abs=1e-3)
        assert all(0 <= part <= 0.25 for part in told["score_parts"].values())
        found: dict[str, float] = told["score_parts"]
        return found

    assert parts(first)["novelty"] == 0.25
    assert parts(again)["novelty"] < 0.1
    assert parts(first)["recency"] == pytest.approx(0.0625, abs=1e-3)
    assert parts(again)["recency"] == pytest.approx(0.25, abs=1e-3)
    assert parts(marked)["importance"] > parts(again)["importance"] == 0
    before = parts(first)["use"]
    score.used(db, first)
    assert parts(first)["use"] > before == 0
    told = score.fields(db, memories.get(db, given))
    assert told["priority_score"] == 0.3
    assert "score_parts" not in told
    assert memories.get(db, first).priority_score is None


def test_the_questionnaire() -> None:
    assert len(personality.ITEMS) == 20
    best = [1 if item.reversed else 5 for item in personality.ITEMS]
    assert personality.score(best) == dict.fromkeys(TRAITS, 1.0)
    assert personality.score([6 - answer for answer in best]) == dict.fromkeys(TRAITS, 0.0)
    assert personality.score([3] * 20) == dict.fromkeys(TRAITS, 0.5)
    for wrong in ([3] * 19, [3] * 19 + [6], [3] * 19 + [True]):
        with pytest.raises(InvalidOption):
            personality.score(wrong)


def test_an_indication_says_how_sure_it_is() -> None:
    with pytest.raises(InvalidOption, match="too little"):
        personality.indicate(["a short text about people"] * 3)
    text = "we met friends at the party and talked with everybody about other plain matters"
    some = personality.indicate([text] * 200)
    more = personality.indicate([text] * 5000)
    assert some.traits["extraversion"] > 0.6
    assert "neuroticism" not in some.traits
    assert 0 < some.confidence < more.confidence <= 0.4
