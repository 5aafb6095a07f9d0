"""Against a real bash, in a jail: a line that is allowed runs what the reader saw, no more."""

import random
import re
import shlex
from pathlib import Path
from typing import Protocol

import pytest

from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy
from aios.policy.reader import read
from aios.policy.words import ANY, HOME, NAME, ONE, PATH, SPLIT, STAR, is_dynamic

SEED = 7
TOKEN_LINES = 12_000
WORD_LINES = 3_000
LINES = 1_500
SPLICED_LINES = 3_000
RULES = """
[permissions]
auto_allow = ["ls", "cat", "echo", "grep", "wc", "true", "false", "[", "[[", ":", "break"]
notify = ["git clone*"]
deny = ["rm -rf /", "mkfs*", "DENIED"]
"""
ALLOWED = {"ls", "cat", "grep", "wc"}
# They change nothing that matters, so a rule for what they run is enough.
WRAPPERS = {"command", "nice", "nohup", "timeout", "time"}


Calls = dict[int, list[tuple[str, ...]]]


class Jail(Protocol):
    def run(self, lines: list[str], *, seconds: float = 60) -> Calls: ...


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = tmp_path_factory.mktemp("rules") / "rules.toml"
    path.write_text(RULES)
    return Policy.load([Path(path)])


def allows(policy: Policy, line: str) -> bool:
    return policy.check(line, "m").decision is Decision.AUTO_ALLOW


def shape(words: list[str]) -> str:
    """A regular expression for the words, each ended by a NUL, that bash may make of these."""
    known = dict.fromkeys((ANY, HOME, STAR, ONE), "[^\0]*") | dict.fromkeys((NAME, PATH), "[^\0]+")
    made = ""
    for word in words:
        one = "".join(known.get(letter) or re.escape(letter) for letter in word)
        if SPLIT in word:
            made += "(?:[^\0]*\0)*"
        elif STAR in word or ONE in word:
            made += f"(?:{one}\0)+"
        else:
            made += f"{one}\0"
    return made.replace("/dev/fd/63", "/dev/fd/[0-9]+")


def saw(line: str, call: tuple[str, ...]) -> bool:
    """Whether the reader saw this call in the line."""
    text = "".join(f"{word}\0" for word in call)
    for simple in read(line).commands:
        starts = range(len(simple.words)) if set(simple.words[:1]) & WRAPPERS else range(1)
        if any(re.fullmatch(shape(simple.words[start:]), text) for start in starts):
            return True
    return False


def test_the_jail_is_one(jail: Jail) -> None:
    lines = [
        "ls $UID $EUID",
        "ls /* /dev/*",
        "echo x > /x; echo x > /yard/x; echo x > /lib/bash; ls /x /yard/*",
        "ls a & ls 'b c' \"\"",
        ": < /dev/tcp/127.0.0.1/22 && ls reached",
        "rm -rf /",
        "until false; do :; done",
        "ls after",
    ]
    ran = jail.run(lines)
    assert ran[0] == [("ls", "65534", "65534")]
    assert {*ran[1][0]} <= {"ls", "/dev", "/lib", "/lib64", "/usr", "/stubs", "/yard", "/dev/null"}
    assert ran[2] == [("ls", "/x", "/yard/one", "/yard/two")]
    assert sorted(ran[3]) == [("ls", "a"), ("ls", "b c", "")]
    assert 4 not in ran
    assert ran[5] == [("rm", "-rf", "/")]
    assert ran[7] == [("ls", "after")]


ATOMS = [
    "ls", "ls -la one", "cat one two", "echo 'a b'", 'grep "x y" one', "wc -l < one", "true",
    "false", "ls > /dev/null", "echo $x", 'ls "$x"', "ls $x", "ls *", "cat o?e", "ls [ot]*",
    "cat {one,two}", "ls ~", "command ls a", "nice ls b", "timeout 5 cat one", "A=1 ls",
    "cat <<< 'x y'", "ls 2>&1", "ls \\\n -l", "ls a#b # c", "l\\s -l", "'ls' x", '"l"s y', "$'ls'",
    "echo 'rm -rf /'", "ls -- -rf /", "[ -n x ]", "[[ -n x ]]", "grep 'mkfs' one", "ls rm -rf /",
    "rm -rf /", "mkfs.ext4 x", "r\\m -rf /", "'rm' -r -f /", "DENIED", "command rm -rf /",
    "rm -rf /$x", "$x", "sudo ls", "rm one", "touch x", "git clone x", "dd if=x", "eval DENIED",
]  # fmt: skip
SHAPES = [
    "{}; {}", "{} && {}", "{} || {}", "{} | {}", "{} |& {}", "{}\n{}", "{} & {}", "({}; {})",
    "{{ {}; {}; }}", "if {}; then {}; fi", "if {}; then :; else {}; fi",
    "until {}; do {}; break; done",
    "for i in p q; do {}; {}; done", "case x in x) {};; *) {};; esac",
    "case $y in (x) {};& *) {}\nesac",
    "echo $({}) `{}`", 'echo "$({}; {})"', "cat <({}) <({})", "cat <<E\n$({}; {})\nE",
    "cat <<'E'\n$({}; {})\nE", "cat <<-E\n\t`{}`\n\tE\n{}", "! {} & {}", "time {}; {}",
    "echo ${{y:-$({})}} $({})", "echo ${{y:-<({})}}; {}", 'echo ${{PATH#<({})}} "${{y:-<({})}}"',
    "echo \"${{y:-`{}`}}\"; {}", "[[ -n $({}) ]] && {}", "{} # {}",
    "{} # x\\\n{}", "{} \\\n; {}", "echo $(( 1 + $({}) )) ; {}", "coproc {}; {}",
    "x() {{ {}; }}; {}",
    "echo '{}' \"{}\"", "echo \\{} \\; {}", "{};{{ {};}}", "echo $'\\'{}' ;{}", "{}\t&&\n{}",
]  # fmt: skip
NOISE = ["'", '"', "`", "\\", "\n", ";", "&", "|", "(", ")", "{", "}", "#", " ", "$(", "<<E\n"]


