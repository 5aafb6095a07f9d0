"""org.aios.Memory1: what was done, what is preferred, what a prompt is answered with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any

from aios.errors import InvalidOption
from aios.interface import Call
from aios.memory import answers, context, history, preferences
from aios.memory.answers import Whose
from aios.memory.door import Door
from aios.memory.history import Filter
from aios.memory.memories import DEFAULT_LIMIT, MAX_LIMIT, check_text
from aios.memory.person import Person
from aios.memory.zones import zone_of
from aios.options import Options

Known = Mapping[str, type]

_FILTER: Known = {
    "since": str, "until": str, "machine": str, "action": str, "object": str, "entity": str,
    "outcome": str, "session": str, "text": str, "question": str, "zone": str, "everyone": bool,
    "probes": bool, "limit": int, "offset": int, "delegation": str,
}  # fmt: skip
_WITH_QUESTION = frozenset(("question", "zone", "session", "everyone", "limit", "delegation"))
_CONTEXT: Known = {"budget": int, "zone": str, "delegation": str}
_OUTCOMES = {"ok": True, "failed": False}
_MAX_OFFSET = 2**62


class Asked(Door):
    async def History(self, call: Call, filter: dict[str, Any]) -> list[dict[str, Any]]:
        given = Options(filter, _FILTER)
        person = await self._person(call, given)
        if not given.get_str("question"):
            wanted = _filter(given, person)
            return await self._database.read(lambda db: history.rows(db, wanted))
        if narrower := sorted(set(filter) - _WITH_QUESTION):
            raise InvalidOption(f"a question says its own {narrower[0]!r}")
        text = given.get_str("question")
        check_text("question", text)
        zone = zone_of(given.get_str("zone"))
        if not text.strip():
            raise InvalidOption("the question has no words")
        limit = given.get_int("limit", DEFAULT_LIMIT, low=1, high=MAX_LIMIT)
        user, uid = _owner(given, person)
        whose = Whose(user, uid, given.get_str("session") or None)

        def found(db: Connection) -> list[dict[str, Any]]:
            question = answers.read(db, text, datetime.now(UTC), zone, sure=True)
            return answers.exact(answers.answer(db, question, limit, whose)) if question else []

        return await self._database.read(found)

    async def ListPreferences(self, call: Call, options: dict[str, Any]) -> list[dict[str, Any]]:
        given = Options(options, {"delegation": str})
        person = await self._person(call, given)
        found = await self._database.read(lambda db: preferences.of(db, person.user))
        return [
            {
                "topic": one.topic, "value": one.value, "program": one.program, "text": one.text,
                "id": one.memory_id,
            }
            for one in found
        ]  # fmt: skip

    async def Context(
        self, call: Call, prompt: str, options: dict[str, Any]
    ) -> list[dict[str, Any]]:
        given = Options(options, _CONTEXT)
        person = await self._person(call, given)
        check_text("prompt", prompt)
        budget = given.get_int("budget", context.DEFAULT_BUDGET, high=context.MAX_BUDGET)
        zone = zone_of(given.get_str("zone"))
        user, uid = _owner(given, person)
        found = await self._database.read(
            lambda db: context.gather(
                db, prompt, user=user or person.user, uid=uid, now=datetime.now(UTC), zone=zone,
                budget=budget,
            )
        )  # fmt: skip
        return [{name: value for name, value in vars_of(one).items() if value} for one in found]


def vars_of(item: context.Item) -> dict[str, str]:
    return {"kind": item.kind, "id": item.id, "text": item.text, "at": item.at}


def _owner(given: Options, person: Person) -> tuple[str | None, int | None]:
    """Whose rows: the person's, or with `everyone` for those who may, all."""
    if "everyone" in given and given.get_bool("everyone") and person.sees_all:
        return None, None
    # A machine's uids move when it is made anew; its people are known by name.
    return person.user, None if person.in_machine else person.uid


def _filter(given: Options, person: Person) -> Filter:
    outcome = given.get_str("outcome")
    if outcome and outcome not in _OUTCOMES:
        raise InvalidOption("outcome is ok or failed", hint=f"not {outcome!r}")
    for key in ("machine", "action", "object", "entity", "session", "text"):
        check_text(key, given.get_str(key))
    user, uid = _owner(given, person)
    return Filter(
        user=user,
        uid=uid,
        since=history.moment(given.get_str("since")) if given.get_str("since") else None,
        until=history.moment(given.get_str("until")) if given.get_str("until") else None,
        machine=given.get_str("machine") or None,
        action=given.get_str("action") or None,
        object=given.get_str("object") or None,
        entity=given.get_str("entity") or None,
        ok=_OUTCOMES.get(outcome),
        session=given.get_str("session") or None,
        text=given.get_str("text") or None,
        probes=given.get_bool("probes"),
        limit=given.get_int("limit", DEFAULT_LIMIT, low=1, high=MAX_LIMIT),
        offset=given.get_int("offset", 0, high=_MAX_OFFSET),
    )
