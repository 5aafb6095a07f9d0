"""Whether a command may have failed because the read-only profile confined it."""

import re

# What libc says for EROFS, EACCES, EPERM, EAFNOSUPPORT.
_BLOCKED = re.compile(
    "Read-only file system|Permission denied|Operation not permitted|Address family not supported"
)


def blocked(profile: str, exit_status: int, stderr: str) -> bool:
    return profile == "read-only" and exit_status != 0 and bool(_BLOCKED.search(stderr))
