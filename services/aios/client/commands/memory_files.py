"""aios memory export, import, backup, restore, verify."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aios.client import place
from aios.client.consent import require
from aios.client.terminal import Terminal, harmless
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.text import print_json

_CHUNK = 200
_KINDS = ("memory", "command")


def add(actions: Any) -> None:
    export = actions.add_parser(
        "export", help="as JSON lines", description="Your memories and commands, a JSON line each."
    )
    export.add_argument("--everyone", action="store_true", help="everybody's (root, aios-admin)")
    export.set_defaults(run=_export)
    take = actions.add_parser(
        "import",
        help="from JSON lines",
        description="Takes in what export wrote: ids and times stay; what is known is left alone.",
    )
    take.add_argument("file", nargs="?", default="-", metavar="FILE", help="(standard input)")
    take.set_defaults(run=_import)
    backup = actions.add_parser("backup", help="make a backup now, or list them")
    backup.add_argument("--list", action="store_true", help="only list them, the newest first")
    backup.set_defaults(run=_backup)
    restore = actions.add_parser("restore", help="put a backup in the database's place")
    restore.add_argument("name", nargs="?", default="", metavar="NAME", help="(the newest)")
    restore.add_argument("--force", action="store_true", help="do not ask")
    restore.set_defaults(run=_restore)
    verify = actions.add_parser("verify", help="whether the database is whole")
    verify.set_defaults(run=_verify)


def _export(given: Any) -> int:
    with place.connect("memory") as connection:
        for kind in _KINDS:
            after = ""
            while True:
                options = {"kind": kind, "after": after, "everyone": given.everyone}
                answer = connection.call(f"{place.MEMORY}.Export", {"options": options})
                if not answer["records"]:
                    break
                for record in answer["records"]:
                    print_json(record)
                after = answer["records"][-1]["id"]
    return 0


def _import(given: Any) -> int:
    counted = {"memories": 0, "commands": 0, "known": 0}
    lines = sys.stdin if given.file == "-" else open(given.file, encoding="utf-8")  # noqa: PTH123, SIM115
    with lines, place.connect("memory") as connection:
        records = _records(_text(lines))
        while chunk := list(islice(records, _CHUNK)):
            answer = connection.call(f"{place.MEMORY}.Import", {"records": chunk})
            for name in counted:
                counted[name] += answer["counts"][name]
    if given.json:
        print_json(counted)
    else:
        print(", ".join(f"{number} {name}" for name, number in counted.items()))
    return 0


def _text(lines: Any) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise _wrong(f"that is not UTF-8 text: {error.reason}") from error


def _records(lines: Any) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _wrong(f"line {number} is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise _wrong(f"line {number} is not a JSON object")
        yield record


def _wrong(message: str) -> ClientError:
    return ClientError(ERROR_PREFIX + "InvalidOption", message, "Lines before it were taken in.")


def _backup(given: Any) -> int:
    if given.list:
        found = place.look_up("memory", f"{place.MEMORY}.ListBackups", {})["backups"]
        if given.json:
            print_json(found)
        for one in [] if given.json else found:
            print(harmless(f"{one['name']}  {one['bytes']:>12} bytes  {one['created_at'][:19]}"))
        return 0
    made = place.call("memory", f"{place.MEMORY}.Backup", {})
    if given.json:
        print_json(made)
    else:
        print(harmless(made["path"]))
    return 0


def _restore(given: Any) -> int:
    require(
        f"Put {given.name or 'the newest backup'} in the memory's place? What came after it is"
        " kept aside, but not remembered.",
        given=given.force, option="--force",
    )
    put = place.call("memory", f"{place.MEMORY}.Restore", {"backup": given.name})
    if given.json:
        print_json(put)
    else:
        print(harmless(f"{put['path']} is in force"))
    return 0


def _verify(given: Any) -> int:
    problems = place.look_up("memory", f"{place.MEMORY}.Verify", {})["problems"]
    if given.json:
        print_json(problems)
        return 1 if problems else 0
    terminal = Terminal()
    terminal.line("the database is damaged" if problems else "the database is whole")
    for problem in problems:
        terminal.line(f"  {problem}")
    if problems:
        terminal.note("aios memory restore puts the last good backup in its place.")
    return 1 if problems else 0
