"""The tools by the names, parameters and results that users of aigpt know; what is new is more.

A tool takes the store and its checked arguments, and gives a JSON object with `success`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aios.client.aigpt_store import Store
from aios.errors import InvalidOption
from aios.memory.analyses import TRAITS
from aios.memory.memories import DEFAULT_LIMIT, MAX_ENTITIES, MAX_ENTITY, MAX_LIMIT

Arguments = Mapping[str, Any]
Answer = dict[str, Any]

_ALWAYS = ("id", "content", "ai_interpretation", "priority_score", "created_at", "updated_at")
_SOURCE = "mcp"


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    run: Callable[[Store, Arguments], Answer]
    properties: dict[str, Any]
    required: tuple[str, ...] = ()
    reads_only: bool = False
    destructive: bool = False
    layer4: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
            "additionalProperties": False,
        }


def shown(memory: Mapping[str, Any]) -> Answer:
    """A memory with all the keys that clients know, null for what is not known."""
    return {**dict.fromkeys(_ALWAYS), "related_entities": [], **memory}


def _options(given: Arguments) -> dict[str, Any]:
    options = {
        name: given[name] for name in ("ai_interpretation", "related_entities") if name in given
    }
    if given.get("priority_score") is not None:
        options["priority_score"] = _unit(given["priority_score"])
    return options


def _unit(number: float) -> float:
    """Clamped to 0..1 before it becomes a float: JSON's integers have no end."""
    if number != number:  # NaN is not itself
        raise InvalidOption("a score must be a number from 0 to 1")
    return float(min(max(number, 0), 1))


def _create_memory(store: Store, given: Arguments) -> Answer:
    made = store.create(given["content"], {**_options(given), "source": _SOURCE})
    return {"success": True, "id": made, "message": "Memory created"}


def _create_ai_memory(store: Store, given: Arguments) -> Answer:
    answer = _create_memory(store, given)
    return {
        **answer,
        "has_interpretation": bool(given.get("ai_interpretation")),
        "has_score": given.get("priority_score") is not None,
    }


def _get_memory(store: Store, given: Arguments) -> Answer:
    return {"success": True, "memory": shown(store.get(given["id"]))}


def _page(found: list[dict[str, Any]], limit: int, offset: int) -> Answer:
    answer: Answer = {"success": True, "memories": [shown(one) for one in found]}
    if len(found) == limit:
        answer["next_offset"] = offset + limit
    return answer


def _search_memories(store: Store, given: Arguments) -> Answer:
    limit, offset = _limits(given)
    return _page(store.search(given["query"], limit, offset), limit, offset)


def _list_memories(store: Store, given: Arguments) -> Answer:
    limit, offset = _limits(given)
    return _page(store.recent(limit, offset), limit, offset)


def _limits(given: Arguments, default: int = DEFAULT_LIMIT) -> tuple[int, int]:
    return int(given.get("limit", default)), int(given.get("offset", 0))


def _update_memory(store: Store, given: Arguments) -> Answer:
    store.update(given["id"], given["content"], _options(given))
    return {"success": True, "message": "Memory updated"}


def _delete_memory(store: Store, given: Arguments) -> Answer:
    store.delete(given["id"])
    return {"success": True, "message": "Memory deleted"}


def _save_user_analysis(store: Store, given: Arguments) -> Answer:
    saved = store.save_analysis({name: _unit(given[name]) for name in TRAITS}, given["summary"])
    return {
        "success": True,
        "id": saved["id"],
        "message": "Analysis saved",
        "dominant_trait": saved["dominant_trait"],
    }


def _get_user_analysis(store: Store, given: Arguments) -> Answer:
    found = store.analysis()
    if found is None:
        return {"success": True, "analysis": None, "message": "No analysis has been saved yet"}
    return {"success": True, "analysis": found}


def _get_profile(store: Store, given: Arguments) -> Answer:
    return {"success": True, "profile": store.profile()}


def _decay(given: Arguments) -> dict[str, Any]:
    days = given.get("half_life_days")
    return {} if days is None else {"half_life_days": float(min(days, 1e6))}


