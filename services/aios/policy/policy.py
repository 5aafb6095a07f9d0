"""Decides what a command line may do. Pure: no bus, no files but the rules'.

The strictest of all parts decides. Mild rules only ever cover a command that the strict
reader has read whole; everything that is not certain needs a human at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tomli

from aios.errors import ConfigError
from aios.policy import rules as rules_module
from aios.policy import second, users
from aios.policy.check import Check, PartVerdict, Verdict
from aios.policy.concerns import Devices, Judge, Secrets
from aios.policy.decision import Decision
from aios.policy.index import Indexes
from aios.policy.rules import Layer, Rule, SelfTest
from aios.policy.users import UserRules

__all__ = ["SHIPPED", "START", "PartVerdict", "Policy", "UserRules", "Verdict"]

SHIPPED = Path(__file__).parent / "data" / "policy.toml"
_PATHS = SHIPPED.with_name("paths.toml")
_NOBODY: frozenset[str] = frozenset()
START = "/root"
"""Where a command begins that is told no directory, if it is more than a look; a look begins in a
home as well, and finds less there."""


class Policy:
    def __init__(self, layers: Sequence[Layer], *, shipped: Path = SHIPPED) -> None:
        self.layers = tuple(layers)
        self.default = Decision.REQUIRE_APPROVAL
        self.default_origin = "built-in: default"
        self.user_floor = Decision.AUTO_ALLOW
        self.host_is_machine = False
        """The host is what people work in, as any machine (an image): rules for all hold there."""
        masks: set[str] = set()
        for layer in self.layers:
            masks.update(layer.mask)
            self.user_floor = layer.user_floor or self.user_floor
            if layer.host_is_machine is not None:
                self.host_is_machine = layer.host_is_machine
            if layer.default is not None:
                self.default = layer.default
                self.default_origin = f"{layer.path}:{layer.default_line} default"
        self.masked: tuple[Rule, ...] = ()
        kept: list[Rule] = []
        for layer in self.layers:
            if masks and _same_file(layer.path, shipped):
                self.masked = tuple(rule for rule in layer.rules if rule.pattern in masks)
                kept += [rule for rule in layer.rules if rule.pattern not in masks]
            else:
                kept += layer.rules
        self.rules = tuple(kept)
        self.index = Indexes(kept)
        paths = tomli.loads(_PATHS.read_text())
        secrets = paths["secrets"] + [p for layer in self.layers for p in layer.secrets]
        devices = paths["devices"] + [p for layer in self.layers for p in layer.devices]
        self.judge = Judge(Secrets([*secrets, *devices]), Devices(devices))

    @classmethod
    def load(cls, layers: Sequence[Path], *, shipped: Path = SHIPPED) -> Policy:
        """Reads the files that exist, in this order; directories stand for their *.toml.

        Raises ConfigError (FILE:LINE) for the first file that is not right, or whose
        self-tests fail; and where there is no second reader.
        """
        second.require()
        paths: list[Path] = []
        for path in layers:
            paths += sorted(path.glob("*.toml")) if path.is_dir() else [path]
        read_layers = [rules_module.load(path) for path in paths if path.exists()]
        policy = cls(read_layers, shipped=shipped)
        for layer in read_layers:
            for test in layer.tests:
                policy._self_test(test)
        return policy

    def load_user(self, text: str, path: Path = users.PATH) -> UserRules:
        """A user's own rules, which `check` takes. Raises ConfigError (PATH:LINE)."""
        layer = users.load(text, path)
        for test in layer.tests:
            self._self_test(test)
        return UserRules(layer)

    def check(
        self,
        command: str,
        machine: str,
        *,
        cwd: str = "",
        user: str = "",
        groups: frozenset[str] = _NOBODY,
        user_rules: UserRules | None = None,
    ) -> Verdict:
        """cwd: where it runs, absolute, in characters that can be printed; empty: not known."""
        return Check(self, machine, user, groups, user_rules).verdict(command, cwd)

    def _self_test(self, test: SelfTest) -> None:
        check = Check(self, "", "", _NOBODY)
        if any(check.matches(rule, test.command) for rule in test.rules) != test.matches:
            wanted = "does not match" if test.matches else "matches"
            patterns = ", ".join(repr(rule.pattern) for rule in test.rules)
            raise ConfigError(
                f"{test.rules[0].origin}: the pattern {patterns} {wanted} {test.command!r}",
                hint="the rule's own match or not_match says otherwise; the file is not used",
            )


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return path == other
