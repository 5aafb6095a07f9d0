"""Exec's state on disk: JSON objects.

What exec owes at a power loss is nothing: the commands ended with the machine, and the journal has
lost its tail as well (journald.conf(5), SyncIntervalSec=). So nothing here waits for the disk.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aios import durable
from aios.errors import AuditUnavailable


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Whole after a kill of exec. What cannot be kept must not happen: raises AuditUnavailable."""
    try:
        durable.put(path, json.dumps(content))
    except OSError as error:
        raise AuditUnavailable(
            f"exec cannot keep its state: {error}",
            hint="nothing runs until it can: `df -h /var/lib/aios /run` shows what is full",
        ) from error


def read(path: Path) -> dict[str, Any]:
    """Raises ValueError for what is no such file."""
    data = json.loads(path.read_text())
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no object")
    return data
