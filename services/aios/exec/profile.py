"""The profiles: what the kernel lets a command do, as properties of its unit.

The defaults are POLICY.md's table; `[profile.NAME]` of the configuration changes single properties
under systemd's own names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from aios.errors import ConfigError
from aios.exec.unit import Property
from aios.sizes import number

CAP_DAC_READ_SEARCH = 1 << 2
CAPABILITIES = {"": 0, "CAP_DAC_READ_SEARCH": CAP_DAC_READ_SEARCH}
EPERM = 1
ALL_NAMESPACES = 0x7E020000
"""CLONE_NEW*, as far as systemd restricts them."""


class Name(StrEnum):
    READ_ONLY = "read-only"
    STANDARD = "standard"
    FULL = "full"


class Kind(StrEnum):
    BOOL = "b"
    STRING = "s"
    STRINGS = "as"
    ALLOW = "(bas)"
    """A list of what is allowed, or with a first item "~" of what is not."""
    CAPABILITIES = "t"
    NAMESPACES = "namespaces"
    """True: none but those that the unit has."""
    SIZE = "size"
    COUNT = "count"
    WEIGHT = "weight"
    SECONDS = "seconds"


KINDS = {
    "ProtectSystem": Kind.STRING,
    "ProtectHome": Kind.STRING,
    "NoNewPrivileges": Kind.BOOL,
    "RestrictSUIDSGID": Kind.BOOL,
    "RestrictNamespaces": Kind.NAMESPACES,
    "RestrictAddressFamilies": Kind.ALLOW,
    "CapabilityBoundingSet": Kind.CAPABILITIES,
    "AmbientCapabilities": Kind.CAPABILITIES,
    "SystemCallFilter": Kind.ALLOW,
    "InaccessiblePaths": Kind.STRINGS,
    "ReadOnlyPaths": Kind.STRINGS,
    "TasksMax": Kind.COUNT,
    "MemoryMax": Kind.SIZE,
    "CPUWeight": Kind.WEIGHT,
    "RuntimeMaxSec": Kind.SECONDS,
}
PATHS = ("InaccessiblePaths", "ReadOnlyPaths")
LIMITS = frozenset({"TasksMax", "MemoryMax", "CPUWeight", "RuntimeMaxSec"})

# Sockets of services that do as root what anybody who may connect asks for; aios's own, through
# which a command could approve another.
ROOT_SERVICES = [
    "-/run/docker.sock",
    "-/run/podman",
    "-/run/containerd",
    "-/run/crio",
    "-/run/libvirt",
    "-/run/lxd.socket",
    "-/run/incus",
    "-/run/snapd.socket",
    "-/run/aios",
    # What the same user's own manager, agents and terminals would do for it, unconfined.
    "-/run/user",
    "-/run/screen",
    "-/tmp/tmux-1000",
    # What looks names up for whoever asks: `ss dst NAME` would tell the network what it read.
    "-/run/systemd/resolve/io.systemd.Resolve",
    "-/run/nscd",
]
DEFAULTS: Mapping[Name, Mapping[str, Any]] = {
    Name.READ_ONLY: {
        "ProtectSystem": "strict",
        "ProtectHome": "read-only",
        "NoNewPrivileges": True,
        "RestrictSUIDSGID": True,
        "RestrictNamespaces": True,
        "RestrictAddressFamilies": ["AF_UNIX", "AF_NETLINK"],
        "CapabilityBoundingSet": ["CAP_DAC_READ_SEARCH"],
        "AmbientCapabilities": ["CAP_DAC_READ_SEARCH"],
        "SystemCallFilter": [
            "~", "@clock", "@debug", "@module", "@mount", "@raw-io", "@reboot", "@swap",
        ],
        "InaccessiblePaths": ROOT_SERVICES,
        # ProtectSystem=strict leaves /dev as it is.
        "ReadOnlyPaths": ["-/dev/shm", "-/dev/mqueue"],
        "TasksMax": 256,
        "MemoryMax": "1G",
        "RuntimeMaxSec": 600,
    },
    Name.STANDARD: {"TasksMax": 4096, "MemoryMax": "8G"},
    Name.FULL: {"TasksMax": 4096, "MemoryMax": "8G"},
}  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """`settings` under systemd's names, in the form of the configuration."""

    name: Name
    settings: Mapping[str, Any]

    @property
    def confined(self) -> bool:
        """Runs as a user of few rights, not as the machine's root."""
        return self.name is Name.READ_ONLY

    def on_host(self) -> "Profile":
        """The same without rights that its user has not: on the host that is the person who asked,
        who must not read there what is not theirs."""
        if not self.confined:
            return self
        return Profile(self.name, {**self.settings, "AmbientCapabilities": []})

    def among(self, root: Path) -> "Profile":
        """The same without paths to hide or protect (`-…`) that are not there, below the machine's
        root. systemd would skip them, but looks at all mounts for each: a millisecond of them."""
        found = {
            name: [path for path in self.settings[name] if _matters(root, path)]
            for name in PATHS
            if name in self.settings
        }
        return Profile(self.name, {**self.settings, **found})

    def properties(self) -> list[Property]:
        """All but the limits, which are each command's own (aios.exec.limits)."""
        found = [
            _property(name, value) for name, value in self.settings.items() if name not in LIMITS
        ]
        if "SystemCallFilter" in self.settings:
            # An error that the command can report, not a kill.
            found.append(("SystemCallErrorNumber", ("i", EPERM)))
        return found


