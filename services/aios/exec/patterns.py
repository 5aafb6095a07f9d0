"""Whether a line may run what a pattern means: generously, as policy's strict rules are read.

Loads policy's reader, so it is imported when it is needed.
"""

from collections.abc import Sequence

from aios.errors import ConfigError
from aios.policy.parts import Parts
from aios.policy.patterns import BadPattern, Facts, Strict
from aios.policy.reader import read


def matches(patterns: Sequence[str], command: str) -> bool:
    """What cannot be read, or is given code, may run anything. Raises ConfigError for what is no
    pattern."""
    line = read(command)
    parts = Parts(line, command)
    if line.broken or parts.unclear or parts.texts or any(part.unclear for part in parts.found):
        return True
    facts = [Facts(part, parts.directories) for part in parts.found if part.words]
    try:
        matchers = [Strict.of(pattern) for pattern in patterns]
    except BadPattern as error:
        raise ConfigError(f"[exec.guard] commands: {error}") from error
    return any(matcher.matches(fact) for matcher in matchers for fact in facts)
