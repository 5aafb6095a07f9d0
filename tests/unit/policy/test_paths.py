"""Paths made canonical, and words that may be a given path."""

import pytest

from aios.policy.paths import canonical, may_match, readings
from aios.policy.words import ANY, HOME, NAME, ONE, SPLIT, STAR


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", "/"), ("//", "/"), ("/.", "/"), ("/a/..", "/"), ("/a//b/./c/", "/a/b/c"), ("a/../b",
     "b"),
     ("../a", "../a"), (".", "."), ("./a", "a"), ("/..", "/"), ("", ""), (f"/a/{ANY}/../b",
     f"/{ANY}/b")],
)  # fmt: skip
def test_canonical(path: str, expected: str) -> None:
    assert canonical(path) == expected


def test_readings() -> None:
    assert "/" in readings("/proc/self/root/")
    assert "/etc/shadow" in readings("/proc/1/root/etc/shadow")
    assert "/etc/shadow" in readings("shadow", ("/etc",))
    assert "/" in readings(f"/{ANY}")
    assert "/etc/x" in readings("/proc/1/root" * 15 + "/etc/x")
    assert "/etc/x" in readings("1/root/etc/x", ("/proc",))
    assert "/srv/x" in readings("/proc/self/cwd/x", ("/srv",))
    assert "/root/.ssh/x" in readings("x", (f"{HOME}/.ssh",))
    many = readings("x", tuple(f"/{number}" for number in range(100)))
    assert len(many) < 100  # and the last of them may be any other
    assert f"/{ANY}" in many
    assert "/x" in readings("/var/run/../x")  # /var/run is a symbolic link


@pytest.mark.parametrize(
    ("word", "pattern", "expected"),
    [
        (f"/etc/sha{ONE}ow", "/etc/shadow", True),
        (f"/etc/{STAR}", "/etc/shadow", True),
        (f"/{STAR}/shadow", "/etc/shadow", True),
        (f"/{STAR}", "/etc/shadow", False),
        (f"/{ANY}", "/etc/shadow", True),
        (f"{SPLIT}", "/etc/shadow", True),
        (f"{STAR}.txt", "*.pem", False),
        (f"{STAR}", ".env", False),
        (f"/a/{STAR}/b", f"{ANY}/.ssh/b", False),
        (f"/a/{NAME}/b", f"{ANY}/.ssh/b", False),
        (f"/a/{ANY}/b", f"{ANY}/.ssh/b", True),
        (f"/a/x{STAR}/.env", f"{ANY}/.env", True),
        (f"{STAR}{SPLIT}", ".env", True),
        (f"/tmp/{ANY}", "/", False),
        (f"/{ANY}", "/", True),
    ],
)
def test_may_match(word: str, pattern: str, *, expected: bool) -> None:
    assert may_match(word, pattern) is expected