def composed(rng: random.Random) -> str:
    line = rng.choice(ATOMS[:36])
    # Mostly of what is allowed: a line is allowed only when all of it is.
    atoms = ATOMS[:36] if rng.random() < 0.6 else ATOMS
    for _ in range(rng.randint(1, 3)):
        pair = [line, rng.choice(atoms)]
        rng.shuffle(pair)
        line = rng.choice(SHAPES).format(*pair)
    if rng.random() < 0.5:
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(line) + 1)
            line = line[:at] + rng.choice(NOISE) + line[at + rng.randint(0, 1) :]
    return line


def compare(jail: Jail, policy: Policy, lines: list[str], seconds: float) -> int:
    allowed = [line for line in lines if allows(policy, line)]
    for number, calls in jail.run(allowed, seconds=seconds).items():
        for call in calls:
            assert call[0] in ALLOWED | WRAPPERS, allowed[number]
            assert saw(allowed[number], call), (allowed[number], call)
    return len(allowed)


def test_compositions(jail: Jail, policy: Policy) -> None:
    rng = random.Random(SEED)
    assert compare(jail, policy, [composed(rng) for _ in range(LINES)], 60) > LINES // 8


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


def test_what_is_allowed_does_not_run_what_is_denied(jail: Jail, policy: Policy) -> None:
    rng = random.Random(SEED)
    lines = []
    for _ in range(TOKEN_LINES):
        line = rng.choice(("ls ", "echo ", "")) + "".join(rng.choices(TOKENS, k=rng.randint(2, 12)))
        if "DENIED" in line:
            lines.append(line)
    assert compare(jail, policy, lines, 60) > 20


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


def test_the_reader_sees_the_words_that_bash_runs(jail: Jail) -> None:
    rng = random.Random(SEED)
    lines = []
    for _ in range(WORD_LINES):
        line = rng.choice(("a ", "b ", "")) + "".join(rng.choices(WORDS, k=rng.randint(2, 9)))
        found = read(line)
        words = [simple.words for simple in found.commands]
        if words and not (
            found.broken
            or found.unclear
            or any(is_dynamic(word) for each in words for word in each[:1])
        ):
            lines.append(line)
    for number, calls in jail.run(lines).items():
        for call in calls:
            assert saw(lines[number], call), (lines[number], call)
    assert len(lines) > 100


VALUES = [
    "a", "one two", " DENIED", "5 DENIED", "-f/dev/null", "--files0-from=/etc/shadow",
    "/etc/shadow", "-v x /etc/shadow", "../etc/shadow", "show; DENIED", "*", "",
]  # fmt: skip
COMMANDS = [
    "cat one", "ls -la one", "grep -c x one", "wc -l one", "date +%F", "du -sh one", "uniq one",
    "nice -n 5 ls", "timeout 5 cat one", "timeout -k 1 5 ls", "stdbuf -oL grep x one", "nohup ls",
    "env ls", "command ls", "git log one", "find one -name x", "sort -k 2 one", "sed -n p one",
]  # fmt: skip
PIECES = [
    "$x", '"$x"', "${x}", '"${x}"', "$x{a,b}", "{a,$x}b", "{b,$}x", "*", "t*", "~root", "{~,a}",
    "{1..2}", "{'1'..2}", "\\\n", "''", "-", "/", "{x[0]}>&2", "9999999999>&2", "x=~", "${x%a}",
    "`ls`",
]  # fmt: skip


def test_what_bash_runs_would_be_allowed_by_itself(jail: Jail) -> None:
    """Whatever a variable, a glob or braces turn into: asked about those words, policy agrees."""
    shipped = Policy.load([SHIPPED])
    rng = random.Random(SEED)
    lines = {}
    for _ in range(SPLICED_LINES):
        line = rng.choice(COMMANDS)
        for _ in range(rng.randint(1, 2)):
            places = [place.end() for place in re.finditer(r"\b| ", line)]
            at = rng.choice(places)
            line = line[:at] + rng.choice(("", " ")) + rng.choice(PIECES) + line[at:]
        # What grep is told to read by an option it does not show.
        given = [value for value in VALUES if value[:2] != "--" or "grep" not in line]
        values = " ".join(shlex.quote(value) for value in rng.sample(given, rng.randint(1, 2)))
        line = f"for {rng.choice(('x', 'xb'))} in {values}; do {line}; done"
        decision = shipped.check(line, "m").decision
        if decision < Decision.REQUIRE_APPROVAL:
            lines[line] = decision
    for number, calls in jail.run(list(lines)).items():
        line = list(lines)[number]
        for call in calls:
            verdict = shipped.check(shlex.join(call), "m")
            assert verdict.decision <= lines[line], (line, call, verdict)
    assert len(lines) > SPLICED_LINES // 20
