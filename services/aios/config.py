"""Configuration: /etc/aios/config.toml and config.d/*.toml, over the defaults below.

`[permissions]` and `[profile.*]` are read by policy and exec with the same file list; here are the
other sections. An unknown key or a wrong type rejects the file whole, with its name and the path
to the key.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from aios import sizes, toml_text
from aios.errors import ConfigError
from aios.ids import is_machine

ADMINISTRATOR = Path("/etc/aios")
SECTIONS = frozenset({
    "general", "paths", "permissions", "aigpt", "container",
    "chat", "policy", "exec", "memory", "machine", "profile",
})  # fmt: skip
RANGES = {
    "timeout": (1, 10**9), "output_limit": (1, 1 << 30), "tasks_max": (0, 1 << 22),
    "cpu_weight": (0, 10_000), "confirm_within": (1, 10**6), "approval_timeout": (1, 10**6),
    "max_tokens": (1, 10**6), "context_tokens": (2048, 10**8), "max_steps": (1, 10**4),
    "budget_tokens": (0, 10**9), "max_cost": (0, 10**6), "max_seconds": (1, 10**6),
    "keep_days": (1, 10**5), "ready_seconds": (0, 10**6), "backups": (1, 1000),
    "priority": (0, 1), "recency": (0, 10),
}  # fmt: skip
CHOICES = {
    "machine_approvals": ("prompt", "host"), "brain": ("", "anthropic", "offline"),
}  # fmt: skip

HIDDEN = (
    "/boot", "/dev", "/efi", "/home", "/proc", "/root", "/run", "/sys", "/tmp", "/usr", "/var/tmp",  # noqa: S108
)  # fmt: skip
"""Where the lock-out guard cannot save and put back: aios-exec@ sees them otherwise, or empty."""


@dataclass(frozen=True)
class Chat:
    brain: str = ""
    """anthropic or offline; empty: anthropic where there is a key or a base_url."""
    base_url: str = ""
    """The Messages API's address; empty: the SDK's own."""
    model: str = "claude-sonnet-5-5"
    models: tuple[str, ...] = ()
    """Others that people may choose."""
    effort: str = ""
    """How hard the model tries, where it knows that: low, medium, high; empty: not sent."""
    max_tokens: int = 4096
    """Of one turn of the model."""
    context_tokens: int = 200_000
    """What the model can hold: the conversation, what it is told before, and its answer."""
    max_steps: int = 24
    """Model turns for one prompt."""
    budget_tokens: int = 0
    """For one prompt, both ways; 0: any number."""
    max_cost: float = 0.0
    """US dollars for one prompt; 0: any. Needs a price (aios.chat.prices)."""
    max_seconds: int = 3600
    """For one prompt, looked at between the model's turns."""
    ready_seconds: int = 300
    """How long the service stays after a model's answer: to load what speaks to models takes
    seconds. 0: it leaves as the other services do."""
    keep_days: int = 30
    """How long a session that nobody uses is kept."""


@dataclass(frozen=True)
class Policy:
    approval_timeout: int = 300
    """Seconds until a pending request refuses itself."""
    console_notify: bool = False
    """Show each on the consoles and terminals of who may approve it."""


@dataclass(frozen=True)
class Ceiling:
    """What one command may use at most. A profile and a call can only lower it."""

    timeout: int = 3600
    """Seconds of wall time."""
    output_limit: int = 1024 * 1024
    """Bytes kept of each stream."""
    memory_max: str = "infinity"
    """Bytes, as systemd writes them: "512M"."""
    tasks_max: int = 0
    """Processes and threads; 0: as many as the profile says."""
    cpu_weight: int = 0
    """1 to 10,000, where 100 is everybody's; 0: the profile's."""


@dataclass(frozen=True)
class Guard:
    """The lock-out guard of commands on the host (aios.exec.guard)."""

    commands: tuple[str, ...] = (
        "ip *", "ifup *", "ifdown *", "nmcli *", "netplan *", "networkctl *", "iptables*",
        "ip6tables*", "nft *", "ufw *", "firewall-cmd *", "visudo*",
        "systemctl * ssh*", "systemctl * network*", "systemctl * systemd-networkd*",
        "systemctl * NetworkManager*", "systemctl * nftables*", "systemctl * firewalld*",
    )  # fmt: skip
    """Patterns of commands that can lock people out, as in `[permissions] deny`."""
    files: tuple[str, ...] = (
        "/etc/ssh", "/etc/network", "/etc/netplan", "/etc/systemd/network",
        "/etc/NetworkManager", "/etc/hosts", "/etc/resolv.conf", "/etc/nftables.conf",
        "/etc/iptables", "/etc/ufw", "/etc/firewalld", "/etc/sudoers", "/etc/sudoers.d",
    )  # fmt: skip
    """Files and directories that are put back."""
    units: tuple[str, ...] = (
        "ssh.service", "sshd.service", "networking.service", "systemd-networkd.service",
        "NetworkManager.service", "nftables.service", "netfilter-persistent.service",
        "ufw.service", "firewalld.service",
    )  # fmt: skip
    """Restarted after that, those that run."""
    require: bool = False
    """Such a command runs under guard though nobody asked for it."""
    confirm_within: int = 120
    """Seconds, for those."""


