"""aigpt: the memory by hand. Through the service's socket, or a database file itself (--db)."""

import argparse
import contextlib
import io
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aios.client import aigpt_import, aigpt_personality, aigpt_server, aigpt_store
from aios.client.aigpt_store import Store, open_store, own_file
from aios.client.aigpt_text import details, summary
from aios.client.varlink import ClientError
from aios.errors import AiosError
from aios.memory.importers import FORMATS
from aios.memory.memories import DEFAULT_LIMIT, MAX_LIMIT
from aios.text import print_json, visible

FAILED = 1
WRITING = ("create", "update", "delete", "import", "personality")
SOURCE = "aigpt"


def run(store: Store, given: argparse.Namespace) -> tuple[Any, str]:
    """The result for `--json`, and for a person."""
    match given.command:
        case "create":
            memory_id = store.create(given.text, {**options(given), "source": SOURCE})
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
            counted = store.stats()
            return counted, "\n".join(f"{name}: {visible(str(n))}" for name, n in counted.items())
        case "import":
            if given.file == "-":
                with stdin() as lines:
                    return aigpt_import.take_lines(store, lines, given.format)
            return aigpt_import.take_file(store, Path(given.file), given.format)
        case "personality":
            return aigpt_personality.run(store, from_text=given.from_text, as_json=given.json)
        case "search":
            found = store.search(given.query, given.limit, given.offset)
        case _:
            found = store.recent(given.limit, given.offset)
    return found, "\n".join(map(summary, found)) or "nothing found"


@contextlib.contextmanager
def stdin() -> Iterator[Iterable[str]]:
    """Lines end with a newline and nothing else: JSON may hold U+2028 as it is."""
    with open(0, encoding="utf-8", errors="replace", newline="\n", closefd=False) as lines:
        yield lines


def answer(store: Store, limit: int) -> None:
    """A line as soon as it is known: who asks may wait for one answer before the next question."""
    with stdin() as lines:
        for found in own_file(store).search_lines(lines, limit):
            print_json(found, flush=True)


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

    server = commands.add_parser("server", help="serve the memory to an AI (MCP on stdio)")
    server.add_argument(
        "--enable-layer4", action="store_true", help="the tools for relationships too"
    )
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
    commands.add_parser("stats", help="how many memories there are")
    take = commands.add_parser("import", help="take in memories from elsewhere")
    take.add_argument("--format", choices=FORMATS, help="what it is, if that is not plain to see")
    take.add_argument("file", metavar="FILE", help="a file or directory; - is stdin")
    asked = commands.add_parser("personality", help="answer 20 statements about yourself")
    asked.add_argument(
        "--from-text",
        action="store_true",
        help="an indication from what is remembered, no questions",
    )
    for command in commands.choices.values():
        # After the command too; the default must not undo one before it.
        command.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="results as JSON"
        )
        command.add_argument(
            "--db", metavar="FILE", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS
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
    if isinstance(sys.stdout, io.TextIOWrapper):
        # In a locale without Unicode.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if given.command == "server":
            return aigpt_server.run(given.db, layer4=given.enable_layer4)
        with open_store(given.db, writes=given.command in WRITING) as store:
            if given.command == "search" and given.batch:
                answer(store, given.limit)
                return 0
            result, text = run(store, given)
        if given.json:
            print_json(result, flush=True)
        else:
            print(text, flush=True)
    except (AiosError, ClientError) as error:
        complain(error.message, error.hint)
        if given.db is None and not Path(aigpt_store.SOCKET).is_socket():
            complain("where there is no service, a file of one's own does: aigpt --db FILE")
        return FAILED
    except sqlite3.Error as error:
        complain(f"{given.db}: {error}")
        return FAILED
    except BrokenPipeError:
        # `| head` has seen enough; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
        return FAILED
    except KeyboardInterrupt:
        return 130
    return 0


def complain(message: str, hint: str = "") -> None:
    print(f"aigpt: {visible(message)}", file=sys.stderr)
    if hint:
        print(visible(hint), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
