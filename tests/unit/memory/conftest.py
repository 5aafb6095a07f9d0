import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aios.memory import schema


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(schema.connect(path)) as connection:
        yield connection
