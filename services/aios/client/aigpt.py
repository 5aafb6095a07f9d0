"""aigpt: the memory by hand. Through the service's socket, or a database file itself (--db)."""

import argparse
import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from aios.client.varlink import ClientError, Connection
from aios.errors import AiosError, InvalidOption, NotFound, Unavailable
from aios.memory import batch, memories, schema, search
from aios.memory.memories import DEFAULT_LIMIT, MAX_LIMIT, Draft, Memory
from aios.text import visible

SOCKET = "/run/aios/memory.sock"
SERVICE_FILE = Path("/var/lib/aios/memory/memory.db")
INTERFACE = "org.aios.Memory1."
FAILED = 1
WRITING = ("create", "update", "delete", "import")


class Store(Protocol):
    """The memory, wherever it is. `options` are those of org.aios.Memory1."""

    def create(self, content: str, options: dict[str, Any]) -> str: ...
    def get(self, memory_id: str) -> dict[str, Any]: ...
    def update(self, memory_id: str, content: str, options: dict[str, Any]) -> None: ...
    def delete(self, memory_id: str) -> None: ...
    def recent(self, limit: int, offset: int) -> list[dict[str, Any]]: ...
    def search(self, query: str, limit: int, offset: int) -> list[dict[str, Any]]: ...


