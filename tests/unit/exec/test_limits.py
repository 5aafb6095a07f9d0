"""What a command may use: the least of configuration, profile and call."""

from pathlib import Path

import pytest

from aios import config
from aios.exec.limits import Limits, effective, reached
from aios.exec.profile import Profile, load
from aios.exec.unit import Ended, Result
from aios.sizes import INFINITY, number

GIB = 1024**3
HOUR = 3600 * 10**6


def settings(directory: Path, text: str) -> config.Config:
    path = directory / "config.toml"
    path.write_text(text)
    return config.load([path])


def profile(name: str = "full", **changes: int | str) -> Profile:
    return load({name: changes})[name]


def test_the_defaults() -> None:
    found = effective(config.Config(), "aios", profile("read-only"), Limits())
    assert found == Limits(600 * 10**6, GIB, 256, None, 1024**2)
    assert effective(config.Config(), "aios", profile(), Limits()).timeout_usec == HOUR


def test_a_call_can_only_lower() -> None:
    asked = Limits(HOUR * 9, GIB * 99, 1 << 20, 7, 1 << 29)
    found = effective(config.Config(), "aios", profile(), asked)
    assert found == Limits(HOUR, 8 * GIB, 4096, 7, 1024**2)
    asked = Limits(5, 6, 7, 8, 9)
    assert effective(config.Config(), "aios", profile(), asked) == asked


def test_the_least_of_machine_and_profile(tmp_path: Path) -> None:
    config_ = settings(
        tmp_path,
        """
        [exec]
        timeout = 100
        memory_max = "2G"
        cpu_weight = 50
        [machine.dev]
        timeout = 200
        tasks_max = 10
        [machine.".host"]
        output_limit = 5
        """,
    )
    narrow = profile(MemoryMax="1G", TasksMax="infinity", CPUWeight=80)
    assert effective(config_, "aios", narrow, Limits()) == Limits(10**8, GIB, None, 50, 1024**2)
    assert effective(config_, "dev", narrow, Limits()) == Limits(2 * 10**8, GIB, 10, 50, 1024**2)
    assert effective(config_, ".host", narrow, Limits()).output_max == 5
    assert effective(config_, "aios", profile(RuntimeMaxSec=0.5), Limits()).timeout_usec == 500_000


def test_as_properties() -> None:
    found = dict(Limits(5, GIB, 7, 8).properties(profile()))
    assert found["RuntimeMaxUSec"] == ("t", 5)
    assert found["MemoryMax"] == ("t", GIB)
    assert found["MemorySwapMax"] == ("t", 0)
    assert found["TasksMax"] == ("t", 7)
    assert found["CPUWeight"] == ("t", 8)
    assert all(found[f"{name}Accounting"] == ("b", True) for name in ("CPU", "Memory", "Tasks"))
    # The profile's own bound is no promise to anybody.
    assert "MemorySwapMax" not in dict(Limits(memory_max=8 * GIB).properties(profile()))
    assert dict(Limits().properties(profile("full", MemoryMax="infinity"))).keys() == {
        "RuntimeMaxUSec", "CPUAccounting", "MemoryAccounting", "TasksAccounting", "IOAccounting",
    }  # fmt: skip


def test_what_nothing_enforces_is_named_where_it_was_wanted() -> None:
    lacking = ("MemoryMax", "TasksMax", "CPUWeight")
    assert Limits(tasks_max=5, memory_max=1).unenforced(lacking) == ("MemoryMax", "TasksMax")
    assert Limits(tasks_max=5).unenforced(("MemoryMax",)) == ()


def test_which_limit_was_reached() -> None:
    assert reached(Result(Ended.TIMEOUT), 0) == "timeout"
    assert reached(Result(Ended.OOM, refused=True), 5) == "memory"
    assert reached(Result(Ended.EXIT, refused=True), 5) == "tasks"
    assert reached(Result(Ended.EXIT), 5) == "output"
    assert reached(Result(Ended.EXIT), 0) == ""


def test_sizes() -> None:
    assert [number(size) for size in (64, "64", "2K", "1G")] == [64, 64, 2048, GIB]
    assert number("infinity") == INFINITY
    for wrong in ("", "1X", "-1", "1.5G", "99999999T"):
        with pytest.raises(ValueError, match=f"^{wrong}$"):
            number(wrong)
