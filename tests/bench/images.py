"""Images: how long each takes from an OS tree that is there, and how large it is."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from image import ARCHIVE, DISK, TARBALL, build

from bench import Figure

KINDS = {"tarball": TARBALL, "oci": ARCHIVE, "image": DISK}


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="aios-bench") as name:
        directory = Path(name)
        build(directory, "tarball")
        for kind, file in KINDS.items():
            begin = time.perf_counter()
            build(directory, kind)
            yield Figure(f"{kind}, built from a cached tree", time.perf_counter() - begin, "s")
            # A disk has holes.
            size = (directory / file).stat().st_blocks * 512
            yield Figure(f"{kind}, on disk", size / (1 << 20), "MiB")
