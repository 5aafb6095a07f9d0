"""Policy's state on disk."""

from pathlib import Path

from aios import durable
from aios.errors import Unavailable

directory = durable.directory


def write(path: Path, text: str) -> None:
    """On disk when it returns, readable by this service alone."""
    try:
        durable.write(path, text)
    except OSError as error:
        raise Unavailable(
            f"policy cannot keep its state: {error}",
            hint="nothing is approved until it can: `df -h /var/lib/aios` shows what is full",
        ) from error
