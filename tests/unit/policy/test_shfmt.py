"""Against shfmt's reading of bash: it sees no command in a line that we take that we do not."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aios.policy.reader import read

SHFMT = Path(sys.executable).with_name("shfmt")
CASES = Path(__file__).parents[2] / "policy"
ATOMS = ["ls", "cat x", "echo 'a b'", 'grep "x" y', "A=1 date", "wc -l < x", "ls > /dev/null"]
SHAPES = [
    "{}; {}", "{} && {}", "{} | {}", "{} || {}", "{}\n{}", "( {}; {} )", "{{ {}; {}; }}",
    "if {}; then {}; fi", "while {}; do {}; done", "for i in a b; do {}; {}; done",
    "case x in x) {};; *) {};; esac", "echo $({}) `{}`", 'echo "$({}; {})"', "cat <({}) <({})",
    "cat <<E\n$({}; {})\nE", "! {} & {}", "time {}; {}", "echo ${{x:-$({})}} $({})",
    "[[ -n $({}) ]] && {}", "{} # x\n{}", "{} \\\n; {}",
]  # fmt: skip
LINES = 120
PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


def names(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from names(each)
    elif isinstance(node, dict):
        if node.get("Type") == "CallExpr" and node.get("Args"):
            parts = node["Args"][0]["Parts"]
            if all(part["Type"] == "Lit" for part in parts):
                yield "".join(part["Value"] for part in parts)
        for value in node.values():
            yield from names(value)


def compare(line: str) -> bool:
    found = read(line)
    if found.broken or found.unclear:
        return False
    shown = subprocess.run(
        [SHFMT, "-ln", "bash", "--to-json"],
        input=line, capture_output=True, text=True, check=False, timeout=10,
    )  # fmt: skip
    if shown.returncode != 0:
        return False
    ours = [simple.words[0] for simple in found.commands if simple.words]
    theirs = [name.replace("\\", "") for name in names(json.loads(shown.stdout))]
    for name in filter(PLAIN.fullmatch, set(theirs)):
        assert ours.count(name) >= theirs.count(name), line
    return True


def composed(rng: random.Random) -> str:
    line = rng.choice(ATOMS)
    for _ in range(rng.randint(1, 3)):
        pair = [line, rng.choice(ATOMS)]
        rng.shuffle(pair)
        line = rng.choice(SHAPES).format(*pair)
    return line


def test_compositions() -> None:
    rng = random.Random(3)
    assert sum(compare(composed(rng)) for _ in range(LINES)) > LINES // 3


@pytest.mark.long
def test_everything() -> None:
    rng = random.Random(4)
    for path in CASES.glob("*.jsonl"):
        for text in path.read_text().splitlines():
            compare(json.loads(text)["command"])
    for _ in range(5000):
        compare(composed(rng))
