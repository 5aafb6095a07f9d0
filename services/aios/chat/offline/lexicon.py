import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from aios.chat.offline.sentence import Kind, Token

_LONG = 6
_WANTS = (("i", "want"), ("i", "need"), ("i", "wish"), ("we", "want"), ("we", "need"))
_VERBS = frozenset(
    ["add", "change", "check", "close", "copy", "create", "delete", "disable", "enable", "find",
     "get", "install", "kill", "know", "list", "look", "make", "move", "open", "read", "remove",
     "restart", "search", "see", "set", "show", "start", "stop", "uninstall", "update", "upgrade"]
)  # fmt: skip


@cache
def singular(word: str) -> str:
    """The same ending for both numbers; applied to sentences and phrases alike."""
    if (
        len(word) <= 3
        or word in ("does", "always")
        or word.endswith(("ss", "us", "is"))
        or not word.endswith("s")
    ):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


@dataclass(slots=True)
class Lexicon:
    light: frozenset[str]  # mean nothing in any sentence
    reading: frozenset[str]  # mean nothing in a sentence that only asks to see something
    critical: frozenset[str]  # always change what a sentence means
    never_names: frozenset[str]
    nouns: frozenset[str]  # what orders are about
    programs: frozenset[str]  # words of phrases that are names, too
    leading: tuple[tuple[str, ...], ...]
    trailing: tuple[tuple[str, ...], ...]
    slips: dict[str, str]  # usual misspellings
    synonyms: dict[str, str]
    compounds: dict[str, list[tuple[tuple[str, ...], str]]]
    vocabulary: set[str] = field(default_factory=set)  # every word of a phrase

    @classmethod
    def load(cls, path: Path) -> "Lexicon":
        data = tomllib.loads(path.read_text())
        synonyms: dict[str, str] = {}
        compounds: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for canonical, variants in data["synonyms"].items():
            for variant in variants:
                words = tuple(singular(word) for word in variant.split())
                if len(words) == 1:
                    synonyms[words[0]] = canonical
                else:
                    compounds.setdefault(words[0], []).append((words, canonical))
        for entries in compounds.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        return cls(
            light=_with_singulars(data["light"]),
            reading=_with_singulars(data["light"] + data["reading"]),
            critical=_with_singulars(data["critical"]),
            never_names=frozenset(data["never_names"]),
            nouns=frozenset(data["nouns"]),
            programs=frozenset(data["programs"]),
            leading=_longest_first(data["leading"]),
            trailing=_longest_first(data["trailing"]),
            slips={slip: right for right, slips in data["slips"].items() for slip in slips},
            synonyms=synonyms,
            compounds=compounds,
        )

    def canonical(self, word: str) -> str:
        if word in self.synonyms:
            return self.synonyms[word]
        word = singular(word)
        return self.synonyms.get(word, word)

    def canonical_words(self, words: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Canonical words, each with the number of words that it stands for."""
        place = 0
        while place < len(words):
            for variant, canonical in self.compounds.get(singular(words[place]), ()):
                run = words[place : place + len(variant)]
                if tuple(map(singular, run)) == variant:
                    yield canonical, len(variant)
                    place += len(variant)
                    break
            else:
                yield self.canonical(words[place]), 1
                place += 1

    def apply(self, tokens: Sequence[Token]) -> tuple[Token, ...]:
        found: list[Token] = []
        place = 0
        words = [token.word if token.kind is Kind.WORD else "\0" for token in tokens]
        for word, length in self.canonical_words(words):
            token = tokens[place]
            if length > 1:
                text = " ".join(part.text for part in tokens[place : place + length])
                token = Token(text, word)
            elif token.kind is Kind.WORD:
                token = Token(token.text, word, possessive=token.possessive)
            found.append(token)
            place += length
        return tuple(found)

    def unpadded(self, tokens: Sequence[Token]) -> tuple[tuple[Token, ...], bool]:
        """Without polite words around the sentence; and whether it was a polite question."""
        tokens = tuple(map(self._mended, tokens))
        polite = False
        again = True
        while again:
            again = False
            while tokens and tokens[0].kind is Kind.COMMA:
                tokens = tokens[1:]
            while tokens and tokens[-1].kind is Kind.COMMA:
                tokens = tokens[:-1]
            words = tuple(token.text.lower() for token in tokens)
            for pad in self.leading:
                if words[: len(pad)] == pad:
                    polite = polite or "you" in pad or "we" in pad
                    tokens, again = tokens[len(pad) :], True
                    break
            words = tuple(token.text.lower() for token in tokens)
            for pad in self.trailing:
                if words[-len(pad) :] == pad:
                    tokens, again = tokens[: -len(pad)], True
                    break
        words = tuple(token.text.lower() for token in tokens[:3])
        if words[:2] in _WANTS and words[2:] and words[2] in _VERBS:
            tokens = tokens[2:]
        return tokens, polite

    def _mended(self, token: Token) -> Token:
        right = self.slips.get(token.text.lower()) if token.kind is Kind.WORD else None
        return replace(token, text=right, word=right) if right else token

    def closest(self, word: str) -> str | None:
        """The one word of the phrases that is a slip of the finger away."""
        if len(word) < 4:
            return None
        known = {word: word for word in self.vocabulary} | self.synonyms
        found = {
            meant
            for near, meant in known.items()
            if len(near) >= 4 and _one_slip(word, near) and (len(word) > 4 or len(near) == 4)
        }
        return found.pop() if len(found) == 1 else None


def _with_singulars(words: Iterable[str]) -> frozenset[str]:
    return frozenset(form for word in words for form in (word, singular(word)))


def _longest_first(pads: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(pad.split()) for pad in pads), key=lambda pad: -len(pad)))


def _one_slip(word: str, known: str) -> bool:
    """One letter left out, added, changed, or two neighbours swapped; the first only swapped."""
    if word[:2] == known[1::-1] and word[2:] == known[2:]:
        return True
    if word[0] != known[0] or abs(len(word) - len(known)) > 1:
        return False
    place = next((i for i, (a, b) in enumerate(zip(word, known, strict=False)) if a != b), None)
    if place is None:
        return len(word) != len(known)
    if len(word) != len(known):
        longer, shorter = (word, known) if len(word) > len(known) else (known, word)
        return longer[place + 1 :] == shorter[place:]
    if word[place + 1 :] == known[place + 1 :] and len(word) >= _LONG:
        return True  # of short words, another letter makes another word
    swapped = known[:place] + known[place : place + 2][::-1] + known[place + 2 :]
    return word == swapped
