from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from aios.chat.offline.sentence import Kind, Token

_JOINTS = frozenset({"and", "then", "afterwards", "after", "that", "also", "finally", "next"})
_MOST = 4
_PRONOUNS = frozenset({"it", "them", "him", "her"})


def split(
    tokens: Sequence[Token], is_name: Callable[[Token], bool]
) -> Iterator[tuple[tuple[Token, ...], ...]]:
    """Every way to read a sentence as several orders, the fewest orders first."""
    joints = list(_joints(tokens))
    if not joints or len(joints) > _MOST:
        return
    for count in range(1, len(joints) + 1):
        for chosen in _combinations(joints, count):
            parts: list[tuple[Token, ...]] = []
            start = 0
            for first, last in [*chosen, (len(tokens), len(tokens))]:
                parts.append(tuple(tokens[start:first]))
                start = last
            if all(parts):
                yield _with_antecedents(parts, is_name)


def _joints(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    place = 0
    while place < len(tokens):
        end = place
        while end < len(tokens) and (
            tokens[end].kind is Kind.COMMA
            or (tokens[end].kind is Kind.WORD and tokens[end].word in _JOINTS)
        ):
            end += 1
        words = {token.word for token in tokens[place:end]}
        if end > place and words & {",", "and", "then", "afterwards"}:
            yield place, end
        place = max(end, place + 1)


def _combinations(
    joints: Sequence[tuple[int, int]], count: int
) -> Iterator[tuple[tuple[int, int], ...]]:
    if count == 0:
        yield ()
        return
    for index, joint in enumerate(joints):
        for rest in _combinations(joints[index + 1 :], count - 1):
            yield (joint, *rest)


def _with_antecedents(
    parts: Sequence[tuple[Token, ...]], is_name: Callable[[Token], bool]
) -> tuple[tuple[Token, ...], ...]:
    """ "install nginx and start it": `it` is the last word of the first order, if it is a name."""
    said = parts[0][-1]
    if not is_name(said):
        return tuple(parts)
    rest = [
        tuple(replace(said) if token.word in _PRONOUNS else token for token in part)
        for part in parts[1:]
    ]
    return (parts[0], *rest)
