"""A person's own rules, [permissions] of ~/.config/syui/ai/config.toml, handed to policy."""

from aios.client import place
from aios.client.handing_over import SECONDS, Handed

FILE = "~/.config/syui/ai/config.toml"
KEPT = "/var/lib/aios/policy"


def hand_over() -> None:
    """Tells policy about the file if it has changed since it was last told."""
    Handed("own-rules", "your own rules", FILE, KEPT, _permissions, _tell).over()


def _permissions(text: str) -> str:
    """The file's text if it says anything about permissions; with all of its lines, so that errors
    name the right one."""
    import tomllib

    try:
        said = "permissions" in tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return text if said else ""


def _tell(text: str) -> None:
    with place.connect("policy", timeout=SECONDS) as connection:
        connection.call(f"{place.POLICY}.SetUserRules", {"toml": text})
