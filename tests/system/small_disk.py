"""A file system of its own in a sandbox, of any size and kind: a file on a loop device."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sandbox import Sandbox

MKFS = {"ext4": ["mkfs.ext4", "-q"], "btrfs": ["mkfs.btrfs", "-q", "--mixed"]}


@contextlib.contextmanager
def small_disk(
    sandbox: Sandbox, image: Path, kind: str, mebibytes: int, place: str
) -> Iterator[None]:
    """Mounted at `place`, over what is there."""
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run([*MKFS[kind], image], check=True, capture_output=True)
    said = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True,
                          text=True)  # fmt: skip
    device = said.stdout.strip()
    try:
        # The sandbox may open block devices, and has none.
        node = f"/dev/{Path(device).name}"
        sandbox.sh(f"rm -f {node}; mknod {node} b 7 {device.removeprefix('/dev/loop')}")
        sandbox.sh(f"mount -t {kind} {node} {place}")
        try:
            yield
        finally:
            sandbox.sh(f"umount {place}; rm {node}")
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
