"""What the standard library has in C, without the wrappers around it.

`socket`, `signal`, `json` and `threading` import enum, re, collections and functools: starting
`aios exec` took longer for these than the command takes. Names and meanings are those of the
documented modules, which stand in where an interpreter has no such parts.
"""

# It has been imported before any of this: io needs it.
from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signals
    import socket as sockets
    from _thread import allocate_lock, start_new_thread
    from typing import Any
else:
    import _signal as signals
    import _socket as sockets
    from _thread import allocate_lock, start_new_thread

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    import json

    def dumps(value: "Any") -> str:
        return json.dumps(value)

    def loads(text: str) -> "Any":
        return json.loads(text)
else:

    class _Decoding:
        """What json.JSONDecoder is to the scanner."""

        strict = True
        object_hook = object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = float

    _scan = make_scanner(_Decoding)  # type: ignore[arg-type]

    def _no_json(value: object) -> object:
        raise TypeError(f"{type(value).__name__} has no JSON form")

    _encode = make_encoder(
        None, _no_json, encode_basestring_ascii, None, ": ", ", ", False, False, True
    )  # fmt: skip

    def dumps(value: "Any") -> str:
        return "".join(_encode(value, 0))

    def loads(text: str) -> "Any":
        """Raises ValueError."""
        text = text.strip()
        try:
            value, end = _scan(text, 0)
        except StopIteration as error:
            raise ValueError("no JSON") from error
        if end != len(text):
            raise ValueError("more than JSON")
        return value


class Event:
    """Set once; several may wait, one at a time."""

    def __init__(self) -> None:
        self._unset = allocate_lock()
        self._unset.acquire()
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        if not self._set:
            self._set = True
            self._unset.release()

    def wait(self, seconds: float) -> None:
        if self._unset.acquire(timeout=seconds):
            self._unset.release()


class Thread(ABC):
    """A daemon thread of `run`."""

    @abstractmethod
    def run(self) -> None: ...

    def start(self) -> None:
        start_new_thread(self.run, ())


__all__ = ["Event", "Thread", "dumps", "loads", "signals", "sockets"]
