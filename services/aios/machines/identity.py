"""What no two machines may share."""

import re
from pathlib import Path

from aios.machines import inside
from aios.machines.place import MACHINES

_ID = re.compile(r"[0-9a-f]{32}")
_OWN = (
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
)


def machine_id(tree: Path) -> str:
    """Empty for one that has not been started yet, or has something else there."""
    found = inside.read(tree, "etc/machine-id").strip()
    return found if _ID.fullmatch(found) else ""


def is_taken(tree: Path) -> bool:
    """Whether a machine of this host has that machine-id."""
    own = machine_id(tree)
    others = (path for path in MACHINES.iterdir() if not path.name.startswith("."))
    return bool(own) and any(path.is_dir() and machine_id(path) == own for path in others)


def forget(tree: Path) -> None:
    """The machine gets an identity of its own when it boots, and from nspawn its name as hostname.
    Raises OSError."""
    inside.write(tree, "etc/machine-id", "")
    inside.remove(tree, "etc/hostname")
    for path in _OWN:
        inside.remove(tree, path)
