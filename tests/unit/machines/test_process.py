"""What programs say that do a machine's long work."""

import tracemalloc

import pytest

from aios.errors import Unavailable
from aios.machines import process


async def test_however_much_it_says() -> None:
    argv = ["sh", "-c", "echo first >&2; head -c 50000000 /dev/zero >&2; exit 2"]
    tracemalloc.start()
    try:
        with pytest.raises(Unavailable, match=r"unpacking: first$"):
            await process.run(argv, "unpacking")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


async def test_a_full_disk_is_named() -> None:
    argv = ["sh", "-c", "echo tar: x: No space left on device >&2; exit 2"]
    with pytest.raises(Unavailable, match="the disk is full"):
        await process.run(argv, "unpacking")
