"""aios memory context, aios memory preferences: what a prompt is answered with, and why."""

from argparse import Namespace
from typing import Any

from aios.client import place
from aios.client.terminal import Terminal
from aios.memory import zones
from aios.text import print_json

_TITLES = {
    "preference": "Preferences",
    "asked": "Commands that it asks about",
    "memory": "Memories that have to do with it",
    "recent": "The last commands",
}


def add(actions: Any) -> None:
    context = actions.add_parser(
        "context",
        help="what a prompt is answered with",
        description="What of the memory a model is shown beside this prompt, and nothing else.",
    )
    context.add_argument("prompt", nargs="+", metavar="PROMPT")
    context.add_argument("--budget", type=int, default=4000, metavar="N", help="characters (4000)")
    context.set_defaults(run=_context)
    preferences = actions.add_parser(
        "preferences",
        help="how you want things done",
        description="How you want things done, as you have said or shown. `aios memory add"
        " 'I prefer vim'` says one; the latest of a topic counts; `aios memory forget` forgets it.",
    )
    preferences.set_defaults(run=_preferences)


def _context(given: Namespace) -> int:
    parameters = {
        "prompt": " ".join(given.prompt),
        "options": {"budget": given.budget, "zone": zones.name()},
    }
    items = place.look_up("memory", f"{place.MEMORY}.Context", parameters)["items"]
    if given.json:
        print_json(items)
        return 0
    terminal = Terminal()
    if not items:
        terminal.note("Nothing: memory has nothing to say to that.")
    kind = ""
    for item in items:
        if item["kind"] != kind:
            kind = item["kind"]
            terminal.line(_TITLES.get(kind, kind), "bold")
        terminal.line(f"  {item['text']}")
        if item.get("id"):
            terminal.line(f"    {item['id']}", "dim")
    return 0


def _preferences(given: Namespace) -> int:
    found = place.look_up("memory", f"{place.MEMORY}.ListPreferences", {"options": {}})
    rows = found["preferences"]
    if given.json:
        print_json(rows)
        return 0
    terminal = Terminal()
    if not rows:
        terminal.note("No preference is known.")
    for row in rows:
        terminal.line(f"{row['topic']}: {row['value']}")
        terminal.line(f"  {row['text']}  {row.get('id') or '(shown)'}", "dim")
    return 0
