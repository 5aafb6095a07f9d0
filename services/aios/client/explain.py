"""What policy makes of a command that waits, for the person who is asked about it."""

import subprocess
from collections.abc import Mapping
from typing import Any

from aios.client import engine, place
from aios.client.terminal import Terminal, harmless
from aios.client.varlink import ClientError

SECONDS = 10.0


def show(terminal: Terminal, request: Mapping[str, Any]) -> None:
    """The command as a tree, with what decides about each part; where there is no library to read
    it with, policy's answer."""
    command, machine = str(request["command"]), str(request.get("machine", ""))
    try:
        text = _outline(command, machine) or _answer(command, machine)
    except ClientError as error:
        terminal.error(error.message, error.hint)
        return
    for line in harmless(text.rstrip("\n")).split("\n"):
        terminal.note(f"    {line}", "")


def _outline(command: str, machine: str) -> str:
    if place.in_machine() or not engine.PYTHON.exists():
        return ""
    argv = [str(engine.PYTHON), "-I", "-m", "aios.policy.tool", "explain", "-m", machine]
    try:
        done = subprocess.run(
            [*argv, "--", command], capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _answer(command: str, machine: str) -> str:
    parameters = {"command": command, "machine": machine}
    answer = place.look_up("policy", f"{place.POLICY}.Check", parameters)
    lines = [f"decision    {answer['decision']}"]
    lines += [f"{name:<11} {value}" for name, value in answer["why"].items() if value]
    return "\n".join(lines)
