"""Which brain chat would use, and whether it has what that needs. No key is read or shown here."""

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aios.client import place
from aios.client.doctor import answers, tools
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.varlink import ClientError
from aios.redact import redact

ADMINISTRATOR = Path("/etc/aios")
KEYS = ("aios.anthropic-api-key", "aios.anthropic-auth-token")
# Where LoadCredentialEncrypted= looks (systemd.exec(5)).
STORES = tuple(
    Path(directory, f"credstore{kind}")
    for directory in ("/etc", "/run", "/usr/lib")
    for kind in (".encrypted", "")
)
SECONDS = 20.0
CONNECT_SECONDS = 2.0
STORE = (
    'systemd-ask-password -n "API key:" | systemd-creds encrypt --name={0} -'
    " /etc/credstore.encrypted/{0}; systemctl stop aios-chat"
)


def check(host: Host) -> Report:
    report = Report("chat")
    settings = _settings()
    credentials = list(_credentials(report))
    brain, address = str(settings.get("brain", "")), str(settings.get("base_url", ""))
    if host.root:
        for path in credentials:
            _decrypts(report, path)
    if brain == "anthropic" and not address and not credentials and not report.unseen:
        report.fault(
            f"credential {KEYS[0]}", "is not there, and [chat] brain is anthropic: no prompt is"
            " answered", STORE.format(KEYS[0]),
        )  # fmt: skip
    if address:
        _reaches(report, address)
    if not _answers(report):
        return report
    offline = brain == "offline" or not (brain or address or credentials)
    if offline and not report.unseen:
        report.summary = "answers; offline: rules, no model"
    elif offline:
        report.summary = "answers; the brain depends on whether there is a key"
    else:
        model = settings.get("model") or "the default model"
        keys = f", {len(credentials)} credential" if credentials else ""
        report.summary = f"answers; {model} at {redact(address) or 'the API'}{keys}"
    return report


def _settings() -> dict[str, Any]:
    """[chat] as it stands in the files; a file with a mistake is the policy's finding."""
    found: dict[str, Any] = {}
    drop_ins = sorted((ADMINISTRATOR / "config.d").glob("*.toml"))
    for path in (ADMINISTRATOR / "config.toml", *drop_ins):
        try:
            section = tomllib.loads(path.read_text()).get("chat")
        except (OSError, ValueError):
            continue
        if isinstance(section, dict):
            found |= section
    return found


def _credentials(report: Report) -> Iterator[Path]:
    for name in KEYS:
        for store in STORES:
            try:
                if (store / name).lstat():
                    yield store / name
                    break
            except FileNotFoundError:
                continue
            except PermissionError:
                report.unseen.append(f"whether {store} has {name}")
                break


def _decrypts(report: Report, path: Path) -> None:
    """As the unit will have it decrypted; what comes of it goes nowhere."""
    if not path.parent.name.endswith(".encrypted"):
        report.warn(
            str(path), "is a key in plain text",
            f"systemd-creds encrypt --name={path.name} {path} /etc/credstore.encrypted/{path.name}"
            f" && shred -u {path}",
        )  # fmt: skip
        return
    decrypt = ("systemd-creds", "decrypt", f"--name={path.name}", str(path), "-")
    done = tools.ask(*decrypt, secret=True)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        report.fault(
            str(path), f"cannot be decrypted here: {why}; aios-chat does not start",
            f"store the key again: {STORE.format(path.name)}",
        )  # fmt: skip


def _reaches(report: Report, address: str) -> None:
    """Only whether somebody listens: nothing is sent."""
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        report.warn(
            f"[chat] base_url {redact(address)}", f"is not reached: {error}",
            "start the model's server, or change base_url in /etc/aios/config.toml",
        )  # fmt: skip


def _answers(report: Report) -> bool:
    try:
        with place.connect("chat", SECONDS) as connection:
            connection.call(f"{place.CHAT}.Sessions", {})
    except ClientError as error:
        answers.told(report, "aios-chat.service", error, "no prompt is answered")
        return False
    return True
