"""What a sentence asks for, without what a person tells beside it: "my disk is full, what takes the
space". Only for what reads: what is told could be a condition."""

from collections.abc import Iterator, Sequence

from aios.chat.offline.sentence import Kind, Token

_BEFORE = frozenset(
    ["i", "my", "we", "our", "it", "there", "something", "somebody", "someone", "this", "that",
     "looks", "seems", "the", "hm", "today", "people", "users", "everybody", "nothing"]
)  # fmt: skip
_BEHIND = frozenset(
    ["i", "we", "it", "because", "cause", "looks", "seems", "something", "there", "somebody",
     "someone", "to", "so", "or", "am"]
)  # fmt: skip
_RESTRICTING = frozenset(
    ["only", "not", "except", "without", "but", "just", "unless", "if", "one", "ones", "should",
     "must", "no", "than", "then"]
)  # fmt: skip
_FEWEST = 2


def clauses(tokens: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    """What is before a comma and what is behind it, where the other side only tells something."""
    for place, token in enumerate(tokens):
        if token.kind is not Kind.COMMA:
            continue
        before, behind = tuple(tokens[:place]), tuple(tokens[place + 1 :])
        if _tells(before, _BEFORE):
            yield behind
        if _tells(behind, _BEHIND):
            yield before


def _tells(part: Sequence[Token], starts: frozenset[str]) -> bool:
    """Words alone, no name, number or path that what is asked for could be about."""
    words = [token.text.lower() for token in part if token.kind is not Kind.COMMA]
    return (
        len(words) >= _FEWEST
        and words[0] in starts
        and all(token.kind in (Kind.WORD, Kind.COMMA) for token in part)
        and not _RESTRICTING & set(words)
    )
