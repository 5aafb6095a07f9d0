"""A user's own rules: stricter than the others', or where those leave it to the default."""

from __future__ import annotations

from pathlib import Path

from aios.policy import rules
from aios.policy.index import Indexes
from aios.policy.rules import Layer

PATH = Path("~/.config/syui/ai/config.toml")
# What is the machine's business, not one user's.
_SECTIONS = frozenset(("profile", "policy", "exec", "machine", "memory"))
_KEYS = frozenset(("mask", "user_floor", "secrets", "devices", "host_is_machine"))


class UserRules:
    """`default` of a user's file can only be stricter than the policy's own."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.index = Indexes(layer.rules)
        self.default = layer.default
        self.default_origin = f"{layer.path}:{layer.default_line} default"


def load(text: str, path: Path = PATH) -> Layer:
    """Raises ConfigError with PATH:LINE; nothing of a file that is not right is kept."""
    return rules.parse(path, text, refused_sections=_SECTIONS, refused_keys=_KEYS)
