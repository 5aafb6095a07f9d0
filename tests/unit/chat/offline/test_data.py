"""The intent files: what the loader cannot see."""

import re
from collections import Counter

import pytest
from sentences import brain

from aios.chat.offline.intents import Intent
from aios.chat.offline.phrases import Choice, Nodes, Slot

# "is bob in group docker?" is answered by bob's groups, "is this 64 bit?" by the architecture.
SEEN_IN_OUTPUT = {"asked", "today"}
INTENTS = brain().intents
_FIELD = re.compile(r"\{([a-z_]+)(?:\|[a-z]+)?\}")


def always_bound(nodes: Nodes) -> frozenset[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, Slot):
            names.add(node.name)
        elif isinstance(node, Choice) and not node.optional:
            names |= frozenset.intersection(*(always_bound(option) for option in node.options))
    return frozenset(names)


def ever_bound(nodes: Nodes) -> frozenset[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, Slot):
            names.add(node.name)
        elif isinstance(node, Choice):
            names |= frozenset().union(*(ever_bound(option) for option in node.options))
    return frozenset(names)


def test_there_are_many() -> None:
    assert len(INTENTS) > 300


def test_ids_are_unique() -> None:
    assert [name for name, n in Counter(i.id for i in INTENTS).items() if n > 1] == []


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: intent.id)
def test_commands_can_be_rendered(intent: Intent) -> None:
    assert bool(intent.command) != bool(intent.question)
    assert intent.why or intent.question
    for template in intent.command.values():
        needed = set(_FIELD.findall(re.sub(r"<<.*?>>", "", template)))
        for phrase in intent.says + intent.about:
            given = always_bound(phrase.nodes) | intent.defaults.keys()
            assert needed <= given, phrase.text


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: intent.id)
def test_what_is_said_is_used(intent: Intent) -> None:
    """No slot is read and then forgotten: the command would say less than the person."""
    for template in intent.command.values():
        fields = set(_FIELD.findall(template))
        for phrase in intent.says + intent.about:
            assert ever_bound(phrase.nodes) - SEEN_IN_OUTPUT <= fields, phrase.text


def test_changes_have_no_defaulted_path() -> None:
    assert [i.id for i in INTENTS if i.changes and i.defaults] == []