def _get_relationship(store: Store, given: Arguments) -> Answer:
    found = store.relationship(given["entity_id"], _decay(given))
    return {"success": True, "relationship": {"days_since_last": None, **found}}


def _list_relationships(store: Store, given: Arguments) -> Answer:
    limit, offset = _limits(given, 10)
    found = store.relationships({"limit": limit, "offset": offset, **_decay(given)})
    return {"success": True, "relationships": found}


_TEXT = {"type": "string"}
_ID = {"type": "string", "description": "The memory's id"}
_CONTENT = {"type": "string", "description": "What to remember"}
_ENTITIES = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_ENTITY},
    "maxItems": MAX_ENTITIES,
    "description": "Whom and what it is about: people, places, projects, machines. Relationships"
    " come from these names, so use the same name for the same one.",
}
_DRAFT: dict[str, Any] = {
    "ai_interpretation": {"type": "string", "description": "What it means for the person"},
    "priority_score": {
        "type": "number",
        "description": "0 to 1, the sum of four, 0 to 0.25 each: emotional impact, relevance to"
        " the person, novelty, practical use",
    },
    "related_entities": _ENTITIES,
}
_PAGE: dict[str, Any] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "offset": {"type": "integer", "minimum": 0, "maximum": 2**31, "default": 0},
}
_HALF_LIFE = {
    "type": "number",
    "exclusiveMinimum": 0,
    "description": "If given, a bond halves each so many days without a memory",
}
_TRAIT = {"type": "number", "description": "0 to 1"}

TOOLS = (
    Tool(
        "create_memory",
        "Remember a text as it is.",
        _create_memory,
        {"content": _CONTENT, "related_entities": _ENTITIES},
        ("content",),
    ),
    Tool(
        "create_ai_memory",
        "Remember a text with your interpretation of it and a priority.",
        _create_ai_memory,
        {"content": _CONTENT, **_DRAFT},
        ("content",),
    ),
    Tool("get_memory", "One memory by its id.", _get_memory, {"id": _ID}, ("id",), reads_only=True),
    Tool(
        "search_memories",
        "Memories by words, best first; any word may match.",
        _search_memories,
        {"query": _TEXT, **_PAGE},
        ("query",),
        reads_only=True,
    ),
    Tool("list_memories", "Memories, newest first.", _list_memories, _PAGE, reads_only=True),
    Tool(
        "update_memory",
        "Replace a memory's text; what else is given is replaced too.",
        _update_memory,
        {"id": _ID, "content": _CONTENT, **_DRAFT},
        ("id", "content"),
        destructive=True,
    ),
    Tool(
        "delete_memory",
        "Forget a memory for good.",
        _delete_memory,
        {"id": _ID},
        ("id",),
        destructive=True,
    ),
    Tool(
        "save_user_analysis",
        "Save your analysis of the person's personality (Big Five). The latest one counts.",
        _save_user_analysis,
        {**dict.fromkeys(TRAITS, _TRAIT), "summary": _TEXT},
        (*TRAITS, "summary"),
    ),
    Tool("get_user_analysis", "The latest analysis.", _get_user_analysis, {}, reads_only=True),
    Tool(
        "get_profile",
        "The person in brief: leading traits, interests, values, most important memories.",
        _get_profile,
        {},
        reads_only=True,
    ),
    Tool(
        "get_relationship",
        "How close somebody or something is, by the memories that name it.",
        _get_relationship,
        {"entity_id": _TEXT, "half_life_days": _HALF_LIFE},
        ("entity_id",),
        reads_only=True,
        layer4=True,
    ),
    Tool(
        "list_relationships",
        "Relationships, the strongest bond first.",
        _list_relationships,
        {
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
            "offset": _PAGE["offset"],
            "half_life_days": _HALF_LIFE,
        },
        reads_only=True,
        layer4=True,
    ),
)


def tools(*, layer4: bool) -> dict[str, Tool]:
    return {tool.name: tool for tool in TOOLS if layer4 or not tool.layer4}
