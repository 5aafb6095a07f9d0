"""Whatever was cut off where: the messages are what the API takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aios.chat.conversation import LEFT_OUT, LOST, messages
from aios.chat.tools import TOOLS
from aios.errors import ModelUnavailable
from loopback.rules import check_body


def said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "said", "content": list(blocks)}


def tool(key: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": key, "name": "run", "input": {"command": "id"}}


def result(key: str, text: str = "fine") -> dict[str, Any]:
    return {"type": "result", "tool_use_id": key, "text": text, "error": False}


PROMPT = {"type": "prompt", "text": "hello"}
ENTRIES = st.one_of(
    st.just(PROMPT),
    st.sampled_from([
        said({"type": "text", "text": "ok"}), said(tool("a")), said(tool("a"), tool("b")),
    ]),
    st.sampled_from([result("a"), result("b"), result("z")]),
    st.just({"type": "ran", "text": "I ran it."}),
    st.just({"type": "cut", "reason": "it was killed"}),
    st.just({"type": "brain", "name": "offline"}),
)  # fmt: skip


@given(st.lists(ENTRIES, max_size=12))
def test_any_log_is_a_conversation_that_the_api_takes(entries: list[dict[str, Any]]) -> None:
    found = messages([*entries, PROMPT])
    check_body({"model": "m", "max_tokens": 1, "messages": found, "tools": TOOLS}, "m")


def test_results_come_in_the_order_of_the_calls_and_before_the_next_prompt() -> None:
    found = messages([PROMPT, said(tool("a"), tool("b")), result("b", "2"), PROMPT])
    assert [block.get("content") for block in found[-1]["content"]] == [LOST, "2", None]
    assert [block.get("is_error") for block in found[-1]["content"]] == [True, False, None]


def test_a_cut_says_why_there_is_no_result_and_no_answer() -> None:
    found = messages([PROMPT, said(tool("a")), {"type": "cut", "reason": "it was killed"}, PROMPT])
    assert [message["role"] for message in found] == ["user", "assistant"] * 2 + ["user"]
    assert found[2]["content"][0]["content"] == "No result: it was killed."
    assert found[3]["content"][0]["text"] == "[No answer: it was killed.]"


def test_the_newest_exchanges_are_kept_whole() -> None:
    long = {"type": "prompt", "text": "x" * 6000}
    found = messages([PROMPT, said(tool("a")), result("a"), long], 2100)
    assert len(found) == 1
    assert found[0]["content"][0]["text"] == long["text"]


def test_earlier_results_go_first_where_there_is_no_room() -> None:
    entries = [PROMPT, said(tool("a")), result("a", "x" * 9000), said(tool("b")), result("b", "y")]
    found = messages(entries, 500)
    assert found[2]["content"][0]["content"] == LEFT_OUT
    assert found[4]["content"][0]["content"] == "y"
    with pytest.raises(ModelUnavailable, match="can be sent"):
        messages([{"type": "prompt", "text": "x" * 9000}], 500)


def test_what_was_shown_of_an_answer_that_broke_off_was_said() -> None:
    pieces = [{"type": "shown", "text": text} for text in ("Half ", "of it")]
    found = messages([PROMPT, *pieces, {"type": "cut", "reason": "it broke off"}, PROMPT])
    assert [message["role"] for message in found] == ["user", "assistant", "user"]
    assert found[1]["content"] == [{"type": "text", "text": "Half of it"}]
    found = messages([PROMPT, *pieces, said({"type": "text", "text": "Half of it."}), PROMPT])
    assert found[1]["content"] == [{"type": "text", "text": "Half of it."}]
