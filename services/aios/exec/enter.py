"""A connection to a socket of a machine's, made from within: who listens there sees the machine's
own root connect.

A child of ours joins the machine's namespaces, as systemd's own clients do it (`systemctl -M`): its
child, a process of that machine, connects and hands the descriptor over. Nothing of the machine's
is executed. It cannot look into the child either, which is not dumpable.
"""

import asyncio
import ctypes
import errno
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

SECONDS = 10
"""The kernel ends a child that a machine keeps waiting for longer."""
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
_NAMESPACES = {"mnt": CLONE_NEWNS, "pid": CLONE_NEWPID, "user": CLONE_NEWUSER}
_PR_SET_DUMPABLE = 4
_libc = ctypes.CDLL(None, use_errno=True)


async def connect(leader: int, path: str) -> socket.socket:
    """`leader`: the pid of the machine's init, as we see it. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        child = _start(leader, path, theirs.fileno())
        theirs.close()
        try:
            return await _received(ours)
        finally:
            _end(child)


async def _received(ours: socket.socket) -> socket.socket:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(ours, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(ours)
    said, descriptors, _flags, _address = socket.recv_fds(ours, 16, 1)
    if not descriptors:
        number = int(said or errno.EIO)
        raise OSError(number, os.strerror(number))
    return socket.socket(fileno=descriptors[0])


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _start(leader: int, path: str, report: int) -> int:
    child = os.fork()
    if not child:
        _answering(report, lambda: _join(leader, path, report))
    return child


def _answering(report: int, work: Callable[[], None]) -> NoReturn:
    """Does it in a process of its own, and says what went wrong: an errno."""
    try:
        work()
    except OSError as error:
        os.write(report, str(error.errno or errno.EIO).encode())
    except BaseException:
        # There is nobody to whom a traceback could go.
        os.write(report, str(errno.EIO).encode())
    finally:
        os._exit(0)


def _join(leader: int, path: str, report: int) -> None:
    os.closerange(3, report)
    os.closerange(report + 1, os.sysconf("SC_OPEN_MAX"))
    _enter(leader)
    # Of the machine's processes only this one's own children are.
    inner = os.fork()
    if not inner:
        _answering(report, lambda: _connect(path, report))
    os.waitpid(inner, 0)


def _connect(path: str, report: int) -> None:
    signal.alarm(SECONDS)
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection,
        socket.socket(fileno=report) as answer,
    ):
        connection.connect(path)
        socket.send_fds(answer, [b"0"], [connection.fileno()])


def _enter(leader: int) -> None:
    pidfd = os.pidfd_open(leader)
    root = os.open(f"/proc/{leader}/root", os.O_PATH | os.O_DIRECTORY)
    wanted = 0
    for kind, flag in _NAMESPACES.items():
        # A machine may have the host's users: nobody can join what they are in.
        if not Path(f"/proc/{leader}/ns/{kind}").samefile(f"/proc/self/ns/{kind}"):
            wanted |= flag
    _checked(_libc.setns(pidfd, wanted))
    os.fchdir(root)
    os.chroot(".")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # For the children to come: a process that became somebody else is not dumpable anyway.
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
