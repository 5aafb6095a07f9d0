"""Programs in arguments: what passes for a filter is one, whichever sed or awk runs it."""

import random
import resource
import subprocess
from pathlib import Path

import pytest

from aios.policy.programs import only_filters_awk, only_filters_sed, plain_ps

SEED = 1
SCRIPTS = 600
PIECES = [
    "[", "]", "^", "\\", "/", "e", "#", "x", "[:a:]", "g", "\\/", "\\]", "[^", "[x]", "\\[", "[/]",
    "[\\/]", "[.", ".]", "[=x=]", "\\c", "\\\\", "w f", "1",
]  # fmt: skip


# Letters and words that ps has, or nearly has; names of users that are made of its letters.
PS_LETTERS = "AadefFHjlLMwyZcxuTrmn"
PS_BARE = "acfghjlmnrsTuvwxHLS"
PS_VALUES = [
    "1", "ax", "eU0", "me", "root", "nosuch", "redis", "aux", "et1", "epid", "args",
    "pid,args", "x",
]  # fmt: skip
PS_OPTIONS = ["-o", "o", "-eo", "axo", "-p", "p", "-q", "--ppid", "-C", "-u", "-U", "-t", "-fp"]
PS_LINES = 150


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


def test_no_ps_that_passes_shows_an_environment(tmp_path: Path) -> None:
    rng = random.Random(SEED)

    def some() -> list[str]:
        kind = rng.random()
        if kind < 0.4:
            return ["-" + "".join(rng.sample(PS_LETTERS, rng.randint(1, 4)))]
        if kind < 0.6:
            return ["".join(rng.sample(PS_BARE, rng.randint(1, 4)))]
        if kind < 0.9:
            return [rng.choice(PS_OPTIONS), rng.choice(PS_VALUES)]
        return [rng.choice(["--sort=pid", "--sort=nosuch", "--forest", "1"])]

    def shows(words: list[str]) -> bool:
        shown = tmp_path / "shown"
        with shown.open("wb") as into:
            subprocess.run(
                ["ps", *words],
                env={"PATH": "/usr/bin"},
                stdout=into,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=60,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24,) * 2),
            )
        return b"AIOS_HIDDEN=1" in shown.read_bytes()

    with subprocess.Popen(["sleep", "600"], env={"AIOS_HIDDEN": "1"}) as other:
        try:
            assert shows(["-auxe"])
            assert not plain_ps(["-auxe"])
            seen = 0
            while seen < PS_LINES:
                words = [word for _ in range(rng.randint(1, 4)) for word in some()]
                if plain_ps(words):
                    seen += 1
                    assert not shows(words), words
        finally:
            other.kill()
