"""TOML that people write, read with a place for each mistake."""

import re
from pathlib import Path
from typing import Any

import tomli

from aios.errors import ConfigError


def parse(path: Path, text: str) -> dict[str, Any]:
    """What the text of `path` says. Raises ConfigError (FILE:LINE)."""
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        # Debian 12's tomli tells the line in its message alone.
        told = re.search(r"at line (\d+)", str(error))
        line = getattr(error, "lineno", told[1] if told else 1)
        raise ConfigError(f"{path}:{line}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: nested too deep") from error
    except ValueError as error:
        # A number of so many digits that Python does not read it; it does not say where.
        raise ConfigError(f"{path}:1: a number is too long") from error
