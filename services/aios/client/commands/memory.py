"""aios memory: what is remembered, shared by all machines."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from aios.client import place
from aios.client.commands import memory_attach, memory_context, memory_files, memory_forget
from aios.client.terminal import Terminal, harmless
from aios.text import print_json

EPILOG = "exit status: 0 done; 1 nothing found, or not confirmed; 125 aios itself failed."


def main(name: str, arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios memory", description="The memory that all machines share.", epilog=EPILOG
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    search = actions.add_parser("search", help="by words", description="Memories by their words.")
    search.add_argument("query", nargs="+", metavar="WORD")
    recent = actions.add_parser("recent", aliases=["list"], help="newest first")
    show = actions.add_parser("show", help="one memory, whole")
    show.add_argument("id", metavar="ID")
    add = actions.add_parser("add", help="remember a text", description="Remembers a text.")
    add.add_argument("text", nargs="+", metavar="TEXT")
    stats = actions.add_parser("stats", help="how much there is")
    for action in (search, recent):
        action.add_argument("-n", type=int, default=20, metavar="N", help="at most so many (20)")
    for action, run in ((search, _search), (recent, _recent), (show, _one), (add, _add),
                        (stats, _stats)):  # fmt: skip
        action.set_defaults(run=run)
    for part in (memory_context, memory_forget, memory_files, memory_attach):
        part.add(actions)
    for action in actions.choices.values():
        # Each once: an alias is the same parser.
        if not any("--json" in one.option_strings for one in action._actions):
            action.add_argument("--json", action="store_true", help="as the service answers")
    given = parser.parse_args(arguments)
    if getattr(given, "n", 1) < 1:
        parser.error("-n is at least 1")
    status: int = given.run(given)
    return status


def _search(given: Any) -> int:
    parameters = {"query": " ".join(given.query), "options": {"limit": given.n}}
    found = place.look_up("memory", f"{place.MEMORY}.Search", parameters)["memories"]
    _show(found, as_json=given.json)
    return 0 if found else 1


def _recent(given: Any) -> int:
    options = {"limit": given.n}
    found = place.look_up("memory", f"{place.MEMORY}.List", {"options": options})["memories"]
    _show(found, as_json=given.json)
    return 0


def _one(given: Any) -> int:
    found = place.look_up("memory", f"{place.MEMORY}.Get", {"id": given.id})["memory"]
    if given.json:
        print_json(found)
        return 0
    terminal = Terminal()
    for name, value in found.items():
        if name != "content" and value not in ("", []):
            said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            terminal.line(f"{name.replace('_', ' ')}: {said}", "dim")
    for line in str(found["content"]).splitlines() or [""]:
        terminal.line(line)
    return 0


def _add(given: Any) -> int:
    parameters = {"content": " ".join(given.text), "options": {}}
    created = place.call("memory", f"{place.MEMORY}.Create", parameters)
    if given.json:
        print_json(created)
    else:
        print(harmless(str(created["id"])))
    return 0


def _stats(given: Any) -> int:
    counted = place.look_up("memory", f"{place.MEMORY}.Stats", {})["stats"]
    if given.json:
        print_json(counted)
        return 0
    for name, value in counted.items():
        print(harmless(f"{name.replace('_', ' '):<12} {value}"))
    return 0


def _show(memories: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(memories)
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
