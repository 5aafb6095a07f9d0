"""Files of other programs, by what is in them."""

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from aios.client import aigpt
from aios.errors import InvalidOption
from aios.memory.importers import detect, read
from aios.memory.importers.record import time


def records(path: Path, kind: str) -> list[dict[str, Any]]:
    """What is in it, told twice alike, and told by itself."""
    assert detect(path) == kind
    found = list(read(path, kind))
    assert found == list(read(path, kind))
    assert len({one["id"] for one in found}) == len(found)
    return found


def put(path: Path, whole: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole))
    return path


def test_times() -> None:
    assert time("2025-11-06T10:02:03.123456789+09:00") == "2025-11-06T01:02:03.123456+00:00"
    assert time("2025-11-06 01:02:03") == "2025-11-06T01:02:03.000000+00:00"
    assert time(0) == "1970-01-01T00:00:00.000000+00:00"
    assert [time(value) for value in (None, "", "soon", True, 1e30, {})] == [""] * 6


def test_the_first_aigpt(tmp_path: Path) -> None:
    path = put(
        tmp_path / "memory.json",
        {
            "memories": {
                "6f9619ff-8b86-d011-b42d-00c04fc964ff": {
                    "content": "likes tea",
                    "interpreted_content": "calm",
                    "priority_score": 0.5,
                    "created_at": "2025-06-01T00:00:00Z",
                },
                "b": {"content": "same", "interpreted_content": "same", "priority_score": "?"},
                "c": {"content": " "},
            }
        },
    )
    tea, same = records(path, "aigpt-0.1")
    assert (tea["id"], tea["ai_interpretation"]) == ("6f9619ff-8b86-d011-b42d-00c04fc964ff", "calm")
    assert tea["created_at"] == "2025-06-01T00:00:00.000000+00:00"
    assert (same["ai_interpretation"], same["priority_score"]) == ("", None)


def test_record_files(tmp_path: Path) -> None:
    value = {"content": {"text": "a record"}, "createdAt": "2026-02-03T04:05:06Z"}
    whole = tmp_path / "did" / "ai.syui.gpt.memory"
    put(whole / "3kabc.json", {"uri": "at://x/ai.syui.gpt.memory/3kabc", "value": value})
    put(whole / "3kabd.json", {"value": {"content": {"text": ""}}})
    put(tmp_path / "did" / "other" / "3k.json", {"value": {"content": {"text": "not this"}}})
    (one,) = records(tmp_path, "records")
    assert (one["content"], one["created_at"][:10]) == ("a record", "2026-02-03")
    assert list(read(whole / "3kabc.json", "records")) == [one]


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "core.md"
    path.write_text(
        "---\ntitle: x\n---\n# Likes\n- tea\n- [x] walks\n  by the sea\n\nSome words\nover two"
        " lines.\n\n---\n## Code\n```\n# no heading\n- no item\n```\n"
    )
    found = [one["content"] for one in records(path, "markdown")]
    assert found == [
        "Likes: tea",
        "Likes: walks\nby the sea",
        "Likes: Some words\nover two lines.",
        "Code: ```\n# no heading\n- no item\n```",
    ]


def test_chatgpt(tmp_path: Path) -> None:
    def node(role: str, *parts: object, **more: object) -> dict[str, object]:
        said = {"content_type": "text", "parts": list(parts)}
        return {"message": {"author": {"role": role}, "content": said, **more}}

    mapping = {
        "root": {"message": None},
        "1": node("system", "be kind"),
        "2": node("user", "what is oolong", {"image": 1}, id="m2", create_time=1_700_000_000.5),
        "3": node("assistant", "a tea"),
        "4": node("user", ""),
    }
    path = put(
        tmp_path / "conversations.json",
        [
            {"id": "c1", "title": "tea", "create_time": 1_700_000_000, "mapping": mapping},
            {"mapping": {}},
        ],
    )
    asked, told = records(path, "chatgpt")
    assert (asked["id"], asked["content"], asked["session"]) == ("m2", "what is oolong", "c1")
    assert asked["created_at"] == "2023-11-14T22:13:20.500000+00:00"
    assert told["content"] == "a tea"


def test_long_texts_become_several(tmp_path: Path) -> None:
    path = put(tmp_path / "memory.json", {"memories": {"a": {"content": "é" * 40_000}}})
    found = records(path, "aigpt-0.1")
    assert "".join(one["content"] for one in found) == "é" * 40_000
    assert [one["id"] for one in found] == ["a", "a-1", "a-2"]


@pytest.mark.parametrize("said", ["[]x", "5", "{}", '["x"]', ""])
def test_what_it_is_must_be_plain(tmp_path: Path, said: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(said)
    with pytest.raises(InvalidOption, match="cannot be told"):
        detect(path)
    for kind in ("aigpt", "aigpt-0.1", "chatgpt", "jsonl"):
        with suppress(InvalidOption):
            assert list(read(path, kind)) == []


def test_all_of_an_original_s_file_comes_in_once(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "old.db"
    with closing(sqlite3.connect(source)) as old:
        old.executescript(
            "CREATE TABLE memories (updated_at TEXT, content TEXT, id TEXT, extra BLOB,"
            " created_at TEXT, related_entities TEXT);"
            "INSERT INTO memories VALUES ('2025-01-01T00:00:00Z', 'rowing', 'A', x'00',"
            " '2025-01-01T00:00:00Z', '[\"Aoi\"]'), (NULL, ' ', 'B', NULL, NULL, NULL);"
            "CREATE TABLE user_analyses (id TEXT, openness REAL, conscientiousness REAL,"
            " extraversion REAL, agreeableness REAL, neuroticism REAL, summary TEXT,"
            " analyzed_at TEXT);"
            "INSERT INTO user_analyses VALUES ('x', 1, 0, 0, 0, 0, 's', '2025-01-01T00:00:00Z');"
        )
    counts = []
    for _ in range(2):
        assert aigpt.main(["--db", str(path), "--json", "import", str(source)]) == 0
        counts.append(json.loads(capsys.readouterr().out))
    assert counts == [{"memories": 1, "known": 0, "analyses": 1}, {"memories": 0, "known": 1}]
    assert aigpt.main(["--db", str(path), "--json", "get", "A"]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert (kept["content"], kept["related_entities"]) == ("rowing", ["Aoi"])
    assert kept["source"] == "import:aigpt"
    assert aigpt.main(["--db", str(path), "import", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err
