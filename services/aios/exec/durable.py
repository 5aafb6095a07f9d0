"""Files that hold after a kill or a power loss: whole in the old state or in the new."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aios.errors import AuditUnavailable


def write(path: Path, content: Mapping[str, Any]) -> None:
    """On disk when it returns. What cannot be kept must not happen: raises AuditUnavailable."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise AuditUnavailable(f"exec cannot keep its state: {error}") from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> dict[str, Any]:
    """Raises ValueError for what is no such file."""
    data = json.loads(path.read_text())
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no object")
    return data
