"""How a person wants things done: said once ("I prefer vim"), kept for every machine.

Standard library only. A preference is a memory of its own, so it is shown and forgotten like any;
the table says what it is about, and which later statement has taken its place. What a person shows
by what they do (the same editor again and again) counts where they have said nothing.
"""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aios.memory import memories
from aios.memory.memories import Draft, Source
from aios.memory.schema import transaction

SCHEMA = """
CREATE TABLE preferences (
    memory_id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    topic TEXT NOT NULL,
    value TEXT NOT NULL,
    superseded INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX preferences_by_user ON preferences(user, topic);
CREATE TRIGGER preference_deleted AFTER DELETE ON memories BEGIN
    DELETE FROM preferences WHERE memory_id = OLD.id;
END;
"""
TAG = "preference"
SHOWN_AFTER = 5
"""Uses of one editor or container program, among the last RECENT, that show a preference."""
RECENT = 200
MAX_VALUE = 80

_KINDS: Mapping[str, str] = {
    "editor": "vim vi nvim neovim nano emacs micro helix hx kakoune kak joe ed code vscode gedit",
    "containers": "docker podman nerdctl",
    "distribution": "arch debian fedora ubuntu alpine gentoo nixos opensuse rhel centos mint",
    "shell": "bash zsh fish dash ksh nushell",
    "language": "english japanese german french spanish italian chinese korean portuguese russian"
    " dutch polish 日本語 英語 中国語",
    "packages": "apt apt-get dnf pacman yay paru zypper apk brew nala",
    "multiplexer": "tmux screen zellij",
    "python": "pip pipx uv poetry conda",
}
_PROGRAMS = {"neovim": "nvim", "vscode": "code", "helix": "hx", "kakoune": "kak"}
_OF_VALUE = {value: topic for topic, values in _KINDS.items() for value in values.split()}
_TOPICS = {
    "editor": "editor", "text editor": "editor", "distro": "distribution",
    "distribution": "distribution", "linux distribution": "distribution", "os": "distribution",
    "name": "name", "language": "language", "shell": "shell", "container engine": "containers",
    "container runtime": "containers", "package manager": "packages", "timezone": "timezone",
    "time zone": "timezone",
}  # fmt: skip
_NAMED = "|".join(_TOPICS)
_AS = rf"as (?:my|the) (?:default )?(?P<topic>{_NAMED})"
_LEAD = (
    r"(?:(?:please|hey|ok|okay|aios|from now on|in (?:the )?future|remember(?: that)?"
    r"|note(?: that)?|by the way|btw)[,:]?\s+)*"
)
_VALUE = r"['\"]?(?P<value>[^\s'\"!?,][^'\"!?\n]{0,79}?)['\"]?"
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (topic, re.compile(_LEAD + form + r"[.!。]?", re.IGNORECASE))
    for topic, form in (
        ("name", r"(?:call me|my name is|i am called|address me as)"
                 r" ['\"]?(?P<value>(?!(?:a|an|the|when|if|back|later)\b)"
                 r"[\w.'-]+(?: [\w.-]+)?)['\"]?"),
        ("language", rf"(?:always )?(?:answer|reply|respond|speak|talk|write)(?: to me)?"
                     rf"(?: always)? in {_VALUE}(?: from now on)?"),
        ("?", rf"my (?:favou?rite |preferred |usual |default )?(?P<topic>{_NAMED})"
              rf" (?:is|=) {_VALUE}"),
        ("?", rf"(?:always )?use {_VALUE} {_AS}"),
        ("", rf"(?:i|the user|user) (?:always |generally |usually |much |really )*(?:"
             rf"prefers?|likes?"
             rf" to use|favou?rs?|want to use|(?:'d |would )?rather use)"
             rf" (?:to use |using )?{_VALUE}"
             rf"(?: (?:over|to|rather than|instead of) (?P<other>\S+))?(?: (?:for|as)"
             rf" (?:my |the )?(?P<topic>{_NAMED}|\w+ing\b.*|[\w ]+))?"),
        ("", rf"(?:i )?always use {_VALUE}(?: (?:instead of|rather than|not|over) (?P<other>\S+))?"
             rf"(?: for (?P<topic>[\w ]+))?"),
        ("?", rf"i(?:'m| am) (?:on|using|running) {_VALUE}"),
        ("language", r"(?P<value>日本語|英語|中国語)で(?:答え|返事|回答|話し).*"),
        ("name", r"(?P<value>\S{1,40}?)(?:と|って)呼んで.*"),
        ("?", r"(?:私は)?(?P<value>[\w.+-]{1,40})(?:が好き|を使って(?:ください|ほしい)|派).*"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preference:
    topic: str
    """editor, containers, distribution, name, language …, or what it was said to be for."""
    value: str
    text: str
    """As it was said; of a preference that was shown, how."""
    memory_id: str = ""
    """"" for one that was shown."""

    @property
    def program(self) -> str:
        return _PROGRAMS.get(self.value.lower(), self.value.lower())


def stated(text: str) -> Preference | None:
    """The preference that `text` states, if that is all it does."""
    text = text.strip()
    for topic, form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        value = match["value"].strip(" .")
        said = (match.groupdict().get("topic") or "").lower().strip()
        known = _OF_VALUE.get(value.lower().removesuffix(" linux"))
        about = _TOPICS.get(said) or (topic if topic not in ("", "?") else known) or said
        if topic == "?" and not (_TOPICS.get(said) or known):
            continue
        if "always use" in text.lower() and known is None:
            continue
        if value.lower().split()[0] in ("not", "that", "if", "when", "it", "to"):
            continue
        if topic == "language" and known != "language":
            continue
        other = _OF_VALUE.get((match.groupdict().get("other") or "").lower())
        return Preference(about or other or value.lower(), value[:MAX_VALUE], text)
    return None


def create(connection: sqlite3.Connection, memory_id: str, draft: Draft, source: Source) -> str:
    """As `memories.create`; a preference is tagged, and counts from now on."""
    if stated(draft.content) is not None:
        entities = dict.fromkeys((*(draft.related_entities or ()), TAG))
        draft = replace(draft, related_entities=tuple(entities))
    with transaction(connection):
        memory_id = memories.create(connection, memory_id, draft, source)
        note(connection, memory_id, source.user)
    return memory_id


def update(connection: sqlite3.Connection, memory_id: str, draft: Draft) -> None:
    with transaction(connection):
        memories.update(connection, memory_id, draft)
        source = connection.execute(
            "SELECT user FROM memory_sources WHERE memory_id = ?", (memory_id,)
        ).fetchone()
        if source is not None:
            note(connection, memory_id, source["user"])


def note(connection: sqlite3.Connection, memory_id: str, user: str) -> None:
    """Within a transaction, after the memory was written: what it says now counts, and what was
    said before of the same does not."""
    row = connection.execute("SELECT content FROM memories WHERE id = ?", (memory_id,)).fetchone()
    found = stated(row["content"]) if row is not None else None
    connection.execute("DELETE FROM preferences WHERE memory_id = ?", (memory_id,))
    if found is None:
        return
    connection.execute(
        "UPDATE preferences SET superseded = 1 WHERE user = ? AND topic = ?", (user, found.topic)
    )
    connection.execute(
        "INSERT INTO preferences(memory_id, user, topic, value) VALUES (?, ?, ?, ?)",
        (memory_id, user, found.topic, found.value),
    )


def of(connection: sqlite3.Connection, user: str) -> list[Preference]:
    """What counts now, by topic; stated before shown."""
    found = [
        Preference(row["topic"], row["value"], row["content"], row["memory_id"])
        for row in connection.execute(
            "SELECT p.topic, p.value, p.memory_id, m.content FROM preferences AS p"
            " JOIN memories AS m ON m.id = p.memory_id"
            " WHERE p.user = ? AND NOT p.superseded ORDER BY p.topic",
            (user,),
        )
    ]
    topics = {one.topic for one in found}
    return found + [one for one in shown(connection, user) if one.topic not in topics]


def superseded(connection: sqlite3.Connection) -> frozenset[str]:
    """Ids of the memories that no longer hold."""
    rows = connection.execute("SELECT memory_id FROM preferences WHERE superseded")
    return frozenset(row["memory_id"] for row in rows)


def shown(connection: sqlite3.Connection, user: str) -> list[Preference]:
    """What the person's last commands used again and again, and more than its like."""
    counts: dict[str, dict[str, int]] = {"editor": {}, "containers": {}}
    rows = connection.execute(
        "SELECT e.name FROM (SELECT id FROM commands WHERE user = ? ORDER BY started_at DESC"
        " LIMIT ?) AS c JOIN command_entities AS e ON e.command_id = c.id"
        " WHERE e.kind = 'program'",
        (user, RECENT),
    )
    for (name,) in rows:
        topic = _OF_VALUE.get(name)
        if topic in counts:
            counts[topic][name] = counts[topic].get(name, 0) + 1
    found = []
    for topic, used in counts.items():
        if not used:
            continue
        name = max(used, key=lambda one: used[one])
        if used[name] >= SHOWN_AFTER and used[name] > sum(used.values()) / 2:
            text = f"used {name} {used[name]} times in the last {RECENT} commands"
            found.append(Preference(topic, name, text))
    return found
