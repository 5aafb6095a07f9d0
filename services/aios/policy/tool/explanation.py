"""`aios policy explain`: the tree of a command line, with what decides about each part of it."""

from typing import Any

from aios.policy.check import PartVerdict, Verdict
from aios.policy.parts import Part
from aios.policy.tool.asker import Asker
from aios.policy.tool.outline import Node, outline
from aios.policy.words import show
from aios.text import print_json, visible


def _strictest(verdict: Verdict) -> dict[str, PartVerdict]:
    found: dict[str, PartVerdict] = {}
    for each in verdict.parts:
        if each.command not in found or each.decision > found[each.command].decision:
            found[each.command] = each
    return found


def as_json(asker: Asker, command: str, machine: str) -> dict[str, Any]:
    verdict = asker.check(command, machine)
    root, unclear = outline(command)
    return {
        "command": command,
        "machine": machine,
        "user": asker.user,
        "decision": str(verdict.decision),
        "decided_by": verdict.command,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "normalized": verdict.normalized,
        "unclear": unclear,
        "tree": [_node(child, _strictest(verdict)) for child in root.children],
    }


def _node(node: Node, verdicts: dict[str, PartVerdict]) -> dict[str, Any]:
    """A construct has `shell`, a simple command `command`; a command without a decision only
    counts for strict rules, none of which matches."""
    about: dict[str, Any] = {}
    if node.label:
        about["shell"] = node.label
    if node.part is not None:
        about |= _command(node.part)
        if found := verdicts.get(node.part.show()):
            about |= {
                "decision": str(found.decision), "rule": found.rule, "reason": found.reason,
            }  # fmt: skip
    if children := _children(node, verdicts):
        about["within"] = [_node(child, verdicts) for child in children]
    return about


def _children(node: Node, verdicts: dict[str, PartVerdict]) -> list[Node]:
    """What is merely possible is left out unless something is decided about it."""
    return [
        child
        for child in node.children
        if child.part is None or not child.part.possible or child.part.show() in verdicts
    ]


def _command(part: Part) -> dict[str, Any]:
    about: dict[str, Any] = {"command": part.show(), "words": [show(word) for word in part.words]}
    if part.assignments:
        about["assignments"] = {name: show(value) for name, value in part.assignments}
    if part.redirects:
        about["redirections"] = [[op, show(target)] for op, target, _ in part.redirects]
    if part.unclear:
        about["unclear"] = part.unclear
    if part.possible:
        about["possible"] = True
    return about


def verdict(asker: Asker, command: str, machine: str, *, as_object: bool) -> Verdict:
    """What Policy1.Check says, shown as the client shows it."""
    found = asker.check(command, machine)
    about = {
        "command": found.command, "rule": found.rule, "reason": found.reason,
        "normalized": found.normalized,
    }  # fmt: skip
    if as_object:
        print_json({"decision": found.decision, **about})
        return found
    print(found.decision)
    for name, value in about.items():
        _detail("", name, value)
    return found


def show_tree(asker: Asker, command: str, machine: str, *, as_object: bool) -> int:
    about = as_json(asker, command, machine)
    if as_object:
        print_json(about)
        return 0
    print(f"{about['decision']}  on {visible(machine)} for {visible(asker.user)}")
    _detail("", "decided by", about["decided_by"])
    _detail("", "rule", about["rule"])
    _detail("", "reason", about["reason"])
    for reason in about["unclear"]:
        _detail("", "unclear", reason)
    _branches(about["tree"], "")
    return 0


def _branches(nodes: list[dict[str, Any]], indent: str) -> None:
    for place, node in enumerate(nodes):
        last = place == len(nodes) - 1
        _branch(node, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))


def _branch(node: dict[str, Any], head: str, indent: str) -> None:
    inner = node.get("within", [])
    if "command" not in node:
        print(f"{head}{visible(node['shell'])}" if node.get("shell") else f"{head}…")
        _branches(inner, indent)
        return
    print(f"{head}{visible(node['command'])}")
    below = indent + ("│  " if inner else "   ")
    without = "only possible" if node.get("possible") else "looked through"
    decision = node.get("decision", without)
    rule = f"{decision}  {node['rule']}" if "rule" in node else decision
    _detail(below, "decision", rule)
    _detail(below, "reason", node.get("reason", ""))
    _detail(below, "unclear", node.get("unclear", ""))
    _detail(below, "words", " | ".join(node["words"]))
    for name, value in node.get("assignments", {}).items():
        _detail(below, "sets", f"{name}={value}")
    for op, target in node.get("redirections", []):
        _detail(below, "redirects", f"{op} {target}")
    _branches(inner, indent)


def _detail(indent: str, name: str, value: str) -> None:
    if value:
        print(visible(f"{indent}  {name:<10}  {value}"))
