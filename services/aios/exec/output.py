"""What a command prints: the head and the tail of each stream, and how much there was."""

import asyncio
import os
from dataclasses import dataclass

READ_SIZE = 65536


@dataclass(frozen=True)
class Text:
    """A stream as text: invalid UTF-8 and NUL replaced; `raw` is there where they were."""

    text: str
    raw: bytes | None
    total: int
    left_out: int


def _head(data: bytes) -> bytes:
    """Without an incomplete character at the end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return data[:-back] if length > back else data
    return data


def _tail(data: bytes) -> bytes:
    """Without the rest of a character at the beginning."""
    for place in range(min(3, len(data))):
        if data[place] & 0xC0 != 0x80:
            return data[place:]
    return data


def joined(head: bytes, tail: bytes, total: int) -> Text:
    """The text of a stream of `total` bytes, of which these are left: all, if they are as many."""
    if len(head) + len(tail) == total:
        data, left_out = head + tail, 0
    else:
        head, tail = _head(head), _tail(tail)
        left_out = total - len(head) - len(tail)
        data = b"%b\n[aios: %d bytes left out]\n%b" % (head, left_out, tail)
    text = data.decode(errors="replace").replace("\0", "\ufffd")
    return Text(text, data if text.encode() != data else None, total, left_out)


class Collector:
    """Takes bytes, keeps at most `limit` of them: the first half and the last."""

    def __init__(self, limit: int) -> None:
        self._keep = limit // 2
        self._first = bytearray()
        self._last = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        self.total += len(data)
        room = self._keep - len(self._first)
        if room > 0:
            self._first += data[:room]
            data = data[room:]
        self._last += data
        # Cutting at each call would copy the tail each time.
        if len(self._last) > 2 * self._keep + READ_SIZE:
            del self._last[: len(self._last) - self._keep]

    def text(self) -> Text:
        if self.total <= len(self._first) + min(len(self._last), self._keep):
            return joined(bytes(self._first), bytes(self._last), self.total)
        tail = bytes(self._last[len(self._last) - self._keep :])
        return joined(bytes(self._first), tail, self.total)


class Pipe:
    """A pipe from one of aios's own units to a Collector. `write_end` is the unit's to have; closed
    when given away. `drained` returns when the last writer is gone."""

    def __init__(self, limit: int) -> None:
        self.collector = Collector(limit)
        self._loop = asyncio.get_running_loop()
        self._read_end, self.write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # The command has it blocking; and may open it again as /dev/stdout, being another user.
        os.set_blocking(self.write_end, True)
        os.fchmod(self.write_end, 0o666)
        self._done = asyncio.Event()
        self._loop.add_reader(self._read_end, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._read_end, READ_SIZE)
        except BlockingIOError:
            return
        if data:
            self.collector.feed(data)
        else:
            self._loop.remove_reader(self._read_end)
            self._done.set()

    def given(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    async def drained(self) -> None:
        await self._done.wait()

    def close(self) -> None:
        self.given()
        self._loop.remove_reader(self._read_end)
        os.close(self._read_end)