@dataclass(frozen=True)
class Exec(Ceiling):
    guard: Guard = field(default_factory=Guard)


@dataclass(frozen=True)
class Memory:
    backups: int = 7
    """Of the database, that are kept."""
    priority: float = 0.1
    """How much a memory's priority weighs when it is found by words (aios.memory.ranking)."""
    recency: float = 0.0
    """How much it weighs that a memory is new."""


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
    memory: Memory = field(default_factory=Memory)
    machine: Machine = field(default_factory=Machine)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[profile.NAME]`: systemd properties that change a profile (aios.exec.profile)."""
    machines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[machine.NAME]`: what is another ceiling there than `[exec]` says."""

    def ceiling(self, machine: str) -> Ceiling:
        return replace(self.exec, **self.machines.get(machine, {}))


def files(directory: Path = ADMINISTRATOR) -> list[Path]:
    """The administrator's files in the order in which they are read; the later wins."""
    main = directory / "config.toml"
    drop_ins = sorted((directory / "config.d").glob("*.toml"))
    return [path for path in [main, *drop_ins] if path.exists()]


def read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}:1: {error}") from error
    data = toml_text.parse(path, text)
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


def _check_guarded(where: str, paths: Sequence[str]) -> None:
    for path in paths:
        if path != os.path.normpath(path) or not path.startswith("/") or path == "/":
            raise ConfigError(f"{where}: [exec.guard] files: {path!r} is no plain absolute path")
        if any(f"{path}/".startswith(f"{hidden}/") for hidden in HIDDEN):
            raise ConfigError(
                f"{where}: [exec.guard] files: {path} cannot be guarded",
                hint="exec does not see what is in " + ", ".join(HIDDEN),
            )


def _value(where: str, name: str, key: str, default: Any, value: Any) -> Any:
    """`value` as the key's default is; `where` and `name` are for the error."""
    if isinstance(default, tuple):
        kind = type(default[0]) if default else str
        if not isinstance(value, list) or not all(type(item) is kind for item in value):
            words = {int: "numbers", str: "strings"}[kind]
            raise ConfigError(f"{where}: [{name}] {key} is a list of {words}")
        if key == "files":
            _check_guarded(where, value)
        return tuple(value)
    if type(default) is float and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        kind_name = type(default).__name__
        raise ConfigError(f"{where}: [{name}] {key} must be {kind_name}")
    if key in RANGES:
        low, high = RANGES[key]
        if not low <= value <= high:
            raise ConfigError(f"{where}: [{name}] {key} must be in {low}..{high}")
    if key in CHOICES and value not in CHOICES[key]:
        known = " or ".join(repr(each) for each in CHOICES[key] if each)
        raise ConfigError(f"{where}: [{name}] {key} must be {known}")
    if key == "memory_max":
        try:
            sizes.number(value)
        except ValueError:
            raise ConfigError(
                f"{where}: [{name}] memory_max cannot be {value!r}",
                hint='a size as systemd has them: "512M", "infinity"',
            ) from None
    return value


def _changes(path: Path, name: str, into: Any, section: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name: getattr(into, each.name) for each in fields(into)}
    changes: dict[str, Any] = {}
    for key, value in section.items():
        where = f"{path}:{line_of(path, key)}"
        if key not in known:
            raise ConfigError(f"{where}: unknown key [{name}] {key}")
        if isinstance(known[key], Guard) and isinstance(value, dict):
            inner = _changes(path, f"{name}.{key}", known[key], value)
            changes[key] = replace(known[key], **inner)
        else:
            changes[key] = _value(where, name, key, known[key], value)
    return changes


def _machines(path: Path, section: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables in `[machine]`: one for each machine that they name."""
    found = {}
    for name, table in section.items():
        if isinstance(table, dict):
            if not is_machine(name):
                raise ConfigError(f"{path}:{line_of(path, 'machine')}: {name!r} is no machine")
            found[name] = _changes(path, f"machine.{name}", Ceiling(), table)
    return found


def load(paths: Sequence[Path] | None = None) -> Config:
    """Raises ConfigError for a file that is not right; none of it is used then."""
    config = Config()
    profiles: dict[str, dict[str, Any]] = {}
    machines: dict[str, dict[str, Any]] = {}
    for path in files() if paths is None else paths:
        data = read(path)
        for name, ceiling in _machines(path, data.get("machine", {})).items():
            machines.setdefault(name, {}).update(ceiling)
            del data["machine"][name]
        for name in ("chat", "policy", "exec", "memory", "machine"):
            into = getattr(config, name)
            merged = replace(into, **_changes(path, name, into, data.get(name, {})))
            config = replace(config, **{name: merged})
        for name, properties in data.get("profile", {}).items():
            if not isinstance(properties, dict):
                raise ConfigError(f"{path}:{line_of(path, 'profile')}: [profile.{name}] is a table")
            profiles.setdefault(name, {}).update(properties)
    return replace(config, profiles=profiles, machines=machines)
