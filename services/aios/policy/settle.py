"""What the context of a command adds to the decision about it, and the profile it runs with."""

from collections.abc import Collection

from aios.errors import InvalidOption
from aios.options import Options
from aios.policy import environment
from aios.policy.decision import Decision
from aios.policy.layers import Judgement

PROBE = "probe"
PROFILES = {
    Decision.AUTO_ALLOW: "read-only",
    Decision.NOTIFY: "standard",
    Decision.REQUIRE_APPROVAL: "full",
    Decision.DENY: "",
}
WIDTHS = ("read-only", "standard", "full")


def settle(
    judgement: Judgement, options: Options, profiles: Collection[str]
) -> tuple[Judgement, str]:
    """The judgement with what the context adds to it, and the profile to run with. `profiles`: the
    configured ones."""
    profile = options.get_str("profile")
    known = (*WIDTHS, *profiles)
    if profile and profile not in known:
        raise InvalidOption(
            f"no profile {profile!r}", hint="known: " + ", ".join(sorted(set(known)))
        )
    if names := environment.unsettled(options.get_map("env"), options.get_str("cwd")):
        reason = "these variables can make another command of it: " + ", ".join(names)
        judgement = _raised(judgement, "built-in: environment", reason)
    if _width(profile) > _width(PROFILES[judgement.decision]):
        reason = f"profile {profile} allows more than this decision does"
        judgement = _raised(judgement, f"built-in: profile {profile}", reason)
    if options.get_str("purpose") == PROBE and judgement.decision > Decision.AUTO_ALLOW:
        reason = f"a look-up of aios's own may only read ({judgement.rule})"
        judgement = Judgement(
            Decision.DENY, judgement.part, "built-in: probe", reason, judgement.normalized
        )
    return judgement, profile or PROFILES[judgement.decision]


def _width(profile: str) -> int:
    """An unknown profile of the administrator's is as wide as any; none at all is the narrowest."""
    if not profile:
        return -1
    return WIDTHS.index(profile) if profile in WIDTHS else len(WIDTHS)


def _raised(judgement: Judgement, rule: str, reason: str) -> Judgement:
    if judgement.decision >= Decision.REQUIRE_APPROVAL:
        return judgement
    return Judgement(Decision.REQUIRE_APPROVAL, judgement.part, rule, reason, judgement.normalized)
