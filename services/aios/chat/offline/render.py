import re
import shlex
from collections.abc import Mapping
from datetime import UTC

from aios.chat.offline.proposal import Context
from aios.chat.offline.values import Value

_OPTIONAL = re.compile(r"<<(.*?)>>")
_FIELD = re.compile(r"\{([a-z_]+)(?:\|([a-z]+))?\}")


class Unrenderable(Exception):
    """No command for this distribution, or a slot that is empty."""


def explain(template: str, values: Mapping[str, Value]) -> str:
    """The same for people: nothing quoted."""
    texts = {name: ", ".join(value.items) for name, value in values.items()}
    return _FIELD.sub(lambda match: texts.get(match[1], "…"), template)


def render(template: str, values: Mapping[str, Value], context: Context) -> str:
    """`{slot}`, `{slot|form}`, and `<<…>>` that is left out when a slot in it is empty."""

    def optional(match: re.Match[str]) -> str:
        fields = _FIELD.findall(match[1])
        return match[1] if all(name in values for name, _ in fields) else ""

    def field(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise Unrenderable(f"nothing said about the {match[1]}")
        return _form(match[2] or "", values[match[1]], context)

    return _FIELD.sub(field, _OPTIONAL.sub(optional, template))


def _form(form: str, value: Value, context: Context) -> str:
    if value.period is not None:
        return _period(form, value, context)
    if value.type == "path":
        return " ".join(_path(item, context) for item in value.items)
    if form == "names":  # find's tests, any of them
        tests = " -o ".join(f"-iname {shlex.quote(item)}" for item in value.items)
        return rf"\( {tests} \)" if len(value.items) > 1 else tests
    if form == "includes":  # grep's
        return " ".join(f"--include={shlex.quote(item)}" for item in value.items)
    if form == "containing":
        return shlex.quote(f"*{value.items[0]}*")
    if form in ("plain", "pattern"):  # for sed, between single quotes; slots.py's terms alone
        text = value.items[0]
        if re.search(r"[^\w .:@%,+=-]", text):
            raise Unrenderable(f"{text} has characters that sed reads otherwise")
        return text.replace(".", r"\.") if form == "pattern" else text
    if form == "upper":
        return shlex.quote(value.items[0].upper())
    return " ".join(shlex.quote(_no_option(item)) for item in value.items)


def _no_option(item: str) -> str:
    if item.startswith("-"):
        raise Unrenderable(f"{item} looks like an option")
    return item


def _path(path: str, context: Context) -> str:
    if path.startswith("-"):
        path = "./" + path
    if path == "~" or path.startswith("~/"):
        rest = path[2:]
        if context.home:
            return shlex.quote(context.home.rstrip("/") + ("/" + rest if rest else ""))
        return "~/" + shlex.quote(rest) if rest else "~"
    return shlex.quote(path)


def _period(form: str, value: Value, context: Context) -> str:
    assert value.period is not None  # noqa: S101 - the caller asked
    window = value.period.resolve(context.now)
    since, until = window.since.astimezone(UTC), window.until.astimezone(UTC)
    ended = (context.now - window.until).total_seconds() > 1
    if form == "moment":
        text = f"--since '{window.since:%Y-%m-%d %H:%M}'"
        return text + (f" --until '{window.until:%Y-%m-%d %H:%M}'" if ended else "")
    if form == "newer":
        text = f"-newermt '{window.since:%Y-%m-%d %H:%M}'"
        return text + (f" ! -newermt '{window.until:%Y-%m-%d %H:%M}'" if ended else "")
    simple = {"today": "today", "since today": "today", "since yesterday": "yesterday"}
    if phrase := simple.get(window.label):
        return f"--since {phrase}"
    if window.label == "yesterday":
        return "--since yesterday --until today"
    if match := re.fullmatch(r"in the last (\d+ )?(\w+)", window.label):
        return f"--since '{(match[1] or '1 ').strip()} {match[2]} ago'"
    text = f"--since '{since:%Y-%m-%d %H:%M:%S} UTC'"
    return text + (f" --until '{until:%Y-%m-%d %H:%M:%S} UTC'" if ended else "")
