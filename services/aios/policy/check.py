"""One decision: the strictest of all that a line would run, over all rules that apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aios.policy.decision import Decision
from aios.policy.index import Index
from aios.policy.loose import possible_commands, strings_in
from aios.policy.parts import Part, Parts
from aios.policy.patterns import Facts, LinePattern, Mild, Strict
from aios.policy.reader import read
from aios.policy.rules import HOST, Rule
from aios.policy.tools import tools
from aios.policy.words import is_dynamic

if TYPE_CHECKING:
    from aios.policy.policy import Policy
    from aios.policy.users import UserRules

_MAX_SEARCHED = 1 << 20  # characters of possible code that are searched for one decision
_MAX_SEARCHES = 6
_CONFINED = "built-in: confined"
_NO_RULE = "no rule covers it"


@dataclass(frozen=True, slots=True)
class PartVerdict:
    command: str
    decision: Decision
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Decision
    command: str
    """The simple command that decided, as it was understood."""
    rule: str
    """FILE:LINE PATTERN, or "built-in: …"."""
    reason: str
    normalized: str
    parts: tuple[PartVerdict, ...]


def _telling(found: PartVerdict) -> tuple[int, bool, bool]:
    """Strictest first; of equals, a rule before a built-in reason before the default."""
    builtin = found.rule.startswith("built-in")
    default = found.reason == _NO_RULE
    return found.decision.rank, not builtin and not default, not default


class Check:
    """One decision, for one machine and user."""

    def __init__(
        self,
        policy: Policy,
        machine: str,
        user: str,
        groups: frozenset[str],
        own: UserRules | None = None,
    ) -> None:
        self.policy = policy
        self.own = own
        self._indexes = [policy.index, own.index] if own is not None else [policy.index]
        self.machine = machine
        self.user = user
        self.groups = groups
        self._searched: set[str] = set()
        self._budget = _MAX_SEARCHED
        self._names: dict[str, bool] = {}
        self.default = policy.default
        self.default_origin = policy.default_origin
        if own is not None and own.default is not None and own.default > self.default:
            self.default, self.default_origin = own.default, own.default_origin
        self._guarded = machine == HOST and not policy.host_is_machine
        """Nothing below approval is for this machine that does not name it."""
        if self._guarded and self.default < Decision.REQUIRE_APPROVAL:
            self.default = Decision.REQUIRE_APPROVAL

    def verdict(self, command: str, directory: str = "") -> Verdict:
        parts = Parts(read(command), command, second=True, directory=directory)
        facts = [Facts(part, parts.directories) for part in parts.found]
        verdicts: list[PartVerdict] = []
        confined: list[PartVerdict] = []
        for part, fact in zip(parts.found, facts, strict=True):
            found = self._part(part, fact, parts.directories)
            if found is not None:
                verdicts.append(found)
                if fact.tool is not None and fact.tool.mode(part.words).confined:
                    confined.append(found)
        strict = Decision.REQUIRE_APPROVAL
        for reason in dict.fromkeys(parts.unclear):
            verdicts.append(PartVerdict(command, strict, "built-in: unclear", reason))
        verdicts += self._lines(command, parts, facts)
        if not verdicts:
            verdicts.append(PartVerdict(command, strict, "built-in: unclear", "nothing to run"))
        worst = max(verdicts, key=_telling)
        if worst.decision is Decision.NOTIFY:
            for found in confined:
                if found.decision is Decision.AUTO_ALLOW:
                    reason = f"beside {worst.command} it would be root, whatever it finds to run"
                    verdicts.append(PartVerdict(found.command, strict, _CONFINED, reason))
            worst = max(verdicts, key=_telling)
        if worst.decision is not Decision.DENY and parts.texts:
            denied = self._loosely(parts)
            if denied is not None:
                worst = denied
                verdicts.append(denied)
        return Verdict(
            decision=worst.decision,
            command=worst.command,
            rule=worst.rule,
            reason=worst.reason,
            normalized="; ".join([p.show() for p in parts.found if p.counts and not p.possible])
            or command,
            parts=tuple(verdicts),
        )

    def _part(self, part: Part, facts: Facts, directories: Sequence[str]) -> PartVerdict | None:
        policy = self.policy
        tool = facts.tool
        device = policy.judge.onto_device(part, tool, directories)
        if device:
            reason = "it writes onto a block device"
            return PartVerdict(part.show(), Decision.DENY, "built-in: block device", reason)
        best, maybe = self._strict_rules(part, facts)
        if best is not None:
            return PartVerdict(part.show(), best.decision, str(best), best.reason)
        if part.possible or not part.counts:
            return None
        found = self._mildly(part, facts, directories)
        if maybe is not None and found.decision < Decision.REQUIRE_APPROVAL:
            reason = f"a word that is not known before it runs may be what this is about: {maybe}"
            strict = Decision.REQUIRE_APPROVAL
            return PartVerdict(part.show(), strict, "built-in: unclear", reason)
        return found

    def _strict_rules(self, part: Part, facts: Facts) -> tuple[Rule | None, Rule | None]:
        """The strictest that matches, and one that may."""
        best: Rule | None = None
        maybe: Rule | None = None
        if part.words:
            for indexes in self._indexes:
                index = indexes.deny if part.possible else indexes.strict
                for rule in index.rules if is_dynamic(facts.name) else index.of(facts, facts.name):
                    if best is None or rule.decision > best.decision:
                        applies = self._applies(rule, facts)
                        if applies:
                            best = rule
                        elif applies is None:
                            maybe = rule
        return best, maybe

    def _applies(self, rule: Rule, facts: Facts) -> bool | None:
        matcher = rule.matcher
        if isinstance(matcher, Strict) and self._is_for_us(rule):
            return matcher.matches(facts)
        return False

    def _is_for_us(self, rule: Rule) -> bool:
        return rule.applies(
            self.machine, self.user, self.groups,
            host_is_machine=self.policy.host_is_machine,
        )  # fmt: skip

    def _mild_rule(self, part: Part, facts: Facts, index: Index) -> Rule | None:
        found: Rule | None = None
        for each in index.of(facts, part.words[0]):
            matcher = each.matcher
            if (
                isinstance(matcher, Mild)
                and (found is None or each.decision > found.decision)
                and matcher.matches(part.words)
                and self._is_for_us(each)
            ):
                found = each
        return found

    def _own_rule(self, part: Part, facts: Facts, rule: Rule | None) -> Rule | None:
        """A user's own rule: stricter than the others', or where they leave it to the default."""
        if self.own is None:
            return rule
        mine = self._mild_rule(part, facts, self.own.index.mild)
        if mine is None or (rule is not None and mine.decision <= rule.decision):
            return rule
        if rule is None:
            if self._guarded:
                return None
            if mine.decision < self.policy.user_floor:
                return replace(mine, decision=self.policy.user_floor)
        return mine

    def _mildly(self, part: Part, facts: Facts, directories: Sequence[str]) -> PartVerdict:
        policy = self.policy
        decision, origin, reason = self.default, self.default_origin, _NO_RULE
        rule: Rule | None = None
        if part.words:
            rule = self._own_rule(part, facts, self._mild_rule(part, facts, policy.index.mild))
        elif part.compound:
            decision, origin, reason = Decision.AUTO_ALLOW, "built-in: redirection", ""
        if rule is not None:
            decision, origin, reason = rule.decision, str(rule), rule.reason
        if decision < Decision.REQUIRE_APPROVAL:
            literal = rule.matcher.literal if rule and isinstance(rule.matcher, Mild) else ()
            named = (
                rule is not None
                and isinstance(rule.matcher, Mild)
                and rule.matcher.names_verb(part.words)
            )
            concerns = policy.judge.concerns(part, facts.tool, directories, verb_named=named)
            for concern in concerns:
                if concern.decision > decision and concern.about not in literal:
                    decision, origin = concern.decision, "built-in: effect"
                    reason = concern.reason
        elif rule is None and part.unclear:
            origin, reason = "built-in: unclear", part.unclear
        return PartVerdict(part.show(), decision, origin, reason)

    def _lines(self, command: str, parts: Parts, facts: Sequence[Facts]) -> list[PartVerdict]:
        return [
            PartVerdict(command, rule.decision, str(rule), rule.reason)
            for indexes in self._indexes
            for rule in indexes.strict.lines
            if isinstance(rule.matcher, LinePattern)
            and rule.matcher.matches(facts, parts.functions)
            and self._is_for_us(rule)
        ]

    def _loosely(self, parts: Parts, depth: int = 0) -> PartVerdict | None:
        """The search for denied commands where nothing could be read for certain.

        Text that may be code is read strictly first, then cut up loosely; what that finds is
        searched in turn. It stops at a budget: the line is refused without a human anyway.
        """
        for text in dict.fromkeys(parts.texts):
            for code in strings_in(text):
                if code in self._searched or self._budget < len(code):
                    continue
                self._searched.add(code)
                self._budget -= len(code)
                inner = Parts(read(code), code)
                inner.directories += parts.directories
                found = self._denied(inner, code) or self._cut_up(code, parts.directories)
                if found is None and depth < _MAX_SEARCHES:
                    found = self._loosely(inner, depth + 1)
                if found is not None:
                    return found
        return None

    def _denied(self, parts: Parts, code: str) -> PartVerdict | None:
        facts = [Facts(part, parts.directories) for part in parts.found]
        for part, fact in zip(parts.found, facts, strict=True):
            part.possible = True
            found = self._part(part, fact, parts.directories)
            if found is not None:
                return found
        lines = self._lines(code, parts, facts)
        return next((found for found in lines if found.decision is Decision.DENY), None)

    def _cut_up(self, code: str, directories: Sequence[str]) -> PartVerdict | None:
        for words in possible_commands(code, self._may_be_denied):
            part = Part(words, possible=True)
            found = self._part(part, Facts(part, directories), directories)
            if found is not None:
                return found
        return None

    def _may_be_denied(self, word: str) -> bool:
        name = word.rpartition("/")[2]
        known = self._names.get(name)
        if known is None:
            tool = tools().get(name)
            known = bool(name) and (
                any(indexes.deny.knows(name) for indexes in self._indexes)
                or (tool is not None and bool(tool.onto))
            )
            self._names[name] = known
        return known

    def matches(self, rule: Rule, command: str) -> bool:
        """Whether the pattern of one rule matches any part, for its self-tests."""
        parts = Parts(read(command), command)
        facts = [Facts(part, parts.directories) for part in parts.found]
        matcher = rule.matcher
        if isinstance(matcher, LinePattern):
            return matcher.matches(facts, parts.functions)
        if isinstance(matcher, Mild):
            return any(matcher.matches(part.words) for part in parts.found if part.counts)
        return any(matcher.matches(fact) for fact in facts if fact.part.words)
