"""How many everyday sentences the offline brain answers, and how many of the answers are right.

Both sets are written by hand by one author, in several styles of English, as lines {"style", "nl",
"right"}: `right` is a regular expression for every command that would do, "" where there must be
none. Phrases were widened by looking at what failed in data/offline_development.jsonl.
data/offline_held_out.jsonl was written before anybody looked at a failure, and its failures were
never looked at: it alone says something. No machine is asked; names are taken as they come.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from aios.chat.offline import DATA, Brain
from aios.chat.offline.plan import here, plan
from bench import Figure, spread

SETS = Path(__file__).parent / "data"


def figures() -> Iterator[Figure]:
    started = time.perf_counter()
    brain = Brain.load(DATA)
    yield Figure("load", (time.perf_counter() - started) * 1000, "ms")
    yield Figure("intents", len(brain.intents), "")
    waits: list[float] = []
    for name in ("held_out", "development"):
        lines = (SETS / f"offline_{name}.jsonl").read_text().splitlines()
        yield from _set(brain, name.replace("_", " "), [json.loads(line) for line in lines], waits)
    yield from spread("a sentence", waits, "ms")


def _set(
    brain: Brain, name: str, cases: list[dict[str, str]], waits: list[float]
) -> Iterator[Figure]:
    context = here("debian")
    answerable = answered = right = near = kept = refused = 0
    for case in cases:
        started = time.perf_counter()
        planned = plan(brain, case["nl"], context)
        waits.append((time.perf_counter() - started) * 1000)
        fits = bool(planned.command and re.fullmatch(case["right"], planned.command))
        if case["right"]:
            answerable += 1
            answered += bool(planned.command)
            right += fits
            near += fits or any(re.fullmatch(case["right"], one) for one in planned.suggestions)
        else:
            refused += 1
            kept += not planned.command
    yield Figure(f"{name}, sentences", len(cases), "")
    yield Figure(f"{name}, answered", 100 * answered / answerable, "%")
    yield Figure(f"{name}, right of the answers", 100 * right / max(answered, 1), "%")
    yield Figure(f"{name}, right or within did-you-mean", 100 * near / answerable, "%")
    yield Figure(f"{name}, abstained rightly", 100 * kept / max(refused, 1), "%")
