"""What a check has found."""

from dataclasses import dataclass, field
from enum import StrEnum

INSTALL = "Install aios again: ./aios-install.sh"


class Level(StrEnum):
    FAULT = "fault"
    """Something does not work, or not as safely as it should."""
    WARNING = "warning"
    """It works, with less than it could have, or not for long."""


@dataclass(frozen=True)
class Finding:
    level: Level
    subject: str
    """The unit, file, machine or name that it is about."""
    what: str
    mend: str
    """A command where one is enough, else a sentence."""


@dataclass
class Report:
    check: str
    summary: str = ""
    """What is so where nothing was found."""
    findings: list[Finding] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def fault(self, subject: str, what: str, mend: str) -> None:
        self.findings.append(Finding(Level.FAULT, subject, what, mend))

    def warn(self, subject: str, what: str, mend: str) -> None:
        self.findings.append(Finding(Level.WARNING, subject, what, mend))
