"""A command's words, sorted by what its tool's table says of them."""

from __future__ import annotations

from aios.policy.tools import Options, Tool
from aios.policy.words import ANY, ONE, SPLIT, STAR, is_dynamic, is_unknown, starts_unknown

_READ = frozenset(("files", "pattern"))


class Scan:
    """A command's words sorted by its tool's table: options that are not in it, operands."""

    def __init__(self, words: list[str], tool: Tool, start: int) -> None:
        self.unknown: list[int] = []
        self.announced: list[int] = []
        self.operands: list[int] = []
        self.files: list[tuple[int, str]] = []
        self.values: dict[str, tuple[str, ...]] = {}
        self.recursive = "" in tool.recursive
        self.pattern = False  # grep -e: the first operand is a file too
        self._tool = tool
        self._words = words
        if start == 2 and words[1].startswith("-"):
            start = 1  # the mode is an option itself
        index, ended = start, False
        while index < len(words):
            word = words[index]
            if tool.operands == "printf" and self.operands and word[:1] != "-":
                self.operands.append(index)  # behind the format nothing becomes an option
                index += 1
                continue
            if ended or len(word) < 2 or word[0] not in "-+":
                if starts_unknown(word) and not ended:
                    any_word = is_unknown(word[:1])  # a glob is only what files are called
                    self.recursive = self.recursive or (bool(tool.recursive) and any_word)
                    if tool.any_option:
                        reads = tool.files and tool.operands not in _READ and any_word
                    else:
                        reads = tool.operands != "test"
                    if reads:
                        self.unknown.append(index)
                elif SPLIT in word and not tool.any_option and tool.operands != "test":
                    self.unknown.append(index)
                self.operands.append(index)
                index += 1
            elif word == "--":
                ended, index = True, index + 1
            elif word[0] == "+":
                if not (tool.options.numbers and word[1:].isdigit()):
                    self.operands.append(index)
                index += 1
            else:
                index += self._option(index, word, tool.options)

    def _option(self, index: int, word: str, options: Options) -> int:
        """Takes one option; how many words it is."""
        known = self._tool.any_option
        if is_dynamic(word) and not known:
            self.unknown.append(index)
            return 1
        name, equals, value = word.partition("=")
        if name in options.words:
            if options.words[name] == 1 and not equals:
                self._check_value(index, self._next(index), numbers=True)
                return 2
            return 1
        if word.startswith("--"):
            return self._long(index, name[2:], value, bool(equals), options)
        if options.numbers and word[1:].isdigit():
            return 1
        for place, letter in enumerate(word[1:], 1):
            self._seen(letter, index)
            if letter in options.attached:
                if word[place + 1 :]:
                    self._value(letter, index, word[place + 1 :])
                return 1
            if letter in options.values:
                rest = word[place + 1 :]
                value = rest or self._next(index)
                self._value(letter, index, value)
                return 1 if rest else 2
            if letter not in options.flags and not known:
                self.unknown.append(index)
                return 1
        return 1

    def _long(self, index: int, name: str, value: str, equals: bool, options: Options) -> int:
        takes = options.long.get(name)
        full = name
        if takes is None and self._tool.any_option:
            # getopt accepts abbreviations; here they only choose what a value means.
            near = [long for long in options.long if long.startswith(name)]
            full = near[0] if near else name
            takes = options.long[full] if near else 2
            for long in self._tool.recursive:
                if len(long) > 1 and long.startswith(name):
                    full = long
        self._seen(full, index)
        if takes is None:
            self.unknown.append(index)
            return 1
        if takes == 1 and not equals:
            self._value(full, index, self._next(index))
            # An abbreviation may be all of another option's name, grep's --binary: then what
            # follows is an operand.
            return 2 if name in options.long else 1
        if takes == 3:  # a name and a value
            self._value(full, index, self._next(index))
            self._value(full, index, self._next(index + 1))
            return 3
        if equals:
            self._value(full, index, value)
        return 1

    def _next(self, index: int) -> str:
        return self._words[index + 1] if index + 1 < len(self._words) else ""

    def _seen(self, name: str, index: int) -> None:
        if name in self._tool.recursive:
            self.recursive = True
        if name in self._tool.announced:
            self.announced.append(index)
        if self._tool.operands == "pattern" and name in ("e", "f", "regexp", "file"):
            self.pattern = True

    def _value(self, name: str, index: int, value: str) -> None:
        self.values[name] = (*self.values.get(name, ()), value)
        # Where a value is perhaps none, it is a file; a pattern of grep's never is.
        reads = self._tool.operands in _READ and name not in ("e", "regexp")
        if value and (reads or name in self._tool.files):
            self.files.append((index, value))
        self._check_value(index, value, numbers=False)

    def _check_value(self, index: int, value: str, *, numbers: bool) -> None:
        """A value that could bring an option along, or be one where the value is optional."""
        if self._tool.any_option:
            return
        glob_only = value[:1] in (STAR, ONE) and numbers and "." in value
        option = value[:1] == "-" and len(value) > 1 and not (numbers and value[1:2].isdigit())
        if (
            SPLIT in value
            or option
            or (starts_unknown(value) and value[0] != ANY and not glob_only)
        ):
            self.unknown.append(index)
