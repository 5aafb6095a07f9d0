"""A bare Debian machine whose PID 1 is systemd and whose kernel has every cgroup controller: what a
sandbox cannot show. qemu, without KVM: some eight times the CPU time.
"""

import base64
import contextlib
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

IMAGE = Path(__file__).with_name("image.sh")
CACHE = "/mnt/cache"
CHECKOUT = "/root/aios"
BOOT_SECONDS = 300.0
RUN_SECONDS = 900.0


@dataclass(frozen=True)
class Ran:
    status: int
    stdout: str
    stderr: str


def _image(*arguments: str) -> str:
    done = subprocess.run(
        [IMAGE, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=1200
    )
    return done.stdout.strip()


class VirtualMachine:
    """As a context: booted, and gone with all that was written in it. Its disk is a snapshot of the
    image in the cache."""

    def __init__(self, release: str, *, memory_mib: int = 2048, serial: Path | None = None) -> None:
        self._release = release
        self._memory = memory_mib
        self._serial = serial
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "VirtualMachine":
        with self._exit:
            directory = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="vm-")))
            disk = Path(_image(self._release))
            cache, checkout = directory / "cache", directory / "checkout"
            _image(self._release, "cache", str(cache))
            _image(self._release, "checkout", str(checkout))
            self._port = self._exit.enter_context(socket.socket(socket.AF_UNIX))
            listening = self._exit.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(str(directory / "port"))
            listening.listen()
            self._start(disk, cache, checkout, directory / "port")
            listening.settimeout(BOOT_SECONDS)
            self._port, _ = listening.accept()
            self._exit.enter_context(self._port)
            self._answers = self._port.makefile("r")
            # The port opens before the machine does: the first answer says that it has booted.
            self.run("systemctl is-system-running --wait || true", timeout=BOOT_SECONDS)
            self._exit = self._exit.pop_all()
        return self

    def _start(self, disk: Path, cache: Path, checkout: Path, port: Path) -> None:
        drives = [f"file={disk}/disk", f"file={cache}", f"file={checkout}"]
        self._qemu = subprocess.Popen(
            [
                "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2",
                "-cpu", "max", "-m", str(self._memory), "-no-reboot", "-nodefaults",
                "-display", "none",
                "-kernel", str(disk / "kernel"), "-initrd", str(disk / "initrd"),
                "-append", "root=/dev/vda rw console=ttyS0 systemd.show_status=no",
                "-serial", f"file:{self._serial}" if self._serial else "null",
                "-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci",
                *(word for drive in drives
                  for word in ("-drive", f"{drive},format=raw,if=virtio,snapshot=on")),
                "-device", "virtio-serial", "-chardev", f"socket,id=port,path={port}",
                "-device", "virtserialport,chardev=port,name=tests",
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._exit.callback(self._stop)

    def _stop(self) -> None:
        self._qemu.kill()
        self._qemu.wait()

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def run(self, script: str, *, check: bool = True, timeout: float = RUN_SECONDS) -> Ran:
        """Runs a bash script as root of the machine, with no terminal."""
        self._port.settimeout(timeout)
        self._port.sendall(base64.b64encode(script.encode()) + b"\n")
        status, out, err = self._answers.readline().split()
        ran = Ran(int(status), _text(out), _text(err))
        if check and ran.status:
            raise AssertionError(f"{script}\nstatus {ran.status}\n{ran.stdout}{ran.stderr}")
        return ran

    def unpack(self) -> None:
        """The checkout at CHECKOUT, and what the tests' cache has at CACHE."""
        self.run(
            f"mkdir -p {CHECKOUT} {CACHE} && tar -C {CHECKOUT} -xf /dev/vdc --warning=no-timestamp"
            f" && mount /dev/vdb {CACHE}"
        )


def _text(word: str) -> str:
    return base64.b64decode(word[1:]).decode(errors="replace")
