"""How well questions about commands are answered: recall@10 of phrasings over a made-up history.

AIOS_BENCH_MISSED=1 shows which were not, held-out ones aside.

Rows: machines, people's ways of writing commands, 150 days, most in working hours. A question is a
phrasing (many per kind, in several styles) filled in for a row, and is kept if at most ten rows
answer it by the facts that the row was made from, never by what reads the question. Every fourth
phrasing of each kind is held out: nobody looked at what it missed while the reader was written.
"""

import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from aios.memory import answers, history, schema
from bench import Figure, spread

SEED = 1
ROWS = 3000
EACH = 4
"""Questions for each phrasing."""
NOW = datetime(2026, 5, 14, 16, 20, tzinfo=UTC)  # a Thursday
MACHINES = ("aios", "aios-dev", "aios-prod", "workspace", "web1")
PACKAGES = ("nginx", "htop", "postgresql", "redis-server", "vim", "ripgrep", "docker.io", "git",
            "nodejs", "curl", "tmux", "ffmpeg", "python3-venv", "certbot", "haproxy",
                "jq")  # fmt: skip
UNITS = ("nginx", "postgresql", "redis-server", "docker", "ssh", "cron", "haproxy", "grafana")
CONFIGS = ("/etc/nginx/nginx.conf", "/etc/ssh/sshd_config", "/etc/hosts", "/etc/fstab",
           "/etc/postgresql/15/main/pg_hba.conf", "/etc/haproxy/haproxy.cfg")  # fmt: skip
USERS = ("alice", "bob", "carol", "deploy", "backup")
REPOS = ("website", "infra", "dotfiles", "billing")
HOSTS = ("example.org", "mirror.lab", "db2.lab", "files.example.net")


@dataclass(frozen=True)
class Fact:
    id: str
    kind: str
    thing: str
    command: str
    machine: str
    at: datetime
    status: int


COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "install": (PACKAGES, ("apt install -y {}", "sudo apt-get install {}", "apt-get -y install {}",
                           "apt update && apt install -y {}", "dnf install -y {}")),
    "remove": (PACKAGES, ("apt remove -y {}", "sudo apt-get purge {}", "apt purge -y {}")),
    "upgrade": (("",), ("apt upgrade -y", "apt-get update && apt-get -y dist-upgrade")),
    "restart": (UNITS, ("systemctl restart {}", "sudo systemctl restart {}.service",
                        "service {} restart")),
    "start": (UNITS, ("systemctl start {}", "sudo service {} start")),
    "stop": (UNITS, ("systemctl stop {}", "sudo systemctl stop {}")),
    "enable": (UNITS, ("systemctl enable {}", "sudo systemctl enable --now {}")),
    "config": (CONFIGS, ("vim {}", "sudo nano {}", "sed -i 's/a/b/' {}", "echo x | tee -a {}")),
    "user": (USERS, ("useradd -m {}", "sudo adduser {}")),
    "clone": (REPOS, ("git clone https://git.lab/team/{}.git",)),
    "push": (REPOS, ("cd ~/{} && git push origin main",)),
    "download": (HOSTS, ("curl -O https://{}/data.tgz", "wget https://{}/image.iso")),
    "firewall": (("443", "80", "5432", "22"), ("ufw allow {}/tcp", "sudo ufw deny {}")),
    "container": (("grafana", "registry", "mailhog"), ("docker run -d --name {0} {0}:latest",)),
    "build": (("",), ("make -j8", "cargo build --release", "cmake --build build")),
    "look": (("/var/log/syslog", "/srv", "/etc/hostname"), ("cat {}", "ls -la {}", "du -sh {}")),
    "disk": (("",), ("df -h", "lsblk", "free -m", "uptime", "ps aux", "ip addr", "ss -tlnp")),
}  # fmt: skip
WEIGHTS = {"look": 8, "disk": 8, "install": 4, "restart": 4, "config": 4}


