"""The strict reader: recursive descent over bash 5's grammar, as `bash -c` runs it.

It rejects what it does not know. Whatever it rejects is unclear, never allowed by
itself, and what it had read by then is kept for the search for denied commands.
"""

from __future__ import annotations

import re
import unicodedata

from aios.policy.lexer import MAX_DEPTH
from aios.policy.simple import KEYWORD, REDIRECT, SimpleReader
from aios.policy.syntax import Function, Line, Simple
from aios.policy.words import NAME, PATH, Unclear, expand_braces

MAX_LENGTH = 64 * 1024
MAX_COMMANDS = 4096

_OPENING = frozenset(
    ("if", "for", "while", "until", "case", "select", "function", "coproc", "[[", "{")
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?=[ \t\n;])")
# bash drops these before it splits into tokens; `&\⏎&` is `&&` to it.
_BROKEN_OPERATOR = re.compile(r"[^\w\s./:=@%+,-]\\\n|\S\\\n[^\w\s./:=@%+,\"'$-]")
_COPROC_NAME = re.compile(
    r"[ \t]+[A-Za-z_][A-Za-z0-9_]*(?=[ \t]+(?:[{(]|if |while |until |for |case ))"
)
_TIME_OPTIONS = re.compile(r"(?:-p[ \t]+)?(?:--[ \t]+)?")
_NAMES = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PATHS = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_IN = re.compile(r"in(?=[\s;])")
_TEST_END = re.compile(r"\]\](?=[\s;|&)<>]|$)")
_TEST_OPERATOR = re.compile(r"&&|\|\||[()]|[<>](?!\()")
_UNREAD_TESTS = frozenset(("=~", "-v", "-R", "-eq", "-ne", "-lt", "-gt", "-le", "-ge"))
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ODD_CATEGORIES = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zs", "Zl", "Zp"))


def odd_characters(text: str) -> str:
    """Why the text as such is not taken as it looks, or ""."""
    if _CONTROL.search(text):
        return "control characters"
    if not text.isascii():
        for char in set(text):
            if ord(char) > 126 and unicodedata.category(char) in _ODD_CATEGORIES:
                return f"the invisible or private character U+{ord(char):04X}"
    return ""


def read(text: str, *, depth: int = 0) -> Line:
    """Reads a command line. Never raises: `line.broken` says that it could not be read."""
    line = Line()
    reason = odd_characters(text)
    if len(text) > MAX_LENGTH:
        reason = "longer than 64 KiB"
    elif not reason and "\\\n" in text and _BROKEN_OPERATOR.search(text):
        reason = "a line continuation next to an operator"
    if not reason:
        try:
            Reader(text, line, depth=depth).whole()
            return line
        except Unclear as error:
            reason = str(error)
        except RecursionError:
            reason = "nested too deep"
    line.unclear.append(reason)
    line.broken = True
    return line


def _kind(values: list[str]) -> str:
    """What stands in words for the variable of a loop over these."""
    if not values or not all(map(_PATHS.fullmatch, values)):
        return ""
    return NAME if all(map(_NAMES.fullmatch, values)) else PATH


