"""How well and how fast memories are found, at 6,000, 100,000 and (AIOS_BENCH_LARGE=1) 1,000,000.

The questions (data/questions.jsonl) were written by hand to the dialogues beside them, in other
words than theirs. No weight was fitted to them, but they were looked at when the term for a
speaker's name was added: they are not held out. What surrounds the dialogues is
generated: turns of other people in the dialogues' own words, shuffled, so that each question has
many records with its words and none with its answer. Questions about commands are generated with
the commands: their answers follow from the day, machine, action and outcome that were drawn.
"""

import asyncio
import json
import math
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aios.memory import batch, schema
from aios.memory.database import Database
from aios.memory.forget import Filter
from aios.memory.memories import Draft, create, delete, new_id
from bench import Figure, spread

DATA = Path(__file__).parent / "data"
SIZES = (6_000, 100_000, *((1_000_000,) if os.environ.get("AIOS_BENCH_LARGE") else ()))
LIMIT = 10
ROUNDS = 8
NOW = datetime(2025, 3, 14, 12, tzinfo=UTC)
MACHINES = ("aios", "aios-dev", "aios-prod")
DAYS = 60
DONE = {
    "install": "apt-get install -y {}",
    "remove": "apt-get remove -y {}",
    "restart": "systemctl restart {}",
    "stop": "systemctl stop {}",
}
NAMES = ("nginx", "postgresql", "redis-server", "mariadb-server", "haproxy", "postfix", "cups")
Record = dict[str, Any]


def figures() -> Iterator[Figure]:
    turns, questions = _read("conversations.jsonl"), _read("questions.jsonl")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "memory.db")
            connection = schema.connect(path)
            start = time.perf_counter()
            batch.import_lines(connection, _lines(turns, size))
            yield Figure(f"{size} records, imported and indexed", time.perf_counter() - start, "s")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            yield Figure(f"{size} records, database", path.stat().st_size / 2**20, "MiB")
            answers, waits = _asked(connection, questions * ROUNDS)
            yield from _quality(f"{size} records", questions, answers)
            yield from spread(f"{size} records, a question", waits, "ms")
            connection.close()
            yield from asyncio.run(_while_erasing(path, size))
    with tempfile.TemporaryDirectory() as directory:
        connection = schema.connect(Path(directory, "memory.db"))
        commands, asked = _commands()
        batch.import_lines(connection, map(json.dumps, [*commands, *turns]))
        answers, waits = _asked(connection, asked)
        yield from _quality(f"{len(commands)} commands", asked, answers)
        yield from spread(f"{len(commands)} commands, a question", waits, "ms")
        connection.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield Figure("memory of the process, at most", peak / 1024, "MiB")


async def _while_erasing(path: Path, size: int) -> Iterator[Figure]:
    """What another writer waits at most while a session is forgotten and a memory deleted."""
    database = Database(path)
    await database.open()
    waits, done = [], asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            start = time.perf_counter()
            text = f"a note, {len(waits)}"
            await database.write(partial(create, memory_id=new_id(), draft=Draft.of(text)))
            waits.append((time.perf_counter() - start) * 1000)

    writing = asyncio.create_task(write())
    await database.write(partial(delete, memory_id="other.1"))
    start = time.perf_counter()
    await database.forget(Filter(session="other.7"))
    taken = time.perf_counter() - start
    done.set()
    await writing
    return iter(
        (
            Figure(f"{size} records, 24 of them forgotten", taken, "s"),
            Figure(f"{size} records, another's write meanwhile, at most", max(waits), "ms"),
        )
    )


def _read(name: str) -> list[Record]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def _lines(turns: Sequence[Record], size: int) -> Iterator[str]:
    """The dialogues in the midst of other people's."""
    chance = random.Random(size)
    words = [word for turn in turns for word in turn["content"].split()[1:]]
    others = size - len(turns)
    for number in range(others):
        if number == others // 2:
            yield from map(json.dumps, turns)
        session, turn = divmod(number, 24)
        speaker = f"Person{session % 500 * 2 + turn % 2}"
        said = " ".join(chance.choices(words, k=chance.randint(3, 25)))
        day = NOW - timedelta(hours=session % 9000, minutes=-turn)
        yield json.dumps(
            {
                "id": f"other.{number}", "session": f"other.{session}",
                "created_at": day.isoformat(), "content": f"Mx {speaker}: {said}",
            }
        )  # fmt: skip


def _asked(
    connection: Any, questions: Sequence[Record]
) -> tuple[dict[str, list[str]], list[float]]:
    """Ids by question, and milliseconds of each."""
    found, waits = {}, []
    for question in questions:
        line = json.dumps({"id": question["id"], "query": question["query"], "now": str(NOW)})
        start = time.perf_counter()
        (answer,) = batch.search_lines(connection, [line], limit=LIMIT)
        waits.append((time.perf_counter() - start) * 1000)
        found[question["id"]] = [memory["id"] for memory in answer["memories"]]
    return found, waits


def _quality(
    name: str, questions: Sequence[Record], answers: dict[str, list[str]]
) -> Iterator[Figure]:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    def recall(question: Record, limit: int) -> float:
        right = set(question["evidence"])
        return len(right.intersection(answers[question["id"]][:limit])) / min(len(right), limit)

    def gain(question: Record) -> float:
        right = question["evidence"]
        got = sum(
            1 / math.log2(place + 2)
            for place, one in enumerate(answers[question["id"]][:LIMIT])
            if one in right
        )
        return got / sum(1 / math.log2(place + 2) for place in range(min(len(right), LIMIT)))

    yield Figure(f"{name}, recall@5", mean([recall(one, 5) for one in questions]), "")
    yield Figure(f"{name}, recall@10", mean([recall(one, LIMIT) for one in questions]), "")
    yield Figure(f"{name}, nDCG@10", mean([gain(one) for one in questions]), "")


def _commands() -> tuple[list[Record], list[Record]]:
    chance = random.Random(3)
    commands: list[Record] = []
    known: list[tuple[str, str, str, int, int]] = []
    for number in range(2000):
        days, status = chance.randrange(DAYS), chance.choice((0, 0, 0, 1))
        machine, action, name = (chance.choice(list(of)) for of in (MACHINES, DONE, NAMES))
        started = NOW - timedelta(days=days, minutes=chance.randrange(600))
        known.append((machine, action, name, (NOW.date() - started.date()).days, status))
        commands.append(
            {
                "id": f"command.{number}", "kind": "command", "machine": machine,
                "content": DONE[action].format(name), "created_at": started.isoformat(),
                "exit_status": status,
            }
        )  # fmt: skip
    asked = []
    for days in range(1, DAYS - 1):
        when = "yesterday" if days == 1 else f"on {(NOW - timedelta(days=days)):%-d %B}"
        machine, action, name = (of[days % len(of)] for of in (MACHINES, tuple(DONE), NAMES))
        wanted = [
            (f"What did I {action} in {machine} {when}?", (machine, action, None, days, None)),
            (f"Which commands failed in {machine} {when}?", (machine, None, None, days, 1)),
            (f"Did I {action} {name} {when}?", (None, action, name, days, None)),
        ]
        for place, (query, condition) in enumerate(wanted):
            right = [
                commands[number]["id"]
                for number, one in enumerate(known)
                if all(
                    asks is None or asks == has for asks, has in zip(condition, one, strict=True)
                )
            ]
            if right:
                asked.append({"id": f"{days}.{place}", "query": query, "evidence": right})
    return commands, asked
