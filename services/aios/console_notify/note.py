"""What a console shows of a request."""

from aios.text import visible

MAX_COMMAND = 600
"""Characters: some lines, among what somebody is doing there."""


def text(request_id: str, *, command: str, machine: str, user: str, rule: str) -> str:
    """Three lines of their own, as the terminal wants them: whatever mode it is in."""
    shown = visible(command)
    if len(shown) > MAX_COMMAND:
        shown = f"{shown[:MAX_COMMAND]}… (cut: {len(shown)} characters)"
    lines = [
        f"aios: {visible(user)} asks to run in {visible(machine)}, by {visible(rule)}:",
        f"  {shown}",
        f"  aios approve {request_id}",
    ]
    return "".join(f"\r\n{line}" for line in lines) + "\r\n"
