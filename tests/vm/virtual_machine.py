"""A bare Debian machine whose PID 1 is systemd and whose kernel has every cgroup controller: what a
sandbox cannot show.

qemu without KVM. Its time is counted in instructions, one a nanosecond: what in there waits for
25 s waits for as much work, whatever else runs out here.
"""

import base64
import contextlib
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

IMAGE = Path(__file__).with_name("image.sh")
CACHE = "/mnt/cache"
CHECKOUT = "/root/aios"
# Of an emulated processor: 5-level page tables, `rep movsb` byte by byte, wide registers, checks of
# each access to a process's memory.
COSTLY = ("la57", "erms", "xsave", "avx", "avx2", "smap", "smep", "pku")
# Against hanging for ever only: how fast it is depends on what else runs here.
IMAGE_SECONDS = 3600.0
CONNECT_SECONDS = 300.0
BOOT_SECONDS = 1800.0
RUN_SECONDS = 3600.0


@dataclass(frozen=True)
class Ran:
    status: int
    stdout: str
    stderr: str


class Stopped(Exception):
    """The machine has been stopped."""


def image(*arguments: str) -> str:
    done = subprocess.run(
        ["nice", IMAGE, *arguments],
        capture_output=True, text=True, check=False, timeout=IMAGE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class VirtualMachine:
    """Its disk is a snapshot of the image in the cache: all that was written in it goes with it."""

    def __init__(self, release: str, *, memory_mib: int = 2048, serial: Path | None = None) -> None:
        self._release = release
        self._memory = memory_mib
        self._serial = serial
        self._exit = contextlib.ExitStack()
        self._changing = threading.Lock()
        self._stopped = False
        self._qemu: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it has booted. Raises Stopped."""
        with contextlib.ExitStack() as opened:
            directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
            made = Path(image(self._release))
            cache, checkout = directory / "cache", directory / "checkout"
            image(self._release, "cache", str(cache))
            image(self._release, "checkout", str(checkout))
            listening = opened.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(str(directory / "port"))
            listening.listen()
            self._start_qemu(made, [made / "disk", cache, checkout], directory / "port")
            opened.callback(self.stop)
            listening.settimeout(CONNECT_SECONDS)
            self._port, _ = listening.accept()
            opened.enter_context(self._port)
            self._answers = opened.enter_context(self._port.makefile("r"))
            # The port opens before the machine does: the first answer says that it has booted.
            self.run("systemctl is-system-running --wait || true", timeout=BOOT_SECONDS)
            self._exit = opened.pop_all()

    def _start_qemu(self, made: Path, drives: list[Path], port: Path) -> None:
        command = [
            # What else runs here goes first. Mitigations only cost time.
            "nice", "qemu-system-x86_64", "-accel", "tcg,thread=single",
            "-icount", "shift=0,sleep=on",
            "-cpu", ",".join(["max", *(f"{feature}=off" for feature in COSTLY)]),
            "-m", str(self._memory), "-no-reboot", "-nodefaults",
            "-display", "none",
            "-kernel", str(made / "kernel"), "-initrd", str(made / "initrd"),
            "-append", "root=/dev/vda rw console=ttyS0 mitigations=off systemd.show_status=no",
            "-serial", f"file:{self._serial}" if self._serial else "null",
            "-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci",
            *(word for drive in drives
              for word in ("-drive", f"file={drive},format=raw,if=virtio,snapshot=on")),
            "-device", "virtio-serial", "-chardev", f"socket,id=port,path={port}",
            "-device", "virtserialport,chardev=port,name=tests",
        ]  # fmt: skip
        with self._changing:
            if self._stopped:
                raise Stopped
            self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        """At any moment, from any thread: who waits for the machine gets Stopped."""
        with self._changing:
            self._stopped = True
            if self._qemu is not None:
                self._qemu.kill()
                self._qemu.wait()

    def close(self) -> None:
        self.stop()
        self._exit.close()

    def __enter__(self) -> "VirtualMachine":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, script: str, *, check: bool = True, timeout: float = RUN_SECONDS) -> Ran:
        """Runs a bash script as root of the machine, with no terminal."""
        self._port.settimeout(timeout)
        self._port.sendall(base64.b64encode(script.encode()) + b"\n")
        answer = self._answers.readline()
        if not answer:
            raise Stopped
        status, out, err = answer.split()
        ran = Ran(int(status), _text(out), _text(err))
        if check and ran.status:
            raise AssertionError(f"{script}\nstatus {ran.status}\n{ran.stdout}{ran.stderr}")
        return ran

    def unpack(self) -> None:
        """The checkout at CHECKOUT, and what the tests' cache has at CACHE, where it stays: it is
        many files to remove.
        """
        self.run(
            f"mkdir -p {CHECKOUT} && tar -C {CHECKOUT} -xf /dev/vdc --warning=no-timestamp"
            f" && mount -o ro /dev/vdb {Path(CACHE).parent}"
        )


def _text(word: str) -> str:
    return base64.b64decode(word[1:]).decode(errors="replace")
