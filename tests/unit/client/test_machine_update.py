import tomllib

from aios.chat.offline import DATA
from aios.client.commands.machine_update import COMMANDS


def test_it_is_what_the_offline_brain_proposes() -> None:
    intents = tomllib.loads((DATA / "intents/packages.toml").read_text())["intent"]
    (upgrade,) = [one for one in intents if one["id"] == "upgrade"]
    assert upgrade["command"] == COMMANDS
