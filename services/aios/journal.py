"""structlog → journal: the services' own log. (Audit records are exec's, in aios.exec.audit.)"""

import contextlib
import functools
import logging
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog
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
    raise structlog.DropEvent


def setup(identifier: str) -> None:
    """`identifier` is what journalctl shows before the message, as `aios-memory`."""
    structlog.configure(
        processors=[functools.partial(_send, identifier)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
