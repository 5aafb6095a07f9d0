"""The policy in force, with where each line of it comes from."""

from collections.abc import Sequence
from typing import Any

from aios.policy.policy import Policy, UserRules
from aios.policy.rules import Layer, Rule
from aios.text import print_json, visible


def _entries(policy: Policy, own: UserRules | None) -> list[tuple[Layer, Rule, str]]:
    """(layer, rule, who masks it)"""
    masked = {id(rule) for rule in policy.masked}
    masks = {text: str(layer.path) for layer in policy.layers for text in layer.mask}
    layers = [*policy.layers, own.layer] if own else list(policy.layers)
    return [
        (layer, rule, masks[rule.pattern] if id(rule) in masked else "")
        for layer in layers
        for rule in layer.rules
    ]


def as_json(policy: Policy, own: UserRules | None) -> dict[str, Any]:
    return {
        "files": [str(layer.path) for layer in policy.layers],
        "default": {"decision": str(policy.default), "origin": policy.default_origin},
        "user_floor": str(policy.user_floor),
        "host_is_machine": policy.host_is_machine,
        "rules": [
            {
                "origin": rule.origin,
                "decision": str(rule.decision),
                "pattern": rule.pattern,
                "machines": list(rule.machines),
                "users": list(rule.users),
                "reason": rule.reason,
                "masked_by": masker,
                "own": own is not None and layer is own.layer,
            }
            for layer, rule, masker in _entries(policy, own)
        ],
    }


def show(policy: Policy, own: UserRules | None, *, as_object: bool) -> int:
    if as_object:
        print_json(as_json(policy, own))
        return 0
    print(f"{policy.default:<17} what no rule covers    # {visible(policy.default_origin)}")
    if policy.host_is_machine:
        print(f"{'host_is_machine':<17} rules for all machines hold on .host as well")
    file = None
    for layer, rule, masker in _entries(policy, own):
        if layer.path != file:
            file = layer.path
            whose = " (your own rules)" if own is not None and layer is own.layer else ""
            print("\n" + visible(f"# {file}{whose}"))
        print(visible(_line(rule, masker)))
    if own is not None:
        print(f"\n{'user_floor':<17} {policy.user_floor}    # as mild as own rules may be")
    return 0


def _line(rule: Rule, masker: str) -> str:
    about = [rule.origin]
    about += _names("machines", rule.machines) + _names("users", rule.users)
    if rule.reason:
        about.append(rule.reason)
    decision = f"masked by {masker}: {rule.decision}" if masker else str(rule.decision)
    return f"{decision:<17} {rule.pattern}    # {', '.join(about)}"


def _names(title: str, names: Sequence[str]) -> list[str]:
    return [f"{title} {' '.join(names)}"] if names else []
