"""What a decision costs, beside matching the whole text with globs, and what that lets through."""

import json
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from aios.policy.decision import Decision
from aios.policy.policy import SHIPPED, Policy
from bench import Figure, spread, timed

CASES = Path(__file__).parents[1] / "policy"
LINE = (
    "cat /var/log/nginx/access.log /var/log/nginx/access.log.1 | grep -v '/health' | cut -d' ' -f1 "
    "| sort | uniq -c | sort -rn | head -n 20; df -h /var/log /srv/www /home; "
    "systemctl status nginx --no-pager"
)
ALLOWED = ["cat", "grep", "cut", "sort", "uniq", "head", "df", "systemctl status*"]
ROUNDS = 1000


def figures() -> Iterator[Figure]:
    yield Figure("length of the line", len(LINE), "chars")
    for count in (100, 1_000, 10_000):
        tracemalloc.start()
        policy = _policy(count)
        memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert policy.check(LINE, "m").decision is Decision.AUTO_ALLOW
        yield from spread(
            f"{count} rules", timed(lambda p=policy: p.check(LINE, "m"), ROUNDS), "us"
        )
        yield Figure(f"{count} rules, memory", memory / 1024, "KiB")
        naive = _naive([*ALLOWED, *_others(count)])
        yield from spread(f"{count} rules, fnmatch", timed(lambda n=naive: n(LINE), ROUNDS), "us")
    shipped = Policy.load([SHIPPED])
    yield from spread("shipped rules", timed(lambda: shipped.check(LINE, "m"), ROUNDS), "us")
    allowed = [rule.pattern for rule in shipped.rules if rule.decision < Decision.REQUIRE_APPROVAL]
    refused = [r.pattern for r in shipped.rules if r.decision >= Decision.REQUIRE_APPROVAL]
    yield from _wrong("ours", lambda text: shipped.check(text, "m").decision)
    yield from _wrong("fnmatch", _naive(allowed, refused))
    if (peer := _bashlex(allowed, refused)) is not None:
        yield from _wrong("bashlex + fnmatch", peer)


def _others(count: int) -> list[str]:
    return [f"tool{number} sub*" for number in range(count - len(ALLOWED))]


def _policy(count: int) -> Policy:
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        patterns = ", ".join(f'"{pattern}"' for pattern in [*ALLOWED, *_others(count)])
        file.write(f"[permissions]\nauto_allow = [{patterns}]\n")
        file.flush()
        return Policy.load([Path(file.name)])


def _naive(allowed: list[str], refused: list[str] | None = None) -> Callable[[str], Decision]:
    strict, mild = refused or [], [f"{pattern.rstrip('*$ ')}*" for pattern in allowed]

    def decide(text: str) -> Decision:
        if any(fnmatchcase(text, pattern.rstrip("*") + "*") for pattern in strict):
            return Decision.REQUIRE_APPROVAL
        found = any(fnmatchcase(text, pattern) for pattern in mild)
        return Decision.AUTO_ALLOW if found else Decision.REQUIRE_APPROVAL

    return decide


def _bashlex(allowed: list[str], refused: list[str]) -> Callable[[str], Decision] | None:
    try:
        import bashlex
    except ImportError:
        return None
    one = _naive(allowed, refused)

    def commands(node: object, text: str) -> Iterator[str]:
        if getattr(node, "kind", "") == "command":
            start, end = node.pos  # type: ignore[attr-defined]
            yield text[start:end]
        for name in ("parts", "list", "command"):
            inner = getattr(node, name, None) or []
            for each in inner if isinstance(inner, list) else [inner]:
                yield from commands(each, text)

    def decide(text: str) -> Decision:
        try:
            trees = bashlex.parse(text)
        except Exception:  # it raises many kinds, and what it cannot read is refused
            return Decision.REQUIRE_APPROVAL
        return max((one(each) for tree in trees for each in commands(tree, text)), default=one(""))

    return decide


def _wrong(name: str, decide: Callable[[str], Decision]) -> Iterator[Figure]:
    allowed = held = attacks = everyday = 0
    for path in sorted(CASES.glob("*.jsonl")):
        for row in map(json.loads, path.read_text().splitlines()):
            strict = Decision(row.get("decision") or row.get("at_least") or row.get("at_most"))
            mild = decide(row["command"]) < Decision.REQUIRE_APPROVAL
            if strict >= Decision.REQUIRE_APPROVAL:
                attacks += 1
                allowed += mild
            else:
                everyday += 1
                held += not mild
    yield Figure(f"{name}: wrong allows of {attacks}", allowed, "")
    yield Figure(f"{name}: needless escalations of {everyday}", held, "")
