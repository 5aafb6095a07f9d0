"""Files that root writes: whole or not at all, and never through a link. What is not UTF-8 in
somebody's own lines stays as it is."""

import os
from pathlib import Path


def read(path: Path) -> str:
    """Its text, "" when it is not there; a link or anything else than a file is an error."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    with os.fdopen(fd, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def write(path: Path, text: str) -> bool:
    """Makes `path` hold `text`; whether that changed anything."""
    if path.exists() and read(path) == text:
        return False
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return True
