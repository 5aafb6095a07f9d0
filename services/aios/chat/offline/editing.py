"""Editing a file: in an editor, which needs a terminal, so it is shown and never run from here."""

import re
import shlex

_EDIT = re.compile(
    r"(?:(?:please|can you|could you|let me|i want to|i need to|i'd like to)\s+)*"
    r"(?:edit|open|modify|change)\s+(?:the\s+)?(?:(?:config(?:uration)?\s+)?file\s+)?"
    r"(?P<path>(?:~?/|\./)[^\s'\"$`\\]{1,400})"
    r"(?:\s+(?:in|with)\s+(?:my|an|the)\s+(?:favou?rite\s+)?editor)?(?:\s+please)?[.!?]?",
    re.IGNORECASE,
)
DEFAULT = "nano"


def editing(text: str, editor: str) -> str:
    """The command that edits the file which `text` names; "" for any other sentence."""
    match = _EDIT.fullmatch(text.strip())
    if match is None or not match["path"].isprintable():
        return ""
    path = match["path"].rstrip(".,")
    home = path.startswith("~/")
    return f"{editor} ~/{shlex.quote(path[2:])}" if home else f"{editor} {shlex.quote(path)}"
