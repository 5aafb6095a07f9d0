"""aios memory: what is remembered, shared by all machines."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from aios.client import place
from aios.client.terminal import Terminal, harmless


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios memory", description="The memory that all machines share.",
        epilog="exit status: 0 done; 1 `search` found nothing; 125 aios itself failed.",
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", required=True, metavar="search|add|list")
    search = actions.add_parser("search", help="by words", description="Memories by their words.")
    search.add_argument("query", nargs="+", metavar="WORD")
    add = actions.add_parser("add", help="remember a text", description="Remembers a text.")
    add.add_argument("text", nargs="+", metavar="TEXT")
    recent = actions.add_parser("list", help="newest first", description="Newest first.")
    for action in (search, add, recent):
        action.add_argument("--json", action="store_true", help="as the service answers")
    for action in (search, recent):
        action.add_argument("-n", type=int, default=20, metavar="N", help="at most so many (20)")
    given = parser.parse_args(arguments)
    if given.action == "add":
        return _add(" ".join(given.text), as_json=given.json)
    if given.n < 1:
        parser.error("-n is at least 1")
    options = {"limit": given.n}
    if given.action == "search":
        parameters = {"query": " ".join(given.query), "options": options}
        found = place.look_up("memory", f"{place.MEMORY}.Search", parameters)["memories"]
    else:
        found = place.look_up("memory", f"{place.MEMORY}.List", {"options": options})["memories"]
    _show(found, as_json=given.json)
    return 0 if found or given.action == "list" else 1


def _add(text: str, *, as_json: bool) -> int:
    created = place.call("memory", f"{place.MEMORY}.Create", {"content": text, "options": {}})
    print(json.dumps(created) if as_json else harmless(str(created["id"])))
    return 0


def _show(memories: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(memories, ensure_ascii=False))
        return
    terminal = Terminal()
    if not memories:
        terminal.note("Nothing is remembered about that.")
    for memory in memories:
        about = [str(memory["created_at"])[:10]]
        about += [str(memory[key]) for key in ("user", "machine") if memory.get(key)]
        terminal.line(f"{memory['id']}  {', '.join(about)}", "dim")
        for line in str(memory["content"]).splitlines() or [""]:
            terminal.line(f"  {line}")