def _matters(root: Path, path: str) -> bool:
    if not path.startswith("-"):
        return True  # systemd refuses to start without it
    try:
        (root / path.lstrip("-/")).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # hidden from us, perhaps not from the command
    return True


def _property(name: str, value: Any) -> Property:
    match KINDS[name]:
        case Kind.BOOL:
            return name, ("b", value)
        case Kind.STRING:
            return name, ("s", value)
        case Kind.STRINGS:
            return name, ("as", value)
        case Kind.ALLOW:
            allowed = value[:1] != ["~"]
            return name, ("(bas)", (allowed, value if allowed else value[1:]))
        case Kind.CAPABILITIES:
            return name, ("t", mask(value))
        case Kind.NAMESPACES:
            return name, ("t", 0 if value else ALL_NAMESPACES)
        case _:
            raise ValueError(name)


def mask(names: list[str]) -> int:
    return sum(CAPABILITIES[name] for name in set(names))


def _check(where: str, name: str, value: Any) -> None:
    kind = KINDS.get(name)
    if kind is None:
        raise ConfigError(
            f"{where}: unknown property {name}", hint="known: " + ", ".join(sorted(KINDS))
        )
    match kind:
        case Kind.BOOL | Kind.NAMESPACES:
            right = isinstance(value, bool)
        case Kind.STRING:
            right = isinstance(value, str)
        case Kind.SECONDS:
            right = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        case Kind.SIZE | Kind.COUNT:
            right = _is_number(value)
        case Kind.WEIGHT:
            right = type(value) is int and 0 < value <= 10_000
        case _:
            right = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if right and kind is Kind.CAPABILITIES:
        right = all(item in CAPABILITIES for item in value)
    if not right:
        raise ConfigError(f"{where}: {name} cannot be {value!r}")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    try:
        return number(value) > 0
    except ValueError:
        return False


def load(configured: Mapping[str, Mapping[str, Any]]) -> dict[str, Profile]:
    """All profiles. Raises ConfigError; none is used then."""
    profiles = {}
    for name in configured:
        if name not in list(Name):
            raise ConfigError(
                f"[profile.{name}]: no such profile", hint="profiles: " + ", ".join(Name)
            )
    for known, defaults in DEFAULTS.items():
        changes = configured.get(known, {})
        for key, value in changes.items():
            _check(f"[profile.{known}]", key, value)
        profiles[str(known)] = Profile(known, {**defaults, **changes})
    return profiles
