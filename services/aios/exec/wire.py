"""D-Bus messages as bytes: read as far as is needed, and written from parts that stay the same.

systemd tells of each change of a unit with dozens of properties, and a unit is started with dozens:
jeepney, in Python, takes longer for them than systemd takes for the unit. Here a message's head is
read, its body only when somebody asks; and a property that was written once is written again as the
same bytes. jeepney does the rest.
"""

import array
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType
from jeepney.low_level import Endianness, parse_signature
from jeepney.wrappers import new_method_call

Property = tuple[str, tuple[str, Any]]
"""(name, (signature, value)), as StartTransientUnit takes them."""

FIXED = 16
"""Bytes that say how long a message is."""
MAX_MESSAGE = 16 * 1024**2
"""Of what comes: systemd tells of some units in some hundred KiB. The bus's own limit is 128
MiB."""
MAX_WRITTEN = 256
MAX_KEPT = 4096
"""Properties that are kept as bytes, and the longest, as Python writes its value."""
UNLIKE = frozenset({"Description", "ExecStart", "RuntimeDirectory"})
"""Each command has its own: these are not kept."""
_written: dict[tuple[str, str, str], bytes] = {}
_TWO_TEXTS = parse_signature(list("(ss)"))
_PROPERTY = parse_signature(list("(sv)"))
_JOB = b"\0Job\0\x04(uo)\0"
_TEXTS = frozenset("so")
_LITTLE_ENDIAN = ord("l")
_LITTLE, _BIG = struct.Struct("<3I"), struct.Struct(">3I")
_SIGNAL = MessageType.signal.value
# jeepney asserts where a string or a message has no right end.
_UNREADABLE = (ValueError, TypeError, LookupError, OverflowError, RecursionError, AssertionError,
               struct.error)  # fmt: skip
_FIELDS = {1: "path", 3: "member", 4: "error"}


class Broken(Exception):
    """What is no D-Bus: a machine's bus is as trustworthy as the machine."""


class Incoming:
    """A whole message. path, member, error: empty where it has none."""

    __slots__ = ("error", "kind", "member", "path", "raw", "serial")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.kind = MessageType(raw[1])
        self.path = self.member = self.error = ""
        self.serial = 0
        """Of the call that it answers."""
        order = "<" if raw[0] == ord("l") else ">"
        (length,) = struct.unpack_from(order + "I", raw, 12)
        at, end = FIXED, FIXED + length
        while at < end:
            at = -(-at // 8) * 8
            code, kind = raw[at], chr(raw[at + 2])
            at += 3 + raw[at + 1]
            if kind == "g":
                at += raw[at] + 2
                continue
            at = -(-at // 4) * 4
            (value,) = struct.unpack_from(order + "I", raw, at)
            at += 4
            if kind in _TEXTS:
                if code in _FIELDS:
                    setattr(self, _FIELDS[code], raw[at : at + value].decode())
                at += value + 1
            elif code == 5:
                self.serial = value

    def body(self) -> tuple[Any, ...]:
        """Variants are (signature, value). Descriptors of others are not taken."""
        try:
            found: tuple[Any, ...] = Message.from_buffer(self.raw).body
        except _UNREADABLE as error:
            raise Broken(f"a body cannot be read: {error}") from error
        return found


class Buffer:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: bytes) -> None:
        self._bytes += data

    def messages(self, about: bytes = b"") -> Iterator[Incoming]:
        """Of the signals only those with `about` in their head: a machine has a thousand others."""
        at, held = 0, self._bytes
        try:
            while len(held) - at >= FIXED:
                sizes = _LITTLE if held[at] == _LITTLE_ENDIAN else _BIG
                body, _serial, fields = sizes.unpack_from(held, at + 4)
                head = FIXED + -(-fields // 8) * 8
                if head + body > MAX_MESSAGE:
                    raise Broken(f"a message of {head + body} bytes")
                if len(held) - at < head + body:
                    return
                begin, at = at, at + head + body
                if held[begin + 1] != _SIGNAL or held.find(about, begin, begin + head) >= 0:
                    try:
                        message = Incoming(bytes(held[begin:at]))
                    except _UNREADABLE as error:
                        raise Broken(f"a head cannot be read: {error}") from error
                    yield message
        finally:
            del held[:at]


def unit_job(message: Incoming) -> int:
    """The id of the job that a unit is said to have; 0: none, or it is not said."""
    at = message.raw.find(_JOB)
    if at < 0:
        return 0
    at = -(-(at + len(_JOB)) // 8) * 8
    if at + 4 > len(message.raw):
        raise Broken("a job without its number")
    (job,) = struct.unpack_from("<I" if message.raw[0] == ord("l") else ">I", message.raw, at)
    return int(job)


def start_unit(
    manager: DBusAddress,
    name: str,
    properties: Sequence[Property],
    serial: int,
    descriptors: "array.array[int]",
) -> bytes:
    """The call of StartTransientUnit. `descriptors` gets those that go with it."""
    body = bytearray(_TWO_TEXTS.serialise((name, "fail"), 0, Endianness.little))
    body += bytes(-len(body) % 4)
    length = len(body)
    body += bytes(4)
    body += bytes(-len(body) % 8)
    begin = len(body)
    for found in properties:
        body += bytes(-len(body) % 8)
        body += _property(found, descriptors)
    struct.pack_into("<I", body, length, len(body) - begin)
    # No further units: an empty array of structs.
    body += bytes(-len(body) % 4 + 4)
    body += bytes(-len(body) % 8)
    call = new_method_call(manager, "StartTransientUnit")
    call.header.fields[HeaderFields.signature] = "ssa(sv)a(sa(sv))"
    if descriptors:
        call.header.fields[HeaderFields.unix_fds] = len(descriptors)
    call.header.body_length = len(body)
    head = call.header.serialise(serial=serial)
    return bytes(head + bytes(-len(head) % 8) + body)


def _property(found: Property, descriptors: "array.array[int]") -> bytes:
    """As if it began at a multiple of 8, as every struct does."""
    name, (signature, value) = found
    if signature != "h" and name not in UNLIKE and len(key := repr(value)) <= MAX_KEPT:
        known = _written.get((name, signature, key))
        if known is None:
            if len(_written) >= MAX_WRITTEN:
                _written.clear()
            known = _PROPERTY.serialise(found, 0, Endianness.little)
            _written[name, signature, key] = known
        return known
    data: bytes = _PROPERTY.serialise(found, 0, Endianness.little, fds=descriptors)
    return data
