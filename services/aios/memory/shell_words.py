"""A command line as the simple commands in it, for finding it again; never for deciding.

Tolerant: what cannot be read is taken as it stands. What decides is aios.policy's reader.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_COMMANDS = 64
MAX_DEPTH = 4
_ENDS = frozenset((";", "&", "|", "||", "&&", "|&", ";;", "\n", "(", ")"))
_KEYWORDS = frozenset(
    ("if", "then", "else", "elif", "fi", "do", "done", "while", "until", "{", "}", "!", "time",
     "case", "esac", "in", "function")
)  # fmt: skip
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
# Bounded: each digit of a long number asks anew.
_REDIRECTION = re.compile(r"\d{0,9}(?:&?>>?[|&]?|<<<|<<-?|<>|<&?)")
_END = re.compile(r"\|\||&&|;;|\|&|[;&|\n()]")
# Programs that run the rest of their words; with how many operands of their own before it.
_WRAPPERS: dict[str, int] = {
    "sudo": 0, "doas": 0, "env": 0, "nohup": 0, "nice": 0, "ionice": 0, "time": 0, "exec": 0,
    "command": 0, "builtin": 0, "stdbuf": 0, "setsid": 0, "xargs": 0, "timeout": 1, "watch": 0,
    "systemd-run": 0, "strace": 0, "caffeinate": 0, "unbuffer": 0, "chroot": 1, "flock": 1,
    "runuser": 0, "systemd-inhibit": 0, "eatmydata": 0, "fakeroot": 0, "proxychains": 0,
}  # fmt: skip
_WITH_VALUE = {
    "sudo": ("-u", "-g", "-h", "-p", "-C", "-D", "--user", "--group", "--chdir"),
    "env": ("-u", "-C", "--unset", "--chdir", "-S"), "nice": ("-n",),
    "ionice": ("-c", "-n", "-p"), "timeout": ("-s", "-k", "--signal", "--kill-after"),
    "xargs": ("-I", "-n", "-P", "-L", "-d", "-a", "-s", "-E"), "watch": ("-n", "-d"),
    "stdbuf": ("-i", "-o", "-e"), "systemd-run": ("-p", "-u", "-M", "--unit", "--property"),
    "strace": ("-o", "-e", "-p", "-s"), "runuser": ("-u", "-g"), "flock": ("-w", "-E"),
}  # fmt: skip
_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "ash", "fish"))


@dataclass(slots=True)
class Simple:
    """One program with its words, and the files that its output goes to."""

    words: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)


def simple_commands(line: str, depth: int = 0) -> list[Simple]:
    """In order, wrappers (sudo, env, bash -c …) looked through."""
    found: list[Simple] = []
    for simple in _split(_without_heredocs(line), depth, found):
        unwrapped = _unwrapped(simple, depth)
        found += unwrapped if isinstance(unwrapped, list) else [unwrapped]
        if len(found) >= MAX_COMMANDS:
            break
    return [simple for simple in found if simple.words or simple.writes][:MAX_COMMANDS]


def _without_heredocs(line: str) -> str:
    if "<<" not in line or "\n" not in line:
        return line
    kept: list[str] = []
    ends: list[str] = []
    for row in line.split("\n"):
        if ends:
            if row.strip() == ends[0]:
                ends.pop(0)
            continue
        ends += [match[2] for match in _HEREDOC.finditer(row)]
        kept.append(_HEREDOC.sub("", row))
    return "\n".join(kept)


def _split(line: str, depth: int, inner: list[Simple]) -> Iterator[Simple]:
    """Simple commands; those in $(…) and `…` are added to `inner`."""
    current = Simple()
    target = False
    for kind, text in _tokens(line):
        if kind == "end":
            yield current
            current, target = Simple(), False
        elif kind == "redirect":
            target = ">" in text and not text.endswith("&")
            if not target:
                current.writes.append("")
        elif kind == "sub":
            if depth < MAX_DEPTH:
                inner += simple_commands(text, depth + 1)
        elif target or (current.writes and current.writes[-1] == ""):
            if current.writes and current.writes[-1] == "":
                current.writes.pop()  # what is read, or a descriptor
            elif text not in ("/dev/null", "/dev/stdout", "/dev/stderr"):
                current.writes.append(text)
            target = False
        elif current.words or not (text in _KEYWORDS or _ASSIGNMENT.match(text)):
            current.words.append(text)
    yield current


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    """("word"|"redirect"|"end"|"sub", text)"""
    word: list[str] | None = None
    place, size = 0, len(line)

    def added(text: str) -> list[str]:
        # In place: a word may have as many pieces as the line has characters.
        pieces = [] if word is None else word
        pieces.append(text)
        return pieces

    while place < size:
        char = line[place]
        if char == "\\":
            if line[place + 1 : place + 2] != "\n":
                word = added(line[place + 1 : place + 2])
            place += 2
        elif char == "'":
            end = line.find("'", place + 1)
            end = size if end < 0 else end
            word = added(line[place + 1 : end])
            place = end + 1
        elif char == '"':
            end = _closing_quote(line, place + 1)
            text = line[place + 1 : end]
            for sub in re.findall(r"\$\(([^()]*)\)|`([^`]*)`", text):
                yield "sub", sub[0] or sub[1]
            word = added(re.sub(r'\\(["\\$`])', r"\1", text))
            place = end + 1
        elif char == "`" or line.startswith(("$(", "<(", ">("), place):
            start = place + (1 if char == "`" else 2)
            end = line.find("`", start) if char == "`" else _closing(line, start)
            end = size if end < 0 else end
            if not line.startswith("$((", place):
                yield "sub", line[start:end]
            word = added(line[place : end + 1])
            place = end + 1
        elif char == "#" and word is None:
            end = line.find("\n", place)
            place = size if end < 0 else end
        elif char in " \t":
            if word is not None:
                yield "word", "".join(word)
                word = None
            place += 1
        elif match := _REDIRECTION.match(line, place):
            if match[0].lstrip("0123456789") and (word is None or not match[0][0].isdigit()):
                if word is not None:
                    yield "word", "".join(word)
                    word = None
                yield "redirect", match[0]
                place = match.end()
            else:
                word = added(char)
                place += 1
        elif match := _END.match(line, place):
            if word is not None:
                yield "word", "".join(word)
                word = None
            yield "end", match[0]
            place = match.end()
        else:
            word = added(char)
            place += 1
    if word is not None:
        yield "word", "".join(word)


def _closing_quote(line: str, place: int) -> int:
    while place < len(line) and line[place] != '"':
        place += 2 if line[place] == "\\" else 1
    return min(place, len(line))


def _closing(line: str, place: int) -> int:
    depth = 1
    while place < len(line):
        depth += {"(": 1, ")": -1}.get(line[place], 0)
        if depth == 0:
            return place
        place += 1
    return -1


def _unwrapped(simple: Simple, depth: int) -> "Simple | list[Simple]":
    words = simple.words
    for _ in range(8):
        if not words:
            break
        name = words[0].rpartition("/")[2]
        if name in _SHELLS and depth < MAX_DEPTH:
            for place, word in enumerate(words[1:], 1):
                if word[:1] == "-" and word[:2] != "--" and "c" in word and place + 1 < len(words):
                    inner = simple_commands(words[place + 1], depth + 1)
                    return [*inner, Simple([], simple.writes)]
                if word[:1] != "-":
                    break
            break
        if name not in _WRAPPERS or len(words) == 1:
            break
        rest = _after_options(words[1:], _WITH_VALUE.get(name, ()), _WRAPPERS[name])
        if not rest:
            break
        words = rest
    return Simple(words, simple.writes)


def _after_options(words: list[str], with_value: tuple[str, ...], operands: int) -> list[str]:
    place = 0
    while place < len(words):
        word = words[place]
        if word == "--":
            place += 1
        elif word in with_value:
            place += 2
            continue
        elif word.startswith("-") or _ASSIGNMENT.match(word):
            place += 1
            continue
        if operands == 0:
            return words[place:]
        operands -= 1
        place += 1
    return []
