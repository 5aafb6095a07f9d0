"""Globs take no more than polynomial time, and mean what fnmatch means."""

import fnmatch
import random
import re

from aios.policy.paths import glob
from aios.policy.patterns import glob_any


def test_many_stars_end() -> None:
    assert re.fullmatch(glob_any("*a" * 12 + "b"), "a" * 20_000, re.DOTALL) is None


def test_stars_mean_what_they_mean_elsewhere() -> None:
    chance = random.Random(1)
    for _ in range(20_000):
        pattern = "".join(chance.choice("ab*?*/") for _ in range(chance.randint(0, 7)))
        text = "".join(chance.choice("ab/") for _ in range(chance.randint(0, 9)))
        plain = "".join({"*": "[^/]*", "?": "[^/]"}.get(char, char) for char in pattern)
        assert bool(glob(pattern).fullmatch(text)) == bool(re.fullmatch(plain, text))
        anywhere = bool(re.fullmatch(glob_any(pattern), text, re.DOTALL))
        assert anywhere == fnmatch.fnmatchcase(text, pattern)
