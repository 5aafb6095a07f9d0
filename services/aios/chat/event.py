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
    """{command, machine, why, number}: before it is asked for; a human may have to approve it
    first. number: counts the prompt's commands; what else is told of one has it too, as several
    that only read run side by side."""
    OUTPUT = "output"
    """{number, stream (stdout, stderr), text}: a piece of what it prints, as it comes. left_out: so
    many characters before this piece are not shown."""
    FINISHED = "finished"
    """{number, exit_status, id, decision, profile, ended, duration_usec, …}: exec's details."""
    REFUSED = "refused"
    """{number, command, machine, name, message, hint}: it did not run; the prompt goes on."""
    SUGGEST = "suggest"
    """{commands}: at most three, to look at; nothing ran."""
    TOOL = "tool"
    """{name, why}: a tool of the model's that is no command: remember, recall, history, …"""
    RETRY = "retry"
    """{attempt, attempts, seconds, reason}: the model is asked again after that time."""
    USAGE = "usage"
    """{model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, steps, cost}: of
    the prompt; cost in US dollars, absent where a price is not known."""
    PROMPT = "prompt"
    """{text}: what the person said; in a replay only."""
    ERROR = "error"
    """{name, message, hint}: the prompt ends with it."""


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"
    DENIED = "denied"
    ABSTAINED = "abstained"
    INTERRUPTED = "interrupted"


Emit = Callable[[Kind, dict[str, Any]], Awaitable[None]]
