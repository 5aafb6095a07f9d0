"""Questions about what was done, read into what they ask for. Standard library only, pure.

    "What did I install in aios-dev last week?"
    → window (last week), tags (install), places (aios-dev)

Nothing here knows what there is: which packages and units are known is for `aios.memory.answers`,
which looks the words up. It says which machines there are, for one may be called "build".
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from aios.memory import when
from aios.memory.spelling import mended
from aios.memory.verbs import (
    CHANGES,
    CHANGING,
    JAPANESE,
    NOUNS,
    PACKAGES,
    PHRASES,
    VERBS,
    WEAK,
    combined,
    narrowed,
)
from aios.memory.when import Window
from aios.memory.words import QUESTION_WORDS

MAX_QUERY = 2000
"""Characters that are read."""


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Question:
    query: str
    window: Window | None = None
    tags: tuple[str, ...] = ()
    """Globs over the tags of commands: any of them."""
    outcome: Outcome | None = None
    exit_status: int | None = None
    places: tuple[str, ...] = ()
    """What may be machines' names, as they stand behind "in" or "on"; `.host` for the host."""
    terms: tuple[str, ...] = ()
    """All other words that say something: packages, units, files, or just text."""
    order: Order = Order.NEWEST
    one: bool = False
    """The last, the first, the longest: one command is the answer."""
    counts: bool = False
    did: bool = False
    """Whether something was done at all: what is like it is no answer."""
    programs: tuple[str, ...] = ()
    """What may be programs, as they stand behind "did I"."""
    asks: bool = False
    """Whether it worked, when: the outcome said is asked for, and does not tell commands apart."""
    about_commands: bool = False
    """It says that commands are meant: "which commands", "did I run"."""


