"""Requests for approval on the person's desktop, through org.freedesktop.Notifications.

busctl makes the calls: systemd brings it, and the client is on the standard library alone.
"""

import html
import json
import os
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from aios.client import place
from aios.client.terminal import Terminal
from aios.client.varlink import UNAVAILABLE, ClientError
from aios.client.watch import OUTCOME, Stream
from aios.text import visible

NAME = "org.freedesktop.Notifications"
BUSCTL = ("busctl", "--user", "--json=short", "--timeout=25", "call")
SERVICE = (NAME, "/org/freedesktop/Notifications", NAME)
MAX_COMMAND = 200
MAX_TIMEOUT = 2**31 - 1


def _call(member: str, signature: str = "", *arguments: str) -> list[Any]:
    argv = [*BUSCTL, *SERVICE, member]
    if signature:
        argv += [signature, "--", *arguments]
    try:
        # A service's words are looked for below in its own language.
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except OSError as error:
        raise ClientError(UNAVAILABLE, f"busctl: {error.strerror}") from error
    if done.returncode:
        raise ClientError(
            UNAVAILABLE,
            f"no desktop notifications: {done.stderr.strip() or f'{NAME} does not answer'}",
            "They need a notification service on your session bus; without one:"
            " aios approvals --watch",
        )
    return list(json.loads(done.stdout)["data"]) if done.stdout.strip() else []


def body(request: Mapping[str, Any], *, markup: bool) -> str:
    command = visible(str(request["command"]))
    if len(command) > MAX_COMMAND:
        command = f"{command[:MAX_COMMAND]}… (cut: {len(command)} characters)"
    lines = [
        command,
        visible(f"for {request['user']}, by {request['rule']}"),
        visible(f"aios approve {request['id']}"),
    ]
    text = "\n".join(lines)
    return html.escape(text, quote=False) if markup else text


class _Desktop:
    def __init__(self) -> None:
        """Asks first: a missing service is told at once, not with the first request."""
        (capabilities,) = _call("GetCapabilities")
        self._markup = "body-markup" in capabilities
        self._shown: dict[str, int] = {}
        """Request → its notification."""

    def event(self, event: Mapping[str, Any]) -> None:
        if "pending" in event:
            return
        if outcome := event.get(OUTCOME):
            if (number := self._shown.pop(str(outcome["id"]), None)) is not None:
                self._close(number)
        elif str(event["request"]["id"]) not in self._shown:
            self._show(event["request"])

    def _show(self, request: Mapping[str, Any]) -> None:
        left = int(request["expires"]) // 1000 - time.time_ns() // 1_000_000
        timeout = min(max(left, 1), MAX_TIMEOUT)
        title = visible(f"aios: run this in {request['machine']}?")
        (number,) = _call(
            "Notify", "susssasa{sv}i",
            "aios", "0", "", title, body(request, markup=self._markup),
            "0", "1", "urgency", "y", "1", str(timeout),
        )  # fmt: skip
        self._shown[str(request["id"])] = int(number)

    @staticmethod
    def _close(number: int) -> None:
        try:
            _call("CloseNotification", "u", str(number))
        except ClientError:
            # The person has closed it; a service that is gone is told with the next request.
            return


def run(terminal: Terminal) -> int:
    """A notification each, until Ctrl-C or SIGTERM."""
    place.require_host("the desktop", "In a machine: aios approvals --watch")
    desktop = _Desktop()
    terminal.note("Requests are shown as notifications; Ctrl-C leaves.")
    with Stream() as stream:
        while True:
            for event in stream.read():
                desktop.event(event)
