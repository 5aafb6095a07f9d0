"""What is in a tree, a line for each name: to compare with.

    [path, type, mode, uid, gid, mtime_ns, detail, attributes, digest]

detail: a file's size, a link's target, a device's numbers, and for a further name of a file the
first one. attributes: a hash over the extended attributes. digest: SHA-256 of the content, "" where
it was not read.
"""

import gzip
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from aios.snapshots.walk import Entry, walk

FILE = "manifest.gz"
_CHUNK = 1 << 20
_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link",
          stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFCHR: "char",
          stat.S_IFBLK: "block"}  # fmt: skip
_TOLD = 20
Line = list[Any]


class Lines:
    """The lines of one tree, as its entries come."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], str] = {}

    def line(self, entry: Entry, digest: str = "") -> Line:
        status = entry.status
        kind = _TYPES[stat.S_IFMT(status.st_mode)]
        detail: int | str = ""
        if status.st_nlink > 1 and kind != "directory":
            first = self._first.setdefault((status.st_dev, status.st_ino), entry.path)
            if first != entry.path:
                kind, detail, digest = "name", first, ""
        if kind == "file":
            detail = status.st_size
        elif kind == "link":
            detail = os.readlink(entry.name, dir_fd=entry.directory)
        elif kind in ("char", "block"):
            detail = status.st_rdev
        return [entry.path, kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid,
                status.st_mtime_ns, detail, _attributes(entry), digest]  # fmt: skip


def _attributes(entry: Entry) -> str:
    found = attributes(entry)
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16] if found else ""


def attributes(entry: Entry) -> dict[str, bytes]:
    """ACLs and capabilities are among them; none where the file system has none."""
    names: list[str] = []
    with suppress(OSError):
        names = os.listxattr(entry.proc, follow_symlinks=False)
    return {name: os.getxattr(entry.proc, name, follow_symlinks=False) for name in names}


class Writer:
    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("xb")
        self._packed = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=1, mtime=0)

    def write(self, line: Line) -> None:
        # Names are bytes: what is not UTF-8 becomes lone surrogates, which JSON can carry.
        self._packed.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()
        self._file.close()


def read(path: Path) -> Iterator[Line]:
    with gzip.open(path) as lines:
        for line in lines:
            yield json.loads(line)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lines(tree: Path, *, contents: bool, step: Any = None) -> Iterator[Line]:
    """Of a tree as it is. contents: files are read. step: called with the bytes of each."""
    made = Lines()
    for entry in walk(tree):
        if entry.left:
            continue
        found = ""
        if contents and stat.S_ISREG(entry.status.st_mode):
            found = _content(entry)
        if step is not None:
            step(entry.status.st_size if found else 0)
        yield made.line(entry, found)


def _content(entry: Entry) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(entry.name, flags, dir_fd=entry.directory), "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(expected: Iterator[Line], found: Iterator[Line]) -> list[str]:
    """At most some, as a person reads them; both in the order of `walk`."""
    told: list[str] = []
    there = {line[0]: line for line in found}
    for line in expected:
        if len(told) >= _TOLD:
            return [*told, "and more"]
        path = line[0]
        now = there.pop(path, None)
        if now is None:
            told.append(f"{path} is missing")
        elif changed := _changed(line, now):
            told.append(f"{path}: {changed}")
    told += [f"{path} is new" for path in list(there)[: _TOLD - len(told)]]
    return told


_NAMES = ("", "type", "mode", "owner", "group", "time", "size or target", "attributes", "content")


def _changed(line: Line, now: Line) -> str:
    parts = [
        name
        for name, before, after in zip(_NAMES, line, now, strict=True)
        # Where it was not read there is nothing to compare.
        if before != after and not (name == "content" and "" in (before, after))
    ]
    return ", ".join(parts) + " changed" if parts else ""
