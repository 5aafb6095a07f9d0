"""The lines of a machine's .nspawn file that put it under aios. The user's own stay as they are."""

import re
from pathlib import Path

from aios.attach.access import DEFAULT, Access

NSPAWN = Path("/etc/systemd/nspawn")
DATABASE = Path("/var/lib/aios/memory")
IN_MACHINE = "/root/.config/syui/ai/gpt"
"""Where users of aigpt have it."""

BEGIN = "# aios: begin (written by aios-attach@ at every start; what you change here is lost)"
END = "# aios: end"

# nspawn takes such settings only from /etc and /run; a missing source keeps it from starting.
_ALWAYS = """[Files]
BindReadOnly=/run/aios/machine:/run/aios
BindReadOnly=/usr/lib/aios/client:/usr/lib/aios/client
BindReadOnly=/usr/bin/aios:/usr/local/bin/aios
BindReadOnly=/usr/bin/aigpt:/usr/local/bin/aigpt
BindReadOnly=/usr/lib/aios/client/profile.sh:/etc/profile.d/aios.sh
"""
# rootidmap: root in the machine is the directory's owner, whatever uids it was given. That maps no
# group, and what has none cannot be written: so for writing all ids are those of the host.
_BINDS = {
    Access.READ_ONLY: f"BindReadOnly={DATABASE}:{IN_MACHINE}:rootidmap\n",
    Access.READ_WRITE: f"Bind={DATABASE}:{IN_MACHINE}:idmap\n",
}

# Everything between the marks, whatever an older aios wrote there.
_OLD = re.compile(r"^# aios: begin[^\n]*\n.*?^# aios: end[^\n]*\n?", re.MULTILINE | re.DOTALL)


def block(access: Access = DEFAULT, *, idmapped: bool = True) -> str:
    """Without idmapped mounts there is no database: its owner would be nobody there."""
    bind = _BINDS.get(access, "") if idmapped else ""
    return f"{BEGIN}\n{_ALWAYS}{bind}{END}\n"


def own(settings: str) -> str:
    """What is not aios-attach@'s."""
    return _OLD.sub("", settings)


def attach(settings: str, access: Access = DEFAULT, *, idmapped: bool = True) -> str:
    """`settings` with the block at its end."""
    kept = own(settings)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    return kept + block(access, idmapped=idmapped)


def binds(access: Access, *, idmapped: bool) -> list[tuple[str, str]]:
    """What the block binds: there, and in the machine."""
    lines = (line.split("=", 1)[1] for line in block(access, idmapped=idmapped).splitlines()
             if line.startswith("Bind"))  # fmt: skip
    return [(words[0], words[1]) for words in (line.split(":") for line in lines)]
