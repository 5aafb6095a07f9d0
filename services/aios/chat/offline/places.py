import re
from collections.abc import Iterator, Mapping, Sequence

from aios.chat.offline.lexicon import Lexicon
from aios.chat.offline.sentence import Kind, Token
from aios.chat.offline.values import Value

_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+@.-]{0,100}")
_PLAIN_PATH = re.compile(r"[^\0\n]{1,1024}")
_NOUNS = frozenset(["name", "file", "directory", "script"])  # what comes next is a name
_DOCUMENT = re.compile(
    r".*/?(\.?[\w@+-]*\.(?!d$)[A-Za-z][A-Za-z0-9]{0,9}|hosts|passwd|fstab|group|hostname|shadow|sudoers"
    r"|crontab|issue|motd|os-release|syslog|messages|cpuinfo|meminfo|loadavg|version|cmdline|Makefile"
    r"|Dockerfile|README|LICENSE|\.bashrc|\.profile|\.zshrc|\.vimrc|\.gitconfig|authorized_keys"
    r"|known_hosts|services|shells|nsswitch\.conf|mounts|machine-id|timezone|environment|profile)"
)  # fmt: skip


def _is_file(path: str) -> bool:
    """A guess by the name: nothing is looked up."""
    return bool(_DOCUMENT.fullmatch(path)) and not path.endswith("/")


def is_archive(path: str) -> bool:
    return bool(re.fullmatch(r".*\.(tar(\.\w{1,4})?|tgz|tbz2?|txz)", path, re.I))


class Places:
    """Paths, as they are written and as they are called ("my downloads folder")."""

    def __init__(self, places: Mapping[str, str], lexicon: Lexicon) -> None:
        self._places = {tuple(name.split()): path for name, path in places.items()}
        self._longest = max(len(name) for name in self._places)
        self._lexicon = lexicon

    def read_path(self, tokens: Sequence[Token], place: int) -> Iterator[tuple[Value, int]]:
        """A path by its looks, or a known place; never a bare word."""
        token = tokens[place]
        written = token.kind in (Kind.PATH, Kind.DOTTED) or (
            token.kind is Kind.QUOTED and ("/" in token.text or _is_file(token.text))
        )
        if written and _PLAIN_PATH.fullmatch(token.text):
            yield Value("path", (token.text,)), place + 1
            return
        for length in range(self._longest, 0, -1):
            words = tuple(t.text.lower() for t in tokens[place : place + length])
            words = tuple(word for text in words for word in text.split())
            if path := self._places.get(words):
                yield Value("path", (path,)), place + length
                return

    def read_directory(self, tokens: Sequence[Token], place: int) -> Iterator[tuple[Value, int]]:
        for value, end in self.read_path(tokens, place):
            if not _is_file(value.items[0]):
                yield value, end

    def read_document(self, tokens: Sequence[Token], place: int) -> Iterator[tuple[Value, int]]:
        for value, end in self.read_path(tokens, place):
            if _is_file(value.items[0]) and not is_archive(value.items[0]):
                yield value, end

    def read_archive(self, tokens: Sequence[Token], place: int) -> Iterator[tuple[Value, int]]:
        for value, end in self.read_path(tokens, place):
            if is_archive(value.items[0]):
                yield value, end

    def read_zip(self, tokens: Sequence[Token], place: int) -> Iterator[tuple[Value, int]]:
        for value, end in self.read_path(tokens, place):
            if value.items[0].lower().endswith(".zip"):
                yield value, end

    def read_file(self, tokens: Sequence[Token], place: int) -> Iterator[tuple[Value, int]]:
        """As read_path, and any word that means nothing else: for use after "file", "folder"."""
        found = False
        for reading in self.read_path(tokens, place):
            found = True
            yield reading
        token = tokens[place]
        if not found and token.kind is Kind.QUOTED and _PLAIN_PATH.fullmatch(token.text):
            yield Value("path", (token.text,)), place + 1
        if found or not _BARE.fullmatch(token.text):
            return
        if token.kind in (Kind.WORD, Kind.NUMBER, Kind.SIZE):
            words = (token.text.lower(), token.word)
            lexicon = self._lexicon
            taken: set[str] = set(lexicon.never_names | lexicon.critical | lexicon.reading)
            before = tokens[place - 1].word if place else ""
            behind = tokens[place + 1].word if place + 1 < len(tokens) else ""
            if before not in _NOUNS and behind != "directory":
                taken |= lexicon.vocabulary
            if not any(word in taken for word in words):
                yield Value("path", (token.text,)), place + 1
