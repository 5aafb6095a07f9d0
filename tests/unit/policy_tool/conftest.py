from pathlib import Path

import pytest

from aios.policy.tool import asker
from aios.policy.tool.asker import Asker

CONFIG = """\
[permissions]
auto_allow = ["ls", "cat"]
notify = ["apt-get install*"]
deny = ["rm -rf /"]
default = "require_approval"

[[permissions.rule]]
pattern = "systemctl restart *"
decision = "notify"
users = ["ann"]
machines = ["dev*"]
match = ["systemctl restart nginx"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "alone.toml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def alone(config: Path) -> Asker:
    return asker.myself(asker.alone(config), own=False)
