"""structlog → journal: the services' own log. (Audit records are exec's, in aios.exec.audit.)

structlog is loaded with the first message: most lives of a service have none, and it takes a
quarter as long to load as all that a service needs.
"""

import contextlib
import functools
import logging
import traceback
from collections.abc import MutableMapping
from typing import Any

from systemd import journal

from aios.text import visible

_PRIORITIES = {
    "debug": journal.LOG_DEBUG,
    "info": journal.LOG_INFO,
    "warning": journal.LOG_WARNING,
    "error": journal.LOG_ERR,
    "critical": journal.LOG_CRIT,
}


def _send(identifier: str, _logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    message = str(event.pop("event", ""))
    error = event.pop("exc_info", None)
    fields = {f"AIOS_LOG_{key.upper()}": str(value) for key, value in event.items()}
    pairs = [f"{key}={visible(str(value))}" for key, value in event.items()]
    if error:
        # journald keeps the lines of one message together; nothing of it goes to a caller.
        message += "\n" + traceback.format_exc()
    # A service's own log is no record: what it does must not fail for want of a journal.
    with contextlib.suppress(OSError):
        journal.send(
            " ".join([message, *pairs]),
            SYSLOG_IDENTIFIER=identifier,
            PRIORITY=_PRIORITIES.get(method, journal.LOG_ERR),
            **fields,
        )
    from structlog import DropEvent

    raise DropEvent


class Log:
    """structlog's logger, once it is asked for anything; to the journal after `setup`, else
    (in a program that is no service) to stdout."""

    def __init__(self) -> None:
        self.identifier = ""

    @functools.cached_property
    def _logger(self) -> Any:
        import structlog

        if self.identifier:
            structlog.configure(
                processors=[functools.partial(_send, self.identifier)],
                wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
                cache_logger_on_first_use=True,
            )
        return structlog.get_logger()

    def __getattr__(self, method: str) -> Any:
        return getattr(self._logger, method)


log = Log()


def setup(identifier: str) -> None:
    """`identifier` is what journalctl shows before the message, as `aios-memory`."""
    log.identifier = identifier
