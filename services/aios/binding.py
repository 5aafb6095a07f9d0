"""What an approval is bound to: policy computes it when it decides, exec again before it runs."""

import hashlib
import json
from collections.abc import Mapping


def binding(
    *, command: str, machine: str, uid: int, cwd: str, env: Mapping[str, str], profile: str
) -> str:
    """SHA-256 (hex) of the canonical JSON of these values. `uid` is the person's, as the host
    sees it."""
    content = [command, machine, uid, cwd, sorted(env.items()), profile]
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
