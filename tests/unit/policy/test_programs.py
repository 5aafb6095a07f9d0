"""Programs in arguments: what passes for a filter is one, whichever sed or awk runs it."""

import random
import subprocess

import pytest

from aios.policy.programs import only_filters_awk, only_filters_sed

SEED = 1
SCRIPTS = 600
PIECES = [
    "[", "]", "^", "\\", "/", "e", "#", "x", "[:a:]", "g", "\\/", "\\]", "[^", "[x]", "\\[", "[/]",
    "[\\/]", "[.", ".]", "[=x=]", "\\c", "\\\\", "w f", "1",
]  # fmt: skip


@pytest.mark.parametrize(
    "program",
    [
        # A regular expression for awk, where a division was read: its quote begins no string.
        '{ length /x"/; print > "f" } # "}',
        '{ switch (1) { case /x" /: print > "f" } } # "}}',
        # The end of a regular expression, in brackets: gawk's and mawk's is the third slash.
        '/[[:alpha:]/"]/ { print > "f" } # "',
        '/[/"]/ { print > "f" } # "',
        '"a" /x"/; { print > "f" } # "',
    ],
)
def test_awk_programs_that_can_be_read_otherwise(program: str) -> None:
    assert not only_filters_awk(program)


@pytest.mark.parametrize(
    "program",
    [
        "length > 80", "{ print $1 / 2, NR }", "/[^[:space:]]+/ { n++ } END { print n / NR }",
        '$1 ~ /^[a-z\\/]+$/ { print "a|b > c" }', '{ gsub(/[,;]/, ""); print NF / 2, length($0) }',
    ],
)  # fmt: skip
def test_awk_programs_that_filter(program: str) -> None:
    assert only_filters_awk(program)


@pytest.mark.parametrize(
    "script",
    ["s/[^/]*$//", "s/[/]/g;/e#x/p", "s/[/]/g;/wout/p", "s:[[:x:]]:y:", "/[/]/e;/p", "s/a/b/e"],
)
def test_sed_scripts_that_can_be_read_otherwise(script: str) -> None:
    assert not only_filters_sed(script)


@pytest.mark.parametrize(
    "script",
    ["s|[^/]*$||", "s/[^\\/]*$//", "s/[[:space:]]\\+/ /g;p", "/^[a-z]/p", "s:/a:/b:", "s/]//"],
)
def test_sed_scripts_that_filter(script: str) -> None:
    assert only_filters_sed(script)


def test_no_sed_script_that_passes_writes_or_runs() -> None:
    """GNU sed says of a script whether it does, without doing it."""
    rng = random.Random(SEED)

    def some(most: int) -> str:
        return "".join(rng.choices(PIECES, k=rng.randint(1, most)))

    def command() -> str:
        if rng.random() < 0.6:
            end = rng.choice(["", "g", "p", "2"])
            return f"s/{some(4)}/{some(2)}/{end}"
        return f"/{some(4)}/{rng.choice(['p', 'd', 's/x/y/'])}"

    seen = 0
    while seen < SCRIPTS:
        script = ";".join(command() for _ in range(rng.randint(1, 4)))
        if not only_filters_sed(script):
            continue
        seen += 1
        ran = subprocess.run(
            ["sed", "--sandbox", "-n", script], input=b"", capture_output=True, check=False
        )
        assert b"sandbox" not in ran.stderr, script
