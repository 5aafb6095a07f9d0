"""What holds for every line: no wrapping, quoting or company makes a decision milder."""

import random
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy

SEED = 20240229
LINES = 1500

NAMES = [
    "rm", "\\rm", "'rm'", '"rm"', "r\\m", "$'rm'", "r''m", "/bin/rm", "//bin/rm",
    "/usr/bin/../bin/rm", "$'\\x72m'", "sudo rm", "env rm", "command rm", "nice rm", "doas rm",
    "busybox rm", "timeout 1 rm", "xargs rm",
]  # fmt: skip
OPTIONS = [
    "-rf", "-fr", "-r -f", "-Rf", "-rfv", "--recursive --force", "--recurs -f", "-r'f'", "-{r,f}",
    "-rf --no-preserve-root",
]  # fmt: skip
TARGETS = ["/", "//", "/.", "'/'", "\\/", "/tmp/..", "/*", "/tmp /", "$'/'", "/{,}", "/$X", "///"]


def backquoted(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


WRAPPINGS: list[Callable[[str], str]] = [
    lambda s: f"echo $({s})",
    lambda s: f'echo "$({s})"',
    lambda s: "echo " + backquoted(s),
    lambda s: f"ls; {s}",
    lambda s: f"ls && {s}",
    lambda s: f"ls | {s}",
    lambda s: f"{s} & ls",
    lambda s: f"({s})",
    lambda s: "{ " + s + "; }",
    lambda s: f"if {s}; then ls; fi",
    lambda s: f"for i in a; do {s}; done",
    lambda s: f"case x in x) {s};; esac",
    lambda s: f"bash -c {shlex.quote(s)}",
    lambda s: f"sudo env sh -c {shlex.quote(s)}",
    lambda s: f"eval {shlex.quote(s)}",
    lambda s: f"su -c {shlex.quote(s)} root",
    lambda s: f"ssh host {shlex.quote(s)}",
    lambda s: f"find . -exec sh -c {shlex.quote(s)} \\;",
    lambda s: f"cat <({s})",
    lambda s: "echo ${x:-$(" + s + ")}",
    lambda s: f"x=$({s})",
    lambda s: f"ls > $({s})",
    lambda s: f"bash <<'E'\n{s}\nE",
    lambda s: f"cat <<E\n$({s})\nE",
    lambda s: f"bash <<< {shlex.quote(s)}",
    lambda s: f"f() {{ {s}; }}; f",
    lambda s: f"[[ -n $({s}) ]]",
    lambda s: f"echo {shlex.quote(s)} | bash",
    lambda s: f"echo $(( $({s}) + 1 ))",
    lambda s: f"coproc {s}",
    lambda s: f"trap {shlex.quote(s)} EXIT",
    lambda s: f"systemd-run --wait bash -c {shlex.quote(s)}",
]

SOUP = [
    "ls", "ls ", "echo ", "cat ", "rm -rf /", "rm ", " ", "\n", ";", "&", "&&", "|", "||", "|&",
    "'",
    '"', "`", "$(", ")", "(", "{ ", "}", "\\", "\\\n", "#", "<<E\n", "\nE\n", "$'", "${x:-", "$((",
    "))", "case x in ", "x) ", " esac", ";;", "if ", "; then ", "; fi", "; do ", "; done", "[[ ",
    "]]", "> /dev/null", "<(", ">(", "2>&1", "<", "<<<", "! ", "time ", "x=", "$x", "*", "?", "[",
    "~", "{a,b}", "\t", "sudo ", "env ", "bash -c ", "eval ", "find . -exec ", "\x0b", "\u200b",
    "é",
]  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return Policy.load([SHIPPED])


def test_a_denied_command_is_denied_however_it_is_dressed(shipped: Policy) -> None:
    rng = random.Random(SEED)
    for _ in range(LINES):
        line = " ".join(rng.choice(kind) for kind in (NAMES, OPTIONS, TARGETS))
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            line = rng.choice(WRAPPINGS)(line)
        assert shipped.check(line, "aios", user="me").decision is Decision.DENY, line


def test_no_text_crashes_or_is_milder_for_more(shipped: Policy) -> None:
    rng = random.Random(SEED)
    for _ in range(LINES):
        line = "".join(rng.choices(SOUP, k=rng.randint(1, 16)))
        alone = shipped.check(line, "aios", user="me").decision
        more = shipped.check(f"{line}\nfrobnicate", "aios", user="me").decision
        assert more >= min(alone, Decision.REQUIRE_APPROVAL), line
        assert more >= Decision.REQUIRE_APPROVAL or "#" in line or "<<" in line, line


@pytest.mark.parametrize(
    "text",
    ["ls " * 20000, "$(" * 5000, "(" * 9000, "`" * 9001, "{" * 9000 + "a,b" + "}" * 9000,
     "[[ " * 9000,
     "rm -rf " + "/x " * 20000, "*" * 60000, "cat " + "?*" * 20000, "sudo " * 10000 + "rm -rf /",
     "eval " * 9000, "find . -exec " * 4000, "${x:-" * 9000, "a\\\n" * 20000, "<<" * 9000,
     "[" * 60000, "~" * 60000, "$((" * 9000, "x=" * 20000, "!" * 60000, "'" * 60001, "&" * 60000],
)  # fmt: skip
def test_long_text_ends(shipped: Policy, text: str) -> None:
    started = time.process_time()
    shipped.check(text, "aios", user="me")
    assert time.process_time() - started < 5


def test_many_rules_cost_little(tmp_path: Path) -> None:
    path = tmp_path / "many.toml"
    path.write_text(
        "[permissions]\nauto_allow = ["
        + ", ".join(f'"tool{n} sub*"' for n in range(10_000))
        + ', "ls", "cat"]\n'
    )
    policy = Policy.load([path])
    line = "ls -la /tmp | cat; " * 10
    started = time.process_time()
    for _ in range(100):
        assert policy.check(line, "aios").decision is Decision.AUTO_ALLOW
    assert time.process_time() - started < 1
