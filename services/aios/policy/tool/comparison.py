"""What differs between two policies: their rules, and what they decide about given commands."""

import sys
from pathlib import Path

from aios.policy.policy import Policy
from aios.policy.rules import Rule
from aios.policy.tool import asker
from aios.policy.tool.asker import Asker
from aios.policy.tool.cases import UNREADABLE, read
from aios.policy.tool.lines import BadLine
from aios.text import visible

DIFFER = 1
_Key = tuple[str, tuple[str, ...], tuple[str, ...]]


def _by_key(policy: Policy) -> dict[_Key, Rule]:
    """The strictest of those that say something about the same."""
    found: dict[_Key, Rule] = {}
    for rule in policy.rules:
        key = (rule.pattern, rule.machines, rule.users)
        if key not in found or rule.decision > found[key].decision:
            found[key] = rule
    return found


def rules(old: Policy, new: Policy) -> list[str]:
    """Lines as `diff` has them: - gone, + new, ! decides otherwise."""
    before, after = _by_key(old), _by_key(new)
    out = []
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key), after.get(key)
        if other is None and one is not None:
            out.append(f"- {_shown(one)}")
        elif one is None and other is not None:
            out.append(f"+ {_shown(other)}")
        elif one is not None and other is not None and one.decision is not other.decision:
            out.append(f"! {one.decision} -> {_shown(other)}")
    for name in ("default", "user_floor", "host_is_machine"):
        was, now = getattr(old, name), getattr(new, name)
        if was is not now:
            out.append(f"! {name} {was} -> {now}")
    return out


def _shown(rule: Rule) -> str:
    about = [rule.origin]
    about += [f"machines {' '.join(rule.machines)}"] if rule.machines else []
    about += [f"users {' '.join(rule.users)}"] if rule.users else []
    return f"{rule.decision:<17} {rule.pattern}    # {', '.join(about)}"


def decisions(old: Asker, new: Asker, file: Path) -> list[str]:
    """The commands about which the two do not decide the same."""
    out = []
    for _, case in read(file):
        was = old.named(case.user).check(case.command, case.machine)
        now = new.named(case.user).check(case.command, case.machine)
        if was.decision is not now.decision:
            out.append(f"{was.decision} -> {now.decision}  {case.command}    # {now.rule}")
    return out


def run(old: Path, new: Path, case_file: Path | None) -> int:
    before = asker.myself(asker.alone(old), own=False)
    after = asker.myself(asker.alone(new), own=False)
    found = rules(before.policy, after.policy)
    try:
        if case_file is not None:
            found += decisions(before, after, case_file)
    except BadLine as error:
        print(f"aios: {visible(str(error))}", file=sys.stderr)
        return UNREADABLE
    for line in found:
        print(visible(line))
    return DIFFER if found else 0
