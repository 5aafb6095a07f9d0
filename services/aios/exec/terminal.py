"""A terminal of a machine, for a command that wants one. The master is the caller's; exec keeps a
copy to set its size and to hang up, and of a detached job to read what it prints.
"""

import asyncio
import errno
import fcntl
import os
import struct
import termios
from pathlib import Path

from aios.bus import Bus
from aios.channel import close_all
from aios.exec.job import Job
from aios.exec.machine import MACHINED
from aios.exec.pump import Bound, Collect, make_pipe
from aios.exec.spool import CHUNK, Spool
from aios.exec.store import Store
from aios.exec.streams import OUT, Streams
from aios.exec.unit import Property
from aios.ids import HOST

MASTER = "terminal"
KEYS_SIZE = 4096
TIOCGPTN, TIOCSPTLCK = 0x80045430, 0x40045431


async def open_terminal(machine: str, bus: Bus) -> tuple[int, str]:
    """(master, path of the terminal as the machine names it)."""
    if machine != HOST:
        master, path = await bus.call_with_descriptors(*MACHINED, "OpenMachinePTY", "s", machine)
        return master, path
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    (number,) = struct.unpack("I", fcntl.ioctl(master, TIOCGPTN, b"\0" * 4))
    return master, f"/dev/pts/{number}"


class CollectTerminal(Collect):
    """A terminal is read, not spliced: what is read when exec is killed is lost."""

    @property
    def total(self) -> int | None:
        return self.spool.total

    @property
    def settled(self) -> bool:
        return self._over.is_set()

    def _first(self) -> None:
        self._move()

    def _begin(self) -> None:
        self._loop.add_reader(self.pipe, self._move)

    def _move(self) -> int:
        try:
            data = os.read(self.pipe, CHUNK)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""  # nobody has it open any more
        if data:
            self.spool.add(data)
        else:
            self._loop.remove_reader(self.pipe)
            self._over.set()
        self.grown()
        self._check()
        return len(data)

    def _rest(self) -> None:
        left = CHUNK  # more than a terminal holds
        while left > 0 and not self._over.is_set() and (moved := self._move()):
            left -= moved


class Keys:
    """What somebody types who is attached to a detached job, on into its terminal. They have a
    pipe: with the terminal itself they could make exec, which reads it, wait for it."""

    def __init__(self, master: int) -> None:
        self._pipe, self.write_end = make_pipe()
        self._master = os.dup(master)
        self._typed = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pipe, self._read)

    def _read(self) -> None:
        try:
            self._typed = os.read(self._pipe, KEYS_SIZE)
        except BlockingIOError:
            return
        if self._typed:
            self._loop.remove_reader(self._pipe)
            self._write()
        else:
            self.close()

    def _write(self) -> None:
        try:
            self._typed = self._typed[os.write(self._master, self._typed) :]
        except BlockingIOError:
            pass
        except OSError:  # it has hung up
            self.close()
            return
        if self._typed:
            self._loop.add_writer(self._master, self._write)
        else:
            self._loop.remove_writer(self._master)
            self._loop.add_reader(self._pipe, self._read)

    def close(self) -> None:
        """The write end is whose it was given to."""
        if self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            self._loop.remove_writer(self._master)
            close_all((self._pipe, self._master))
            self._pipe = -1


class Terminal(Streams):
    """The command's terminal, held by its master."""

    def __init__(self, job: str, store: Store, master: int, path: str) -> None:
        super().__init__(job, store)
        self.master = master
        self._path = path
        self._keys: Keys | None = None
        self.spools: list[Spool] = []
        self.collected: tuple[Collect, ...] = ()

    @classmethod
    def make(
        cls, job: Job, store: Store, master: int, path: str, directory: Path, bound: Bound
    ) -> "Terminal":
        self = cls(job.id, store, master, path)
        # A copy shares whether it blocks: who is given the terminal itself expects that it does.
        os.set_blocking(master, not job.detach)
        self.keep(**{MASTER: master})
        self._collect(job, directory, bound)
        return self

    @classmethod
    def found(cls, job: Job, store: Store, directory: Path, bound: Bound) -> "Terminal":
        """After a kill."""
        given = store.take(job.id)
        self = cls(job.id, store, given.get(MASTER, -1), "")
        self._stored = set(given)
        self._collect(job, directory, bound)
        return self

    def _collect(self, job: Job, directory: Path, bound: Bound) -> None:
        """Of a detached job what it prints is kept, whoever else sees it."""
        if not job.detach:
            return
        self.spools = [Spool(directory / f"{job.id}.{OUT}", job.output_kept)]
        self.spools[0].resume()
        reader = os.dup(self.master) if self.master >= 0 else -1
        self.collected = self.pumps = (CollectTerminal(reader, self.spools[0], bound),)

    @property
    def terminal(self) -> str:
        return self._path

    def properties(self) -> list[Property]:
        return []

    def copy(self) -> int:
        """The master, for the caller to keep, where exec does not read it."""
        return os.dup(self.master)

    def keys(self) -> int:
        """For who attaches, to type; whoever did before no longer can."""
        self._let_go_of_keys()
        self._keys = Keys(self.master)
        return self._keys.write_end

    def _let_go_of_keys(self) -> None:
        if self._keys is not None:
            self._keys.close()
            self._keys = None

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def rest(self) -> None:
        """No process is left: what was printed is in the file, and the terminal goes."""
        for pump in self.collected:
            pump.finish()
        self._hang_up()

    def _hang_up(self) -> None:
        self._let_go_of_keys()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
        self.let_go(*self._stored)

    def close(self) -> None:
        super().close()
        self._hang_up()
        for spool in self.spools:
            spool.remove()