_FAILED = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure|ures)?|br(?:eak|eaks|eaking|oke|oken)|crash(?:ed|es)?|error(?:s|ed)?"
    r"|unsuccessful(?:ly)?|(?:went|go|going|gone) wrong|without success|non-?zero|blew up|blow up"
    r"|(?:did ?n[o']?t|didn.t|did not|not|never|does ?n.t)"
    r" (?:work(?:ed|ing)?|succeed(?:ed)?|go through|finish|complete)"
    r"|fell over|bombed|botched|messed up|screwed up|problems?)\b"
    r"|失敗|エラー|うまくいかな|動かなかった"
)
_OK = re.compile(
    r"\b(?:succe(?:eds?|eded|ss|ssful|ssfully)|work(?:ed)? (?:fine|out|well)|worked|passed"
    r"|went (?:fine|well|through|ok|okay)|without (?:errors?|problems?|failing|a hitch)"
    r"|no errors?|ok|okay|completed|exit(?:ed)? (?:with )?(?:0|zero))\b|成功|うまくい(?:った|きま)"
)
_NO_ERRORS = re.compile(r"\bwithout (?:errors?|problems?|failing)\b|\bno errors?\b")
_DENIED = re.compile(
    r"\b(?:denied|refused|rejected|forbidden|blocked by policy|not allowed|disallowed"
    r"|policy said no|turned down|vetoed)\b|拒否|却下"
)
_STATUS = re.compile(
    r"\b(?:exit(?:ed)?(?: with)?(?: a)?(?: status| code)?(?: of)?|status|return(?:ed)?(?: code)?"
    r"|rc)[ =:]+(\d{1,3})\b"
)
_ASKS = re.compile(
    r"(?:,|\band\b|;|-)?\s*\b(?:did|has|was|does|do you know if|whether|if)"
    r" (?:it|that|this|they)(?: all)? (?:work(?:ed)?|succeed(?:ed)?|fail(?:ed)?"
    r"|go (?:ok|well|through|fine)|been successful|successful|ok|complete|finish|run ok)\b"
    r"(?: or (?:not|fail|did it fail))?"
)
_SAYS = re.compile(r"\b(?:failed|failing|unsuccessful|broken) (?!or\b|and\b|yesterday|today)\w{4}")
"""Failed upgrades: these, not whether they failed."""
_NOT_FOUND = re.compile(r"\bcommands?(?: \w+){0,2} not found(?: errors?)?\b")
_EXITS = re.compile(r"\b(\d{1,3}) (?:exits?|exit (?:codes?|status(?:es)?))\b")
_DONE_WITH = re.compile(
    r"\b(?:did|have|had|when|that) (?:i|we) (?:last |ever |first )?([a-z][\w.-]+)"
)
_DID = re.compile(r"\s*(?:so |and |hey |hm+ )?(?:did|has|have|was|were) (?!any|some|every|all\b)")
_COUNTS = re.compile(r"\bhow (?:many|often|much)\b|\bnumber of\b|\bcount\b|何回|何個|いくつ")
_OLDEST = re.compile(
    r"\b(?:first(?: time| ever)?|earliest|oldest|originally|initially|to begin with)\b|最初|初めて"
)
_LONGEST = re.compile(
    r"\b(?:longest|slowest|took (?:the )?(?:longest|most time|forever|so long)|most time)\b"
    r"|一番長|最も長"
)
_ONE = re.compile(r"\bwhen\b|\blast time\b|最後|最初|いつ")
_ONE_OF = re.compile(
    r"\b(?:last|latest|first|longest|slowest|earliest|oldest|previous|most recent)"
    r" (?:(\w+) )?(\w+)"
)
_SOME = re.compile(
    r"\b(?:last|latest|first|past|previous|newest|recent) (?:\d+|two|three|four|five|six|ten)\b"
)
_SINGLE = frozenset(("command", "cmd", "one", "thing", "time", "failure", "error"))
_COMMANDS = re.compile(
    r"\b(?:commands?|cmds?|command lines?|history|ran|executed?|typed?|what happened|changes?"
    r"|did (?:i|we|you|u) (?:last |just |ever )?(?:run|do|use|try|execute|type)"
    r"|(?:have|had) (?:i|we) (?:done|run|been doing)|was (?:done|run|executed)"
    r"|(?:i|we) (?:did|ran|run|used|tried|typed|executed)|were (?:run|executed)"
    r"|changed|activity|doing|worked on|working on|up to|things?)\b|コマンド|履歴|実行"
)
_PLACE = re.compile(
    r"(?<![\w-])(?:in|on|inside|from|at|within|into|onto|over on|to|for|@)\s+"
    r"(?:(?:the|my|our|this|that)\s+)?(?:(?:machine|container|host|box|vm|server|system|env\w*)\s+)?"
    r"(?:called\s+|named\s+)?['\"\u201c`]?(?P<name>[A-Za-z0-9.][\w.-]{0,62})['\"\u201d`]?"
)
_NAMED_PLACE = re.compile(
    r"(?<![\w-])(?P<name>[A-Za-z0-9][\w.-]{1,62})(?:'s)? (?:machine|container|box|vm)s?\b"
    r"|\b(?:machine|container|box|vm) (?P<other>[A-Za-z0-9][\w.-]{1,62})"
)
_HOST = re.compile(r"\b(?:the )?host(?: itself| machine| system| os)?\b(?!name)|ホスト")
_JAPANESE_PLACE = re.compile(r"([A-Za-z0-9][\w.-]{0,62})\s*(?:上)?で")
_QUOTED = re.compile(r"[\"\u201c`']([^\"\u201d`']{2,200})[\"\u201d`']")
_WORD = re.compile(r"[\w./~@:+*=%-]*[\w/~*+]", re.ASCII)
_EMPTY = """
    without denied refused rejected forbidden allowed policy broke broken crashed wrong
    all ever just also again already some any anything something everything thing things stuff
    using used use run ran running runs execute executed done doing do did try tried give show list
    tell remind find me you u machine machines container box host vm server system on in at inside
    within onto into under over here there back up down out off up again recently recent lately last
    latest first newest oldest time times many often much number count command commands cmd cmds
    line lines history exact exactly really actually please thanks hey hi ok okay aios both happened
    happen happening get got go goes went make made new old one ones it's i'm i've we've what's
    whats work works worked working fine well not no n't didn't didnt don't doesn't dont wasn't
    myself were been being not by else than more most after before since until during between
    successfully success successful succeed succeeded fail failed failing fails failure failures
    error errors changes change changed day days week weeks month months hour hours minute minutes
    year long longest slowest took take taken ago pls need know look like yet still now then so
    way every each same other another ever kind sort bit lot since today total totally via per
    put set bring brought took turned turn got rid kick kicked came
"""
_NO_TERMS = QUESTION_WORDS | set(_EMPTY.split())


def read(
    query: str,
    now: datetime,
    zone: tzinfo,
    *,
    sure: bool = False,
    machines: Collection[str] = (),
) -> Question | None:
    """None for what is no question about commands, unless the caller is `sure` that it is one.
    `now` has an offset; windows are in `zone`; `machines` are known names, in lower case."""
    text = unicodedata.normalize("NFKC", query[:MAX_QUERY]).replace("\u2019", "'").strip()
    if not text:
        return None
    low, machines_named = _without_machines(text.lower(), machines)
    low = when.with_minutes(mended(low))
    phrase = when.find(low, now.astimezone(zone))
    rest = low if phrase is None else f"{low[: phrase.start]} {low[phrase.end :]}".strip()
    rest, asks = _asks(rest)
    rest = _EXITS.sub(r"exit status \1", _NOT_FOUND.sub(" exit status 127 ", rest))
    status = _STATUS.search(rest)
    rest_ = _STATUS.sub(" ", rest)
    outcome = _outcome(rest_)
    tags, used = _tags(_FAILED.sub(" ", rest_))
    if asks or (
        outcome in (Outcome.OK, Outcome.FAILED)
        and _DID.match(low)
        and tags
        and not _SAYS.search(low)
    ):
        outcome, asks = None, True
    order = _order(rest)
    question = Question(
        query=query,
        window=phrase.window if phrase else None,
        tags=tags,
        outcome=outcome,
        exit_status=int(status[1]) if status else None,
        places=tuple(dict.fromkeys((*machines_named, *_places(rest)))),
        terms=_terms(text, rest, used),
        programs=tuple(dict.fromkeys(_DONE_WITH.findall(rest))),
        order=order,
        one=_one(rest),
        counts=bool(_COUNTS.search(rest)),
        did=bool(_DID.match(low)),
        asks=asks,
        about_commands=bool(_COMMANDS.search(rest)),
    )
    telling = (
        question.tags or question.outcome or question.about_commands or status
        or question.order is Order.LONGEST or machines_named
    )  # fmt: skip
    in_time = question.window and (question.places or question.did or not question.terms)
    return question if sure or telling or in_time else None


