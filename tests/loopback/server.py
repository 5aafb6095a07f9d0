"""A model server on the loopback that speaks the Messages API, with a script for a model.

Standard library only: it runs in the sandbox too (`python3 -m loopback --help`).

A script is a list of turns, one for each request:

    {"text": "I look."}                                 words; $RESULT is the last tool result
    {"text": "…", "tools": [{"name": "run", "input": {…}}], "stop": "tool_use"}
    {"error": {"status": 529, "type": "overloaded_error", "message": "Overloaded", "after": 1}}
                                                        after: seconds, as Retry-After
    {"text": "…", "cut": 40}                            the connection ends after so many bytes
    {"text": "…", "error_after": {"type": …, …}}        an error event in the stream
    {"text": "…", "garbage": true}                      an event that is no JSON
    {"text": "…", "hang": true}                         the stream stops and stays open
    {"text": "…", "slow": 0.2}                          so many seconds before the stream begins
    {"text": "…", "usage": {"input_tokens": 5, …}}      what it says that it used

A request that is not right is refused as the API does and uses no turn up.
"""

import contextlib
import json
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from .rules import Refused, check_body, check_headers

Turn = dict[str, Any]


class Loopback(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        script: list[Turn],
        *,
        port: int = 0,
        key: str = "sk-loopback",
        model: str = "claude-sonnet-5-5",
        log: Path | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = list(script)
        self.key = key
        self.model = model
        self.requests: list[dict[str, Any]] = []
        """The bodies that were right."""
        self.refusals: list[str] = []
        self.released = threading.Event()
        """Ends the streams that hang."""
        self._log = log
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, headers: dict[str, str], raw: bytes) -> tuple[Turn, str]:
        """The next turn and the last tool result; or Refused."""
        with self._lock:
            try:
                check_headers(headers, self.key)
                body = json.loads(raw)
                check_body(body, self.model)
            except Refused as refused:
                self.refusals.append(str(refused))
                raise
            except ValueError as error:
                raise Refused(400, "invalid_request_error", str(error)) from error
            self.requests.append(body)
            if self._log is not None:
                with self._log.open("a") as file:
                    file.write(json.dumps(body) + "\n")
            if not self.script:
                raise Refused(500, "api_error", "the script has no more turns")
            return self.script.pop(0), last_result(body["messages"])


def last_result(messages: list[dict[str, Any]]) -> str:
    found = ""
    for message in messages:
        for block in message["content"] if isinstance(message["content"], list) else []:
            if block["type"] == "tool_result":
                found = str(block["content"])
    return found


def events(turn: Turn, result: str, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The stream's events for a turn."""
    message: dict[str, Any] = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "loopback",
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1} | turn.get("usage", {}),
    }  # fmt: skip
    yield "message_start", {"message": message}
    yield "ping", {}
    index = 0
    if text := str(turn.get("text", "")).replace("$RESULT", result):
        block: dict[str, Any] = {"type": "text", "text": ""}
        yield "content_block_start", {"index": index, "content_block": block}
        for start in range(0, len(text), 5):
            delta = {"type": "text_delta", "text": text[start : start + 5]}
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
        index += 1
    for tool in turn.get("tools", []):
        block = {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": tool["name"],
                 "input": {}}  # fmt: skip
        yield "content_block_start", {"index": index, "content_block": block}
        given = json.dumps(tool["input"], ensure_ascii=False)
        for start in range(0, len(given), 9):
            delta = {"type": "input_json_delta", "partial_json": given[start : start + 9]}
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
        index += 1
    if after := turn.get("error_after"):
        yield "error", {"error": after}
        return
    stop = turn.get("stop", "tool_use" if turn.get("tools") else "end_turn")
    yield (
        "message_delta",
        {
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": turn.get("usage", {}).get("output_tokens", 7)},
        },
    )
    yield "message_stop", {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # small pieces would each wait 40 ms for the last one's ACK
    server: Loopback
    sizes: ClassVar[random.Random] = random.Random(7)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            if self.path.partition("?")[0] != "/v1/messages":
                raise Refused(404, "not_found_error", "Not found")
            headers = {name.lower(): value for name, value in self.headers.items()}
            turn, result = self.server.take(headers, raw)
            if error := turn.get("error"):
                raise Refused(
                    error["status"], error["type"], error["message"], after=error.get("after")
                )
            time.sleep(turn.get("slow", 0))
        except Refused as refused:
            self._refuse(refused)
            return
        with contextlib.suppress(ConnectionError):
            self._stream(turn, result)

    def _refuse(self, refused: Refused) -> None:
        body = json.dumps(refused.body).encode()
        self.send_response(refused.status)
        if refused.after is not None:
            self.send_header("retry-after", str(refused.after))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, turn: Turn, result: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        data = "".join(
            f"event: {name}\ndata: {json.dumps({'type': name} | fields, ensure_ascii=False)}\n\n"
            for name, fields in events(turn, result, len(self.server.requests))
        ).encode()
        if turn.get("garbage"):
            middle = data.index(b"event: content_block_stop")
            data = data[:middle] + b'event: content_block_delta\ndata: {"type": nonsense\n\n'
        end = int(turn.get("cut", len(data)))
        if turn.get("hang"):
            end = data.index(b"event: content_block_stop")
        self._fragments(data[:end])
        if turn.get("hang"):
            self.server.released.wait(timeout=60)
        if end < len(data):
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _fragments(self, data: bytes) -> None:
        """In chunks of a few bytes, also inside events and characters."""
        start = 0
        while start < len(data):
            end = start + self.sizes.randint(1, 23)
            piece = data[start:end]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
            start = end


@contextlib.contextmanager
def serving(script: list[Turn], **options: Any) -> Iterator[Loopback]:
    server = Loopback(script, **options)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
