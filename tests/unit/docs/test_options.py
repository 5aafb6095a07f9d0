"""Help, man pages and completions name the same commands and options."""

import argparse
import importlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aios.client import __main__ as client
from aios.client import aigpt, ask, hook
from aios.mcp import __main__ as mcp
from aios.policy.tool import __main__ as tool

CLIENT = Path(client.__file__).parent
COMPLETIONS = CLIENT / "completions"
Words = tuple[str, ...]
Option = frozenset[str]
"""One, by all of its names."""

# Completed alike, whatever the action.
FLAT = ("approvals", "log", "memory")
HELP = {"-h", "--help", "--"}


class Asked(Exception):
    pass


@pytest.fixture(scope="module")
def commands() -> dict[Words, set[Option]]:
    """Every command, with what its own --help names."""
    with pytest.MonkeyPatch.context() as patch:

        def parse(parser: argparse.ArgumentParser, *_: object) -> None:
            raise Asked(parser)

        for name in ("parse_args", "parse_intermixed_args", "parse_known_args"):
            patch.setattr(argparse.ArgumentParser, name, parse)
        found = _named(_asked(ask.arguments, [], client.COMMANDS), ())
        for name in client.COMMANDS:
            module = f"aios.client.commands.{client._MODULES.get(name, name)}"
            if name == "mcp":
                parser = _asked(mcp.main, [])
            elif name == "policy":
                found |= _named(_asked(hook.main, []), ("policy", "hook"))
                found |= _named(_asked(tool._parser().parse_args), ("policy",))
                # Before an action some are taken, too.
                parser = _asked(importlib.import_module(module).main, name, [])
            else:
                parser = _asked(importlib.import_module(module).main, name, [])
            found |= _named(parser, (name,))
    return found


def _asked(main: object, *arguments: object) -> argparse.ArgumentParser:
    with pytest.raises(Asked) as caught:
        main(*arguments)  # type: ignore[operator]
    parser: argparse.ArgumentParser = caught.value.args[0]
    return parser


def _named(parser: argparse.ArgumentParser, path: Words) -> dict[Words, set[Option]]:
    found: dict[Words, set[Option]] = {path: set()}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                found |= _named(inner, (*path, name))
        elif action.option_strings and action.help != argparse.SUPPRESS:
            found[path].add(frozenset(action.option_strings))
    return found


def _flat(path: Words) -> Words:
    return path[:1] if path and path[0] in FLAT else path


def differences(commands: dict[Words, set[Option]], offered: dict[Words, set[str]]) -> str:
    """What a person has to mend, a line each."""
    told = []
    wanted: dict[Words, set[Option]] = {}
    for path, options in commands.items():
        wanted.setdefault(_flat(path), set()).update(options)
    for path, options in wanted.items():
        known = set().union(*options) | HELP
        for option in options:
            if not option & HELP and not option & offered[path]:
                told.append(f"{' '.join(path)}: lacks {'/'.join(sorted(option))}")
        for option in offered[path] - known:
            told.append(f"{' '.join(path)}: has no {option}")
    return "\n".join(told)


def test_bash(commands: dict[Words, set[Option]]) -> None:
    script = f"""
machinectl() {{ :; }}
aios() {{ :; }}
. {COMPLETIONS}/aios.bash
while read -ra words; do
    COMP_WORDS=(aios "${{words[@]}}" -)
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _aios aios - "${{COMP_WORDS[COMP_CWORD - 1]}}"
    printf '%s\\n' "${{COMPREPLY[*]}}"
done
"""
    told = differences(commands, _offered(["bash", "-c", script], commands))
    assert not told, told


def test_zsh(commands: dict[Words, set[Option]]) -> None:
    """_arguments, which the shell has only while it completes, is told what was typed so far."""
    script = f"""
_describe() {{ :; }}
_arguments() {{
    specs=("$@")
    [[ $1 == -C ]] || return 0
    line=($words[1])
    (( $#words )) && shift words
    state=${{line:+arguments}}
}}
. {COMPLETIONS}/_aios >/dev/null
while read -rA words; do
    specs=()
    _aios
    offered=()
    for spec in $specs; do
        [[ $spec =~ '^(\\([^)]*\\))?[*]?(-[a-zA-Z-]+)' ]] && offered+=($match[2])
    done
    print -r -- $offered
done
"""
    offered = _offered(["zsh", "-f", "-c", script], commands)
    told = differences(commands, {path: names - {"-C"} for path, names in offered.items()})
    assert not told, told


def _offered(argv: Sequence[str], commands: dict[Words, set[Option]]) -> dict[Words, set[str]]:
    asked = "".join(f"{' '.join(path)}\n" for path in commands)
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, check=True)
    assert not done.stderr
    lines = zip(commands, done.stdout.splitlines(), strict=True)
    return {path: {word for word in line.split() if word[0] == "-"} for path, line in lines}


def test_fish(commands: dict[Words, set[Option]]) -> None:
    """Its conditions are read here: no shell of its own is needed for that."""
    offered: dict[Words, set[str]] = {_flat(path): set() for path in commands}
    for condition, names in _fish():
        for path in commands:
            if _holds(condition, path):
                offered[_flat(path)] |= names
    told = differences(commands, offered)
    assert not told, told


def _fish() -> Iterator[tuple[str, set[str]]]:
    known: dict[str, str] = {}

    def value(text: str) -> str:
        return re.sub(r"\$(\w+)", lambda name: known[name[1]], text)

    for line in (COMPLETIONS / "aios.fish").read_text().replace("\\\n", " ").splitlines():
        if found := re.match(r"set -l (\w+) (.*)", line):
            known[found[1]] = value(found[2].strip("'\""))
        elif line.startswith("complete "):
            line = re.sub(r" -d (\"[^\"]*\"|'[^']*'|\S+)", "", line)
            condition = re.search(r" -n (\"[^\"]*\"|'[^']*'|\S+)", line)
            names = {f"--{name}" for name in re.findall(r" -l (\S+)", line)}
            names |= {f"-{name}" for name in re.findall(r" -s (\S)\b", line)}
            yield value(condition[1].strip("'\"")) if condition else "", names


def _holds(condition: str, path: Words) -> bool:
    holds, how = True, "and"
    for part in re.split(r"; (and|or) ", condition) if condition else ():
        if part in ("and", "or"):
            how = part
            continue
        words = part.removeprefix("not ").split()
        assert words[0] == "__fish_seen_subcommand_from", condition
        one = bool(set(words[1:]) & set(path)) != part.startswith("not ")
        holds = (holds and one) if how == "and" else (holds or one)
    return holds


def test_the_man_page(commands: dict[Words, set[Option]]) -> None:
    page = _page("aios.1")
    for path, options in commands.items():
        for word in path:
            assert re.search(rf"\b{word}\b", page), path
        for option in options:
            named = [name for name in option if re.search(rf"(?<![\w-]){name}(?![\w-])", page)]
            assert named, f"{' '.join(path)}: lacks {'/'.join(option)}"


def test_aigpt() -> None:
    """One text each: what is offered for a command only, is told nowhere else."""
    page, bash = _page("aigpt.1"), (COMPLETIONS / "aigpt.bash").read_text()
    for path, options in _named(aigpt.parser(), ()).items():
        for text in (page, bash):
            assert all(word in text for word in path), path
            assert all(name in text for option in options if not option & HELP for name in option)


def _page(name: str) -> str:
    text = (CLIENT / "man" / name).read_text().replace("\\-", "-")
    return re.sub(r"\\f[BIPR]", " ", text)
