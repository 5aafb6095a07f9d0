"""`[aios] >`: prompts from a person at a terminal, or one a line from anything else."""

from collections.abc import Iterable

from aios.client import completion, place, slash
from aios.client.session import Session, worst
from aios.client.terminal import Terminal
from aios.client.typed import Lines
from aios.client.varlink import ClientError

LEAVE = frozenset({"exit", "quit", "logout"})


def interactive(session: Session, terminal: Terminal, lines: Lines) -> int:
    """Until `exit` or the end of input. Raises ClientError where aios cannot be reached."""
    if not session.id:
        session.open()
    session.name()
    lines.complete(lambda line: completion.candidates(line, session))
    while True:
        answering = False
        try:
            line = lines.prompt(place.shown(session.name())).strip()
            if line in LEAVE:
                return 0
            if not line:
                continue
            lines.keep(line)
            command = slash.read(line)
            if command is None:
                answering, questions = True, terminal.questions
                session.ask(sent(line))
                if terminal.questions > questions:
                    # What was typed ahead was typed before the question.
                    lines.forget()
            elif not slash.run(command, session, terminal):
                return 0
        except KeyboardInterrupt:
            # While an answer came, leaving its connections has stopped it, and the terminal
            # has echoed the key.
            terminal.fresh_line()
            print("\n  interrupted" if answering else "^C", file=terminal.aside)
        except ClientError as error:
            terminal.error(error.message, error.hint)
        except EOFError:
            print()
            return 0


def batch(session: Session, lines: Iterable[str]) -> int:
    """One prompt a line; the worst of their exit statuses."""
    status = 0
    for line in lines:
        prompt = line.strip()
        if prompt in LEAVE:
            break
        if prompt:
            status = worst(status, session.ask(sent(prompt)))
    return status


def once(session: Session, prompt: str) -> int:
    return session.ask(sent(prompt))


def sent(text: str) -> str:
    """What was not UTF-8 when it was typed has no JSON form."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