class Reader(SimpleReader):
    __slots__ = ("operators",)

    def __init__(self, text: str, line: Line, *, depth: int = 0) -> None:
        super().__init__(text, line, depth=depth)
        self.operators: list[str] = []

    def whole(self) -> None:
        self.commands()
        if self._heredocs:
            raise Unclear("a here-document without its end")

    def nested(self, text: str) -> None:
        self.line.fragments.append(text)
        if "\\\n" in text:
            raise Unclear("a line continuation within backquotes")
        Reader(text, self.line, depth=self.depth + 1).whole()

    def commands(self, *, close: str = "") -> None:
        pending, self._heredocs = self._heredocs, []
        start = self.pos
        self._list(frozenset(), close=close)
        if close:
            self.pos += 1
            if self._heredocs:
                raise Unclear("a here-document without its end")
            if pending and "\n" in self.text[start : self.pos]:
                raise Unclear("a newline between a here-document and its operator")
        self._heredocs = pending + self._heredocs

    # Lists and pipelines

    def _list(self, ends: frozenset[str], *, close: str = "", arms: bool = False) -> str:
        """Commands up to one of the reserved words `ends` (returned, passed), or up to close."""
        empty = True
        while True:
            self._newlines()
            char = self._char()
            if char == "" or char == ")":
                if char != close or (ends and not arms):
                    raise Unclear("an unexpected end" if char == "" else "a ) that opens nothing")
                return ""
            if arms and self.text.startswith(";;", self.pos):
                return ";;"
            keyword = KEYWORD.match(self.text, self.pos)
            if keyword and keyword.group() in ends:
                if empty and keyword.group() not in ("esac",):
                    raise Unclear("an empty list")
                self.pos = keyword.end()
                return keyword.group()
            empty = False
            self._and_or()
            self._blanks()
            char = self._char()
            if char == ";":
                if self.text.startswith(";;", self.pos) or self.text.startswith(";&", self.pos):
                    if arms:
                        return ";;"
                    raise Unclear("a ;; outside of case")
                self.pos += 1
            elif char == "&":
                self.operators.append("&")
                self.pos += 1
            elif char not in ("", "\n", ")"):
                raise Unclear(f"{char} was not expected")
            if char in ";&" and char and self._after_separator():
                raise Unclear("an operator without a command")

    def _after_separator(self) -> bool:
        self._blanks()
        return self._char() in (";", "&", "|") and not self.text.startswith(";;", self.pos)

    def _and_or(self) -> None:
        while True:
            self._pipeline()
            self._blanks()
            if not self.text.startswith(("&&", "||"), self.pos):
                return
            self.pos += 2
            self._newlines()

    def _pipeline(self) -> None:
        while True:
            self._blanks()
            keyword = KEYWORD.match(self.text, self.pos)
            word = keyword.group() if keyword else ""
            if word == "!":
                self.pos += 1
            elif word == "time":
                self.pos += 4
                self._blanks()
                options = _TIME_OPTIONS.match(self.text, self.pos)
                self.pos = options.end() if options else self.pos
                if self._char() in ("", "\n", ";"):
                    return
            else:
                break
        feeders: list[Simple] = []
        while True:
            before = len(self.line.commands)
            self._command()
            if feeders:
                for simple in self.line.commands[before:]:
                    simple.fed_by = simple.fed_by or feeders
            feeders = self.line.commands[before:]
            self._blanks()
            if self._char() != "|" or self.text.startswith("||", self.pos):
                return
            self.operators.append("|")
            self.pos += 2 if self.text.startswith("|&", self.pos) else 1
            self._newlines()

    # Commands

    def _command(self) -> None:
        if len(self.line.commands) > MAX_COMMANDS:
            raise Unclear("too many commands")
        self._blanks()
        if self._char() == "(":
            if self.text.startswith("((", self.pos):
                # Arithmetic or two subshells: only a search for what is denied reads on.
                self.unclear("(( is not read")
                self.line.broken = True
            self.pos += 1
            self.substitution()
            self._redirects_of_compound()
            return
        keyword = KEYWORD.match(self.text, self.pos)
        if keyword is None:
            self._simple()
            return
        word = keyword.group()
        if word not in _OPENING:
            raise Unclear(f"{word} was not expected")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unclear("nested too deep")
        self.pos = keyword.end()
        self._compound(word)
        self.depth -= 1

    def _compound(self, word: str) -> None:
        match word:
            case "{":
                self._list(frozenset(("}",)))
            case "if":
                self._if()
            case "while" | "until":
                self._list(frozenset(("do",)))
                self._list(frozenset(("done",)))
            case "for":
                self._for()
            case "case":
                self._case()
            case "[[":
                self._test()
            case "function":
                self._blanks()
                function = self.word()
                self._blanks()
                if self.text.startswith("(", self.pos):
                    self.function(function)
                else:
                    self._function_body(function)
                return
            case "coproc":
                self.unclear("coproc is not read")
                name = _COPROC_NAME.match(self.text, self.pos)
                self.pos = name.end() if name else self.pos
                self._command()
                return
            case _:
                raise Unclear(f"{word} is not read")
        self._redirects_of_compound()

    def _if(self) -> None:
        self._list(frozenset(("then",)))
        while True:
            word = self._list(frozenset(("elif", "else", "fi")))
            if word == "elif":
                self._list(frozenset(("then",)))
                continue
            if word == "else":
                self._list(frozenset(("fi",)))
            return

    def _for(self) -> None:
        self._blanks()
        name = _NAME.match(self.text, self.pos)
        if name is None:
            raise Unclear("for without a plain name")
        variable = name.group()
        if not variable.islower():
            self.unclear(f"the variable {variable} is set")
        if variable in self.line.loops:
            raise Unclear("a loop within a loop over the same variable")
        values: list[str] = []
        self.pos = name.end()
        self._newlines()
        if _IN.match(self.text, self.pos):
            self.pos += 2
            while True:
                self._blanks()
                if self._char() in (";", "\n"):
                    break
                values += expand_braces(self.word())
        self._blanks()
        if self._char() == ";":
            self.pos += 1
        self._newlines()
        self._expect("do")
        self.line.loops[variable] = _kind(values)
        self._list(frozenset(("done",)))
        del self.line.loops[variable]

    def _case(self) -> None:
        self._blanks()
        self.word()
        self._newlines()
        self._expect("in")
        while True:
            self._newlines()
            if KEYWORD.match(self.text, self.pos) and self.text.startswith("esac", self.pos):
                self.pos += 4
                return
            if self._char() == "(":
                self.pos += 1
            while True:
                self._blanks()
                self.word()
                self._blanks()
                if self._char() != "|":
                    break
                self.pos += 1
            if self._char() != ")":
                raise Unclear("a case pattern without )")
            self.pos += 1
            if self._list(frozenset(("esac",)), arms=True) == "esac":
                return
            for end in (";;&", ";;", ";&"):
                if self.text.startswith(end, self.pos):
                    self.pos += len(end)
                    break

    def _test(self) -> None:
        """[[ ... ]]: one command of that name, with its operators as words."""
        words = ["[["]
        while True:
            self._newlines()
            if _TEST_END.match(self.text, self.pos):
                self.pos += 2
                break
            operator = _TEST_OPERATOR.match(self.text, self.pos)
            if operator:
                self.pos = operator.end()
                words.append(operator.group())
                continue
            words.append(self.word())
            # Regular expressions have a grammar of their own; the others run arithmetic.
            if words[-1] in _UNREAD_TESTS:
                self.unclear(f"[[ {words[-1]} is not read")
                self.line.broken = True
        found = [word for part in words for word in expand_braces(part)]
        self.line.commands.append(Simple(words=found))

    def function(self, name: str) -> None:
        self._blanks()
        self._expect_text("(")
        self._blanks()
        self._expect_text(")")
        self._function_body(name)

    def _function_body(self, name: str) -> None:
        self._newlines()
        self.unclear("a function is defined")
        before, operators = len(self.line.commands), len(self.operators)
        if not (self._char() == "(" or KEYWORD.match(self.text, self.pos)):
            raise Unclear("a function without a body")
        self._command()
        body = self.line.commands[before:]
        used = self.operators[operators:]
        self.line.functions.append(
            Function(
                self_calls=sum(1 for simple in body if simple.words[:1] == [name]),
                commands=len(body),
                piped="|" in used,
                background="&" in used,
            )
        )

    def _redirects_of_compound(self) -> None:
        simple = Simple(compound=True)
        while True:
            self._blanks()
            match = REDIRECT.match(self.text, self.pos)
            if match is None:
                break
            self._redirect(match, simple)
        if simple.redirects:
            self.line.commands.append(simple)
