"""Configuration: /etc/aios/config.toml and config.d/*.toml, over the defaults below.

`[permissions]` and `[profile.*]` are read by policy and exec with the same file list; here are the
other sections. An unknown key or a wrong type rejects the file whole, with its name and the path
to the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli

from aios.errors import ConfigError

ADMINISTRATOR = Path("/etc/aios")
SECTIONS = frozenset({
    "general", "paths", "permissions", "aigpt", "container",
    "chat", "policy", "exec", "memory", "machine", "profile",
})  # fmt: skip


@dataclass(frozen=True)
class Chat:
    base_url: str = ""
    """The Messages API's address; empty: the SDK's own."""
    model: str = "claude-sonnet-5-5"
    max_tokens: int = 4096
    max_steps: int = 24
    """Model turns for one prompt."""


@dataclass(frozen=True)
class Policy:
    approval_timeout: int = 300
    """Seconds until a pending request refuses itself."""
    console_notify: bool = False
    """Show each on the consoles and terminals of who may approve it."""


@dataclass(frozen=True)
class Exec:
    timeout: int = 3600
    """Seconds of wall time for one command."""
    output_limit: int = 1024 * 1024
    """Bytes kept of each stream."""


@dataclass(frozen=True)
class Machine:
    machine_approvals: str = "prompt"
    """Who approves what people in a machine ask for: "prompt": they do; "host": people there."""
    machine_users: tuple[int, ...] = (0, 1000)
    """The uids, as the machine sees them, that may use aios in it."""


@dataclass(frozen=True)
class Config:
    chat: Chat = field(default_factory=Chat)
    policy: Policy = field(default_factory=Policy)
    exec: Exec = field(default_factory=Exec)
    machine: Machine = field(default_factory=Machine)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[profile.NAME]`: systemd properties that change a profile (aios.exec.profile)."""


def files(directory: Path = ADMINISTRATOR) -> list[Path]:
    """The administrator's files in the order in which they are read; the later wins."""
    main = directory / "config.toml"
    drop_ins = sorted((directory / "config.d").glob("*.toml"))
    return [path for path in [main, *drop_ins] if path.exists()]


def read(path: Path) -> dict[str, Any]:
    try:
        data = tomli.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}:1: {error}") from error
    except tomli.TOMLDecodeError as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(f"{path}:{line}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: nested too deep") from error
    for name, section in data.items():
        if name not in SECTIONS or not isinstance(section, dict):
            raise ConfigError(
                f"{path}:{line_of(path, name)}: unknown section or key {name!r}",
                hint="known sections: " + ", ".join(sorted(SECTIONS)),
            )
    return data


def line_of(path: Path, key: str) -> int:
    """The first line that could set `key` (tomli does not say)."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if line.strip().lstrip("[").startswith(key):
            return number
    return 1


def _merge(path: Path, name: str, into: Any, section: Mapping[str, Any]) -> Any:
    changes: dict[str, Any] = {}
    for key, value in section.items():
        if not hasattr(into, key):
            raise ConfigError(f"{path}:{line_of(path, key)}: unknown key [{name}] {key}")
        default = getattr(into, key)
        if isinstance(default, tuple):
            if not isinstance(value, list) or not all(type(item) is int for item in value):
                raise ConfigError(
                    f"{path}:{line_of(path, key)}: [{name}] {key} is a list of numbers"
                )
            value = tuple(value)
        elif type(value) is not type(default):
            kind = type(default).__name__
            raise ConfigError(f"{path}:{line_of(path, key)}: [{name}] {key} must be {kind}")
        changes[key] = value
    return replace(into, **changes)


def load(paths: Sequence[Path] | None = None) -> Config:
    """Raises ConfigError for a file that is not right; none of it is used then."""
    config = Config()
    profiles: dict[str, dict[str, Any]] = {}
    for path in files() if paths is None else paths:
        data = read(path)
        for name in ("chat", "policy", "exec", "machine"):
            if name in data:
                merged = _merge(path, name, getattr(config, name), data[name])
                config = replace(config, **{name: merged})
        for name, properties in data.get("profile", {}).items():
            if not isinstance(properties, dict):
                raise ConfigError(f"{path}:{line_of(path, 'profile')}: [profile.{name}] is a table")
            profiles.setdefault(name, {}).update(properties)
    if config.machine.machine_approvals not in ("prompt", "host"):
        raise ConfigError("[machine] machine_approvals must be 'prompt' or 'host'")
    return replace(config, profiles=profiles)
