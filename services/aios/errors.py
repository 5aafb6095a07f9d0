"""The errors that callers meet: one class each, its D-Bus name, a message and what to do next."""

from typing import ClassVar

PREFIX = "org.aios.Error."


class AiosError(Exception):
    """An error with a name on the bus. `hint` says what the person can do about it."""

    by_name: ClassVar[dict[str, type["AiosError"]]] = {}

    def __init_subclass__(cls) -> None:
        AiosError.by_name[PREFIX + cls.__name__] = cls

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def name(self) -> str:
        return PREFIX + type(self).__name__

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class Denied(AiosError):
    """Policy refuses the command."""


class ApprovalRejected(AiosError):
    """A human said no."""


class ApprovalTimedOut(AiosError):
    """No human answered in time."""


class ApprovalWithdrawn(AiosError):
    """The request ended before a human answered: its asker went away."""


class NotAuthorized(AiosError):
    """This caller may not do this."""


class NoSuchMachine(AiosError):
    pass


class MachineNotRunning(AiosError):
    pass


class InvalidCommand(AiosError):
    """Empty, with NUL, or too long to be run."""


class InvalidOption(AiosError):
    """An option or argument that is unknown or of the wrong type or value."""


class NotFound(AiosError):
    """No such session, request, delegation or memory."""


class Busy(AiosError):
    pass


class NoSpace(AiosError):
    """The disk is full, or would be."""


class ProfileNotEnforced(AiosError):
    """The kernel or systemd did not put the confinement into force, so nothing ran."""


class ModelUnavailable(AiosError):
    pass


class AuditUnavailable(AiosError):
    """The journal cannot take the record, so nothing runs."""


class ConfigError(AiosError):
    """A configuration file that is rejected whole; the message starts with FILE:LINE."""


class Unavailable(AiosError):
    """A service that is needed does not answer."""


class Internal(AiosError):
    """A fault of aios itself; the details are in the service's journal."""


def fault(error: Exception) -> AiosError:
    """For a caller: what was not foreseen. Its traceback is for the journal."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if isinstance(error.filename, str) else ""
        return Unavailable(
            f"{error.strerror.lower()}{where}",
            hint="aios could not use its files; ask again when that is mended",
        )
    return Internal("aios met a fault of its own", hint="journalctl -u 'aios-*' has the details")


def from_name(name: str, message: str, *, hint: str = "") -> AiosError:
    """The error that came over a bus or socket; names of others become Unavailable."""
    cls = AiosError.by_name.get(name)
    if cls is None:
        return Unavailable(f"{name}: {message}", hint=hint)
    return cls(message, hint=hint)
