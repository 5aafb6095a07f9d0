"""`/help` and the other words with which the prompt itself is told something."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from aios.client import machines, place, sessions
from aios.client.answer import SHORT
from aios.client.output import named
from aios.client.session import Session
from aios.client.terminal import Terminal, settled
from aios.client.varlink import ERROR_PREFIX, ClientError
from aios.text import visible

CLEAR = "\x1b[H\x1b[2J\x1b[3J"


@dataclass(frozen=True)
class Command:
    name: str
    argument: str


def read(line: str) -> Command | None:
    """None for a prompt. One that begins with a path, /etc/fstab or /etc, is one."""
    found = re.fullmatch(r"/([a-z]+)(?:\s+(.*))?", line, re.DOTALL)
    if found is None:
        return None
    name, argument = found[1], (found[2] or "").strip()
    if name not in COMMANDS and not get_close_matches(name, COMMANDS, n=1):
        return None
    return Command(name, argument)


def run(command: Command, session: Session, terminal: Terminal) -> bool:
    """Whether the prompt goes on. Raises ClientError."""
    if command.name == "quit":
        return False
    known = COMMANDS.get(command.name)
    if known is None:
        (near,) = get_close_matches(command.name, COMMANDS, n=1)
        raise ClientError(
            ERROR_PREFIX + "NotFound", f"no /{command.name}", f"Did you mean /{near}? /help"
        )
    known[1](session, terminal, command.argument)
    terminal.fresh_line()
    return True


def _help(_session: Session, terminal: Terminal, _argument: str) -> None:
    for name, (what, _) in COMMANDS.items():
        terminal.line(f"  /{name:<9} {what}")
    for key, what in KEYS:
        terminal.line(f"  {key:<10} {what}")


def _machine(session: Session, terminal: Terminal, name: str) -> None:
    if not name:
        here = place.in_machine()
        for known in [session.machine] if here else machines.governed():
            current = "  (this one)" if known == session.machine else ""
            terminal.line(f"  {known}{current}")
        return
    if place.in_machine() and name != session.machine:
        place.require_host("another machine", "Here it is this one alone.")
    if not place.in_machine():
        place.exec_socket(name)
    session.change(machine=name)
    terminal.note(f"  A new session, about {name}.")


def _model(session: Session, terminal: Terminal, name: str) -> None:
    if name:
        session.change(model=name)
    terminal.line(f"  {session.model or 'as configured: [chat] in /etc/aios/config.toml'}")


def _memory(_session: Session, _terminal: Terminal, text: str) -> None:
    _command("memory", "memory", *(("search", text) if text else ("list", "-n", "10")))


def _log(session: Session, terminal: Terminal, name: str) -> None:
    known = session.records or ()
    if not name:
        for record in known:
            terminal.line(
                f"  {record.id[-SHORT:] or '-':<{SHORT}}  {visible(record.command)}"
                f"  ({record.ended or 'not run'})"
            )
        if not known:
            terminal.note("  Nothing has run in this session; aios log shows what ran before.")
        return
    found = None if session.records is None else named(session.records, name)
    if found is None:
        raise ClientError(
            ERROR_PREFIX + "NotFound", f"no command {name!r} of this session", "/log lists them"
        )
    terminal.line(f"  $ {visible(found.command)}", "bold")
    terminal.block(settled(found.text))
    if found.cut:
        terminal.note("  (the rest was not kept)")
    terminal.note(f"  {found.ended} · {found.id}")


def _jobs(_session: Session, _terminal: Terminal, _argument: str) -> None:
    _command("jobs", "jobs")


def _sessions(session: Session, terminal: Terminal, name: str) -> None:
    if not name:
        sessions.show(terminal, sessions.listed())
        return
    found = sessions.find(name)
    session.change(resume=found.id, machine=found.machine)
    sessions.replay(terminal, session.id, session.machine, session.records)


def _cost(session: Session, terminal: Terminal, _argument: str) -> None:
    if not session.usage:
        terminal.line("  Nothing has been spent here.")
    for name, value in session.usage.items():
        terminal.line(f"  {name.replace('_', ' '):<28} {value:,.10g}")


def _clear(session: Session, terminal: Terminal, _argument: str) -> None:
    session.change()
    if terminal.draws:
        terminal.out.write(CLEAR)
    else:
        terminal.note("  A new session.")


def _command(module: str, *arguments: str) -> None:
    """As `aios NAME` does it."""
    try:
        import_module(f"aios.client.commands.{module}").main(arguments[0], arguments[1:])
    except SystemExit:
        return  # its arguments were wrong, and it has said so


def _nothing(_session: Session, _terminal: Terminal, _argument: str) -> None:
    raise AssertionError("run has handled it")


COMMANDS: dict[str, tuple[str, Callable[[Session, Terminal, str], None]]] = {
    "help": ("this", _help),
    "machine": ("[NAME]  the machine that it is about", _machine),
    "model": ("[NAME]  the model that answers from here on", _model),
    "memory": ("[WORDS]  what is remembered", _memory),
    "log": ("[ID]  this session's commands; one with all of its output", _log),
    "jobs": ("commands that run", _jobs),
    "sessions": ("[ID]  conversations; goes on with one", _sessions),
    "cost": ("what this session has used", _cost),
    "clear": ("a new session, about the same machine", _clear),
    "quit": ("leaves, as exit and Ctrl-D do", _nothing),
}
KEYS = (
    ("!COMMAND", "runs it without asking a model, governed"),
    ("Alt-Enter", "a new line in the same prompt"),
    ("Tab", "completes"),
    ("Ctrl-C", "clears the line, stops an answer, says no to a command that waits"),
)