def made(random_: random.Random, count: int) -> list[Fact]:
    kinds = list(COMMANDS)
    weights = [WEIGHTS.get(kind, 1.5) for kind in kinds]
    facts = []
    for number in range(count):
        kind = random_.choices(kinds, weights)[0]
        things, templates = COMMANDS[kind]
        thing = random_.choice(things)
        day = NOW - timedelta(days=int(150 * random_.random() ** 1.6))
        at = day.replace(hour=random_.choice([8, 9, 10, 11, 13, 14, 15, 16, 18, 20, 22]),
                         minute=random_.randrange(60), second=random_.randrange(60))  # fmt: skip
        at = at if at < NOW else at - timedelta(days=1)
        facts.append(Fact(f"c{number}", kind, thing, random_.choice(templates).format(thing),
                          random_.choice(MACHINES), at,
                          random_.choice((1, 2, 100,
                              127)) if random_.random() < 0.12 else 0))  # fmt: skip
    return sorted(facts, key=lambda fact: fact.at)


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


TODAY = _day(NOW)
DAY = timedelta(days=1)
WEEK = TODAY - timedelta(days=TODAY.weekday())
MONTH = TODAY.replace(day=1)
LAST_MONTH = (MONTH - DAY).replace(day=1)
FIXED: tuple[tuple[str, datetime, datetime], ...] = (
    ("today", TODAY, NOW), ("yesterday", TODAY - DAY, TODAY), ("this week", WEEK, NOW),
    ("last week", WEEK - 7 * DAY, WEEK), ("last month", LAST_MONTH, MONTH),
    ("this month", MONTH, NOW), ("the day before yesterday", TODAY - 2 * DAY, TODAY - DAY),
    ("this morning", TODAY, TODAY + DAY / 2), ("on Monday", WEEK, WEEK + DAY),
    ("since Tuesday", WEEK + DAY, NOW), ("yesterday afternoon", TODAY - DAY / 2, TODAY - DAY / 4),
    ("last night", TODAY - DAY / 4, TODAY + DAY / 4), ("two days ago", TODAY - 2 * DAY,
        TODAY - DAY),
    ("in the last 3 days", NOW - 3 * DAY, NOW), ("past 24 hours", NOW - DAY, NOW),
    ("last weekend", WEEK - 2 * DAY, WEEK), ("over the weekend", WEEK - 2 * DAY, WEEK),
    ("on 3 May", MONTH + 2 * DAY, MONTH + 3 * DAY), ("on May 3rd", MONTH + 2 * DAY,
        MONTH + 3 * DAY),
    ("between 4 May and 8 May", MONTH + 3 * DAY, MONTH + 8 * DAY), ("in March",
     TODAY.replace(month=3, day=1), TODAY.replace(month=4, day=1)), ("in April 2026", LAST_MONTH,
     MONTH), ("2026-05-11", WEEK, WEEK + DAY), ("a week ago", TODAY - 7 * DAY, TODAY - 6 * DAY),
    ("last Friday", WEEK - 3 * DAY, WEEK - 2 * DAY), ("since last Monday", WEEK - 0 * DAY, NOW),
    ("between Monday and Wednesday", WEEK, WEEK + 3 * DAY), ("先週", WEEK - 7 * DAY, WEEK),
    ("earlier today", TODAY, NOW), ("from 1 May to 5 May", MONTH, MONTH + 5 * DAY),
    ("before 1 February", TODAY.replace(year=2025), TODAY.replace(month=2, day=1)),
    ("tuesday morning", WEEK + DAY, WEEK + DAY * 1.5), ("5 days ago", TODAY - 5 * DAY,
        TODAY - 4 * DAY),
    ("on the 9th", MONTH + 8 * DAY, MONTH + 9 * DAY), ("Tuesday last week", WEEK - 6 * DAY,
        WEEK - 5 * DAY),
)  # fmt: skip

