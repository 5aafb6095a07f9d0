"""Identifiers: ULIDs (26 characters, sort by time) and the names of machines on the bus."""

import os
import re
import time

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
# What machined accepts (a hostname), and the host itself.
_MACHINE = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
HOST = ".host"


def new_id() -> str:
    """The library, which reads its own metadata first, takes a service longer to import than all of
    D-Bus."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    return "".join(_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str) -> bool:
    return _ULID.fullmatch(text) is not None


def is_machine(name: str) -> bool:
    return name == HOST or (len(name) <= 64 and _MACHINE.fullmatch(name) is not None)


def bus_label(machine: str) -> str:
    """The last element of the machine's bus name: `_`, what a bus name cannot have there, and a
    leading digit become `_xx` (hex of the UTF-8 bytes)."""
    out = []
    for place, char in enumerate(machine):
        plain = char.isascii() and (char.isalpha() or char == "-" or (char.isdigit() and place))
        out.append(char if plain else "".join(f"_{byte:02x}" for byte in char.encode()))
    return "".join(out)


def exec_bus_name(machine: str) -> str:
    return f"org.aios.Exec1.{bus_label(machine)}"
