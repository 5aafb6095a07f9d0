"""Programs within arguments that only filter: sed scripts, awk programs, formats, tests.

Each is recognised by what it may hold; anything else needs approval.
"""

from __future__ import annotations

import re

from aios.policy.words import ANY, SPLIT, is_dynamic, may_be_many, starts_unknown


def _bracket(end: str) -> str:
    """A bracket expression of a regular expression that `end` ends. It holds no `end`: whether one
    in it counts differs (for sed since 4.9 it does not, nor for gawk, but for others it does)."""
    return rf"\[\^?(?:(?!{end})[^\]\[\\\n]|\[(?!{end}):[a-z]+:\]|\\[^\]\[\n])+\]"


_ADDRESS = rf"(?:\d+(?:~\d+)?|\$|/(?:[^/\\\n;{{}}\[]|\\[^\n]|{_bracket('[/;{}]')})*/I?)"
_SED_COMMAND = (
    rf"(?:{_ADDRESS}(?:,[+~]?{_ADDRESS})?)?[ ]?!?[ ]?"
    r"(?:[pdqPDNnGgHhx=]"
    rf"|s([/|,#@:!])(?:(?!\1)[^\\\n\[]|\\[^\n]|{_bracket(chr(92) + '1')})*\1"
    r"(?:(?!\1)[^\\\n]|\\[^\n])*\1[gpIi0-9]*"
    r"|y/(?:[^/\\\n]|\\[^\n])*/(?:[^/\\\n]|\\[^\n])*/)?"
)
_SED = re.compile(_SED_COMMAND)
_SED_END = re.compile(r"[ \t]*(?:;[ \t]*|\n[ \t]*|$)")
# s///e runs and s///w writes: flags that are not listed above end the match.

_AWK = re.compile(
    r"(?P<space>[ \t]+|[\n;,]|#[^\n]*)"
    r"|(?P<string>\"(?:[^\"\\\n]|\\[^\n])*\")"
    rf"|(?P<regex>/(?:[^/\\\n\[\]]|\\[^\n]|{_bracket('/')})+/)"
    r"|(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<call>\()?"
    r"|(?P<operator>&&|\|\||[=!<>]=|!~|\+\+|--|[-+*%^]=?|[$!~?:<>=(){}\[\]])"
)
_AWK_CALLS = frozenset(
    ("length", "substr", "index", "split", "sub", "gsub", "gensub", "match", "tolower", "toupper",
     "sprintf", "int", "sqrt", "exp", "log", "sin", "cos", "atan2", "rand", "srand", "strftime",
     "systime", "mktime", "asort", "asorti", "print", "printf", "if", "for", "while", "in",
     "return", "and", "or", "xor", "BEGIN", "END")
)  # fmt: skip
_AWK_REFUSED = frozenset(
    ("system", "getline", "close", "fflush", "ARGV", "ARGC", "ENVIRON", "PROCINFO", "SYMTAB",
     "FUNCTAB", "function", "func", "nextfile", "load", "include", "switch", "case", "default",
     "BEGINFILE", "ENDFILE")
)  # fmt: skip
_AWK_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# A division and a regular expression look alike: after these it is the one or the other, and
# where it could be both the program is not taken.
_AWK_KEYWORDS = frozenset(
    ("print", "printf", "if", "else", "for", "while", "do", "in", "return", "delete", "exit",
     "next", "length", "BEGIN", "END")
)  # fmt: skip
_BEFORE_REGEX = frozenset(("", "(", "{", "}", "!", "~", "!~", "&&", "||"))
_DIVISION = re.compile(r"(?P<operator>/=?)")
_JQ_READS = re.compile(r"(?<![.\w$\"])(?:import|include|modulemeta)\b")
_PS_UNIX = re.compile(r"-([AadefFHjlLMwyZc]*)([oOpqCuUtsgG]?)(?<!-)")
_PS_BSD = re.compile(r"-?([acfghjlmnrsTuvwxHLS]+)(o?)")
_PS_LONG = re.compile(r"--(?:forest|no-headers?|headers?|deselect|sort[= ]?[\w,+%-]+|width=\d+)")
_PS_WHICH = frozenset(("p", "--pid", "--ppid"))
# A name that consists of ps's own letters would be read as these.
_PS_NAMES = re.compile(
    r"\d[\d,]*|(?![\dA-Zacfghjlmnrsuvwx]*e[\dA-Zacefghjlmnrsuvwx]*(?:[OUkopqt].*)?$)[\w.,/][\w.,/-]*"
)
_PS_FIELDS = re.compile(r"(?!.*environ)[\w%,=: -]+", re.ASCII)
_PERCENT_N = re.compile(r"%[-+ #0'*.\d]*[hlLjzt]*n")


