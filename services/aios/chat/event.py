"""What a person sees of a prompt being answered."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    TEXT = "text"
    """{text}: a piece of the answer, as it comes."""
    NOTICE = "notice"
    """{text}: from aios itself, beside the answer."""
    COMMAND = "command"
    """{command, machine, why}: before it is asked for; a human may have to approve it first."""
    OUTPUT = "output"
    """{stdout, stderr}: of the command before."""
    FINISHED = "finished"
    """{exit_status, id, decision, profile, ended, duration_usec, …}: exec's details."""
    REFUSED = "refused"
    """{command, machine, name, message, hint}: it did not run; the prompt goes on."""
    SUGGEST = "suggest"
    """{commands}: at most three, to look at; nothing ran."""
    ERROR = "error"
    """{name, message, hint}: the prompt ends with it."""


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"
    DENIED = "denied"
    ABSTAINED = "abstained"
    INTERRUPTED = "interrupted"


Emit = Callable[[Kind, dict[str, Any]], Awaitable[None]]
