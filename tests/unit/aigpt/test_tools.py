"""Each tool, through the SDK's own client, in each protocol style."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError
from tests.unit.aigpt.conftest import MODES, Connect, call

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
LAYER4 = {"get_relationship", "list_relationships"}
KEYS = {"id", "content", "ai_interpretation", "priority_score", "created_at", "updated_at"}


@pytest.mark.parametrize("mode", MODES)
async def test_every_tool(connect: Connect, mode: str) -> None:
    async with connect(mode) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert len(listed) == 12
        assert listed["create_ai_memory"].input_schema["required"] == ["content"]
        plain = (
            await call(client, "create_memory", content="red bicycles", related_entities=["Mika"])
        )["id"]
        made = await call(
            client, "create_ai_memory", content="Mika lent me a tent", priority_score=7,
            ai_interpretation="trusts", related_entities=["Mika", "tent"],
        )  # fmt: skip
        assert (made["has_interpretation"], made["has_score"]) == (True, True)
        memory = (await call(client, "get_memory", id=made["id"]))["memory"]
        assert memory.keys() >= KEYS
        assert (memory["priority_score"], memory["related_entities"]) == (1.0, ["Mika", "tent"])
        worked_out = (await call(client, "get_memory", id=plain))["memory"]
        assert worked_out["priority_score"] == pytest.approx(
            sum(worked_out["score_parts"].values()), abs=0.001
        )
        assert len(worked_out["score_parts"]) == 4

        found = await call(client, "search_memories", query="bicycle")
        assert [one["id"] for one in found["memories"]] == [plain]
        page = await call(client, "list_memories", limit=1, offset=1)
        assert [one["id"] for one in page["memories"]] == [plain]
        assert page["memories"][0]["priority_score"] is None
        await call(client, "update_memory", id=plain, content="blue bicycles", related_entities=[])
        kept = (await call(client, "get_memory", id=plain))["memory"]
        assert (kept["content"], kept["related_entities"]) == ("blue bicycles", [])

        nothing = await call(client, "get_user_analysis")
        assert nothing["analysis"] is None
        assert nothing["message"]
        traits = dict.fromkeys(TRAITS, 0.5) | {"openness": 2, "neuroticism": -1}
        saved = await call(client, "save_user_analysis", **traits, summary="curious")
        assert saved["dominant_trait"] == "openness"
        analysis = (await call(client, "get_user_analysis"))["analysis"]
        assert (analysis["openness"], analysis["neuroticism"]) == (1.0, 0.0)
        profile = (await call(client, "get_profile"))["profile"]
        assert profile["dominant_traits"][0] == {"name": "openness", "score": 1.0}
        assert profile["key_memory_ids"] == [made["id"]]

        mika = (await call(client, "get_relationship", entity_id="Mika"))["relationship"]
        assert (mika["interaction_count"], mika["avg_priority"]) == (1, 1.0)
        assert mika["bond_strength"] == pytest.approx(0.4 / 50 + 0.6)
        unknown = (await call(client, "get_relationship", entity_id="Nobody"))["relationship"]
        assert (unknown["confidence"], unknown["days_since_last"]) == (0.0, None)
        every = (await call(client, "list_relationships"))["relationships"]
        assert [one["entity_id"] for one in every] == ["Mika", "tent"]

        await call(client, "delete_memory", id=plain)
        assert "no memory" in (await call(client, "get_memory", id=plain))["error"]


async def test_arguments_are_checked(connect: Connect) -> None:
    async with connect() as client:
        for name, arguments in (
            ("create_memory", {}),
            ("create_memory", {"content": 5}),
            ("create_memory", {"content": " "}),
            ("create_memory", {"content": "x\0y"}),
            ("create_memory", {"content": "x", "colour": "red"}),
            ("create_ai_memory", {"content": "x", "priority_score": "high"}),
            ("create_ai_memory", {"content": "x", "related_entities": [1]}),
            ("list_memories", {"limit": 0}),
            ("list_memories", {"limit": 100000}),
            ("list_memories", {"offset": -1}),
            ("save_user_analysis", {"openness": 1}),
            ("get_relationship", {"entity_id": "x", "half_life_days": 0}),
        ):
            assert (await call(client, name, **arguments))["success"] is False, (name, arguments)
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("drop_memories", {})


async def test_layer_4_is_asked_for(connect: Connect) -> None:
    async with connect(layer4=False) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert len(listed) == 10
        assert not listed & LAYER4
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("list_relationships", {})


async def test_wildcards_are_letters(connect: Connect) -> None:
    async with connect() as client:
        await call(client, "create_memory", content="nothing of the kind")
        for query in ("%", "_", "*", '"', "a OR b NEAR(", "'; DROP TABLE memories"):
            found = await call(client, "search_memories", query=query)
            assert not [one for one in found["memories"] if query not in one["content"]], query


# Columns in another order than those here; related_entities last, where a migration put it.
ORIGINAL = """
CREATE TABLE memories (created_at TEXT NOT NULL, updated_at TEXT NOT NULL, content TEXT NOT NULL,
    priority_score REAL, id TEXT PRIMARY KEY, ai_interpretation TEXT, related_entities TEXT);
CREATE TABLE user_analyses (summary TEXT NOT NULL, analyzed_at TEXT NOT NULL, id TEXT PRIMARY KEY,
    neuroticism REAL NOT NULL, openness REAL NOT NULL, conscientiousness REAL NOT NULL,
    extraversion REAL NOT NULL, agreeableness REAL NOT NULL);
INSERT INTO memories VALUES ('2025-11-06T01:02:03.123456789+00:00', '2025-11-06T01:02:03+00:00',
    'Old friends meet in Kyoto', 0.9, '01K9AAAAAAAAAAAAAAAAAAAAAA', NULL, '["Aoi"]');
INSERT INTO user_analyses
    VALUES ('quiet', '2025-11-07T00:00:00+00:00', 'A', 0.1, 0.7, 0.5, 0.2, 0.6);
"""


async def test_an_original_s_file(connect: Connect, path: Path) -> None:
    with closing(sqlite3.connect(path)) as original:
        original.executescript(ORIGINAL)
    async with connect() as client:
        found = (await call(client, "search_memories", query="Kyoto"))["memories"]
        assert found[0]["created_at"] == "2025-11-06T01:02:03.123456789+00:00"
        aoi = (await call(client, "get_relationship", entity_id="Aoi"))["relationship"]
        # Not outgoing: frequency counts more.
        assert aoi["bond_strength"] == pytest.approx(0.6 / 20 + 0.4 * 0.9)
        await call(client, "create_memory", content="New", related_entities=["Aoi"])
    with closing(sqlite3.connect(path)) as original:
        rows = original.execute(
            "SELECT id, content, ai_interpretation, priority_score, created_at, updated_at,"
            " related_entities FROM memories ORDER BY created_at"
        ).fetchall()
        assert [row[1] for row in rows] == ["Old friends meet in Kyoto", "New"]
        original.execute("DELETE FROM memories WHERE content = 'New'")
        assert original.execute("PRAGMA integrity_check").fetchone() == ("ok",)
