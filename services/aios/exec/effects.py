"""What a line did to the directory and the environment of the shell that ran it, as far as that is
certain from its text and its exit status.

The line is followed through every way that it can have gone; the ways that end with another exit
status than the one seen did not happen. If those that are left agree, that is what it did. What is
not understood is Unknown, never guessed.

Loads policy's strict reader, so it is imported when a line needs it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aios.exec.steps import Step, Unknown, read
from aios.policy.syntax import Simple
from aios.policy.words import HOME, is_dynamic

FAILURE = -1
"""Some exit status that is not 0."""
MAX_WAYS = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# With these bash starts otherwise, or finds another directory or home than the text says.
_TWISTING = frozenset({
    "BASHOPTS", "BASH_COMPAT", "BASH_ENV", "CDPATH", "ENV", "HOME", "POSIXLY_CORRECT", "SHELLOPTS",
})  # fmt: skip
# bash's own: read-only, or with a meaning of their own.
_BASH_OWN = _TWISTING | {
    "BASHPID", "BASH_VERSINFO", "DIRSTACK", "EUID", "FUNCNAME", "GROUPS", "IFS", "LINENO",
    "OLDPWD", "OPTARG", "OPTIND", "PIPESTATUS", "PPID", "PWD", "RANDOM", "SECONDS", "SHLVL",
    "SRANDOM", "UID", "_",
}  # fmt: skip
# They leave the directory, the variables and the flow as they are.
_HARMLESS = frozenset({
    ":", "[", "[[", "echo", "false", "hash", "help", "jobs", "kill", "printf", "pwd", "test",
    "times", "true", "type", "ulimit", "umask",
})  # fmt: skip
_BUILTINS = frozenset({
    ".", "alias", "bg", "bind", "break", "builtin", "caller", "command", "compgen", "complete",
    "compopt", "continue", "coproc", "declare", "dirs", "disown", "enable", "eval", "exec", "exit",
    "fc", "fg", "getopts", "history", "let", "local", "logout", "mapfile", "popd", "pushd", "read",
    "readarray", "readonly", "return", "set", "shift", "shopt", "source", "suspend", "trap",
    "typeset", "unalias", "wait",
})  # fmt: skip
_CHANGERS = frozenset({"cd", "export", "unset"})
_SET = re.compile(r"(?:-[eux]+|-[eux]*o pipefail)(?: (?:-[eux]+|-[eux]*o pipefail))*")


@dataclass(frozen=True)
class Shell:
    """cwd, previous: absolute, or "" for the home directory; previous None: there is none.
    logical: cwd is, letter by letter, what the shell takes `..` from. local: variables that are
    not exported. errexit: `set -e`."""

    cwd: str
    previous: str | None
    env: frozenset[tuple[str, str]]
    logical: bool = True
    local: frozenset[tuple[str, str]] = frozenset()
    errexit: bool = False

    def exported(self) -> dict[str, str]:
        return dict(self.env)

    def with_env(self, env: Mapping[str, str]) -> "Shell":
        return replace(self, env=frozenset(env.items()))

    def with_local(self, local: Mapping[str, str]) -> "Shell":
        return replace(self, local=frozenset(local.items()))


@dataclass(frozen=True)
class Way:
    shell: Shell
    status: int
    over: bool = False
    """The shell ended here."""


def follow(command: str, before: Shell, *, home: str, exit_status: int) -> Shell:
    """The shell after the line. home: its account's home directory, "" where that is not known.
    Raises Unknown."""
    if twisting := sorted(_TWISTING & before.exported().keys()):
        raise Unknown(f"{twisting[0]} is set")
    steps = read(command, _constants(command, before.exported()))
    ways = [Way(before, 0)]
    for index, step in enumerate(steps):
        last = index + 1 == len(steps) or steps[index + 1].operator not in ("&&", "||")
        ways = list(dict.fromkeys(_after(ways, step, last=last, home=home)))
        if len(ways) > MAX_WAYS:
            raise Unknown("the line can go too many ways")
    ends = {
        replace(way.shell, local=frozenset(), errexit=False)
        for way in ways
        if way.status == exit_status or (way.status == FAILURE and exit_status != 0)
    }
    if len(ends) != 1:
        raise Unknown("its exit status does not say which steps succeeded: join them by &&")
    return ends.pop()


def _constants(command: str, env: Mapping[str, str]) -> dict[str, str]:
    """The variables that the line does not name but to read them."""
    return {
        name: value
        for name, value in env.items()
        if name not in _BASH_OWN and not re.search(rf"(?<![\w${{])(?:{name})(?!\w)", command)
    }


def _after(ways: Sequence[Way], step: Step, *, last: bool, home: str) -> Iterator[Way]:
    for way in ways:
        skipped = (step.operator == "&&" and way.status != 0) or (
            step.operator == "||" and way.status == 0
        )
        if way.over or skipped:
            yield way
        elif step.background:
            yield Way(way.shell, 0)
        else:
            for found in _run(way.shell, step, home):
                status = found.status
                if step.negated:
                    status = 1 if status == 0 else 0
                ends = found.shell.errexit and last and not step.negated and status != 0
                yield Way(found.shell, status, found.over or ends)


def _run(shell: Shell, step: Step, home: str) -> Iterator[Way]:
    if step.subshell:
        yield from (Way(shell, 0), Way(shell, FAILURE))
        return
    if step.expands:
        # `${X?}`, and what bash cannot expand, end it.
        yield Way(shell, FAILURE, over=True)
    if not step.elements:
        yield Way(shell, 0)
        return
    (simple,) = step.elements
    if simple is None:
        _require_harmless(step.inner, shell)
        shell = shell.with_local({})
        yield from (Way(shell, 0), Way(shell, FAILURE))
        return
    if simple.redirects and (not simple.words or simple.words[0] in _CHANGERS):
        if not simple.words and simple.assignments:
            raise Unknown("a variable is set with a redirection")
        yield Way(shell, 1)
    yield from _simple(shell, simple, home)


def _require_harmless(inner: Sequence[Simple], shell: Shell) -> None:
    for simple in inner:
        name = simple.words[0] if simple.words else ""
        if simple.assignments and not simple.words:
            raise Unknown("a variable is set within a compound command")
        if is_dynamic(name) or name in _CHANGERS or name in _BUILTINS - {"break", "continue"}:
            raise Unknown("a compound command may change the directory or variables")


def _simple(shell: Shell, simple: Simple, home: str) -> Iterator[Way]:
    words = simple.words
    if not words:
        yield from _assign(shell, simple)
        return
    name = words[0]
    if is_dynamic(name):
        raise Unknown("a command's name is not known before it runs")
    if name in _CHANGERS and simple.assignments:
        raise Unknown(f"{name} has variables of its own")
    match name:
        case "cd":
            yield Way(shell, 1)
            yield from _cd(shell, words[1:], home)
        case "export":
            yield Way(_export(shell, words[1:]), 0)
        case "unset":
            yield Way(_unset(shell, words[1:]), 0)
        case "set" if _SET.fullmatch(" ".join(words[1:])):
            errexit = shell.errexit or any("e" in w for w in words[1:] if w != "pipefail")
            yield Way(replace(shell, errexit=errexit), 0)
        case "exit":
            yield from _exit(shell, words[1:])
        case "true" | ":":
            yield from (Way(shell, 0), *([Way(shell, 1)] if simple.redirects else []))
        case "false":
            yield Way(shell, 1)
        case _:
            if name in _BUILTINS and words[:2] not in (["command", "-v"], ["command", "-V"]):
                raise Unknown(f"{name} may change the shell")
            if name == "printf" and any(word.startswith("-v") for word in words):
                raise Unknown("printf -v sets a variable")
            yield from (Way(shell, 0), Way(shell, FAILURE))


def _exit(shell: Shell, words: Sequence[str]) -> Iterator[Way]:
    if not words:  # with the last status there was
        yield from (Way(shell, 0, over=True), Way(shell, FAILURE, over=True))
    elif len(words) == 1 and re.fullmatch(r"[0-9]{1,3}", words[0]) and int(words[0]) < 256:
        yield Way(shell, int(words[0]), over=True)
    else:
        raise Unknown("how it exits is not plain")


def _assign(shell: Shell, simple: Simple) -> Iterator[Way]:
    env, local = shell.exported(), dict(shell.local)
    substituted = False
    for name, value in simple.assignments:
        if name in _BASH_OWN:
            raise Unknown(f"{name} is set")
        dynamic = is_dynamic(value) or "~" in value
        substituted = substituted or dynamic
        if name in env:
            if dynamic:
                raise Unknown(f"the value of {name} is not known")
            env[name] = value
        elif dynamic:
            local.pop(name, None)
        else:
            local[name] = value
    found = shell.with_env(env).with_local(local)
    yield Way(found, 0)
    if substituted:
        yield Way(found, FAILURE)


def _export(shell: Shell, words: Sequence[str]) -> Shell:
    env, local = shell.exported(), dict(shell.local)
    for word in words:
        name, equals, value = word.partition("=")
        # After a : it is a home directory, too.
        if is_dynamic(word) or "~" in word or not _NAME.fullmatch(name) or name in _BASH_OWN:
            raise Unknown("what is exported is not plain")
        if equals:
            env[name] = value
        elif name in local:
            env[name] = local[name]
        elif name not in env:
            raise Unknown(f"the value of {name} is not known")
        local.pop(name, None)
    return shell.with_env(env).with_local(local)


def _unset(shell: Shell, words: Sequence[str]) -> Shell:
    env, local = shell.exported(), dict(shell.local)
    for word in words[1:] if words[:1] == ["-v"] else words:
        if not _NAME.fullmatch(word) or word in _BASH_OWN:
            raise Unknown("what is unset is not plain")
        env.pop(word, None)
        local.pop(word, None)
    return shell.with_env(env).with_local(local)


def _cd(shell: Shell, words: Sequence[str], home: str) -> Iterator[Way]:
    """Where it leads when it succeeds."""
    if words[:1] == ["--"]:
        words = words[1:]
    if len(words) > 1:
        raise Unknown("cd has several operands, or options")
    (word,) = words or [HOME]
    if word == "-":
        if shell.previous is None:
            return  # it fails
        target, logical = shell.previous, True
    elif word == HOME:
        target, logical = "", False
    else:
        target, logical = _target(shell, word, home)
    moved = replace(shell, cwd=target, previous=shell.cwd, logical=logical)
    yield Way(moved, 0)
    if word == "-":
        yield Way(moved, 1)  # it could not say where it went


def _target(shell: Shell, word: str, home: str) -> tuple[str, bool]:
    """(the directory, whether the shell calls it exactly that)"""
    if word.startswith(f"{HOME}/"):
        if not home:
            raise Unknown("the home directory is not known here")
        word = home + word[len(HOME) :]
    if not word or word.startswith("-") or is_dynamic(word) or not word.isprintable():
        raise Unknown("where cd leads is not plain")
    logical = True
    if not word.startswith("/"):
        start = shell.cwd or home
        if not start:
            raise Unknown("the directory that cd starts from is not known")
        logical = shell.logical and bool(shell.cwd)
        up = [part for part in word.split("/") if part not in ("", ".")]
        if ".." in up and (not logical or set(up) != {".."}):
            # Where the text's directory is missing, bash goes by the real one.
            raise Unknown("`..` may lead through a symbolic link")
        word = f"{start}/{word}"
    elif ".." in word.split("/"):
        raise Unknown("`..` may lead through a symbolic link")
    parts: list[str] = []
    for part in word.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts), logical
