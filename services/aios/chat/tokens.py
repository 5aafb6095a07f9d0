"""How many tokens a text may be: an estimate on the high side, for no two models count alike."""

import json
from typing import Any

_CHARACTERS = 3
"""Of ASCII, for one token: English has some 4, code and paths fewer."""


def estimate(text: str) -> int:
    plain = sum(char.isascii() for char in text)
    return plain // _CHARACTERS + (len(text) - plain) + 1


def of(value: Any) -> int:
    """Of what is sent as JSON."""
    return estimate(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
