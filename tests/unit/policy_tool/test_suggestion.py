"""What may become a rule, and what never."""

from pathlib import Path

import pytest

from aios.policy.policy import SHIPPED, Policy
from aios.policy.tool.suggestion import Approved, show, suggestions


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load([SHIPPED])


def past(command: str, times: int, *, user: str = "me", machine: str = "aios") -> list[Approved]:
    return [Approved(command, machine, user, approved=True)] * times


def test_exactly_the_words_for_whom_and_where(policy: Policy, tmp_path: Path) -> None:
    history = [
        *past("frob --check 'a b' x", 2),
        *past("cd /srv && frob --check  a\\ b x", 2),
        *past("frob --check 'a b' x", 3, user="you"),
        *past("frob --check 'a b' x", 2, user="rare"),
        *past("frob --check 'a b' x", 3, machine="dev"),
        *past("frob *", 0),
    ]
    found = suggestions(policy, history, 3)
    assert [(each.machine, each.users, each.times) for each in found] == [
        ("aios", ("me", "you"), 7),
        ("dev", ("me",), 3),
    ]
    file = tmp_path / "suggested.toml"
    file.write_text(show(found))
    with_it = Policy.load([SHIPPED, file])
    for command, user, machine, decision in (
        ("frob --check 'a b' x", "me", "aios", "notify"),
        ("frob --check 'a b' x", "rare", "aios", "require_approval"),
        ("frob --check 'a b' x", "you", "dev", "require_approval"),
        ("frob --check 'a b' x y", "me", "aios", "require_approval"),
        ("frob --check 'a b'", "me", "aios", "require_approval"),
        ("sudo frob --check 'a b' x", "me", "aios", "require_approval"),
    ):
        assert with_it.check(command, machine, user=user).decision == decision, command


@pytest.mark.parametrize(
    "command",
    [
        "python3 x.py", "python3.11 -c 'print(1)'", "sh x", "sudo frob",
        "git push", "ssh host frob", "make install", "docker run x", "./frob", "/opt/frob",
        "xargs frob", "eval frob", ". frob", "perl -e 1", "frob > x", "X=1 frob", "frob $X",
        "frob `id`", "frob *", "systemctl stop nginx", "rm x", "rm -rf /", "ls", "frob (",
        "f() { frob; }", "frob \x1b", "vim x", "find . -exec frob ';'",
    ],
)  # fmt: skip
def test_never(policy: Policy, command: str) -> None:
    assert suggestions(policy, past(command, 9), 3) == []


@pytest.mark.parametrize("command", ["frob;", "bash -c frob", "env frob", "nice frob"])
def test_what_is_looked_through_is_not_in_the_rule(policy: Policy, command: str) -> None:
    assert [each.words for each in suggestions(policy, past(command, 9), 3)] == [("frob",)]


def test_a_literal_star_stays_one(policy: Policy, tmp_path: Path) -> None:
    (found,) = suggestions(policy, past("frob 'a*[b]?'", 3), 3)
    file = tmp_path / "suggested.toml"
    file.write_text(found.toml())
    with_it = Policy.load([SHIPPED, file])
    assert with_it.check("frob 'a*[b]?'", "aios", user="me").decision == "notify"
    assert with_it.check("frob axxb?", "aios", user="me").decision == "require_approval"


def test_what_was_refused_as_well_is_not_suggested(policy: Policy) -> None:
    refused = Approved("frob", "aios", "you", approved=False)
    assert suggestions(policy, [*past("frob", 9), refused], 3) == []


def test_too_rarely(policy: Policy) -> None:
    assert suggestions(policy, past("frob", 2), 3) == []