class Socket:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._connection.call(INTERFACE + method, parameters)

    def create(self, content: str, options: dict[str, Any]) -> str:
        return str(self._call("Create", content=content, options=options)["id"])

    def get(self, memory_id: str) -> dict[str, Any]:
        return dict(self._call("Get", id=memory_id)["memory"])

    def update(self, memory_id: str, content: str, options: dict[str, Any]) -> None:
        self._call("Update", id=memory_id, content=content, options=options)

    def delete(self, memory_id: str) -> None:
        self._call("Delete", id=memory_id)

    def recent(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return list(self._call("List", options={"limit": limit, "offset": offset})["memories"])

    def search(self, query: str, limit: int, offset: int) -> list[dict[str, Any]]:
        options = {"limit": limit, "offset": offset}
        return list(self._call("Search", query=query, options=options)["memories"])


class File:
    """`db` is open; what writes is refused by SQLite where it is read-only."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def create(self, content: str, options: dict[str, Any]) -> str:
        memory_id = memories.new_id()
        memories.create(self._db, memory_id, Draft.of(content, **options))
        return memory_id

    def get(self, memory_id: str) -> dict[str, Any]:
        return memories.get(self._db, memory_id).fields()

    def update(self, memory_id: str, content: str, options: dict[str, Any]) -> None:
        memories.update(self._db, memory_id, Draft.of(content, **options))

    def delete(self, memory_id: str) -> None:
        memories.delete(self._db, memory_id)

    def recent(self, limit: int, offset: int) -> list[dict[str, Any]]:
        return _fields(memories.recent(self._db, limit=limit, offset=offset))

    def search(self, query: str, limit: int, offset: int) -> list[dict[str, Any]]:
        return _fields(search.search(self._db, query, limit=limit, offset=offset))

    def import_lines(self, lines: Iterable[str]) -> dict[str, int]:
        return dict(batch.import_lines(self._db, lines))

    def search_lines(self, lines: Iterable[str], limit: int) -> Iterator[dict[str, Any]]:
        return batch.search_lines(self._db, lines, limit=limit)


def _fields(found: list[Memory]) -> list[dict[str, Any]]:
    return [memory.fields() for memory in found]


@contextlib.contextmanager
def open_store(file: Path | None, *, writes: bool) -> Iterator[Store]:
    if file is None:
        with Connection(SOCKET) as connection:
            yield Socket(connection)
        return
    if not file.exists() and not writes:
        raise NotFound(f"no database {file}")
    # A second writer beside the service can corrupt a WAL (SQLite before 3.51.3), and the last to
    # close it would remove the files by which machines read it.
    served = file.exists() and SERVICE_FILE.exists() and file.samefile(SERVICE_FILE)
    if served and writes:
        raise Unavailable(
            f"{file} is aios-memory.service's own", hint="without --db, aigpt asks the service"
        )
    writable = not served and (os.access(file, os.W_OK) or not file.exists())
    with contextlib.closing(schema.connect(file, read_only=not writable)) as db:
        yield File(db)


def summary(memory: dict[str, Any]) -> str:
    """One line: id, day, score, the beginning of the text."""
    text = visible(" ".join(memory["content"].split()))
    score = memory.get("priority_score")
    rated = "    " if score is None else f"{score:.2f}"
    return f"{visible(memory['id'])}  {visible(memory['created_at'][:10])}  {rated}  {text[:160]}"


def details(memory: dict[str, Any]) -> str:
    lines = [
        f"{name.replace('_', ' ')}: {visible(str(value))}"
        for name, value in memory.items()
        if name not in ("content", "related_entities")
    ]
    if memory["related_entities"]:
        lines.append("related entities: " + ", ".join(map(visible, memory["related_entities"])))
    return "\n".join([*lines, "", *map(visible, memory["content"].split("\n"))])


def stats(store: Store) -> dict[str, Any]:
    counted: dict[str, Any] = {"memories": 0, "interpreted": 0, "scored": 0}
    while page := store.recent(MAX_LIMIT, counted["memories"]):
        if not counted["memories"]:
            counted["newest"] = page[0]["created_at"]
        counted["memories"] += len(page)
        counted["interpreted"] += sum("ai_interpretation" in one for one in page)
        counted["scored"] += sum("priority_score" in one for one in page)
        counted["oldest"] = page[-1]["created_at"]
    return counted


def run(store: Store, given: argparse.Namespace) -> tuple[Any, str]:
    """The result for `--json`, and for a person."""
    match given.command:
        case "create":
            memory_id = store.create(given.text, options(given))
            return {"id": memory_id}, memory_id
        case "get":
            memory = store.get(given.id)
            return memory, details(memory)
        case "update":
            store.update(given.id, given.text, options(given))
            return {"id": given.id}, f"{visible(given.id)} updated"
        case "delete":
            store.delete(given.id)
            return {"id": given.id}, f"{visible(given.id)} deleted"
        case "stats":
            counted = stats(store)
            return counted, "\n".join(f"{name}: {visible(str(n))}" for name, n in counted.items())
        case "import":
            with read_lines(given.file) as lines:
                counted = own_file(store).import_lines(lines)
            return counted, ", ".join(f"{n} {name}" for name, n in counted.items())
        case "search":
            found = store.search(given.query, given.limit, given.offset)
        case _:
            found = store.recent(given.limit, given.offset)
    return found, "\n".join(map(summary, found)) or "nothing found"


def own_file(store: Store) -> File:
    if not isinstance(store, File):
        raise InvalidOption("only a database file does this", hint="aigpt --db FILE …")
    return store


@contextlib.contextmanager
def read_lines(file: str) -> Iterator[Iterable[str]]:
    """Lines end with a newline and nothing else: JSON may hold U+2028 as it is."""
    if file == "-":
        with open(0, encoding="utf-8", errors="replace", newline="\n", closefd=False) as lines:
            yield lines
        return
    try:
        with Path(file).open(encoding="utf-8", errors="replace", newline="\n") as lines:
            yield lines
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror}") from error


def answer(store: Store, limit: int) -> None:
    """A line as soon as it is known: who asks may wait for one answer before the next question."""
    with read_lines("-") as lines:
        for found in own_file(store).search_lines(lines, limit):
            print(json.dumps(found, ensure_ascii=False), flush=True)


def options(given: argparse.Namespace) -> dict[str, Any]:
    named = {
        "ai_interpretation": given.interpretation,
        "priority_score": given.score,
        "related_entities": given.entity,
    }
    return {name: value for name, value in named.items() if value is not None}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="aigpt",
        description="The memory that all machines share.",
        epilog="Exit status: 0, 1 when it failed, 2 for wrong arguments.",
    )
    top.add_argument("--db", metavar="FILE", type=Path, help="open this database file itself")
    top.add_argument("--json", action="store_true", help="results as JSON")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    text = argparse.ArgumentParser(add_help=False)
    text.add_argument("--interpretation", metavar="TEXT", help="what it means")
    text.add_argument("--score", type=float, help="priority, 0 to 1")
    text.add_argument(
        "--entity", action="append", metavar="NAME", help="whom or what it is about; repeatable"
    )
    page = argparse.ArgumentParser(add_help=False)
    page.add_argument("--limit", type=_number(1, MAX_LIMIT), default=DEFAULT_LIMIT)
    page.add_argument("--offset", type=_number(0, 2**31), default=0)

    create = commands.add_parser("create", parents=[text], help="remember a text; prints its id")
    create.add_argument("text", metavar="TEXT")
    get = commands.add_parser("get", help="show one memory")
    get.add_argument("id", metavar="ID")
    update = commands.add_parser("update", parents=[text], help="replace a memory's text")
    update.add_argument("id", metavar="ID")
    update.add_argument("text", metavar="TEXT")
    delete = commands.add_parser("delete", help="forget one memory")
    delete.add_argument("id", metavar="ID")
    commands.add_parser("list", parents=[page], help="memories, newest first")
    find = commands.add_parser("search", parents=[page], help="memories by words, best first")
    what = find.add_mutually_exclusive_group(required=True)
    what.add_argument("query", metavar="QUERY", nargs="?")
    what.add_argument(
        "--batch",
        action="store_true",
        help='answer the questions on stdin, {"id", "query"} a line; with --db only',
    )
    take = commands.add_parser("import", help="take in many memories; with --db only")
    take.add_argument("--format", choices=("jsonl",), required=True)
    take.add_argument("file", metavar="FILE", help="- is stdin")
    commands.add_parser("stats", help="how many memories there are")
    for command in commands.choices.values():
        # After the command too; the default must not undo one before it.
        command.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="results as JSON"
        )
    return top


def _number(low: int, high: int) -> Any:
    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not in {low}..{high}")
        return value

    return number


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        with open_store(given.db, writes=given.command in WRITING) as store:
            if given.command == "search" and given.batch:
                answer(store, given.limit)
                return 0
            result, text = run(store, given)
    except (AiosError, ClientError) as error:
        complain(error.message, error.hint)
        return FAILED
    except sqlite3.Error as error:
        complain(f"{given.db}: {error}")
        return FAILED
    try:
        print(json.dumps(result, ensure_ascii=False) if given.json else text, flush=True)
    except BrokenPipeError:
        # `| head` has seen enough; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def complain(message: str, hint: str = "") -> None:
    print(f"aigpt: {visible(message)}", file=sys.stderr)
    if hint:
        print(visible(hint), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
