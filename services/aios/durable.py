"""Files that are whole after a kill, in the old state or in the new; what `write` has written,
after a power loss as well.

They are a service's own: mode 0600. Errors are the caller's to name (OSError): what cannot be kept
must not happen, and each service says so in its own words.
"""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """On disk when it returns."""
    _replace(path, text, synchronized=True)
    sync(path.parent)


def put(path: Path, text: str) -> None:
    """Whole after a kill. After a power loss it may be the old one, empty or not there: for what
    means nothing then, or is synchronized later."""
    _replace(path, text, synchronized=False)


def _replace(path: Path, text: str, *, synchronized: bool) -> None:
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no Path
        data = memoryview(text.encode())
        while data:
            data = data[file.write(data) :]
        if synchronized:
            os.fsync(descriptor)
    new.replace(path)


def sync(path: Path) -> None:
    """A file's content, or the names in a directory, are on disk when it returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
