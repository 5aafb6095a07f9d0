"""The loop and the anthropic brain, against a server that speaks the Messages API."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from aios.chat import tokens
from aios.chat.event import Status

Start = Callable[..., Any]
Script = dict[str, Any]


def run(command: str, why: str = "to see") -> Script:
    return {"name": "run", "input": {"command": command, "why": why}}


async def test_words_come_as_they_are_streamed(world: Any, model: Start) -> None:
    server = model({"text": "Größe: 三 файла — ✓ done."})
    assert await world.ask(world.open(), "how big?") is Status.OK
    assert world.text() == "Größe: 三 файла — ✓ done."
    assert len(world.seen("text")) > 1
    (request,) = server.requests
    (system,) = request["system"]
    assert "the machine 'box'" in system["text"]
    assert "Debian GNU/Linux 12" in system["text"]
    assert tokens.estimate(system["text"]) + tokens.of(request["tools"]) < 2000


async def test_several_steps(world: Any, model: Start, tmp_path: Any) -> None:
    file = tmp_path / "installed"
    server = model(
        {"text": "I look first.", "tools": [run(f"ls {file}", "is it there")]},
        {"tools": [run(f"touch {file}"), run(f"echo é; echo bad >&2; ls {file}")]},
        {"text": "It is there: $RESULT"},
    )
    assert await world.ask(world.open(), "install it") is Status.OK
    assert file.exists()
    assert world.seen("command")[0]["command"] == f"ls {file}"
    assert world.seen("command")[0]["why"] == "is it there"
    assert [event["exit_status"] for event in world.seen("finished")] == [2, 0, 0]
    assert world.printed()["stdout"] == f"é\n{file}\n"
    assert world.printed()["stderr"].endswith("bad\n")
    assert "stream=stdout>\né\n" in world.text()
    results = server.requests[2]["messages"][-1]["content"]
    assert [block["type"] for block in results] == ["tool_result", "tool_result"]
    assert all(options["delegation"] == "a-delegation" for options in world.exec.options)


async def test_a_refusal_goes_back_with_its_reason(world: Any, model: Start) -> None:
    server = model(
        {"tools": [run("forbidden rm")]},
        {"text": "Then otherwise.", "tools": [run("echo otherwise")]},
        {"text": "Done."},
    )
    assert await world.ask(world.open(), "clean up") is Status.OK
    assert world.seen("refused")[0]["message"] == "it is forbidden"
    (answer,) = server.requests[1]["messages"][-1]["content"]
    assert answer["is_error"]
    assert "it is forbidden" in answer["content"]
    assert world.text() == "Then otherwise.Done."


async def test_a_prompt_that_ends_in_a_refusal_is_denied(world: Any, model: Start) -> None:
    model({"tools": [run("forbidden rm")]}, {"text": "It may not be."})
    assert await world.ask(world.open(), "clean up") is Status.DENIED


async def test_history_memory_and_nonsense(world: Any, model: Start) -> None:
    await world.ask(session := world.open(), "!echo install tree")
    server = model(
        {"tools": [
            {"name": "history", "input": {"since": "2020-01-01", "action": "install"}},
            {"name": "remember", "input": {"content": "likes trees"}},
            {"name": "recall", "input": {"query": "tree"}},
            {"name": "fly", "input": {}},
            {"name": "run", "input": {"command": ""}},
            {"name": "history", "input": {"since": "yesterday"}},
            {"name": "history", "input": {"limit": 0}},
        ]},
        {"text": "You installed tree."},
    )  # fmt: skip
    assert await world.ask(session, "what did I install?") is Status.OK
    results = server.requests[1]["messages"][-1]["content"]
    (row,) = results[0]["content"].split("\n")[1:-1]
    assert json.loads(row)["objects"] == ["tree"]
    assert [block["is_error"] for block in results] == [False] * 3 + [True] * 4
    assert "likes trees" in results[2]["content"]
    assert world.memory.filters[0]["since"].startswith("2020-01-01T00:00:00")
    # What the person ran without the model is part of the conversation.
    assert "I ran `echo install tree`" in str(server.requests[0]["messages"])


async def test_a_long_output_is_shown_whole_and_sent_by_its_ends(world: Any, model: Start) -> None:
    server = model({"tools": [run("seq 100000")]}, {"text": "Many numbers."})
    await world.ask(world.open(), "count")
    assert world.printed()["stdout"].endswith("\n100000\n")
    (answer,) = server.requests[1]["messages"][-1]["content"]
    assert len(answer["content"]) < 13_000
    assert "characters left out" in answer["content"]


BROKEN: dict[str, Script] = {
    "cut off in an event": {"text": "Half of a sentence", "cut": 400},
    "cut off between events": {"text": "Half", "tools": [run("echo never")], "cut": 700},
    "an error in the stream": {
        "text": "Half", "error_after": {"type": "overloaded_error", "message": "Overloaded"},
    },
    "no JSON": {"text": "Half", "garbage": True},
    "a bad request": {"error": {"status": 400, "type": "invalid_request_error", "message": "no"}},
    "no such model": {"error": {"status": 404, "type": "not_found_error", "message": "model: x"}},
}  # fmt: skip


@pytest.mark.parametrize("turn", BROKEN.values(), ids=BROKEN.keys())
async def test_a_failing_stream_is_told_and_the_next_prompt_works(
    world: Any, model: Start, turn: Script
) -> None:
    server = model(turn, {"text": "Here I am."})
    session = world.open()
    assert await world.ask(session, "first") is Status.FAILED
    (error,) = world.seen("error")
    assert error["name"] == "org.aios.Error.ModelUnavailable"
    assert error["hint"]
    assert not world.seen("command")
    assert await world.ask(session, "second") is Status.OK
    assert world.text() == "Here I am."
    assert server.refusals == []
    roles = [message["role"] for message in server.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "user"]


async def test_a_wrong_key_and_no_server(world: Any, model: Start) -> None:
    server = model({"text": "never"}, key="another")
    assert await world.ask(world.open(), "hello") is Status.FAILED
    assert "invalid x-api-key" in world.seen("error")[0]["message"]
    assert "systemd-creds" in world.seen("error")[0]["hint"]
    assert server.requests == []
    world.settings["base_url"] = "http://127.0.0.1:9"
    assert await world.ask(world.open(), "hello") is Status.FAILED
    assert "127.0.0.1:9" in world.seen("error")[0]["message"]


async def test_the_other_header_and_no_key_at_all(
    world: Any, model: Start, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    (credentials / "aios.anthropic-api-key").rename(credentials / "aios.anthropic-auth-token")
    model({"text": "Bearer."})
    assert await world.ask(world.open(), "hello") is Status.OK
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-the-environment")
    model({"text": "None."}, key="none")
    assert await world.ask(world.open(), "hello") is Status.OK


async def test_overload_is_tried_again(world: Any, model: Start) -> None:
    overloaded = {"error": {"status": 529, "type": "overloaded_error", "message": "Overloaded"}}
    model(overloaded, {"text": "Now."})
    assert await world.ask(world.open(), "hello") is Status.OK
    assert world.text() == "Now."


async def test_the_same_call_three_times_stops_the_model(world: Any, model: Start) -> None:
    server = model(*[{"tools": [run("echo again")]}] * 3, {"text": "Sorry."})
    session = world.open()
    assert await world.ask(session, "go") is Status.FAILED
    assert len(world.seen("command")) == 2
    assert "three times" in world.seen("notice")[0]["text"]
    assert await world.ask(session, "what now?") is Status.OK
    assert server.refusals == []


async def test_the_budget_of_steps(world: Any, model: Start) -> None:
    world.settings["max_steps"] = 3
    server = model(*[{"tools": [run(f"echo {n}")]} for n in range(3)], {"text": "Well."})
    session = world.open()
    assert await world.ask(session, "go") is Status.FAILED
    assert len(world.seen("command")) == 3
    assert await world.ask(session, "and?") is Status.OK
    assert server.refusals == []


async def test_a_call_that_was_cut_off_at_max_tokens_does_not_run(world: Any, model: Start) -> None:
    server = model(
        {"text": "So", "tools": [run("echo half")], "stop": "max_tokens"}, {"text": "Yes."}
    )
    session = world.open()
    assert await world.ask(session, "go") is Status.OK
    assert not world.seen("command")
    assert "max_tokens" in world.seen("notice")[0]["text"]
    assert await world.ask(session, "go on") is Status.OK
    assert server.refusals == []


async def test_an_interrupt_ends_the_command_and_the_conversation_goes_on(
    world: Any, model: Start
) -> None:
    server = model(
        {"tools": [run("echo half; touch /dev/null; sleep 60"), run("echo never")]},
        {"text": "As you like."},
    )
    session = world.open()
    asking = asyncio.ensure_future(world.ask(session, "wait"))
    await world.until("output")
    await world.chat.interrupt(world.caller, session)
    assert await asking is Status.INTERRUPTED
    await asyncio.wait_for(world.exec.cancelled.wait(), timeout=5)
    assert await world.ask(session, "what now?") is Status.OK
    assert server.refusals == []
    stopped, never = server.requests[-1]["messages"][2]["content"]
    assert stopped["content"].startswith("It was stopped before its end.\n")
    assert "half\n" in stopped["content"]
    assert never["content"] == "No result: the person interrupted it."


async def test_an_interrupt_ends_a_stream_that_hangs(world: Any, model: Start) -> None:
    model({"text": "Let me think", "hang": True}, {"text": "Here."})
    session = world.open()
    talking = asyncio.Event()

    async def emit(kind: str, data: dict[str, Any]) -> None:
        talking.set()

    asking = asyncio.ensure_future(
        world.chat.ask(world.caller, session, "hm?", "a-delegation", emit)
    )
    await talking.wait()
    await world.chat.interrupt(world.caller, session)
    assert await asking is Status.INTERRUPTED
    assert await world.ask(session, "again") is Status.OK


async def test_nothing_answers_an_empty_turn(world: Any, model: Start) -> None:
    server = model({"text": ""}, {"text": "Yes."})
    session = world.open()
    assert await world.ask(session, "hello") is Status.OK
    assert await world.ask(session, "hello?") is Status.OK
    assert server.refusals == []


async def test_a_server_that_is_no_longer_configured_is_let_go(world: Any, model: Start) -> None:
    """By the client's own close, once nobody uses it: the collector's comes after its sockets have
    gone, and takes the watch from whatever has their numbers then."""
    first = model({"text": "one"}, {"text": "one, late", "slow": 0.5})
    await world.ask(world.open(), "one?")
    client = await world.chat._brains._connection.client()
    late = asyncio.ensure_future(world.ask(world.open(), "late?"))
    while len(first.requests) < 2:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    model({"text": "two"})
    assert await world.ask(world.open(), "two?") is Status.OK
    assert not client.is_closed()
    assert await late is Status.OK
    assert client.is_closed()
    assert not (await world.chat._brains._connection.client()).is_closed()
