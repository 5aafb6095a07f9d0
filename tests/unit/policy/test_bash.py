"""Against the bash that is there: a line that is allowed never runs what is denied.

Random lines of shell tokens; those that policy allows are run by a real bash with nothing on
its PATH but stubs, one of which leaves a mark.
"""

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from aios.policy.decision import Decision
from aios.policy.policy import Policy
from aios.policy.reader import read
from aios.policy.words import ANY, HOME, ONE, SPLIT, STAR

BASH = shutil.which("bash")
SEED = 7
LINES = 12_000

TOKENS = [
    "ls", "ls ", "echo ", "cat ", "DENIED", "DENIED ", " DENIED", " ", "\n", ";", "&", "&&", "|",
    "||",
    "|&", "'", '"', "`", "$(", ")", "(", "{ ", "; }", "\\", "\\\n", "#", " #", "<<E\n", "\nE\n",
    "E",
    "<<'E'\n", "<<-E\n", "$'", '$"', "${x:-", "${x#", "}", "$((", "))", "((", "case x in ", "x) ",
    " esac", ";;", "if ", "; then ", "; fi", "; do ", "; done", "for x in ", "[[ ", "]]", " ]",
    "[ ",
    "> /dev/null", "<(", ">(", "2>&1", "<", "<<<", "! ", "time ", "a", "x=", "$x", "*", "?", "[",
    "]",
    "~", "{a,b}", ",", "\t", "1", "-", "=", "coproc ", "\\\\", "\\'", '\\"', "\\`", "\\$", "in",
    "do",
]  # fmt: skip


@pytest.mark.skipif(BASH is None, reason="no bash to compare with")
def test_what_is_allowed_does_not_run_what_is_denied(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[permissions]\nauto_allow=["ls","cat","echo","[","[["]\ndeny=["DENIED"]\n')
    policy = Policy.load([rules])
    stubs, here, mark = tmp_path / "bin", tmp_path / "here", tmp_path / "mark"
    stubs.mkdir()
    here.mkdir()
    for name, does in (("ls", "exit 0"), ("cat", "exit 0"), ("DENIED", f": > {mark}")):
        (stubs / name).write_text(f"#!/bin/sh\n{does}\n")
        (stubs / name).chmod(0o755)
    rng = random.Random(SEED)
    ran = 0
    for _ in range(LINES):
        line = rng.choice(("ls ", "echo ", "")) + "".join(rng.choices(TOKENS, k=rng.randint(2, 12)))
        if "DENIED" not in line or policy.check(line, "m").decision is not Decision.AUTO_ALLOW:
            continue
        ran += 1
        subprocess.run(
            [BASH or "", "-c", line],
            env={"PATH": str(stubs)},
            cwd=here,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
        assert not mark.exists(), line
        assert not list(here.iterdir()), line
    assert ran > 20


WORDS = [
    "a ", "b ", "a", "b", " ", "\n", ";", "&&", " || ", "'", '"', "'x y'", '"x y"', "\\", "\\\n",
    "#",
    " # ", "<<E\n", "\nE\n", "<<'E'\n", "$'", "\\n", "\\x41", "\\'", '\\"', "\\\\", "`", "$(",
    ")", "{",
    "}", ",", "{x,y}", "{1..3}", "{a,b", "..", "[", "]", "*", "!", "=", "x=1 ", "-f", "+", ":",
    "$ ",
    "2>&1", ">/dev/null", "<<<x", "if a; then ", "; fi", "; do ", "; done", "for i in 1 2; do ",
    "case x in ", "x) ", "*) ", ";;", " esac", "{ ", "; }", "(", "! ", "time ", "[[ ", " ]] ",
    "== ",
    "\t", "é", "\\ ", "\\$", "%",
]  # fmt: skip


@pytest.mark.skipif(BASH is None, reason="no bash to compare with")
def test_the_reader_sees_the_words_that_bash_runs(tmp_path: Path) -> None:
    stubs, here, seen = tmp_path / "bin", tmp_path / "here", tmp_path / "seen"
    stubs.mkdir()
    here.mkdir()
    for name in ("a", "b"):
        (stubs / name).write_text(f'#!{BASH}\nprintf "%s\\0" {name} "$@" END >> {seen}\n')
        (stubs / name).chmod(0o755)
    back = str.maketrans({STAR: "*"})
    rng = random.Random(SEED)
    ran = 0
    for _ in range(LINES // 4):
        line = rng.choice(("a ", "b ", "")) + "".join(rng.choices(WORDS, k=rng.randint(2, 9)))
        found = read(line)
        words = [simple.words for simple in found.commands]
        unknown = any(mark in word for each in words for word in each for mark in MARKS)
        writes = any(
            r.op[0] != "<" and r.target not in ("1", "/dev/null")
            for simple in found.commands
            for r in simple.redirects
        )
        if found.broken or found.unclear or unknown or writes or not words:
            continue
        ran += 1
        seen.unlink(missing_ok=True)
        subprocess.run(
            [BASH or "", "-c", line],
            env={"PATH": str(stubs), "LANG": "C.UTF-8"},
            cwd=here,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
        text = seen.read_text() if seen.exists() else ""
        bash = {tuple(each.split("\0")[:-1]) for each in text.split("END\0") if each}
        assert bash <= {tuple(word.translate(back) for word in each) for each in words}, line
    assert ran > 100


MARKS = (ANY, HOME, ONE, SPLIT)