PLAIN: dict[str, tuple[str, ...]] = {
    "install": ("What did I install {m} {w}?", "which packages were installed {m} {w}",
                "{w}, what did i put on {m2}?", "list installs {m} {w}", "packages added {w} {m}",
                "what software did we set up {m} {w}", "wat did i instal {m} {w}",
                "new packages {m} {w}?", "Show me everything that got installed {m} {w}.",
                "Please list the software that was installed {m} {w}.",
                "{w} {m} installed packages"),
    "remove": ("What did I remove {m} {w}?", "which packages did i uninstall {m} {w}",
               "what did we get rid of {m} {w}", "anything purged {m} {w}?",
               "packages removed {w} {m}", "what got kicked out {m} {w}",
                   "deleted packages {m} {w}",
               "Which programs were uninstalled {w} {m}?"),
    "upgrade": ("when did i upgrade {m} {w}", "Did I bring {m2} up to date {w}?",
                "updates {m} {w}", "what upgrades ran {m} {w}"),
    "restart": ("Which services did I restart {m} {w}?", "what got bounced {m} {w}",
                "services restarted {w} {m}", "restarts {m} {w}", "what did i restart {m} {w}?",
                "Tell me which daemons were restarted {m} {w}"),
    "stop": ("what did I stop {m} {w}", "which services were stopped {m} {w}",
             "services I shut down {m} {w}", "which units did i halt {w} {m}"),
    "start": ("which services did I start {m} {w}", "what did i bring up {m} {w}",
              "services started {w} {m}", "units launched {m} {w}"),
    "enable": ("which services did i enable {m} {w}", "what did I turn on at boot {m} {w}",
               "units enabled {w} {m}"),
    "config": ("Which config files did I edit {m} {w}?", "what configuration did I change {m} {w}",
               "config changes {m} {w}", "what did i edit in /etc {m} {w}",
               "settings i tweaked {m} {w}", "which files under /etc were modified {w} {m}",
               "what have I configured {m} {w}"),
    "user": ("which users did I add {m} {w}", "accounts created {m} {w}",
             "who did i create an account for {m} {w}", "new users {m} {w}"),
    "clone": ("what repos did I clone {m} {w}", "repositories cloned {w} {m}",
              "which git repositories did I check out a clone of {m} {w}"),
    "push": ("what did I push {m} {w}", "git pushes {m} {w}", "which repos did i push {w} {m}"),
    "download": ("what did I download {m} {w}", "files downloaded {m} {w}",
                 "what did we fetch from the net {m} {w}", "downloads {w} {m}"),
    "firewall": ("which firewall rules did I change {m} {w}", "what ports did I open {m} {w}",
                 "firewall changes {m} {w}", "ports opened or closed {w} {m}"),
    "container": ("which containers did I start {m} {w}", "containers launched {m} {w}",
                  "what did i run in docker {m} {w}"),
    "build": ("what did I build {m} {w}", "builds {m} {w}", "what was compiled {m} {w}"),
}  # fmt: skip
FAILED = (
    "Which commands failed {m} {w}?",
    "what went wrong {m} {w}",
    "failures {m} {w}",
    "did anything fail {m} {w}?",
    "show commands that didn't work {m} {w}",
    "errors {m} {w}",
    "what broke {m} {w}?",
    "Which of my commands exited with an error {m} {w}?",
    "unsuccessful commands {w} {m}",
    "list everything that failed {m} {w}",
    "{w}失敗したコマンド {m}",
)
LAST: dict[str, tuple[str, ...]] = {
    "restart": ("When did I last restart {t}{m3}, and did it work?", "last time i bounced {t}{m3}",
                "when was {t} last restarted{m3}?", "most recent {t} restart{m3}",
                "how long ago did i restart {t}{m3}", "{t}を最後に再起動したのはいつ? {m3}"),
    "install": ("When did I install {t}{m3}?", "did i ever install {t}{m3}",
                "when was {t} put on{m3}", "when did we last set up {t}{m3}",
                "has {t} been installed{m3}?"),
    "remove": ("when did I remove {t}{m3}", "when did i get rid of {t}{m3}?",
               "did I uninstall {t}{m3}?"),
    "config": ("when did I last edit {t}{m3}", "last change to {t}{m3}",
               "when was {t} last modified{m3}?", "when did i touch {t}{m3} last"),
    "stop": ("when did i stop {t}{m3} last?", "last time {t} was stopped{m3}"),
    "user": ("when did I create the user {t}{m3}", "when was {t}'s account added{m3}"),
}  # fmt: skip
COUNT: dict[str, tuple[str, ...]] = {
    "restart": ("How many times did I restart {t} {m} {w}?", "how often was {t} restarted {m} {w}"),
    "install": ("how many times did I install {t} {m} {w}", "count the {t} installs {m} {w}"),
}
FAILED_KIND: dict[str, tuple[str, ...]] = {
    "install": ("Which installs failed {m} {w}?", "failed package installs {m} {w}",
                "what did I try to install {m} {w} that didn't work"),
    "restart": ("which restarts failed {m} {w}", "services that failed to restart {m} {w}"),
    "config": ("which config edits failed {m} {w}",),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    query: str
    gold: frozenset[str]
    held_out: bool


Keep = Callable[[Fact, str], bool]


def _is(kind: str, *, failed: bool = False, thing: bool = False) -> Keep:
    def keep(fact: Fact, about: str) -> bool:
        return (
            kind in ("", fact.kind)
            and (not failed or fact.status != 0)
            and (not thing or fact.thing == about)
        )

    return keep


def asked(random_: random.Random, facts: list[Fact], each: int) -> list[Asked]:
    found: list[Asked] = []

    def ask(phrases: tuple[str, ...], keep: Keep, kind: str, mode: str) -> None:
        for place, phrase in enumerate(phrases):
            for _ in range(each):
                _one(
                    random_,
                    facts,
                    found,
                    phrase,
                    keep,
                    held_out=place % 4 == 3,
                    mode=mode,
                    kind=kind,
                )

    for kind, phrases in PLAIN.items():
        ask(phrases, _is(kind), kind, "set")
    ask(FAILED, _is("", failed=True), "", "set")
    for kind, phrases in FAILED_KIND.items():
        ask(phrases, _is(kind, failed=True), kind, "set")
    for kind, phrases in COUNT.items():
        ask(phrases, _is(kind, thing=True), kind, "set")
    for kind, phrases in LAST.items():
        ask(phrases, _is(kind, thing=True), kind, "last")
    return found


def _one(
    random_: random.Random, facts: list[Fact], found: list[Asked], phrase: str,
    keep: Keep, *, held_out: bool, mode: str, kind: str,
) -> None:  # fmt: skip
    for _ in range(60):
        window, since, until = random_.choice(FIXED)
        machine = random_.choice(MACHINES) if random_.random() < 0.5 else ""
        thing = random_.choice(COMMANDS[kind][0]) if kind else ""
        if mode == "last":
            since, until = TODAY - 999 * DAY, NOW
        gold = [
            fact for fact in facts
            if since <= fact.at < until and (not machine or fact.machine == machine)
            and keep(fact, thing)
        ]  # fmt: skip
        if not gold or (mode == "set" and len(gold) > 10):
            continue
        if mode == "last":
            gold = gold[-1:]
        query = phrase.format(
            w=window, t=thing, m=f"{random_.choice(('in', 'on'))} {machine}" if machine else "",
            m2=machine or "my machines", m3=f" on {machine}" if machine else "",
        )  # fmt: skip
        found.append(Asked(" ".join(query.split()), frozenset(f.id for f in gold), held_out))
        return


def recall(connection: sqlite3.Connection, one: Asked) -> float:
    question = answers.read(connection, one.query, NOW, UTC)
    rows = (
        answers.answer(connection, question, 10)
        if question
        else answers.by_text(connection, one.query, 10)
    )
    return len(one.gold & {row.row["id"] for row in rows}) / len(one.gold)


def load(connection: sqlite3.Connection, facts: list[Fact]) -> None:
    with schema.transaction(connection):
        for fact in facts:
            history.insert(
                connection,
                history.Event(fact.id, fact.command, fact.machine, 0, "", fact.at.isoformat(),
                              exit_status=fact.status, ended="exit"),
            )  # fmt: skip


def figures() -> Iterator[Figure]:
    random_ = random.Random(SEED)
    facts = made(random_, ROWS)
    with (
        TemporaryDirectory() as directory,
        closing(schema.connect(Path(directory) / "memory.db")) as connection,
    ):
        load(connection, facts)
        scores: dict[bool, list[float]] = {False: [], True: []}
        waits = []
        for one in asked(random_, facts, EACH):
            began = time.perf_counter()
            score = recall(connection, one)
            waits.append((time.perf_counter() - began) * 1000)
            scores[one.held_out].append(score)
            if score < 1 and os.environ.get("AIOS_BENCH_MISSED") and not one.held_out:
                print(f"{score:.2f} {one.query}", file=sys.stderr)
    for held_out, name in ((False, "looked at"), (True, "held out")):
        values = scores[held_out]
        yield Figure(f"{name}, questions", len(values), "")
        yield Figure(f"{name}, recall@10", sum(values) / len(values), "")
    yield from spread(f"a question at {ROWS:,} commands", waits, "ms")