def _without_machines(low: str, machines: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """With "on here" for "on build and web1", and those names."""
    if not machines:
        return low, ()
    name = "|".join(re.escape(one) for one in sorted(machines, key=len, reverse=True))
    place = re.compile(
        rf"(?<![\w-])(in|on|inside|at|within|into|onto|@)\s+(?:(?:the|my|our)\s+)?"
        rf"(?:(?:machine|container|host|box|vm|server)s?\s+)?((?:{name})"
        rf"(?:(?:\s*,\s*|\s+(?:and|or)\s+)(?:on\s+|in\s+)?(?:{name}))*)(?:'s)?"
        rf"(?:\s+(?:machine|container|box|vm)s?)?(?![\w/-]|\.\w)"
    )
    found = [one for match in place.finditer(low) for one in re.findall(name, match[2])]
    # "Put on here": a verb may need its preposition.
    return place.sub(r"\1 here", low), tuple(dict.fromkeys(found))


def _asks(rest: str) -> tuple[str, bool]:
    """Without "and did it work?"."""
    without = _ASKS.sub(" ", rest)
    return without, without != rest


def _one(rest: str) -> bool:
    return bool(_ONE.search(rest)) or any(
        word in _SINGLE or ((word in VERBS or word in NOUNS) and not word.endswith("s"))
        for match in _ONE_OF.finditer(rest)
        for word in match.groups()
        if word
    )


def _outcome(rest: str) -> Outcome | None:
    if _DENIED.search(rest):
        return Outcome.DENIED
    if _FAILED.search(rest) and not _NO_ERRORS.search(rest):
        return Outcome.FAILED
    return Outcome.OK if _OK.search(rest) else None


def _order(rest: str) -> Order:
    if _LONGEST.search(rest):
        return Order.LONGEST
    if _OLDEST.search(rest) and not re.search(r"\blast\b", rest):
        return Order.OLDEST
    return Order.NEWEST


def _tags(rest: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The tags asked for, and the words that said so."""
    said: list[tuple[str, ...]] = []
    about: list[tuple[str, ...]] = []
    used: set[str] = set()
    weak = True
    left = rest
    for pattern, tags in PHRASES:
        if match := pattern.search(left):
            said.append(tags)
            weak = False
            words = match[0].split()
            used |= {word for word in (words[0], words[-1]) if word.isalpha()}
            # Its inner words may name what it was done to.
            left = left.replace(match[0], " ".join(words[1:-1]), 1)
    # Not the names in a path: /etc/group is no question about groups.
    for word in re.findall(r"(?<![\w./~-])[\w'-]+(?![\w/]|\.\w)", left):
        if word in VERBS:
            said.append(VERBS[word])
            weak = weak and (word in WEAK or not VERBS[word])
            used.add(word)
        if word in NOUNS and not VERBS.get(word):
            about.append(NOUNS[word])
            used.add(word)
    for found, meant in JAPANESE:
        if re.search(found, left):
            noun = meant.endswith("*") or meant == PACKAGES
            (about if noun else said).append(tuple(meant.split()))
            left = re.sub(found, " ", left)
    if used and used <= CHANGING:
        said = [CHANGES]
    return narrowed(combined(said), combined(about), weak=weak), frozenset(used)


def _places(rest: str) -> tuple[str, ...]:
    found = [match["name"].rstrip(".") for match in _PLACE.finditer(rest)]
    found += [match["name"] or match["other"] for match in _NAMED_PLACE.finditer(rest)]
    found += [match[1] for match in _JAPANESE_PLACE.finditer(rest)]
    kept = [
        name
        for name in found
        if (name not in _NO_TERMS and name not in VERBS) or name in ("aios", "host")
    ]
    if _HOST.search(rest):
        kept.insert(0, ".host")
    return tuple(dict.fromkeys(kept))


def _terms(text: str, rest: str, used: frozenset[str]) -> tuple[str, ...]:
    quoted = [part.strip().lower() for part in _QUOTED.findall(text)]
    words = [word.strip("'\".,;:!?()[]") for word in _WORD.findall(_SOME.sub(" ", rest))]
    kept = [
        word
        for word in words
        if word not in _NO_TERMS and word not in used and (len(word) > 1 or word.isdigit())
    ]
    return tuple(dict.fromkeys(quoted + kept))
