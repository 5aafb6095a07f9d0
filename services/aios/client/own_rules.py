"""A person's own rules, [permissions] of ~/.config/syui/ai/config.toml, handed to policy."""

import contextlib
from pathlib import Path

from aios.client import place
from aios.client.handing_over import SECONDS, Handed

FILE = Path("~/.config/syui/ai/config.toml")
KEPT = Path("/var/lib/aios/policy")


def hand_over() -> None:
    """Tells policy about the file if it has changed since it was last told."""
    Handed("own-rules", "your own rules", FILE, KEPT, _permissions, _tell).over()


def _permissions(text: str) -> str:
    """The file's text if it says anything about permissions; with all of its lines, so that errors
    name the right one."""
    import tomllib

    with contextlib.suppress(tomllib.TOMLDecodeError, RecursionError):
        if "permissions" not in tomllib.loads(text):
            return ""
    return text


def _tell(text: str) -> None:
    with place.connect("policy", timeout=SECONDS) as connection:
        connection.call(f"{place.POLICY}.SetUserRules", {"toml": text})
