"""Lines of the administrator's configuration that name a machine: they are not changed with it."""

import re
from pathlib import Path

from aios import config


def mentions(name: str, directory: Path = config.ADMINISTRATOR) -> list[str]:
    """FILE:LINE of each."""
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)")
    found = []
    for path in config.files(directory):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if word.search(line.partition("#")[0]):
                found.append(f"{path}:{number}")
    return found
