"""Simple commands: words, assignments, redirections and here-documents."""

from __future__ import annotations

import re
from abc import abstractmethod

from aios.policy.lexer import Lexer
from aios.policy.syntax import Assignment, Line, Redirect, Simple
from aios.policy.words import MAX_WORDS, Unclear, expand_braces, unexpanded

_BLANKS = re.compile(r"(?:[ \t]|\\\n)*")
_COMMENT = re.compile(r"#[^\n]*")
# A word without anything live in it, with an end that is no redirection.
_FAST = re.compile(r"[A-Za-z0-9_./:@%+=^-]+(?=[ \t\n;|&)]|$)(?!\\)")
KEYWORD = re.compile(
    r"(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|select|function|coproc|time"
    r"|\[\[|\{|\}|!)(?=[\s;|&()<>]|$)"
)
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]\s'\"$`\\]*\])?\+?=")
REDIRECT = re.compile(
    r"([0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(&>>|&>|<<<|<<-|<<|<>|<&|>>|>&|>\||<(?!\()|>(?!\())"
)
_DELIMITER = re.compile(
    r"(?:'([^'\n]+)'|\"([^\"\n$`\\]+)\"|\\([A-Za-z0-9_.!-]+)|([A-Za-z0-9_.!-]+))(?=[\s;|&)<>]|$)"
)
_SUBSCRIPTED = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\[")
_MAX_DIGITS = 9  # of a descriptor: what is no int is a word to bash


class SimpleReader(Lexer):
    __slots__ = ("_heredocs",)

    def __init__(self, text: str, line: Line, *, depth: int = 0) -> None:
        super().__init__(text, line, depth=depth)
        self._heredocs: list[tuple[str, bool, bool, Simple, str]] = []

    @abstractmethod
    def function(self, name: str) -> None:
        """Reads a function definition, pos at its (."""

    def _simple(self) -> None:
        simple = Simple()
        try:
            self._words(simple)
        except Unclear:
            self.line.commands.append(simple)
            raise
        if simple.words or simple.redirects or simple.assignments:  # else a function's name
            self.line.commands.append(simple)

    def _words(self, simple: Simple) -> None:
        text, words = self.text, simple.words
        self.quoted = False
        while True:
            self.pos = pos = _BLANKS.match(text, self.pos).end()  # type: ignore[union-attr]
            fast = _FAST.match(text, pos)
            if fast and (words or "=" not in fast.group()):
                words.append(fast.group())
                self.pos = fast.end()
                continue
            char = text[pos : pos + 1]
            redirect = REDIRECT.match(text, pos)
            if redirect:
                self._redirect(redirect, simple)
                continue
            if char == "" or char in "\n;|&)":
                break
            if char == "#":
                self._comment()
                break
            if char == "(":
                if len(words) == 1 and not (simple.redirects or simple.assignments or self.quoted):
                    self.function(words.pop())
                    return
                raise Unclear("a ( within a command")
            assignment = None if words else _ASSIGNMENT.match(text, pos)
            if assignment:
                self._assignment(assignment, simple)
                continue
            word = self.word()
            raw = text[pos : self.pos]
            if "\\\n" in raw and self._char() in ("<", ">"):
                raise Unclear("a line continuation in what may be a descriptor")
            if _SUBSCRIPTED.match(raw.replace("\\\n", "")):
                raise Unclear("a descriptor may be kept in an array")
            if not words:
                if "=" in word:
                    raise Unclear("a command name with =")
                if "\\\n" in raw and KEYWORD.fullmatch(word):
                    raise Unclear("a reserved word with a line continuation")
            words.extend(expand_braces(word))
            if len(words) > MAX_WORDS * 16:
                raise Unclear("too many words")
        if not (words or simple.redirects or simple.assignments):
            raise Unclear("an empty command")

    def _assignment(self, match: re.Match[str], simple: Simple) -> None:
        self.pos = match.end()
        if match.group(2) or self._char() == "(":
            raise Unclear("an array")
        value = ""
        if self._char() not in ("", " ", "\t", "\n", ";", "|", "&", ")"):
            value = self.word()
        # No brace expansion here: X={a,b} is that text.
        simple.assignments.append(Assignment(match.group(1), unexpanded(value)))

    def _redirect(self, match: re.Match[str], simple: Simple) -> None:
        number, op = match.groups()
        self.pos = match.end()
        named = bool(number) and number.startswith("{")
        if number and not named and len(number) > _MAX_DIGITS:
            raise Unclear("a descriptor that is no number")
        self._blanks()
        if op in ("<<", "<<-"):
            delimiter = _DELIMITER.match(self.text, self.pos)
            if delimiter is None:
                raise Unclear("an odd here-document delimiter")
            single, double, escaped, plain = delimiter.groups()
            self.pos = delimiter.end()
            end = single or double or escaped or plain
            self._heredocs.append((end, plain is None, op == "<<-", simple, op))
            if named:
                self.unclear("a variable is set by a redirection")
            return
        word = self.word()
        found = [unexpanded(word)] if op == "<<<" else expand_braces(word)
        for target in found:  # bash calls more than one ambiguous; every one counts here
            simple.redirects.append(Redirect(op, target, named))

    # Small things

    def _char(self) -> str:
        return self.text[self.pos : self.pos + 1]

    def _expect(self, keyword: str) -> None:
        match = KEYWORD.match(self.text, self.pos)
        if match is None or match.group() != keyword:
            raise Unclear(f"{keyword} was expected")
        self.pos = match.end()

    def _expect_text(self, text: str) -> None:
        if not self.text.startswith(text, self.pos):
            raise Unclear(f"{text} was expected")
        self.pos += len(text)

    def _blanks(self) -> None:
        char = self.text[self.pos : self.pos + 1]
        if char and char not in " \t\\#":
            return
        match = _BLANKS.match(self.text, self.pos)
        self.pos = match.end() if match else self.pos
        if self._char() == "#":
            self._comment()

    def _comment(self) -> None:
        match = _COMMENT.match(self.text, self.pos)
        self.pos = match.end() if match else self.pos

    def _newlines(self) -> None:
        while True:
            self._blanks()
            if self._char() != "\n":
                return
            self.pos += 1
            while self._heredocs:
                self._heredoc(*self._heredocs.pop(0))

    def _heredoc(self, end: str, quoted: bool, tabs: bool, simple: Simple, op: str) -> None:
        lines: list[str] = []
        while True:
            if self.pos >= len(self.text):
                raise Unclear("a here-document without its end")
            stop = self.text.find("\n", self.pos)
            stop = len(self.text) if stop < 0 else stop
            row = self.text[self.pos : stop]
            self.pos = min(stop + 1, len(self.text))
            row = row.lstrip("\t") if tabs else row
            if row == end:
                break
            if not quoted and row.endswith("\\"):
                raise Unclear("a here-document with line continuations")
            lines.append(row + "\n")
        body = "".join(lines)
        if not quoted:
            # Expanded where its operator stands, which may be before a loop that begins in between.
            loops, self.line.loops = self.line.loops, {}
            body = type(self)(body, self.line, depth=self.depth + 1).body()
            self.line.loops = loops
        simple.redirects.append(Redirect(op, body, False))
