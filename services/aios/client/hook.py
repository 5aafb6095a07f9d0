"""`aios policy hook claude-code`: the same policy for commands that Claude Code wants to run.

It calls this before each tool (PreToolUse) with an object on standard input and reads an answer
from standard output; https://code.claude.com/docs/en/hooks. Exit status 2 blocks the tool, every
other failure does not: so whatever goes wrong here is 2.
"""

import json
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from aios.client import own_rules, place
from aios.client.varlink import ClientError
from aios.text import visible

BLOCKED = 2
SECONDS = 30.0
"""Claude Code waits 60 s for a hook, and goes on without its answer."""
MAX_INPUT = 4 * 1024 * 1024
HOST = ".host"
ORDER = ("auto_allow", "notify", "require_approval", "deny")
ANSWERS = {"auto_allow": "allow", "notify": "allow", "require_approval": "ask", "deny": "deny"}


class Malformed(ValueError):
    pass


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="aios policy hook",
        description="Answers the hooks of other tools by this policy.",
        allow_abbrev=False,
    )
    parser.add_argument("-m", "--machine", help="whose rules hold; default: where this runs")
    parser.add_argument("tool", choices=["claude-code"])
    given = parser.parse_args(arguments)
    try:
        answer = _answer(sys.stdin.buffer.read(MAX_INPUT + 1), given.machine)
        if answer is not None:
            print(json.dumps(answer))
        sys.stdout.flush()
    except Malformed as error:
        return _block(str(error))
    except ClientError as error:
        return _block(error.message)
    except (Exception, KeyboardInterrupt) as error:
        # Everything: an exit status that is not 2 would let the tool run.
        return _block(f"{type(error).__name__}: {error}")
    return 0


def _block(message: str) -> int:
    print(f"aios: blocked: {visible(message)}", file=sys.stderr)
    return BLOCKED


def _answer(raw: bytes, machine: str | None) -> dict[str, Any] | None:
    """None: no opinion, and the tool's own rules decide."""
    if len(raw) > MAX_INPUT:
        raise Malformed("the hook's input is too long")
    try:
        event = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the hook's input is no JSON: {error}") from error
    if not isinstance(event, dict):
        raise Malformed("the hook's input is no object")
    if event.get("hook_event_name") != "PreToolUse":
        raise Malformed("this is for PreToolUse hooks")
    tool = event.get("tool_name")
    if not isinstance(tool, str) or not tool:
        raise Malformed("the hook's input names no tool")
    if tool != "Bash":
        return None
    given = event.get("tool_input")
    command = given.get("command") if isinstance(given, dict) else None
    if not isinstance(command, str):
        raise Malformed("a Bash tool without a command")
    cwd = event.get("cwd", "")
    if not isinstance(cwd, str):
        raise Malformed("the working directory is no text")
    return _said(*_decide(command, cwd, machine))


def _decide(command: str, cwd: str, machine: str | None) -> tuple[str, Mapping[str, Any]]:
    """The stricter of the line as it stands, and as it is read in its directory."""
    own_rules.hand_over()
    if machine is None:
        machine = "" if place.in_machine() else HOST
    commands = [command]
    if cwd:
        commands.append(f"cd -- {shlex.quote(cwd)}\n{command}")
    found = []
    for each in commands:
        with place.connect("policy", timeout=SECONDS) as policy:
            parameters = {"command": each, "machine": machine}
            answer = policy.call(f"{place.POLICY}.Check", parameters)
        # An answer that this client does not know has no place in the order: an error.
        found.append((str(answer["decision"]), answer["why"]))
    return max(found, key=lambda one: ORDER.index(one[0]))


def _said(decision: str, why: Mapping[str, Any]) -> dict[str, Any]:
    words = [f"aios policy: {decision}", f"by {why.get('rule')}", f"for {why.get('command')}"]
    if why.get("reason"):
        words.append(str(why["reason"]))
    return {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": ANSWERS[decision],
            "permissionDecisionReason": visible("; ".join(words)),
        }
    }
