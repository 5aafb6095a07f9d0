import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    WORD = "word"
    NUMBER = "number"
    SIZE = "size"
    CLOCK = "clock"
    DATE = "date"
    PATH = "path"
    GLOB = "glob"
    DOTTED = "dotted"  # a file's name or a host's
    ADDRESS = "address"
    URL = "url"
    QUOTED = "quoted"
    COMMA = "comma"
    PERIOD = "period"  # a phrase of time, see times.py
    SYMBOL = "symbol"  # shell syntax, options: nothing that a sentence has


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    word: str  # canonical: what phrases are compared with
    kind: Kind = Kind.WORD
    value: object = None
    possessive: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    tokens: tuple[Token, ...]
    asks: bool  # ends in a question mark

    @property
    def plain(self) -> str:
        return " ".join(token.text.lower() for token in self.tokens)


_CONTRACTIONS = {
    "what's": "what is", "whats": "what is", "wheres": "where is", "where's": "where is",
    "whos": "who is", "who's": "who is", "how's": "how is", "hows": "how is",
    "when's": "when is", "whens": "when is", "which's": "which is", "why's": "why is",
    "it's": "it is", "that's": "that is", "thats": "that is", "there's": "there is",
    "theres": "there is", "i'm": "i am", "im": "i am", "i'd": "i would", "i've": "i have",
    "ive": "i have", "i'll": "i will", "we're": "we are", "you're": "you are",
    "they're": "they are", "don't": "do not", "dont": "do not", "doesn't": "does not",
    "doesnt": "does not", "didn't": "did not", "didnt": "did not", "isn't": "is not",
    "isnt": "is not", "aren't": "are not", "arent": "are not", "won't": "will not",
    "wont": "will not", "can't": "can not", "cant": "can not", "cannot": "can not",
    "shouldn't": "should not", "shouldnt": "should not", "wasn't": "was not",
    "couldn't": "could not", "wouldn't": "would not", "haven't": "have not",
    "hasn't": "has not", "let's": "let us", "lets": "let us", "gimme": "give me",
    "lemme": "let me", "wanna": "want to", "gonna": "going to", "gotta": "got to",
    "pls": "please", "plz": "please", "u": "you", "ur": "your", "thx": "thanks",
    "ty": "thanks", "dunno": "do not know", "whatre": "what are", "what're": "what are",
    "i/o": "io", "&": "and", "w/": "with", "w/o": "without", "tcp/ip": "tcp",
    "node.js": "nodejs", "c/c++": "c++", "tex/latex": "latex",
}  # fmt: skip
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=2
    )
} | {
    "dozen": "12",
    "fifteen": "15",
    "twenty": "20",
    "thirty": "30",
    "fifty": "50",
    "hundred": "100",
}
_PIECES = re.compile(
    r"""(?P<quoted>(?<![^\s(,])(?:"[^"\n]*"|“[^”\n]*”|`[^`\n]*`|'[^'\n]*')(?![\w]))|(?P<chunk>\S+)"""
)
_PATH = r"\-\w./~+@%:,="
_IPV4 = r"\d{1,3}(\.\d{1,3}){3}(/\d{1,2})?"
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.URL, re.compile(r"(https?|ftp|git|ssh)://[\w.~:/?#@!&=+%,;-]+|git@[\w.-]+:[\w./-]+")),
    (Kind.NUMBER, re.compile(r"\d{1,9}")),
    (Kind.CLOCK, re.compile(r"(\d{1,2}:\d{2}(:\d{2})?([ap]m)?|\d{1,2}[ap]m|noon|midnight)", re.I)),
    (Kind.DATE, re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}(st|nd|rd|th)", re.I)),
    (Kind.SIZE, re.compile(r"\d+(\.\d+)?(b|[kmgt]i?b?)", re.I)),
    (Kind.ADDRESS, re.compile(rf"{_IPV4}|[0-9a-f]*(:[0-9a-f]*){{2,7}}", re.I)),
    (Kind.GLOB, re.compile(rf"[{_PATH}]*[*?\[][{_PATH}*?\[\]!]*|\.[a-z][a-z0-9]{{0,5}}", re.I)),
    (Kind.PATH, re.compile(rf"(/|~|\.{{1,2}}/)[{_PATH}]*|[\w.+@-]+/[{_PATH}]*|\.\.?|\.[\w.-]+")),
    (Kind.DOTTED, re.compile(r"[\w+@-]+(\.[\w+@-]+)+")),
    (Kind.WORD, re.compile(r"[^\W_][\w+@-]*(:[\w]+)?")),
)  # fmt: skip
_SMILEY = re.compile(r"[:;]-?[)(DPp|/]|<3|\^\^|[\U0001F300-\U0001FAFF☀-➿️]+")


def unprintable(text: str) -> bool:
    """Control, bidirectional and zero-width characters: a text that is not what it looks like."""
    return any(
        unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs") and c not in "\n\t️" for c in text
    )


def tokenise(text: str) -> Sentence:
    text = " ".join(text.replace("\u2019", "'").replace("\u2018", "'").split())
    tokens: list[Token] = []
    asks = text.rstrip(" .!)\"'").endswith("?")
    for piece in _PIECES.finditer(text):
        if quoted := piece["quoted"]:
            tokens.append(Token(quoted[1:-1], '""', Kind.QUOTED))
        elif not _SMILEY.fullmatch(piece["chunk"]):
            tokens.extend(_chunk(piece["chunk"]))
    while tokens and tokens[-1].kind is Kind.COMMA:
        tokens.pop()
    return Sentence(text, tuple(tokens), asks)


def _chunk(chunk: str) -> list[Token]:
    if chunk in ("-", "--", "–", "—", "..."):  # noqa: RUF001 - dashes as people type them
        return [Token(",", ",", Kind.COMMA)]
    body = chunk.lstrip("([")
    tail: list[Token] = []
    while body and body[-1] in ".,;:!?)]…":
        if body in (".", "..", "*", "~/.") or (body[-1] == "]" and "[" in body):
            break
        if body[-1] in ",:":
            tail = [Token(",", ",", Kind.COMMA)]
        elif body[-1] == ";":
            tail = [Token(";", ";", Kind.SYMBOL)]
        elif body[-1] in ".!?" and len(body) > 1:
            tail = tail or [Token(",", ",", Kind.COMMA)]
        body = body[:-1]
    return [*_words(body), *tail]


def _words(body: str) -> list[Token]:
    if not body:
        return []
    low = body.lower()
    if expansion := _CONTRACTIONS.get(low):
        return [Token(word, word) for word in expansion.split()]
    possessive = low.endswith(("'s", "s'"))
    if possessive:
        body = body[:-2] if low.endswith("'s") else body[:-1]
        low = body.lower()
    if low in _NUMBERS:
        return [Token(_NUMBERS[low], low, Kind.NUMBER)]
    for kind, pattern in _KINDS:
        if pattern.fullmatch(body):
            return [Token(body, low, kind, possessive=possessive)]
    return [Token(body, body, Kind.SYMBOL)]