def only_filters_sed(script: str) -> bool:
    if is_dynamic(script):
        return False
    at = 0
    while at < len(script):
        command = _SED.match(script, at)
        end = _SED_END.match(script, command.end()) if command else None
        if command is None or end is None or end.end() == at:
            return False
        at = end.end()
    return True


def only_filters_awk(program: str) -> bool:
    """No output but to stdout, no input but the files, no command: by its tokens."""
    if is_dynamic(program):
        return False
    at = braces = 0
    before = ""  # what stands before: "" where an expression begins, "x" where / divides
    while at < len(program):
        token = _AWK.match(program, at)
        if program[at] == "/":
            if before == "x":
                token = _DIVISION.match(program, at)
            elif before not in _BEFORE_REGEX:
                return False
        if token is None or token.end() == at:
            return False
        at = token.end()
        groups = token.groupdict()
        name, operator = groups.get("name"), groups.get("operator")
        if groups.get("space"):
            before = "" if token.group() in ("\n", ";", ",") else before
        elif name is not None:
            if name in _AWK_REFUSED or (groups["call"] and name not in _AWK_CALLS):
                return False
            before = "(" if groups["call"] else name if name in _AWK_KEYWORDS else "x"
        elif operator is not None:
            braces += (operator == "{") - (operator == "}")
            if operator == ">" and braces:
                return False  # print > file
            before = "x" if operator == "]" else operator
        else:
            before = "x" if groups.get("number") else "text"
    return braces == 0


def only_filters_jq(program: str) -> bool:
    """Without another file's text: modules, and data that is imported like one."""
    return not starts_unknown(program) and _JQ_READS.search(program) is None


def plain_awk_variable(word: str) -> bool:
    """An assignment in an awk command's words."""
    match = _AWK_ASSIGNMENT.fullmatch(word)
    return match is not None and match.group(1) not in _AWK_REFUSED


def plain_format(text: str) -> bool:
    return not is_dynamic(text) and _PERCENT_N.search(text) is None


def plain_ps(words: list[str]) -> bool:
    """Whether ps shows nobody's environment, as it does for an e without a dash; where the words
    make no sense to it with their dashes (`-aux`, a user who is not there) it takes them all away.
    """
    every, other, index = False, False, 0
    while index < len(words):
        word = words[index]
        index += 1
        if _PS_LONG.fullmatch(word):
            continue
        value = words[index] if index < len(words) else ""
        unix, bsd = _PS_UNIX.fullmatch(word), _PS_BSD.fullmatch(word)
        wants = unix[2] if unix else bsd[2] if bsd else ""
        every = every or (unix is not None and "e" in unix[1])
        if wants in ("o", "O"):
            index += 1
            if not _PS_FIELDS.fullmatch(value):
                return False
            other = other or unix is None
        elif (wants or word in _PS_WHICH) and (
            _PS_NAMES.fullmatch(value) or (value == ANY and wants == "p")
        ):
            other, index = True, index + 1
        elif (bsd and not bsd[2]) or word.isdigit():
            other = other or unix is None or bool(wants)
        elif unix is None or wants:
            return False
    return not (every and other)


def plain_test(words: list[str]) -> bool:
    """Whether an unknown word of test or [ can be no operator: -v runs code in a subscript."""
    if words[-1:] == ["]"]:
        words = words[:-1]
    if any(SPLIT in word or (may_be_many(word) and starts_unknown(word)) for word in words):
        return False  # a glob may make -v and a name of files that are called so
    if len(words) == 3:
        return not is_dynamic(words[1])
    return len(words) == 1 or (len(words) == 2 and not is_dynamic(words[0]))
