"""Files and directories as they were: saved, and put back.

A copy is a directory with `content/N` for each file and `saved.json`, which names all that was
there and, of what was asked for, what was not. Type, content, mode and owner are kept; extended
attributes, sockets and devices are not.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MAX_BYTES = 64 * 1024**2
MAX_ENTRIES = 10_000
FILE = "saved.json"


class TooMuch(Exception):
    pass


class Unsafe(Exception):
    """Others could lay a link there, and have any file saved, or written over."""


@dataclass(frozen=True)
class Entry:
    """kind: file, directory, link, absent or other. content: the number of a file's copy; target:
    a link's."""

    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    content: int = 0
    target: str = ""


@dataclass(frozen=True)
class Restored:
    """changed: the paths that were put back. left: those that could not be, and why."""

    changed: list[str]
    left: list[str]


def look(path: Path) -> Entry:
    """The entry, without its content."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Entry(str(path), "absent")
    mode, target = stat.S_IMODE(found.st_mode), ""
    if stat.S_ISREG(found.st_mode):
        kind = "file"
    elif stat.S_ISDIR(found.st_mode):
        kind = "directory"
    elif stat.S_ISLNK(found.st_mode):
        kind, mode, target = "link", 0, str(path.readlink())
    else:
        kind = "other"
    return Entry(str(path), kind, mode, found.st_uid, found.st_gid, 0, target)


def _below(path: Path) -> Iterator[Path]:
    """All that is in a directory, what contains before what it contains."""
    for inner in sorted(path.iterdir()):
        yield inner
        if inner.is_dir() and not inner.is_symlink():
            yield from _below(inner)


def _require_safe(directory: Path) -> None:
    """Nobody but root, or who runs this, can rename what is in it."""
    try:
        found = directory.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(found.st_mode):
        return  # as safe as what it is in
    theirs = found.st_uid not in (0, os.geteuid())
    shared = found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid)
    if theirs or (shared and not found.st_mode & stat.S_ISVTX):
        raise Unsafe(f"{directory} is not root's alone to write")


def save(paths: Sequence[Path], directory: Path) -> None:
    """On disk when it returns. Raises OSError, TooMuch, Unsafe."""
    (directory / "content").mkdir(mode=0o700, parents=True)
    entries: list[Entry] = []
    size = 0
    for path in paths:
        place = path.parent.resolve()
        for parent in {*path.parents, place, *place.parents}:
            _require_safe(parent)
        for each in [path, *(_below(path) if path.is_dir() and not path.is_symlink() else ())]:
            entry = look(each)
            if entry.kind == "directory":
                _require_safe(each)
            if entry.kind == "file":
                entry = Entry(**{**asdict(entry), "content": len(entries)})
                # Before it is read: a large one has no place in exec's memory.
                size += each.stat().st_size
            if size > MAX_BYTES or len(entries) >= MAX_ENTRIES:
                raise TooMuch(f"{path} and the others are too large to be saved")
            if entry.kind == "file":
                _write(directory / "content" / str(entry.content), each.read_bytes())
            entries.append(entry)
    _write(directory / FILE, json.dumps([asdict(entry) for entry in entries]).encode())
    for each in (directory / "content", directory):
        _synchronize(each)


def restore(directory: Path) -> Restored:
    """Each file is whole, in the old or in the new state, at any moment; again after a kill it goes
    on. One that cannot be put back keeps none of the others. Raises OSError where it is not known
    what was saved."""
    entries = [Entry(**each) for each in json.loads((directory / FILE).read_text())]
    known = {entry.path for entry in entries}
    changed: list[str] = []
    left: list[str] = []
    for entry in entries:
        path = Path(entry.path)
        try:
            if _put_back(entry, path, directory):
                changed.append(entry.path)
            if entry.kind == "directory":
                for inner in sorted(path.iterdir()):
                    if str(inner) not in known:
                        _remove(inner)
                        changed.append(str(inner))
        except OSError as error:
            left.append(f"{path}: {error.strerror}")
    return Restored(changed, left)


def _put_back(entry: Entry, path: Path, directory: Path) -> bool:
    there = look(path)
    if entry.kind == "other" or (entry.kind == there.kind == "absent"):
        return False
    if entry.kind == "absent":
        _remove(path)
        return True
    _make(path.parent)
    same = Entry(**{**asdict(entry), "content": 0}) == there
    if entry.kind == "file":
        data = (directory / "content" / str(entry.content)).read_bytes()
        if same and path.read_bytes() == data:
            return False
        if there.kind == "directory":
            _remove(path)
        new = path.with_name(f".{path.name}.aios-revert")
        _write(new, data)
        os.chown(new, entry.uid, entry.gid)
        new.chmod(entry.mode)
        new.replace(path)
        _synchronize(path.parent)
        return True
    if same:
        return False
    if entry.kind != there.kind or entry.target != there.target:
        _remove(path)
        if entry.kind == "link":
            path.symlink_to(entry.target)
        else:
            path.mkdir()
    os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if entry.kind == "directory":
        path.chmod(entry.mode)
    return True


def _make(directory: Path) -> None:
    """The command may have taken what something was in as well."""
    if not directory.exists():
        _make(directory.parent)
        directory.mkdir()
        # Whatever our umask is: those who read what comes into it are not root alone.
        directory.chmod(0o755)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _synchronize(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
