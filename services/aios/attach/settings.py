"""The lines of a machine's .nspawn file that put it under aios. The user's own stay as they are."""

import re

BEGIN = "# aios: begin (written by aios-attach@ at every start; what you change here is lost)"
END = "# aios: end"

# nspawn takes such settings only from /etc and /run; a missing source keeps it from starting.
# rootidmap: root in the machine reads as the directory's owner, whatever uids it was given.
BLOCK = f"""{BEGIN}
[Files]
BindReadOnly=/run/aios/machine:/run/aios
BindReadOnly=/var/lib/aios/memory:/root/.config/syui/ai/gpt:rootidmap
BindReadOnly=/usr/lib/aios/client:/usr/lib/aios/client
BindReadOnly=/usr/bin/aios:/usr/local/bin/aios
BindReadOnly=/usr/bin/aigpt:/usr/local/bin/aigpt
BindReadOnly=/usr/lib/aios/client/profile.sh:/etc/profile.d/aios.sh
{END}
"""

# Everything between the marks, whatever an older aios wrote there.
_OLD = re.compile(r"^# aios: begin[^\n]*\n.*?^# aios: end[^\n]*\n?", re.MULTILINE | re.DOTALL)


def attach(settings: str) -> str:
    """`settings` with the block at its end."""
    own = _OLD.sub("", settings)
    if own and not own.endswith("\n"):
        own += "\n"
    return own + BLOCK
