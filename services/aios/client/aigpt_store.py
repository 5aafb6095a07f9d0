"""The memory, wherever it is: behind the service's socket, or in a database file (--db)."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from aios.client.varlink import Connection
from aios.errors import InvalidOption, NotFound, Unavailable
from aios.memory import (
    analyses,
    batch,
    erase,
    memories,
    profile,
    relationships,
    schema,
    score,
    search,
    stats,
    transfer,
)
from aios.memory.memories import Draft, Memory, Source

SOCKET = "/run/aios/memory.sock"
SERVICE_FILE = Path("/var/lib/aios/memory/memory.db")
INTERFACE = "org.aios.Memory1."

Fields = dict[str, Any]


class Store(Protocol):
    """`options` are those of org.aios.Memory1. Raises AiosError, ClientError, sqlite3.Error."""

    def create(self, content: str, options: Fields) -> str: ...
    def get(self, memory_id: str) -> Fields: ...
    def update(self, memory_id: str, content: str, options: Fields) -> None: ...
    def delete(self, memory_id: str) -> None: ...
    def recent(self, limit: int, offset: int) -> list[Fields]: ...
    def search(self, query: str, limit: int, offset: int) -> list[Fields]: ...
    def save_analysis(self, traits: Mapping[str, float], summary: str) -> Fields: ...
    def analysis(self) -> Fields | None: ...
    def profile(self) -> Fields: ...
    def relationship(self, entity: str, options: Fields) -> Fields: ...
    def relationships(self, options: Fields) -> list[Fields]: ...
    def stats(self) -> Fields: ...
    def import_records(self, records: Sequence[Fields]) -> int:
        """How many were new: one whose id is known changes nothing."""


class Socket:
    """A connection for each call: the service may leave between two of them."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    def _call(self, method: str, **parameters: Any) -> Fields:
        with self._connect() as connection:
            return connection.call(INTERFACE + method, parameters)

    def create(self, content: str, options: Fields) -> str:
        return str(self._call("Create", content=content, options=options)["id"])

    def get(self, memory_id: str) -> Fields:
        return dict(self._call("Get", id=memory_id)["memory"])

    def update(self, memory_id: str, content: str, options: Fields) -> None:
        self._call("Update", id=memory_id, content=content, options=options)

    def delete(self, memory_id: str) -> None:
        self._call("Delete", id=memory_id)

    def recent(self, limit: int, offset: int) -> list[Fields]:
        return list(self._call("List", options={"limit": limit, "offset": offset})["memories"])

    def search(self, query: str, limit: int, offset: int) -> list[Fields]:
        options = {"limit": limit, "offset": offset}
        return list(self._call("Search", query=query, options=options)["memories"])

    def save_analysis(self, traits: Mapping[str, float], summary: str) -> Fields:
        return dict(self._call("SaveAnalysis", traits=dict(traits), summary=summary)["analysis"])

    def analysis(self) -> Fields | None:
        return dict(self._call("GetAnalysis")["analysis"]) or None

    def profile(self) -> Fields:
        return dict(self._call("GetProfile")["profile"])

    def relationship(self, entity: str, options: Fields) -> Fields:
        found = self._call("GetRelationship", entity=entity, options=options)
        return dict(found["relationship"])

    def relationships(self, options: Fields) -> list[Fields]:
        return list(self._call("ListRelationships", options=options)["relationships"])

    def stats(self) -> Fields:
        return dict(self._call("Stats")["stats"])

    def import_records(self, records: Sequence[Fields]) -> int:
        return int(self._call("Import", records=list(records))["counts"]["memories"])


class File:
    """`db` is open; what writes is refused by SQLite where it is read-only."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._eraser = erase.Eraser(Path(db.execute("PRAGMA database_list").fetchone()["file"]))

    def create(self, content: str, options: Fields) -> str:
        given = dict(options)
        source = Source("", "", os.getuid(), source=str(given.pop("source", "")))
        made = memories.new_id()
        return memories.create(
            self._db, made, Draft.of(content, **given), source if source.source else None
        )

    def get(self, memory_id: str) -> Fields:
        found = memories.get(self._db, memory_id)
        with contextlib.suppress(sqlite3.OperationalError):  # a file that is only read
            score.used(self._db, memory_id)
        return score.fields(self._db, found)

    def update(self, memory_id: str, content: str, options: Fields) -> None:
        memories.update(self._db, memory_id, Draft.of(content, **options))

    def delete(self, memory_id: str) -> None:
        memories.delete(self._db, memory_id)
        while self._eraser.step(self._db) is erase.Left.MORE:
            pass

    def recent(self, limit: int, offset: int) -> list[Fields]:
        return _fields(memories.recent(self._db, limit=limit, offset=offset))

    def search(self, query: str, limit: int, offset: int) -> list[Fields]:
        return _fields(search.search(self._db, query, limit=limit, offset=offset))

    def save_analysis(self, traits: Mapping[str, float], summary: str) -> Fields:
        return analyses.save(self._db, memories.new_id(), traits, summary).fields()

    def analysis(self) -> Fields | None:
        found = analyses.latest(self._db)
        return found.fields() if found else None

    def profile(self) -> Fields:
        return profile.get(self._db)

    def relationship(self, entity: str, options: Fields) -> Fields:
        return relationships.get(self._db, entity, **options).fields()

    def relationships(self, options: Fields) -> list[Fields]:
        return [one.fields() for one in relationships.strongest(self._db, **options)]

    def stats(self) -> Fields:
        return stats.stats(self._db)

    def import_records(self, records: Sequence[Fields]) -> int:
        works = [transfer.memory(record, None) for record in records]
        with schema.transaction(self._db):
            new = sum(work(self._db) for work in works)
            memories.index(self._db)
        return new

    def import_lines(self, lines: Iterable[str]) -> dict[str, int]:
        return dict(batch.import_lines(self._db, lines))

    def search_lines(self, lines: Iterable[str], limit: int) -> Iterator[Fields]:
        return batch.search_lines(self._db, lines, limit=limit)


def _fields(found: Iterable[Memory]) -> list[Fields]:
    return [memory.fields() for memory in found]


@contextlib.contextmanager
def open_store(file: Path | None, *, writes: bool) -> Iterator[Store]:
    """The service's, or with `file` that file, made where it is not if `writes`."""
    if file is None:
        yield Socket(lambda: Connection(SOCKET))
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


def own_file(store: Store) -> File:
    if not isinstance(store, File):
        raise InvalidOption("only a database file does this", hint="aigpt --db FILE …")
    return store
