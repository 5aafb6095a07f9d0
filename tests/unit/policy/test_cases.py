"""Every case of tests/policy/*.jsonl: what the shipped rules decide about a command."""

import json
from pathlib import Path

import pytest

from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy

CASES = Path(__file__).parents[2] / "policy"


def cases() -> list[tuple[str, str, str]]:
    rows = []
    for path in sorted(CASES.glob("*.jsonl")):
        for text in path.read_text().splitlines():
            case = json.loads(text)
            if "decision" in case:
                rows.append((case["command"], case["decision"], case["why"]))
    return rows


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return Policy.load([SHIPPED])


@pytest.mark.parametrize(("command", "decision", "why"), cases())
def test_case(shipped: Policy, command: str, decision: str, why: str) -> None:
    verdict = shipped.check(command, "aios", user="me")
    assert verdict.decision == Decision(decision), (why, verdict)


def test_no_technique_gets_past(shipped: Policy) -> None:
    texts = [
        text for path in sorted(CASES.glob("*.jsonl")) for text in path.read_text().splitlines()
    ]
    rows = [case for case in map(json.loads, texts) if "at_least" in case]
    for case in rows:
        verdict = shipped.check(case["command"], "aios", user="me")
        assert verdict.decision >= Decision(case["at_least"]), case
    assert len(rows) > 400


HELD = ["systemctl stop*", "ip link set*", "nft flush*", "modprobe*", "docker rm*"]


def test_a_technique_hides_no_family_from_a_rule(tmp_path: Path) -> None:
    """What is only held could be held for being unclear: denied, it has to be found."""
    strict = tmp_path / "strict.toml"
    strict.write_text(f"[permissions]\ndeny = {json.dumps(HELD)}\n")
    policy = Policy.load([SHIPPED, strict])
    rows = [json.loads(text) for text in (CASES / "families.jsonl").read_text().splitlines()]
    missed = [
        case["command"]
        for case in rows
        if "decision" in case
        and policy.check(case["command"], "aios", user="me").decision is not Decision.DENY
    ]
    assert not missed


def test_everyday_lines_are_allowed(shipped: Policy) -> None:
    """At most 3 % of them need a human."""
    rows = [json.loads(text) for text in (CASES / "everyday.jsonl").read_text().splitlines()]
    needless = [
        case["command"]
        for case in rows
        if shipped.check(case["command"], "aios", user="me").decision > Decision(case["at_most"])
    ]
    assert len(rows) > 200
    assert len(needless) <= 0.03 * len(rows), needless


@pytest.mark.parametrize(
    ("command", "decision"),
    [
        ("apt-get install -y tree", "notify"),
        ("DEBIAN_FRONTEND=noninteractive apt-get install -y tree", "notify"),
        ("pacman -S vim", "notify"),
        ("pacman -Syu", "notify"),
        ("dnf install tree", "notify"),
        ("systemctl start nginx", "notify"),
        ("git clone https://example.com/x.git", "notify"),
        ("mkdir -p /srv/x", "notify"),
        ("ss -tlnp", "notify"),
        ("apt-get remove -y tree", "require_approval"),
        ("systemctl restart nginx", "require_approval"),
        ("frobnicate", "require_approval"),
        ("", "require_approval"),
    ],
)
def test_everyday(shipped: Policy, command: str, decision: str) -> None:
    assert shipped.check(command, "aios", user="me").decision == Decision(decision)


def test_a_verdict_explains_itself(shipped: Policy) -> None:
    verdict = shipped.check("ls -la; sudo rm -r -f //", "aios", user="me")
    assert verdict.decision is Decision.DENY
    assert verdict.command == "rm -r -f //"
    assert verdict.rule.startswith(f"{SHIPPED}:")
    assert verdict.rule.endswith(" rm -rf /")
    assert [part.command for part in verdict.parts][:2] == ["ls -la", "sudo rm -r -f //"]


def test_the_host_is_not_a_machine(shipped: Policy) -> None:
    assert shipped.check("ls", ".host", user="me").decision is Decision.REQUIRE_APPROVAL
    assert shipped.check("rm -rf /", ".host", user="me").decision is Decision.DENY
