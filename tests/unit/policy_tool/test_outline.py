"""The tree of a command line."""

import pytest

from aios.policy.tool.asker import Asker
from aios.policy.tool.explanation import as_json
from aios.policy.tool.outline import Node, outline


def shape(node: Node) -> list[object]:
    """["a", "b", ["c"]]: c within b."""
    found: list[object] = []
    for child in node.children:
        if child.part is not None and child.part.possible:
            continue
        found.append(child.part.show() if child.part is not None else child.label)
        if inner := shape(child):
            found.append(inner)
    return found


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls", ["ls"]),
        ("ls; cat x && id", ["ls", "cat x", "id"]),
        ("ls | cat", ["pipeline", ["ls", "cat"]]),
        ("(ls; id) > x", ["( )", ["ls", "id"], ">x"]),
        ("echo $(ls $(id))", ["echo <?>", ["( )", ["ls <?>", ["( )", ["id"]]]]]),
        ("echo `ls`", ["echo <?>", ["` `", ["ls"]]]),
        ("if ls; then id; fi", ["if", ["ls", "id"]]),
        ("for i in 1; do ls | wc; done", ["for", ["pipeline", ["ls", "wc"]]]),
        ("f() { ls; }", ["function f", ["{", ["ls"]]]),
        ("[[ -n $(ls) ]]", ["[[ -n <?>", ["( )", ["ls"]]]),
        ("sudo env A=1 ls", ["sudo env A=1 ls", ["env A=1 ls", ["ls"]]]),
        ("bash -c 'ls | id; w'", ["bash -c 'ls | id; w'", ["pipeline", ["ls", "id"], "w"]]),
        ("X=$(ls)", ["X=<?>", ["( )", ["ls"]]]),
        ("cat <<E\n$(ls)\nE", ["cat <<…"]),
    ],
)
def test_what_stands_within_what(command: str, expected: list[object]) -> None:
    root, _ = outline(command)
    found = shape(root)
    if command.startswith("cat <<"):
        # The here-document is read after its command.
        assert found[0] == "cat <<…" and "ls" in str(found)
        return
    assert found == expected


@pytest.mark.parametrize("command", ["", "ls (", "ls \x01", "x" * 70_000, "((", "`", "$(" * 200])
def test_what_cannot_be_read_is_unclear(command: str) -> None:
    _, unclear = outline(command)
    assert unclear or not command


def test_each_part_has_its_decision(alone: Asker) -> None:
    about = as_json(alone, "ls | cat /etc/shadow > x; nice rm -rf /", "aios")
    assert (about["decision"], about["decided_by"]) == ("deny", "rm -rf /")
    pipeline, wrapper = about["tree"]
    ls, cat = pipeline["within"]
    assert ls["decision"] == "auto_allow" and ls["rule"].endswith("alone.toml:2 ls")
    assert cat["decision"] == "require_approval"
    assert cat["redirections"] == [[">", "x"]] and cat["words"] == ["cat", "/etc/shadow"]
    assert "decision" not in wrapper
    assert wrapper["within"][0]["rule"].endswith("alone.toml:4 rm -rf /")
