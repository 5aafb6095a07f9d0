"""What a command line did, in the terms of its history: tags, and packages, units, files, hosts.

For finding things again ("what did I install yesterday?"), never for deciding. Standard library
only; tables of programs are in aios.memory.programs.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aios.memory import programs
from aios.memory.shell_words import Simple, simple_commands

OTHER = "other"
MINOR = ("write", "network", "refresh", "search", "read", OTHER)
"""Tags that say less about a command than any other does, and less and less."""
MAX_OBJECTS = 64
MAX_OBJECT = 256
_NAME = re.compile(r"[\w@+][\w.@+:-]*", re.ASCII)
_HOST = re.compile(r"(?:[\w.-]+@)?([\w-]+(?:\.[\w-]+)*|\[?[0-9a-f:]{3,}\]?)", re.ASCII)
# Programs whose names also begin an English sentence.
_WORDY = re.compile(
    r"(?:install|make|find|test|at|date|last|kill|mount|configure|patch|go|service|cut|sort|top|head"
    r"|watch|time|host|code|route|free|which|batch|link|split|join)\s[^\n]*(?:`|: |→|=>|->|\n)",
    re.IGNORECASE,
)
# (No scheme is longer; without an end 64 KiB of one letter would take 20 s.)
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]{0,30}://)(?:[^/@\s]*@)?([\w.-]+)", re.IGNORECASE)
_REMOTE = re.compile(r"(?:[\w.-]+@)?([\w.-]{2,}):(?!/{2})\S*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tagged:
    """One thing that a command does: what, and to which packages, units, files."""

    action: str
    objects: tuple[str, ...] = ()
    kind: str = "file"
    """Of the objects: package, unit, host, user, container, file or name."""


@dataclass(frozen=True, slots=True)
class Entity:
    kind: str
    name: str


def tagged(command: str) -> tuple[Tagged, ...]:
    """In order, without repetition; what says most is `main`."""
    found: list[Tagged] = []
    for simple in simple_commands(command):
        found += _of(simple)
    return tuple(dict.fromkeys(found)) or (Tagged(OTHER),)


def command_in(text: str) -> str:
    """The command in a record that may also have words about it ("the web server: `apt install
    nginx`"); the text itself where it begins with one, or where none is seen."""
    # No run of blanks is looked at from each of its ends: 64 KiB of them would take a minute.
    pieces = re.findall(r"`([^`]+)`", text)
    pieces += re.findall(r"(?m)^[^\S\n]*[$#>][^\S\n]+(.+)$", text)
    rest = re.split(r"\n|→|=>|->|: |- |\bran:? ", text)[1:]
    pieces += [piece.strip() for piece in rest if not piece.isspace()]
    known = next((piece for piece in pieces if _is_known(piece)), text)
    return text if _is_known(text) and not _WORDY.match(text) else known


def _is_known(text: str) -> bool:
    return any(
        simple.words and _is_program(simple.words[0].rpartition("/")[2])
        for simple in simple_commands(text)[:1]
    )


def _is_program(name: str) -> bool:
    return name in _SPECIAL or name in programs.PROGRAMS


def main(found: Iterable[Tagged]) -> Tagged:
    return min(found, key=lambda one: MINOR.index(one.action) if one.action in MINOR else -1)


def entities(command: str, found: Iterable[Tagged]) -> tuple[Entity, ...]:
    """What it names: objects by their kinds, hosts in its URLs, and its programs."""
    named = [Entity(one.kind, name) for one in found for name in one.objects]
    named += [Entity("host", match[1].lower()) for match in _URL.finditer(command)]
    for simple in simple_commands(command):
        if simple.words:
            program = simple.words[0].rpartition("/")[2]
            if _NAME.fullmatch(program):
                named.append(Entity("program", program))
    return tuple(dict.fromkeys(one for one in named if len(one.name) <= MAX_OBJECT))[:MAX_OBJECTS]


def _of(simple: Simple) -> Iterator[Tagged]:
    if simple.writes:
        yield from _files("write", simple.writes)
    if not simple.words:
        return
    name = simple.words[0].rpartition("/")[2]
    words = simple.words[1:]
    if name.startswith("python") and words[:1] == ["-m"] and len(words) > 1:
        name, words = words[1], words[2:]
    special = _SPECIAL.get(name)
    if special is not None:
        yield from special(words)
        return
    rule = programs.PROGRAMS.get(name)
    if rule is None:
        return
    operands = _operands(words, rule.values)
    if not rule.verbs:
        yield from _plain(rule, operands)
        return
    for depth in (2, 1):
        verb = " ".join(operands[:depth])
        if len(operands) >= depth and verb in rule.verbs:
            for place, tag in enumerate(rule.verbs[verb].split()):
                kind = rule.kind if not (place and tag == rule.tags) else "name"
                yield Tagged(tag, _objects(operands[depth:], kind), kind)
            if rule.tags:
                yield Tagged(rule.tags)
            return
    if rule.tags:
        yield Tagged(rule.tags)


def _plain(rule: programs.Program, operands: list[str]) -> Iterator[Tagged]:
    for tag in rule.tags.split():
        if rule.kind == "file":
            yield from _files(tag, operands[rule.skip :])
        else:
            yield Tagged(tag, _objects(operands[rule.skip :], rule.kind), rule.kind)


def _files(tag: str, files: Iterable[str]) -> Iterator[Tagged]:
    names = _objects(files, "file")
    yield Tagged(tag, names)
    config = tuple(name for name in names if _is_config(name))
    if config and tag in programs.WRITING:
        yield Tagged("config", config)


def _is_config(name: str) -> bool:
    return name.startswith(("/etc/", "~/.config/")) or bool(
        re.search(r"/\.config/|(?:^|/)\.[a-z]+rc$|\.(?:conf|cfg|ini)$", name)
    )


def _objects(names: Iterable[str], kind: str) -> tuple[str, ...]:
    kept: list[str] = []
    for name in names:
        if kind == "unit":
            name = name.removesuffix(".service")
        elif kind == "package":
            name = _package(name)
        elif kind == "host":
            match = _HOST.match(name.removeprefix("//"))
            url = _URL.match(name)
            name = url[1] if url else match[1] if match else ""
            name = name.lower()
        if name and len(name) <= MAX_OBJECT and "\n" not in name:
            kept.append(name)
    return tuple(dict.fromkeys(kept))[:MAX_OBJECTS]


def _package(name: str) -> str:
    """`nginx=1.22*`, `requests>=2`, `left-pad@1.0` are nginx, requests and left-pad."""
    if name.startswith(("./", "/", "http", "git+")):
        return name
    bare = re.split(r"[=<>!~]", name, maxsplit=1)[0]
    return bare if bare.startswith("@") else bare.partition("@")[0] or bare


def _operands(words: list[str], values: frozenset[str]) -> list[str]:
    found: list[str] = []
    skip = False
    only = False
    for word in words:
        if skip:
            skip = False
        elif not only and word == "--":
            only = True
        elif not only and word in values:
            skip = True
        elif only or not word.startswith(("-", "+")) or word in ("+x", "-"):
            found.append(word)
    return found


def _pacman(words: list[str]) -> Iterator[Tagged]:
    letters = "".join(word[1:] for word in words if word[:1] == "-" and word[:2] != "--")
    long = {word for word in words if word.startswith("--")}
    names = _objects(_operands(words, programs.VALUES), "package")
    if "R" in letters or "--remove" in long:
        yield Tagged("remove", names, "package")
    elif "U" in letters or "--upgrade" in long:
        yield Tagged("install", names, "package")
    elif "Q" in letters or "--query" in long:
        yield Tagged("package-query", names, "package")
    elif "S" in letters or "--sync" in long:
        if set(letters) & set("sigl") or long & {"--search", "--info", "--groups", "--list"}:
            yield Tagged("package-query", names, "package")
            return
        if "u" in letters or "--sysupgrade" in long:
            yield Tagged("upgrade", (), "package")
        elif ("y" in letters or "--refresh" in long) and not names:
            yield Tagged("refresh")
        if names:
            yield Tagged("install", names, "package")


def _package_files(words: list[str]) -> Iterator[Tagged]:
    first = words[0] if words else ""
    names = _objects(_operands(words, frozenset(("--root", "--dbpath"))), "package")
    if first in ("-i", "--install", "-ivh", "-Uvh", "-U", "--upgrade"):
        yield Tagged("install", names, "package")
    elif first in ("-r", "-P", "--remove", "--purge", "-e", "--erase"):
        yield Tagged("remove", names, "package")
    else:
        yield Tagged("package-query", names, "package")


def _npm(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, programs.VALUES)
    verb, names = (operands[0], operands[1:]) if operands else ("", [])
    if verb in ("run", "run-script", "test", "t", "start", "exec"):
        script = names[0] if names and verb.startswith("run") else verb
        yield Tagged(
            "test" if "test" in script or verb == "t" else "build" if "build" in script
            else "script", _objects(names, "name"), "name",
        )  # fmt: skip
        return
    tag = programs.NPM.get(verb)
    if tag:
        yield Tagged(tag, _objects(names, "package"), "package")


def _service(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, programs.VALUES)
    if len(operands) > 1:
        verb = programs.SERVICE.get(operands[1])
        if verb:
            yield Tagged(verb, _objects(operands[:1], "unit"), "unit")


def _systemctl(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, programs.VALUES)
    verb = operands[0] if operands else "list-units"
    if verb in programs.POWER:
        yield Tagged("power")
        return
    tag = programs.SYSTEMCTL.get(verb)
    if tag is None:
        return
    units = _objects(operands[1:], "unit")
    yield Tagged(tag, units, "unit")
    if "--now" in words and tag in ("service-enable", "service-disable"):
        yield Tagged("service-start" if tag.endswith("enable") else "service-stop", units, "unit")
    if verb == "edit":
        yield Tagged("config", units, "unit")


def _curl(words: list[str]) -> Iterator[Tagged]:
    urls = [word for word in _operands(words, programs.VALUES) if "." in word or "://" in word]
    hosts = _objects(urls, "host")
    sends = any(
        word in ("-T", "-F", "-d", "--data", "--upload-file", "--form") or word.startswith("--data")
        for word in words
    )
    yield Tagged("upload" if sends else "download", hosts, "host")
    files = [word.rpartition("/")[2] for word in urls if "/" in word.partition("://")[2]]
    named = [
        words[place + 1]
        for place, word in enumerate(words[:-1])
        if word in ("-o", "--output", "-O") and not words[place + 1].startswith(("-", "http"))
    ]
    if not sends and (names := _objects([*named, *files], "file")):
        yield Tagged("download", names)
    yield Tagged("network")


def _remote_copy(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, programs.VALUES)
    hosts = [match[1] for word in operands if (match := _REMOTE.fullmatch(word))]
    files = [word for word in operands if not _REMOTE.fullmatch(word)]
    if not hosts:
        yield from _files("copy", operands)
        return
    last = operands[-1] if operands else ""
    yield Tagged("upload" if _REMOTE.fullmatch(last) else "download", tuple(files))
    yield Tagged("network", _objects(hosts, "host"), "host")
    yield Tagged("remote", _objects(hosts, "host"), "host")
    yield Tagged("copy", tuple(files))


def _ssh(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, programs.VALUES)
    yield Tagged("remote", _objects(operands[:1], "host"), "host")
    yield Tagged("network")


def _git(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, frozenset(("-C", "-c", "--git-dir", "--work-tree", "-m", "-b")))
    verb = operands[0] if operands else "status"
    names = _objects(operands[1:], "name")
    yield Tagged(f"git-{verb}", names, "name")
    yield Tagged("git")
    if verb in ("clone", "fetch", "pull", "push"):
        yield Tagged("download" if verb != "push" else "upload")
        yield Tagged("network")
    if verb == "config":
        yield Tagged("config")


def _docker(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, programs.DOCKER_VALUES)
    if operands[:1] in (["container"], ["image"], ["compose"], ["volume"], ["network"], ["system"]):
        operands = operands[1:]
    verb = operands[0] if operands else "ps"
    names = _objects(
        [name.partition(":")[0].rpartition("/")[2] or name for name in operands[1:3]], "name"
    )
    tag = programs.DOCKER.get(verb, "container")
    yield Tagged(tag, names, "container")
    if tag != "container":
        yield Tagged("container", names, "container")
    if tag == "container-pull":
        yield Tagged("download")


def _sed(words: list[str]) -> Iterator[Tagged]:
    inplace = any(word[:2] == "-i" or word.startswith("--in-place") for word in words)
    scripted = any(word in ("-e", "--expression", "-f") for word in words)
    operands = _operands(words, frozenset(("-e", "-f", "--expression", "--file", "-l")))
    files = operands if scripted else operands[1:]
    if inplace:
        yield from _files("edit", files)
        yield from _files("write", files)
    else:
        yield from _files("read", files)


def _tar(words: list[str]) -> Iterator[Tagged]:
    first = words[0] if words else ""
    letters = first.lstrip("-") if not first.startswith("--") else ""
    flags = letters + "".join(word[1:] for word in words[1:] if re.fullmatch("-[a-zA-Z]+", word))
    files = [word for word in words[1:] if not word.startswith("-")]
    if "x" in flags or "--extract" in words:
        yield from _files("extract", files)
    elif "c" in flags or "--create" in words:
        yield from _files("archive", files)
        if "backup" in " ".join(words):
            yield Tagged("backup")
    else:
        yield from _files("read", files)


def _copy(tag: str) -> "programs.Reading":
    def read(words: list[str]) -> Iterator[Tagged]:
        operands = _operands(words, frozenset(("-t", "-S", "-m", "-o", "-g", "--mode")))
        yield Tagged(tag, _objects(operands, "file"))
        if operands[1:] and _is_config(operands[-1]):
            yield Tagged("config", _objects(operands[-1:], "file"))
        if tag == "copy" and re.search(r"\.(?:bak|orig|old|backup)\b|backup", " ".join(operands)):
            yield Tagged("backup", _objects(operands[:1], "file"))

    return read


def _crontab(words: list[str]) -> Iterator[Tagged]:
    listing = "-l" in words
    yield Tagged("schedule", _objects(_operands(words, frozenset(("-u",))), "file"))
    if not listing:
        yield Tagged("config")


def _kill(words: list[str]) -> Iterator[Tagged]:
    operands = _operands(words, frozenset(("-s", "-n", "--signal", "-u", "-t")))
    yield Tagged("process-kill", _objects(operands, "name"), "name")
    yield Tagged("process")


_SPECIAL: dict[str, programs.Reading] = {
    "pacman": _pacman, "yay": _pacman, "paru": _pacman, "dpkg": _package_files,
    "rpm": _package_files, "npm": _npm, "yarn": _npm, "pnpm": _npm, "service": _service,
    "rc-service": _service, "systemctl": _systemctl, "curl": _curl, "wget": _curl,
    "scp": _remote_copy, "rsync": _remote_copy, "sftp": _ssh, "ssh": _ssh, "mosh": _ssh,
    "git": _git, "docker": _docker, "podman": _docker, "nerdctl": _docker,
    "docker-compose": _docker, "podman-compose": _docker, "sed": _sed, "tar": _tar,
    "cp": _copy("copy"), "mv": _copy("move"), "install": _copy("copy"), "ln": _copy("link"),
    "crontab": _crontab, "kill": _kill, "pkill": _kill, "killall": _kill,
}  # fmt: skip
