"""`aigpt import`: memories from elsewhere, as many times as one likes."""

import os
import pwd
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from aios.client.aigpt_store import File, Store
from aios.errors import InvalidOption, NotFound
from aios.memory.importers import detect, jsonl, original, read

CHUNK = 200


Taken = tuple[dict[str, int], str]
"""The result for `--json`, and for a person."""


def take_lines(store: Store, lines: Iterable[str], kind: str | None) -> Taken:
    if kind not in (None, "jsonl"):
        raise InvalidOption(f"{kind} is read from a file, not from stdin")
    if isinstance(store, File):
        return _told(store.import_lines(lines))
    return _told(_records(store, jsonl.parse(lines), "import:jsonl"))


def take_file(store: Store, path: Path, kind: str | None) -> Taken:
    try:
        kind = kind or detect(path)
        if kind == "jsonl":
            with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
                return take_lines(store, lines, kind)
        counted = _records(store, read(path, kind), f"import:{kind}")
        # The latest counts; an older one from elsewhere must not become that.
        if kind == "aigpt" and store.analysis() is None:
            analysis = original.analysis(path)
            if analysis is not None:
                store.save_analysis(*analysis)
                counted["analyses"] = 1
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error
    return _told(counted)


def _told(counted: dict[str, int]) -> Taken:
    return counted, ", ".join(f"{count} {name}" for name, count in counted.items())


def _records(store: Store, records: Iterable[dict[str, Any]], source: str) -> dict[str, int]:
    counted = {"memories": 0, "known": 0}
    uid = os.getuid()
    whose = {"user": _user(uid), "uid": uid, "source": source}
    left = ({**record, **whose} for record in records)
    while chunk := list(islice(left, CHUNK)):
        new = store.import_records(chunk)
        counted["memories"] += new
        counted["known"] += len(chunk) - new
    return counted


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
