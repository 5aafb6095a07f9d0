"""What a question's words ask of a command's tags (aios.memory.actions). Data, and its reading.

A verb often stands for several things ("remove" a package, a file, a user); a noun beside it says
which. Tags here are globs over those that commands have.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

PACKAGES = "install remove upgrade refresh package-query"
FILES = "write delete copy move create edit read permission link archive extract config search"

_BASES: tuple[tuple[str, str], ...] = (
    ("install reinstall", "install"),
    ("installation installer", "install"),
    ("deploy", "install container-start upload"),
    ("add", "install user-add schedule firewall git-add write container-*"),
    ("remove", "remove delete *-remove"),
    ("uninstall purge deinstall", "remove"),
    ("removal uninstallation", "remove"),
    ("delete erase wipe", "delete remove *-remove"),
    ("drop ditch", "remove delete *-remove database"),
    ("upgrade", "upgrade"),
    ("update patch", "upgrade refresh git-pull"),
    ("refresh", "refresh service-reload"),
    ("restart bounce cycle", "service-restart container-restart service-reload"),
    ("reload", "service-reload service-restart firewall"),
    ("start launch", "service-start container-start"),
    ("stop halt", "service-stop container-stop process-kill"),
    ("kill terminate", "process-kill service-stop container-stop"),
    ("enable activate autostart", "service-enable firewall"),
    ("disable deactivate", "service-disable firewall"),
    ("mask", "service-mask"),
    ("unmask", "service-unmask"),
    ("reboot", "power"),
    ("shutdown", "power service-stop"),
    ("configure reconfigure tweak adjust customize customise config configuration setting",
     "config"),
    ("edit", "edit config"),
    ("modify change alter", "edit config write permission user-change"),
    ("write save", "write edit config"),
    ("touch", "create write edit config service-*"),
    ("create make", "create write user-add container-start container-build git-branch build"
     " database archive mount"),
    ("copy duplicate", "copy upload download"),
    ("move rename", "move"),
    ("download fetch", "download git-clone git-pull"),
    ("grab", "download git-clone install"),
    ("clone", "git-clone"),
    ("upload", "upload"),
    ("send transfer sync synchronise synchronize", "upload download copy"),
    ("ping traceroute", "network"),
    ("connect", "remote network"),
    ("mount unmount", "mount"),
    ("format partition", "disk mount"),
    ("build compile", "build container-build"),
    ("test", "test"),
    ("search grep", "search package-query"),
    ("look view inspect", "read log service-status disk process network package-query"),
    ("compress zip archive pack", "archive"),
    ("extract unpack unzip decompress untar uncompress", "extract"),
    ("backup", "backup archive copy"),
    ("commit", "git-commit"),
    ("push", "git-push container-push upload"),
    ("pull", "git-pull container-pull download"),
    ("merge", "git-merge"),
    ("rebase", "git-rebase"),
    ("stash", "git-stash"),
    ("checkout", "git-checkout"),
    ("branch", "git-branch git-checkout"),
    ("schedule", "schedule"),
    ("dump restore migrate", "database backup"),
    ("chmod chown", "permission"),
    ("link symlink", "link"),
    ("truncate", "write delete"),
)  # fmt: skip

_SPECIAL: dict[str, str] = {
    "shut": "service-stop power", "rebuilt": "build container-build",
    "built": "build container-build", "wrote": "write edit config", "written": "write edit config",
    "made": "create write user-add", "sent": "upload", "stopt": "service-stop",
    "zipped": "archive", "ssh'd": "remote", "sshed": "remote", "rsynced": "upload copy",
    "installs": "install", "config": "config", "read": "read log", "viewed": "read",
    "looked": "read",
    "checked": "service-status read network log disk package-query", "opened": "edit read firewall",
    "unblocked": "firewall", "blocked": "firewall", "allowed": "firewall", "banned": "firewall",
    "ran": "", "run": "",
}  # fmt: skip

_PHRASES: tuple[tuple[str, str], ...] = (
    (r"set(?:ting)?(?: \S+){0,3}? up|setup", "install config service-enable"),
    (r"put(?:ting)?(?: \S+){0,2}? on(?=$| (?:the|my|this|it|here|aios|that|\S+$))", "install"),
    (r"(?:bring|bringing|brought|pull|pulled|pulling)(?: (?!up\b|down\b)\S+){0,2}? in", "install"),
    (r"(?:in|inside|with|via|using) (?:docker|podman)", "container container-*"),
    (r"new (?:packages?|software|programs?|tools?|apps?)", "install"),
    (r"(?:get|got|getting) rid of", "remove delete *-remove"),
    (r"(?:throw|threw|kick|kicked|chuck|chucked|rip|ripped|tore|toss|tossed)(?: \S+){0,2}?"
     r" (?:out|away|off)", "remove delete *-remove"),
    (r"(?:take|took|taking|taken)(?: \S+){0,2}? off", "remove"),
    (r"clean(?:ed|ing)?(?: \S+){0,2}? up|clear(?:ed|ing)? out", "delete remove *-remove"),
    (r"(?:bring|brought|bringing|keep|kept)(?: \S+){0,3}? up to date", "upgrade refresh"),
    (r"(?:bring|brought|bringing|fire|fired|spin|spun|start|started|come|came|boot|booted)"
     r"(?: \S+){0,2}? (?:back )?up", "service-start container-start"),
    (r"kick(?:ed|ing)?(?: \S+){0,2}? off", "service-start"),
    (r"turn(?:ed|ing)?(?: \S+){0,2}? (?:back )?on|switch(?:ed|ing)?(?: \S+){0,2}? on",
     "service-start service-enable firewall"),
    (r"turn(?:ed|ing)?(?: \S+){0,2}? off|switch(?:ed|ing)?(?: \S+){0,2}? off",
     "service-stop service-disable firewall"),
    (r"(?:shut|take|took|taking|bring|brought|tear|tore)(?: \S+){0,2}? down",
     "service-stop container-stop power"),
    (r"turn(?:ed)?(?: \S+){0,2}? off and on(?: again)?", "service-restart"),
    (r"at boot|on boot|at startup|on startup", "service-enable service-disable"),
    (r"(?:config|configuration|settings?) (?:files?|changes?|edits?)", "config edit"),
    (r"(?:edit|edited|change|changed|modify|modified|touch|touched|tweak|tweaked|alter|altered)"
     r"(?: \S+){0,2}? (?:config\w*|settings?|\S+\.(?:conf|cfg|ini|toml|ya?ml))", "config edit"),
    (r"pull(?:ed|ing)? down", "download container-pull"),
    (r"log(?:ged|ging)? (?:in|into|on|onto)(?: to)?|ssh(?:ed|'d)?(?: \S+)? (?:in)?to", "remote"),
    (r"(?:back|backed|backing)(?: \S+){0,2}? up", "backup archive copy"),
    (r"roll(?:ed|ing)? back", "git-reset install"),
    (r"check(?:ed|ing)? out", "git-checkout"),
    (r"(?:look|looked|looking) (?:for)|(?:find|found)", "search package-query"),
    (r"(?:look|looked|looking|peek|peeked) (?:at|into|in)", "read log service-status"),
    (r"check(?:ed|ing)? (?:the )?status(?: of)?|status of", "service-status"),
    (r"(?:open|opened|close|closed|block|blocked|allow|allowed|unblock|unblocked)(?: \S+){0,2}?"
     r" (?:ports?|traffic|firewall)|ports? \d+", "firewall network"),
    (r"power(?:ed|ing)? (?:off|down)", "power"),
    (r"(?:create|created|add|added|make|made|new)(?: \S+){0,2}? (?:users?|accounts?|logins?)",
     "user-add"),
    (r"(?:add|added|adding|put|remove|removed)(?: \S+){0,5}? groups?", "user-change user-add"),
    (r"(?:add|added|adding|put)(?: \S+){0,3}? to (?:sudo(?:ers)?|wheel|admins?)", "user-change"),
    (r"make (?:runs?|builds?|failed|failures?|errors?)|(?:ran|run|running) make", "build"),
    (r"copied|copying", "copy upload download"), (r"moving", "move"),
)  # fmt: skip

_NOUNS: tuple[tuple[str, str], ...] = (
    ("package software program app application tool library dependency dependencies module",
     PACKAGES),
    ("service daemon unit server", "service-*"),
    ("container image pod", "container container-*"),
    ("user account login", "user user-*"),
    ("group", "user user-*"),
    ("firewall port", "firewall"),
    ("network networking connection interface dns route", "network firewall"),
    ("repo repository branch", "git git-*"),
    ("commit", "git-commit"),
    ("file folder directory directories", FILES),
    ("log journal", "log read"),
    ("disk partition filesystem drive volume", "disk mount"),
    ("permission ownership owner", "permission"),
    ("process processes", "process process-kill"),
    ("crontab cronjob timer", "schedule"),
    ("backup", "backup archive copy"),
    ("database db query", "database"),
    ("test", "test"),
    ("build", "build container-build"),
    ("download", "download"),
    ("upload", "upload"),
    ("install installation", "install"),
    ("removal uninstall", "remove"),
    ("upgrade", "upgrade"),
    ("update", "upgrade refresh"),
    ("restart", "service-restart container-restart"),
    ("reboot", "power"),
    ("edit", "edit config"),
    ("config configuration conf settings", "config edit"),
    ("kernel", "kernel"),
    ("script", "script"),
    ("timezone clock", "time"),
    ("hostname", "hostname"),
    ("certificate cert key", "key"),
    ("archive tarball zip", "archive extract"),
    ("machine", "machine-*"),
)  # fmt: skip

JAPANESE: tuple[tuple[str, str], ...] = (
    ("アンインストール|削除|消し|除去|取り除", "remove delete *-remove"),
    ("インストール|導入|入れ", "install"),
    ("アップグレード|アップデート|更新", "upgrade refresh"),
    ("再起動|リスタート", "service-restart container-restart power"),
    ("停止|止め", "service-stop container-stop"),
    ("無効", "service-disable"), ("有効", "service-enable"),
    ("起動|開始|立ち上げ", "service-start container-start"),
    ("設定", "config edit"), ("編集|書き換え|変更", "edit config write"),
    ("ダウンロード", "download"), ("アップロード", "upload"),
    ("コピー|複製", "copy"), ("移動", "move"), ("検索|探し", "search package-query"),
    ("ビルド|コンパイル", "build"), ("テスト", "test"), ("コミット", "git-commit"),
    ("プッシュ", "git-push"), ("プル", "git-pull"), ("クローン", "git-clone"),
    ("ユーザー?を?(?:作|追加)", "user-add"), ("バックアップ", "backup archive copy"),
    ("展開|解凍", "extract"), ("圧縮", "archive"), ("マウント", "mount"),
    ("コンテナ", "container container-*"), ("ファイアウォール", "firewall"),
    ("ネットワーク", "network"), ("サービス", "service-*"), ("パッケージ", PACKAGES),
)  # fmt: skip


def _forms(base: str) -> set[str]:
    """A regular verb's forms, and a noun's plural."""
    stem = base.removesuffix("e")
    forms = {base, base + "s", base + "d", stem + "ed", stem + "ing", base + "ed", base + "ing"}
    if base[-1] == "y":
        forms |= {base[:-1] + "ied", base[:-1] + "ies"}
    if re.search("[^aeiou][aeiou][bdgmnpt]$", base):
        forms |= {base + base[-1] + "ed", base + base[-1] + "ing"}
    return forms


def _table(rows: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    return {
        form: tuple(tags.split())
        for bases, tags in rows
        for base in bases.split()
        for form in _forms(base)
    }


VERBS = _table(_BASES) | {word: tuple(tags.split()) for word, tags in _SPECIAL.items()}
NOUNS = _table(_NOUNS)
PHRASES = tuple(
    (re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])"), tuple(tags.split()))
    for pattern, tags in _PHRASES
)


WEAK = frozenset(
    form
    for base in ("change", "modify", "alter", "create", "make", "add", "write", "save", "update")
    for form in _forms(base)
) | {"touched", "checked", "made", "opened", "new"}
"""Verbs that a noun beside them outweighs."""


CHANGING = frozenset(form for base in ("change", "modify", "alter") for form in _forms(base))
_CHANGES = """
    config edit write install remove upgrade service-start service-stop service-restart
    service-reload service-enable service-disable service-mask service-unmask delete copy move
    create permission link extract archive user-* container-* machine-* firewall git-commit git-pull
    git-checkout build mount schedule kernel key power hostname
