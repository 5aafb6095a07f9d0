"""The shipped config.toml shows the defaults as they are."""

import re
from pathlib import Path

from aios import config

SHIPPED = Path(__file__).parents[3] / "cfg/config.toml"


def test_as_shipped_it_changes_nothing() -> None:
    assert config.load([SHIPPED]) == config.Config()


def test_the_defaults_it_shows_are_the_defaults(tmp_path: Path) -> None:
    shown = tmp_path / "config.toml"
    shown.write_text(re.sub(r"(?m)^# (?=[a-z_]+ = |    )", "", SHIPPED.read_text()))
    assert config.load([shown]) == config.Config()
    assert len(config.read(shown)["permissions"]) == 5
