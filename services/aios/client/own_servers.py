"""A person's MCP servers, ~/.config/syui/ai/mcp.json, handed to chat, which starts them in machines
when a model asks for one of their tools."""

from aios.client import place
from aios.client.handing_over import SECONDS, Handed

FILE = "~/.config/syui/ai/mcp.json"
KEPT = "/var/lib/aios/chat"


def hand_over() -> None:
    """Tells chat about the file if it has changed since it was last told."""
    Handed("own-servers", "your MCP servers", FILE, KEPT, str, _tell).over()


def _tell(text: str) -> None:
    with place.connect("chat", timeout=SECONDS) as connection:
        connection.call(f"{place.CHAT}.SetUserServers", {"json": text})