"""
CHANGES = tuple(_CHANGES.split())
"""What those verbs mean where nothing says of what: everything but looking."""


def combined(sets: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """What two ways to say it have in common ("turn on at boot"); all, where that is nothing."""
    found: tuple[str, ...] = ()
    for tags in sets:
        common = tuple(tag for tag in found if tag in tags)
        found = common or (*found, *(tag for tag in tags if tag not in found))
    return found


def narrowed(
    said: tuple[str, ...], about: tuple[str, ...], *, weak: bool = False
) -> tuple[str, ...]:
    """What verb and noun have in common; where that is nothing the verb's, if it is not weak."""
    if not said or not about:
        return said or about
    common = [tag for tag in said if any(_meet(tag, other) for other in about)]
    common += [tag for tag in about if "*" not in tag and any(_meet(tag, other) for other in said)]
    return tuple(dict.fromkeys(_exact(common, about))) or (about if weak else said)


def _exact(common: list[str], about: tuple[str, ...]) -> list[str]:
    """`*-remove` about `user-*` is `user-remove`."""
    found = []
    for tag in common:
        if tag.startswith("*-"):
            found += [
                other.removesuffix("*") + tag[2:] for other in about if other.endswith("-*")
            ] or [tag]
        else:
            found.append(tag)
    return found


def _meet(one: str, two: str) -> bool:
    return (
        fnmatchcase(one, two)
        or fnmatchcase(two, one)
        or (one.startswith("*-") and two.endswith("-*"))
    )
