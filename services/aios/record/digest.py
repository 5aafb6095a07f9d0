"""What the chain is made of: the hash of what a record says."""

import hashlib
import json
from collections.abc import Mapping

GENESIS = "0" * 64
"""AIOS_PREVIOUS of the first record."""
SAID = ("MESSAGE", "MESSAGE_ID", "PRIORITY")


def content(fields: Mapping[str, str]) -> dict[str, str]:
    """What the hash is over: all of a record's AIOS_ fields (AIOS_PREVIOUS among them), MESSAGE,
    MESSAGE_ID and PRIORITY."""
    return {
        name: value
        for name, value in fields.items()
        if name in SAID or (name.startswith("AIOS_") and name != "AIOS_HASH")
    }


def digest(fields: Mapping[str, str]) -> str:
    """Hex SHA-256 of the content as canonical JSON."""
    text = json.dumps(content(fields), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
