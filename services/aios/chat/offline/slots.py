"""Typed slots: each type reads a value off the tokens at a place, or nothing.

A value is validated here and quoted when it is rendered; what no pattern here admits
never gets into a command.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aios.chat.offline.lexicon import Lexicon
from aios.chat.offline.places import Places
from aios.chat.offline.sentence import Kind, Token
from aios.chat.offline.times import Period
from aios.chat.offline.values import Value

Tokens = Sequence[Token]
Found = Iterator[tuple[Value, int]]
Reader = Callable[[Tokens, int], Found]

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,127}")
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9+._@-]{0,63}")
_MACHINE = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_INTERFACE = re.compile(
    r"(lo|(eth|en|wl|wlan|wg|tun|tap|br|veth|docker|virbr|host)[a-z0-9.-]{1,14})"
)
_ZONE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z_+-]+(/[A-Za-z_]+)?|UTC|utc|GMT")
_VERSIONED = re.compile(r"[a-z]+\d(\.\d+)+")  # python3.11
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_DEVICE = re.compile(r"/dev/[A-Za-z0-9][A-Za-z0-9/._-]{0,100}")
_LOCALE = re.compile(r"[a-z]{2,3}_[A-Z]{2}(\.[A-Za-z0-9-]+)?|C|C\.UTF-8")
_FILE_NAME = re.compile(r"\.(log|txt|conf|cfg|ini|csv|json|ya?ml|xml|md|py|html|gz|zip|bak|out)$")
_TERM = re.compile(r"[\w .:@%,+=-]{1,200}")  # nothing that means something to sed
_ACTUAL = (Kind.WORD, Kind.DOTTED)
_SEPARATORS = ("and", "plus")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b|ilobytes?|egs?|egabytes?|igs?|igabytes?)?")


@dataclass
class Slots:
    lexicon: Lexicon
    places: Places
    extensions: dict[str, tuple[str, ...]]
    multiword: dict[str, frozenset[str]]  # names of several words, by kind of name

    def __post_init__(self) -> None:
        self._readers: dict[str, Reader] = {
            "package": self._name("package", _PACKAGE),
            "packages": self._several(self._name("package", _PACKAGE)),
            "plainpackages": self._several(self._name("package", _PACKAGE, plain=True)),
            "unit": self._name("unit", _UNIT),
            "units": self._several(self._name("unit", _UNIT)),
            "user": self._strict("user", _USER, frozenset({"root", "backup", "guest", "test"})),
            "group": self._strict(
                "group", _USER, frozenset({"root", "sudo", "wheel", "docker", "video", "audio"})
            ),
            "program": self._strict("program", _PROGRAM, self.lexicon.programs),
            "machine": self._strict("machine", _MACHINE, frozenset()),
            "host": self._host,
            "site": self._site,
            "interface": self._kind("interface", (Kind.WORD,), _INTERFACE),
            "variable": self._kind("variable", (Kind.WORD,), _VARIABLE),
            "zone": self._kind("zone", (Kind.PATH, Kind.WORD), _ZONE),
            "url": self._kind("url", (Kind.URL,), re.compile(r".+")),
            "address": self._kind("address", (Kind.ADDRESS,), re.compile(r"[0-9A-Fa-f.:]+")),
            "number": self._kind("number", (Kind.NUMBER,), re.compile(r"\d+")),
            "count": self._count,
            "port": self._port,
            "pid": self._kind("pid", (Kind.NUMBER,), re.compile(r"\d{1,7}")),
            "mode": self._kind("mode", (Kind.NUMBER,), re.compile(r"0?[0-7]{3}")),
            "size": self._size,
            "path": self.places.read_path,
            "paths": self._several(self.places.read_path),
            "folder": self.places.read_directory,
            "folders": self._several(self.places.read_directory),
            "document": self.places.read_document,
            "documents": self._several(self.places.read_document),
            "archive": self.places.read_archive,
            "zipfile": self.places.read_zip,
            "file": self.places.read_file,
            "files": self._several(self.places.read_file),
            "glob": self._glob,
            "filename": self._kind("glob", (Kind.DOTTED,), re.compile(r".+")),
            "extension": self._extension,
            "text": self._text,
            "topic": self._topic,
            "quoted": self._kind("text", (Kind.QUOTED,), re.compile(r".+")),
            "word": self._word,
            "words": self._several(self._strict("text", _PACKAGE, frozenset())),
            "term": self._term,
            "locale": self._kind("locale", (Kind.DOTTED, Kind.WORD), _LOCALE),
            "account": self._kind("account", (Kind.DOTTED, Kind.WORD), _ACCOUNT),
            "device": self._kind("path", (Kind.PATH,), _DEVICE),
            "when": self._when,
            "today": self._today,
        }  # fmt: skip

    @classmethod
    def load(cls, path: Path, lexicon: Lexicon, multiword: dict[str, frozenset[str]]) -> "Slots":
        data = tomllib.loads(path.read_text())
        extensions = {word: tuple(globs) for word, globs in data["extensions"].items()}
        return cls(lexicon, Places(data["places"], lexicon), extensions, multiword)

    @property
    def types(self) -> frozenset[str]:
        return frozenset(self._readers)

    def read(self, kind: str, tokens: Tokens, place: int) -> Found:
        if place < len(tokens):
            yield from self._readers[kind](tokens, place)

    def _reserved(self, token: Token) -> bool:
        words = (token.text.lower(), token.word)
        return any(
            word in self.lexicon.never_names or word in self.lexicon.critical for word in words
        )

    def _name(self, kind: str, pattern: re.Pattern[str], *, plain: bool = False) -> Reader:
        """A name that can be looked up: it may be a word of the phrases; if `plain`, no noun."""

        def read(tokens: Tokens, place: int) -> Found:
            for length in (3, 2):
                words = " ".join(t.text.lower() for t in tokens[place : place + length])
                if words in self.multiword[kind]:
                    yield Value(kind, (words,)), place + length
            token = tokens[place]
            if token.kind is Kind.QUOTED and pattern.fullmatch(token.text):
                yield Value(kind, (token.text,)), place + 1
            if (
                token.kind not in (*_ACTUAL, Kind.SIZE, Kind.NUMBER)
                or not any(map(str.isalpha, token.text))
                or not pattern.fullmatch(token.text)
                or self._reserved(token)
                or (token.kind is Kind.DOTTED and _FILE_NAME.search(token.text))
            ):
                return
            low = token.text.lower()
            lexicon = self.lexicon
            known = {low, token.word} & (lexicon.vocabulary | lexicon.reading)
            weak = bool(known) and low not in lexicon.programs
            if not (plain and {low, token.word} & lexicon.nouns):
                yield Value(kind, (token.text,), weak), place + 1

        return read

    def _strict(self, kind: str, pattern: re.Pattern[str], known: frozenset[str]) -> Reader:
        """A name that cannot be looked up: never a word that the phrases know."""

        def read(tokens: Tokens, place: int) -> Found:
            token = tokens[place]
            words = (token.text.lower(), token.word)
            if token.kind is not Kind.QUOTED and token.text.lower() not in known:
                usual = token.kind is Kind.WORD or _VERSIONED.fullmatch(token.text)
                if not usual or self._reserved(token):
                    return
                if any(w in self.lexicon.vocabulary or w in self.lexicon.reading for w in words):
                    return
            text = token.text if kind == "program" else token.text.lower()
            if pattern.fullmatch(text):
                yield Value(kind, (text,)), place + 1

        return read

    def _several(self, single: Reader) -> Reader:
        def read(tokens: Tokens, place: int) -> Found:
            found: list[tuple[Value, int]] = []
            start = place
            while start < len(tokens) and len(found) < 12:
                item = next(single(tokens, start), None)
                joined = found and found[-1][1] == start
                if item is None or (joined and not _follows(tokens[start], item[0])):
                    break
                found.append(item)
                start = item[1]
                while start < len(tokens) and (
                    tokens[start].kind is Kind.COMMA or tokens[start].word in (*_SEPARATORS, "the")
                ):
                    start += 1
            for length in range(len(found), 0, -1):
                values = [value for value, _ in found[:length]]
                items = tuple(item for value in values for item in value.items)
                weak = any(value.weak for value in values)
                yield Value(values[0].type, items, weak), found[length - 1][1]

        return read

    def _kind(self, kind: str, kinds: tuple[Kind, ...], pattern: re.Pattern[str]) -> Reader:
        def read(tokens: Tokens, place: int) -> Found:
            token = tokens[place]
            if token.kind in kinds and pattern.fullmatch(token.text):
                yield Value(kind, (token.text,)), place + 1

        return read

    def _count(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if token.kind is Kind.NUMBER and 0 < int(token.text) <= 100_000:
            yield Value("count", (str(int(token.text)),)), place + 1

    def _port(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if token.kind is Kind.NUMBER and 0 < int(token.text) < 65536:
            yield Value("port", (str(int(token.text)),)), place + 1

    def _site(self, tokens: Tokens, place: int) -> Found:
        """A host by its looks."""
        token = tokens[place]
        dotted = token.kind is Kind.DOTTED or token.text.lower() == "localhost"
        if (token.kind is Kind.ADDRESS and "/" not in token.text) or (
            dotted and _HOST.fullmatch(token.text)
        ):
            yield Value("host", (token.text,)), place + 1

    def _host(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if site := next(self._site(tokens, place), None):
            yield site
        elif (
            token.kind is Kind.WORD
            and _HOST.fullmatch(token.text)
            and not (
                self._reserved(token)
                or token.word in self.lexicon.vocabulary
                or token.text.lower() in self.lexicon.reading
            )
        ):
            yield Value("host", (token.text.lower(),)), place + 1

    def _size(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        text, end = token.text.lower(), place + 1
        if token.kind is Kind.NUMBER:
            if end >= len(tokens) or tokens[end].kind is not Kind.WORD:
                return
            text, end = text + tokens[end].text.lower(), end + 1
        elif token.kind is not Kind.SIZE:
            return
        if match := _SIZE.fullmatch(text):
            number, unit = float(match[1]), match[2] or ""
            factor = {"b": ("c", 1), "k": ("k", 1), "m": ("M", 1), "g": ("G", 1), "t": ("G", 1024)}
            suffix, times = factor.get(unit, ("c", 1))
            amount = number * times
            if amount != int(amount):  # find takes whole numbers only
                smaller = {"G": "M", "M": "k", "k": "c"}
                suffix, amount = smaller.get(suffix, "c"), amount * 1024
            yield Value("size", (f"{int(amount)}{suffix}",)), end

    def _glob(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if token.kind is Kind.GLOB and "/" not in token.text:
            text = "*" + token.text if token.text.startswith(".") else token.text
            yield Value("glob", (text,)), place + 1
        elif (token.kind in (Kind.QUOTED, Kind.DOTTED) and "/" not in token.text) or (
            token.kind is Kind.WORD
            and token.word not in self.lexicon.vocabulary
            and token.text.lower() not in self.lexicon.reading
            and not self._reserved(token)
        ):
            yield Value("glob", (token.text,)), place + 1

    def _extension(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if token.kind is Kind.GLOB and re.fullmatch(r"(\*)?\.\w+", token.text):
            yield Value("extension", ("*" + token.text.lstrip("*"),)), place + 1
        elif globs := self.extensions.get(
            token.text.lower().removesuffix("s")
        ) or self.extensions.get(token.text.lower()):
            yield Value("extension", globs), place + 1

    def _text(self, tokens: Tokens, place: int) -> Found:
        if tokens[place].kind is Kind.QUOTED:
            yield Value("text", (tokens[place].text,)), place + 1
            return
        if tokens[place].kind is Kind.COMMA:
            return
        for end in range(len(tokens), place, -1):
            part = tokens[place:end]
            if not any(token.kind in (Kind.SYMBOL, Kind.QUOTED) for token in part):
                text = " ".join(token.text for token in part).replace(" ,", ",").rstrip(" ,")
                if text:
                    yield Value("text", (text,)), end

    def _topic(self, tokens: Tokens, place: int) -> Found:
        """A few words to search for, none of which starts another thought."""
        for value, end in self._text(tokens, place):
            part = tokens[place:end]
            if len(part) <= 6 and not any(
                t.kind in (Kind.COMMA, Kind.PERIOD)
                or t.word in self.lexicon.critical | {"then", "and"}
                for t in part
            ):
                yield value, end

    def _word(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if token.kind not in (
            Kind.SYMBOL,
            Kind.COMMA,
            Kind.PERIOD,
            Kind.GLOB,
        ) and not self._reserved(token):
            yield Value("text", (token.text,)), place + 1

    def _term(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        said = token.kind in (Kind.WORD, Kind.NUMBER, Kind.DOTTED, Kind.QUOTED, Kind.ADDRESS)
        if said and _TERM.fullmatch(token.text):
            yield Value("text", (token.text,)), place + 1

    def _today(self, tokens: Tokens, place: int) -> Found:
        if tokens[place].kind is Kind.PERIOD and tokens[place].text == "today":
            yield Value("text", ("today",)), place + 1

    def _when(self, tokens: Tokens, place: int) -> Found:
        token = tokens[place]
        if token.kind is Kind.PERIOD and isinstance(token.value, Period):
            yield Value("when", (token.text,), period=token.value), place + 1


def _follows(token: Token, value: Value) -> bool:
    """Whether it may stand in a list with no comma and no "and" before it."""
    if token.kind is Kind.QUOTED:
        return False
    return value.type != "path" or token.kind in (Kind.PATH, Kind.DOTTED)
