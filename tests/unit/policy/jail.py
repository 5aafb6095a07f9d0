"""Run by the `jail` fixture, in new namespaces: shuts itself in, and becomes the driver.

jail.py TREE ROOT LINES SEEN: a tmpfs at ROOT, filled with what TREE holds; then nobody, without
capabilities, with the descriptors LINES and SEEN as 8 and 9.
"""

import ctypes
import fcntl
import os
import resource
import shutil
import sys
from pathlib import Path

MS_NOSUID, MS_BIND = 2, 4096
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
NOBODY = 65534
PROCESSES = 512
FILE_SIZE = 32 * 1024 * 1024

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source: Path, target: Path, kind: str, flags: int, data: str) -> None:
    checked(
        libc.mount(
            str(source).encode(), str(target).encode(), kind.encode(), flags, data.encode() or None
        )
    )


def main() -> None:
    tree, inside = map(Path, sys.argv[1:3])
    # Out of the way first: either may be the other's number.
    lines, seen = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[3:])
    os.dup2(lines, 8)
    os.dup2(seen, 9)
    os.closerange(10, 200)
    mount(Path("tmpfs"), inside, "tmpfs", MS_NOSUID, "mode=0755,size=64m")
    shutil.copytree(tree, inside, dirs_exist_ok=True)
    mount(Path("/dev/null"), inside / "dev/null", "", MS_BIND, "")
    os.chroot(inside)
    os.chdir("/yard")
    checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    os.execve("/lib/bash", ["bash", "/lib/driver"], {"PATH": "/stubs", "LANG": "C.UTF-8"})


main()
