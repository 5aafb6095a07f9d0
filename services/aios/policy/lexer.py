"""Words of bash 5, strictly: quotes, escapes, expansions, brace expansion, here-documents.

One pass over the text, no backtracking. What is not known raises Unclear; nothing is
guessed. Commands within substitutions are read by `commands`, which the Reader provides.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from aios.policy.syntax import Line
from aios.policy.words import ANY, CLOSE, COMMA, HOME, ONE, OPEN, QUOTED, SPLIT, STAR, Unclear

MAX_DEPTH = 32

_PLAIN = re.compile(r"[^\s|&;()<>$`\"'\\{},*?\[~]+")
_DOUBLE_PLAIN = re.compile(r'[^"$`\\]+')
_PARAMETER_PLAIN = re.compile(r"[^}\"'$`\\<>]+")
_BODY_PLAIN = re.compile(r"[^$`\\]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_BRACED = re.compile(r"\{#?([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])\}")
_BRACED_WORD = re.compile(
    r"\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*])(?::?[-+?]|##?|%%?|//?|\^\^?|,,?)"
)
_BRACKET = re.compile(r"\[[!^]?\]?(?:\[:[a-z]+:\]|[^\]\s'\"$`\\/|&;()<>{},*?\[~])+\]")
_ARITHMETIC = re.compile(r"[0-9()\s+*/%<>=!&|^~?:,-]*")
_ANSI = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))|([^\\']+)",
    re.DOTALL,
)
_ANSI_LETTER = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r",
    "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_TILDE = re.compile(r"~(?:[A-Za-z_][A-Za-z0-9_.-]*|\+|-|)(?=[:/\s;|&)<>]|$)")
_IN_BACKQUOTES = re.compile(r"\\([`$\\])")
# Braces come before expansions: {a,$x}b is ab and the variable xb, {a,$}b ab and the variable b.
_NAME_AT_BRACE = re.compile(r"\$(?:[A-Za-z_$][A-Za-z0-9_]*(?:\\\n)*[{,}]|(?:\\\n)*[,}])")
_METACHARACTERS = frozenset(" \t\n;|&()<>")


class Lexer(ABC):
    """Reads words at `pos`. `line` is shared with the readers of what is nested."""

    __slots__ = ("depth", "line", "pos", "quoted", "text")

    def __init__(self, text: str, line: Line, *, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise Unclear("nested too deep")
        self.text = text
        self.pos = 0
        self.line = line
        self.depth = depth
        self.quoted = False  # whether any part of the last word was quoted or expanded

    @abstractmethod
    def commands(self, *, close: str = "") -> None:
        """Reads commands up to `close` (or the end), and past it."""

    @abstractmethod
    def nested(self, text: str) -> None:
        """Reads `text`, which is not a stretch of this text as it stands, as commands."""

    def unclear(self, reason: str) -> None:
        if reason not in self.line.unclear:
            self.line.unclear.append(reason)

    def word(self) -> str:
        """The word at pos, braces still marked; raises Unclear where there is none."""
        text, out, start = self.text, "", self.pos
        self.quoted = False
        tilde = _TILDE.match(text, start)
        if tilde:
            # ~user, ~+ and ~- are any directory.
            out, self.pos = HOME if tilde.end() == start + 1 else "/" + ANY, tilde.end()
        elif text.startswith("~", start):
            raise Unclear("a tilde that is not plain")
        while self.pos < len(text):
            plain = _PLAIN.match(text, self.pos)
            if plain:
                out += plain.group()
                self.pos = plain.end()
                continue
            char = text[self.pos]
            if char in _METACHARACTERS:
                if char in "<>" and text.startswith("(", self.pos + 1):
                    self.pos += 2
                    self.quoted = True
                    self.substitution()
                    out += "/dev/fd/63"
                    continue
                break
            if char == "~" and (OPEN in out or (out[-1:] in ("=", ":") and out != "=")):
                raise Unclear("a tilde that is not plain")  # echo x=~ expands it, {a,~} does
            if OPEN in out and char in "'\"\\$":
                out += QUOTED
            out += self._special(char)
        if OPEN in out and _NAME_AT_BRACE.search(text, start, self.pos):
            raise Unclear("braces that make another name of a variable's")
        if self.pos == start:
            raise Unclear("a word was expected")
        return out

    def _special(self, char: str) -> str:
        text = self.text
        if char in "'\"\\$`":
            self.quoted = True
        match char:
            case "'":
                return self._single()
            case '"':
                return self._double()
            case "\\":
                return self._escape()
            case "`":
                return self._backquote(quoted=False)
            case "$":
                return self.dollar(quoted=False)
            case "[":
                bracket = _BRACKET.match(text, self.pos)
                if bracket:
                    self.pos = bracket.end()
                    return ONE
                self.pos += 1
                if self.pos < len(text) and text[self.pos] not in _METACHARACTERS:
                    raise Unclear("a bracket expression that is not plain")
                return "["
        self.pos += 1
        live = {"*": STAR, "?": ONE, "{": OPEN, "}": CLOSE, ",": COMMA, "~": "~"}
        if char not in live:  # white space that bash does not take for a blank
            raise Unclear("an odd blank")
        return live[char]

    def _single(self) -> str:
        end = self.text.find("'", self.pos + 1)
        if end < 0:
            raise Unclear("a quote is not closed")
        content = self.text[self.pos + 1 : end]
        self.pos = end + 1
        return content

    def _escape(self) -> str:
        if self.pos + 1 >= len(self.text):
            raise Unclear("a backslash at the end")
        char = self.text[self.pos + 1]
        self.pos += 2
        return "" if char == "\n" else char

    def _double(self) -> str:
        text, out = self.text, ""
        self.pos += 1
        while True:
            plain = _DOUBLE_PLAIN.match(text, self.pos)
            if plain:
                out += plain.group()
                self.pos = plain.end()
            if self.pos >= len(text):
                raise Unclear("a quote is not closed")
            char = text[self.pos]
            if char == '"':
                self.pos += 1
                return out
            out += self._within_quotes(char, special='$`"\\')

    def _within_quotes(self, char: str, *, special: str) -> str:
        """A backslash, dollar or backquote where white space does not split."""
        if char == "`":
            return self._backquote(quoted=special != "$`\\")
        if char == "$":
            return self.dollar(quoted=True)
        following = self.text[self.pos + 1 : self.pos + 2]
        self.pos += 1 + len(following)
        if following == "\n":
            return ""
        return following if following and following in special else "\\" + following

    def ansi(self) -> str:
        """$'...', pos at the first character within."""
        out = ""
        while self.pos < len(self.text) and self.text[self.pos] != "'":
            match = _ANSI.match(self.text, self.pos)
            if match is None:
                raise Unclear("a quote is not closed")
            self.pos = match.end()
            byte, short, long, octal, letter, plain = match.groups()
            if plain:
                out += plain
            elif letter:
                if letter not in _ANSI_LETTER:
                    raise Unclear(f"$'\\{letter}' is not known")
                out += _ANSI_LETTER[letter]
            else:
                code = int(octal, 8) if octal else int(byte or short or long, 16)
                if not 0 < code < (0x110000 if short or long else 0x80) or 0xD800 <= code < 0xF900:
                    raise Unclear("a character code that is not plain")
                out += chr(code)
        if self.pos >= len(self.text):
            raise Unclear("a quote is not closed")
        self.pos += 1
        return out

    def dollar(self, *, quoted: bool) -> str:
        text, start = self.text, self.pos
        following = text[start + 1 : start + 2]
        unknown = ANY if quoted else SPLIT
        if following == "{":
            return self._parameter(quoted=quoted)
        if following == "(":
            if text.startswith("((", start + 1) and self._arithmetic():
                return ANY
            self.pos += 2
            self.substitution()
            return unknown
        if following == "[":
            raise Unclear("the old arithmetic $[ ]")
        if following == "'" and not quoted:
            self.pos += 2
            return self.ansi()
        if following == '"' and not quoted:
            self.unclear('$"..." is translated')
            self.pos += 1
            return self._double()
        if following == "\\" and text.startswith("\n", start + 2):
            raise Unclear("a line continuation within $")
        name = _NAME.match(text, start + 1)
        if name is None:
            self.pos += 1
            return "$"
        self.pos = name.end()
        if name.group() == "HOME":
            return HOME
        if looped := self.line.loops.get(name.group()):
            return looped
        return SPLIT if name.group() == "@" else unknown

    def substitution(self) -> None:
        """What stands between ( and ), pos after the (."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unclear("nested too deep")
        self.commands(close=")")
        self.depth -= 1

    def _arithmetic(self) -> bool:
        """Skips $((...)) of numbers alone; others may run code by a variable's value."""
        start = self.pos + 3
        end = level = 0
        match = _ARITHMETIC.match(self.text, start)
        for index in range(start, match.end() if match else start):
            char = self.text[index]
            if char == "(":
                level += 1
            elif char == ")":
                level -= 1
                if level == -2:
                    end = index
                    break
                if level == -1 and not self.text.startswith("))", index):
                    break
        if end:
            self.pos = end + 1
            return True
        self.unclear("arithmetic with names")
        self.line.broken = True
        return False

    def _parameter(self, *, quoted: bool) -> str:
        """${...}; the words in it are read for what they run."""
        text = self.text
        match = _BRACED.match(text, self.pos + 1)
        if match:
            self.pos = match.end()
            if match.group() == "{HOME}":
                return HOME
            if looped := self.line.loops.get(match.group()[1:-1]):
                return looped
            return SPLIT if match.group(1) == "@" or not quoted else ANY
        match = _BRACED_WORD.match(text, self.pos + 1)
        if match is None:
            # ${x@P} and ${x[...]} run code, ${x:=} and ${!x} change or choose variables.
            self.unclear("a parameter expansion that is not plain")
            self.line.broken = True
            self.pos += 2
        else:
            self.pos = match.end()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unclear("nested too deep")
        while True:
            plain = _PARAMETER_PLAIN.match(text, self.pos)
            if plain:
                self.pos = plain.end()
            if self.pos >= len(text):
                raise Unclear("an expansion is not closed")
            char = text[self.pos]
            if char == "}":
                self.pos += 1
                self.depth -= 1
                return SPLIT if match is None or match.group(1) == "@" or not quoted else ANY
            if char == "'" and quoted:
                raise Unclear("a single quote in a quoted expansion")
            if char == '"':
                self._double()
            elif char == "'":
                self._single()
            elif char == "\\":
                self._escape()
            elif char == "`":
                self._backquote(quoted=quoted)
            elif char == "$":
                self.dollar(quoted=quoted)
            elif text.startswith("(", self.pos + 1):
                # Run or not, by the operator, by quotes and by bash's version.
                raise Unclear("a process substitution in an expansion")
            else:
                self.pos += 1

    def _backquote(self, *, quoted: bool) -> str:
        text, index = self.text, self.pos + 1
        while index < len(text) and text[index] != "`":
            index += 2 if text[index] == "\\" else 1
        if index >= len(text):
            raise Unclear("a backquote is not closed")
        code = text[self.pos + 1 : index]
        self.pos = index + 1
        if quoted and '\\"' in code:
            raise Unclear("a quote within backquotes within quotes")  # escaped, or not: it depends
        self.nested(_IN_BACKQUOTES.sub(r"\1", code))
        return ANY if quoted else SPLIT

    def body(self) -> str:
        """The whole text as a here-document with live expansions."""
        out = ""
        while self.pos < len(self.text):
            plain = _BODY_PLAIN.match(self.text, self.pos)
            if plain:
                out += plain.group()
                self.pos = plain.end()
            else:
                out += self._within_quotes(self.text[self.pos], special="$`\\")
        return out
