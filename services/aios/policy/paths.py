"""Path operands made canonical, and whether a word that is partly unknown may be a given path."""

from __future__ import annotations

import re
from functools import lru_cache

from aios.policy.words import ANY, HOME, NAME, ONE, PATH, SPLIT, STAR, is_dynamic

_PROC_ROOT = re.compile(
    rf"/proc/(?:self|thread-self|\d+|[{ANY}{SPLIT}{STAR}{ONE}{NAME}{PATH}]+)(?:/task/[^/]+)?/(?:root|cwd)(?=/|$)"
)
_NO_DOT = "\ue020"  # before a glob, or a name, at the beginning of a path's component
_BEGINNING = re.compile(rf"(?<![^/])(?=[{STAR}{ONE}{NAME}])")
_WILD = frozenset((ANY, SPLIT, STAR, ONE, _NO_DOT))
_MAX_READINGS = 64
_MAX_STEPS = 20_000


def canonical(path: str) -> str:
    """`//`, `/.`, `/..` and a trailing `/` resolved as text; symbolic links are not followed."""
    if not path:
        return path
    if path.isascii() and "//" not in path and "/." not in path and path[-1] != "/":
        return path if not path.startswith("./") or len(path) < 3 else canonical(path[2:])
    absolute = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if parts and is_dynamic(parts[-1]):
                parts = [ANY]  # the parent of what is not known
            elif parts and parts[-1] != "..":
                parts.pop()
            elif not absolute:
                parts.append(part)
            continue
        parts.append(part)
    text = "/".join(parts)
    return "/" + text if absolute else text or "."


def readings(word: str, directories: tuple[str, ...] = ()) -> list[str]:
    """What path the word may be, canonical. `directories`: where the line may have changed to."""
    plain = word.isascii() and ".." not in word and "/proc/" not in word
    if plain and not directories and "/var/run" not in word:
        return [canonical(word)]
    found = [word]
    if not word.startswith(("/", HOME)):
        found += [f"{directory}/{word}" for directory in directories]
    for path in list(found):
        found += _homes(path)
    for path in list(found):
        if ANY in path or SPLIT in path:
            found.append(path.replace(ANY, "").replace(SPLIT, ""))
    for path in list(found):
        cuts = list(_PROC_ROOT.finditer(canonical(path))) if "/proc/" in path else []
        if cuts:
            rest = canonical(path)[cuts[-1].end() :]
            found += ["/" + rest, *(f"{directory}/{rest}" for directory in directories)]
        if "/../" in f"/{path}/":
            # /var/run/.. is the root: a symbolic link may stand anywhere before it.
            found.append("/" + path.rpartition("..")[2])
    unique = list(dict.fromkeys(canonical(path) for path in found if path))
    unique += [path.removeprefix("/var") for path in unique if f"{path}/".startswith("/var/run/")]
    return unique if len(unique) <= _MAX_READINGS else [*unique[:_MAX_READINGS], "/" + ANY]


def _homes(path: str) -> list[str]:
    """What the path may be for what HOME may be."""
    if HOME not in path:
        return []
    rest = path[1:]
    if path[0] != HOME or HOME in rest:
        return [path.replace(HOME, ANY)]
    # Of users whose home is the root, too.
    return [*(home + rest for home in ("/root", "/home/user", "")), "/" + rest.lstrip("/")]


def has_live_first(path: str) -> bool:
    """Whether the path is the root's entries written as a glob: /* //* /.* /*/x."""
    if not path.startswith("/") or len(path) < 2:
        return False
    first = path[1:].partition("/")[0]
    return STAR in first or ONE in first


@lru_cache(maxsize=4096)
def glob(pattern: str) -> re.Pattern[str]:
    """A pattern's regular expression; * and ? stay within one path component."""
    parts, index = [""], 0
    while index < len(pattern):
        char = pattern[index]
        index += 1
        if char in ("*", STAR):
            parts.append("")
        elif char in ("?", ONE):
            parts[-1] += "[^/]"
        elif char == "[":
            end = pattern.find("]", index + 1)
            if end < 0:
                parts[-1] += r"\["
                continue
            body = pattern[index:end].replace("\\", "\\\\").replace("[", "\\[")
            parts[-1] += "[" + ("^/" + body[1:] if body[0] in "!^" else body) + "]"
            index = end + 1
        else:
            parts[-1] += re.escape(char)
    first, *rest = parts
    # Each star but the last takes as little as it can and keeps it (as fnmatch.translate has it):
    # trying every length of every star would take exponential time.
    between = "".join(f"(?>[^/]*?{part})" for part in rest[:-1])
    return re.compile(first + between + (f"[^/]*{rest[-1]}" if rest else ""), re.DOTALL)


def may_match(word: str, pattern: str) -> bool:
    """Whether some text is both: what `word` turns into, and a match of the glob `pattern`."""
    if not is_dynamic(word):
        return glob(pattern).fullmatch(word) is not None
    left, right = _tokens(word), _pattern_tokens(pattern)
    for mine, other in ((left, right), (left[::-1], right[::-1])):
        for first, second in zip(mine, other, strict=False):
            if first in _WILD or second in _WILD:
                break
            if first != second:
                return False
    if len(left) * len(right) > _MAX_STEPS:
        return True
    # States: positions in both; a many-token may match nothing or go on.
    row = _closed({0}, right)
    for char in left:
        row = _step(row, char, right)
        if not row:
            return False
    return len(right) in row


def _tokens(word: str) -> str:
    text = word if SPLIT in word else _BEGINNING.sub(_NO_DOT, word)
    return text.replace(SPLIT, ANY).replace(PATH, ANY).replace(HOME, "~").replace(NAME, STAR)


def _pattern_tokens(pattern: str) -> str:
    text = re.sub(r"\[[^\]]+\]", ONE, pattern)
    return text.replace("*", STAR).replace("?", ONE)


def _closed(states: set[int], pattern: str) -> set[int]:
    out = set(states)
    for state in sorted(states):
        while state < len(pattern) and pattern[state] in (STAR, ANY):
            state += 1
            out.add(state)
    return out


def _step(row: set[int], char: str, pattern: str) -> set[int]:
    """From pattern positions `row`, those reachable over one character of the word."""
    size = len(pattern)
    if char == _NO_DOT:
        return {state for state in row if pattern[state : state + 1] != "."}
    if char == ANY:
        return set(range(min(row), size + 1))
    if char == STAR:
        out = set(row)
        for state in range(min(row), size):
            if state in out and pattern[state] != "/":
                out.add(state + 1)
        return _closed(out, pattern)
    out = set()
    for state in row:
        if state == size:
            continue
        wanted = pattern[state]
        if wanted in (STAR, ANY):
            if char != "/" or wanted == ANY:
                out.add(state)
        elif wanted == ONE or char == ONE:
            if char != "/" and wanted != "/":
                out.add(state + 1)
        elif wanted == char:
            out.add(state + 1)
    return _closed(out, pattern)
