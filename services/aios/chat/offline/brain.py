import gc
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aios.chat.offline.bundles import Bundle, Bundles
from aios.chat.offline.clauses import clauses
from aios.chat.offline.compound import split
from aios.chat.offline.intents import Intent, load_intents
from aios.chat.offline.lexicon import Lexicon
from aios.chat.offline.matching import Matcher, Reading
from aios.chat.offline.names import Aliases, Unknown
from aios.chat.offline.notes import note
from aios.chat.offline.phrases import Phrase, PhraseReader
from aios.chat.offline.proposal import Abstain, Context, Distro, Proposal
from aios.chat.offline.questions import Question, QuestionKind, ask
from aios.chat.offline.render import Unrenderable, explain, render
from aios.chat.offline.sentence import Kind, Sentence, Token, tokenise, unprintable
from aios.chat.offline.slots import Slots
from aios.chat.offline.suggestions import Suggestions
from aios.chat.offline.times import find_periods
from aios.chat.offline.values import Value
from aios.chat.offline.veto import Vetoes

_INSTALLING = ("packages.install", "packages.reinstall", "packages.upgrade-one")
_LONGEST = 400  # characters; nobody says more in one order
_MISSPELLED = "that has words that I do not know; is this what you mean?"
_COMMANDS = re.compile(
    r"^(sudo\s|[a-z][\w.-]*\s+(-[A-Za-z]|--[a-z])|\./|[a-z/]+\s*[|;&]\s*[a-z/]+\s)"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence as it was understood, before its names were looked up."""

    sentence: Sentence
    readings: tuple[Reading, ...] = ()  # the best first
    compounds: tuple[tuple["Draft", ...], ...] = ()  # ways to read it as several orders
    refusal: Abstain | None = None
    note: str = ""  # to be remembered
    how_to: "Draft | None" = None  # what a "how do I …" is about: only ever suggested
    packages: tuple[str, ...] = ()  # names that decide() will ask the groundings for
    units: tuple[str, ...] = ()
    asks: bool = False  # a question that was not a polite order


class Brain:
    def __init__(
        self,
        lexicon: Lexicon,
        slots: Slots,
        aliases: Aliases,
        vetoes: Vetoes,
        intents: Sequence[Intent],
        bundles: Mapping[str, Bundle],
    ) -> None:
        self.intents = tuple(intents)
        self._bundles = bundles
        self._lexicon = lexicon
        self._matcher = Matcher(lexicon, slots)
        self._aliases = aliases
        self._vetoes = vetoes
        self._suggestions = Suggestions(self.intents, lexicon, self._matcher)
        self._index: list[tuple[Intent, Phrase, bool]] = [
            (intent, phrase, ordered)
            for intent in self.intents
            for phrases, ordered in ((intent.says, True), (intent.about, False))
            for phrase in phrases
        ]
        self._places = _by_word([phrase for _, phrase, _ in self._index])

    @classmethod
    def load(cls, directory: Path) -> "Brain":
        """Raises ValueError, with file and intent, for data that are not right."""
        collecting = gc.isenabled()
        gc.disable()  # a hundred thousand small tuples, none of them garbage: a third of the time
        try:
            return cls._load(directory)
        finally:
            if collecting:
                gc.enable()

    @classmethod
    def _load(cls, directory: Path) -> "Brain":
        lexicon = Lexicon.load(directory / "lexicon.toml")
        aliases = Aliases.load(directory / "names.toml")
        slots = Slots.load(directory / "slots.toml", lexicon, aliases.multiword())
        vetoes = Vetoes.load(directory / "vetoes.toml")
        phrases = PhraseReader(lexicon)
        intents: list[Intent] = []
        for path in sorted((directory / "intents").glob("*.toml")):
            intents += load_intents(path, phrases, slots)
        words = set(lexicon.vocabulary)
        bundles = Bundles.load(directory / "bundles.toml", phrases)
        lexicon.vocabulary &= words  # what a bundle is called by is a name elsewhere
        intents += bundles.intents
        return cls(lexicon, slots, aliases, vetoes, intents, bundles.bundles)

    def read(self, text: str, context: Context) -> Proposal | Question | Abstain:
        return self.decide(self.parse(text), context)

    def parse(self, text: str) -> Draft:
        sentence = tokenise(text)
        if len(text) > _LONGEST:
            return Draft(sentence, refusal=Abstain("that is too long for the offline rules"))
        if unprintable(text):
            return Draft(sentence, refusal=Abstain("that has characters that cannot be seen"))
        if "\n" in text.strip():
            return Draft(sentence, refusal=Abstain("one order a line, please"))
        if not sentence.tokens:
            return Draft(sentence, refusal=Abstain("nothing was said"))
        if kept := note(sentence.text):
            return Draft(sentence, note=kept)
        if _COMMANDS.match(sentence.text):
            reason = "that looks like a command, not a sentence; `!` before it runs it as it is"
            return Draft(sentence, refusal=Abstain(reason))
        if stop := self._vetoes.stop(sentence):
            veto, rest = stop
            how_to = self._understand(tokenise(rest)) if veto.suggests and rest else None
            return self._grounded(Draft(sentence, refusal=Abstain(veto.reason), how_to=how_to))
        draft = self._understand(sentence)
        understood = draft.readings or draft.compounds
        if not understood:
            draft = self._explained(draft)
        return self._grounded(draft)

    def _explained(self, draft: Draft) -> Draft:
        """Why nothing in it was understood; and what a misspelled order may have meant."""
        tokens, _ = self._lexicon.unpadded(draft.sentence.tokens)
        said = " ".join(token.text.lower() for token in tokens or draft.sentence.tokens)
        if kind := self._vetoes.explain(said):
            return replace(draft, refusal=Abstain(kind.reason))
        if meant := self._readings(self._corrected(self._tokens(draft.sentence)[0])):
            meant_draft = Draft(draft.sentence, tuple(meant))
            return replace(draft, refusal=Abstain(_MISSPELLED), how_to=meant_draft)
        return draft

    def decide(self, draft: Draft, context: Context) -> Proposal | Question | Abstain:
        if draft.note:
            return Question(QuestionKind.REMEMBER, context.now, "memory.remember", text=draft.note)
        if draft.refusal:
            shown = self.decide(draft.how_to, context) if draft.how_to else None
            commands = (shown.command,) if isinstance(shown, Proposal) else ()
            return replace(draft.refusal, suggestions=commands)
        failed: Exception | None = None
        decided: list[Proposal | Question] = []
        best: Reading | None = None
        for reading in draft.readings:
            if best is not None and reading.rank < best.rank:
                break
            try:
                decided.append(self._answer(reading, context))
                best = best or reading
            except Unknown as error:
                failed = failed or error
                # It was understood, and what it names is not there: a reading that explains less
                # of the sentence is no answer to it. (A weak name may be no name at all.)
                if not any(value.weak for value in reading.values.values()):
                    best = best or reading
            except (Unrenderable, ValueError) as error:
                failed = failed or error
        if decided:
            return self._choose(draft, decided)
        for parts in draft.compounds:
            results = [self.decide(part, context) for part in parts]
            if all(isinstance(result, Proposal) for result in results):
                return _joined([result for result in results if isinstance(result, Proposal)])
        return self._abstain(draft, failed, context)

    def _choose(
        self, draft: Draft, results: list[Proposal | Question]
    ) -> Proposal | Question | Abstain:
        first = results[0]
        if isinstance(first, Question):
            return first
        others = [result for result in results if isinstance(result, Proposal)]
        commands = tuple(dict.fromkeys(result.command for result in others))
        if len(commands) > 1:
            return Abstain("that can mean more than one thing", commands[:3])
        if first.changes and draft.asks:
            return Abstain("that reads as a question, not as an order", commands[:1])
        return first

    def _answer(self, reading: Reading, context: Context) -> Proposal | Question:
        values: dict[str, Value] = {}
        unverified: tuple[str, ...] = ()
        intent = reading.intent
        for name, value in reading.values.items():
            values[name] = value
            if value.type in ("package", "unit"):
                asked = bool(intent.question)  # history knows names that are long gone
                try:
                    values[name], unknown = self._aliases.ground(value, context)
                except Unknown:
                    if not asked or value.weak:
                        raise
                    unknown = ()
                if asked:
                    names = values[name].items + value.items
                    values[name] = replace(value, items=tuple(dict.fromkeys(names)))
                unverified += unknown
        if intent.question:
            named = [v for v in reading.values.values() if v.type in ("package", "unit")]
            name = " and ".join(item for value in named for item in value.items)
            return ask(intent.id, intent.question, values, context, name=name)
        for name, default in intent.defaults.items():
            kind = "path" if default.startswith(("/", "~", ".")) else "text"
            values.setdefault(name, Value(kind, (default,)))
        template = intent.command.get(context.distro)
        if template is None:
            raise Unrenderable(f"I know no command for that on {context.distro}")
        command = render(template, values, context)
        why = explain(intent.why, values)
        installs, checks = self._installs(intent, values, context.distro)
        return Proposal(command, why, intent.changes, intent.id, unverified, installs, checks)

    def _installs(
        self, intent: Intent, values: Mapping[str, Value], distro: Distro
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Packages that will be there afterwards, and commands that show that they work."""
        if bundle := self._bundles.get(intent.id):
            return bundle.packages[distro], bundle.checks
        return (values["packages"].items if intent.id in _INSTALLING else ()), ()

    def _abstain(self, draft: Draft, failed: Exception | None, context: Context) -> Abstain:
        words = self._tokens(draft.sentence)[0]
        if isinstance(failed, Unknown):
            return Abstain(str(failed), _look_for(failed, context))
        shown = []
        for reading in self._suggestions.near(words):
            try:
                result = self._answer(reading, context)
            except (Unknown, Unrenderable, ValueError):
                continue
            if isinstance(result, Proposal) and result.command not in shown:
                shown.append(result.command)
        reason = (
            str(failed) if failed else "I can't do that offline: no rule fits the whole sentence"
        )
        return Abstain(reason, tuple(shown[:3]))

    def _understand(self, sentence: Sentence) -> Draft:
        tokens, polite = self._tokens(sentence)
        readings = tuple(self._readings(tokens))
        if not readings:
            readings = tuple(
                reading
                for part in (self._corrected(tokens), *clauses(tokens))
                for reading in self._readings(part)
                if not reading.intent.changes
            )
        compounds = []
        for parts in split(tokens, self._is_name):
            drafts = [Draft(sentence, tuple(self._readings(part))) for part in parts]
            if all(any(not r.intent.question for r in draft.readings) for draft in drafts):
                compounds.append(tuple(drafts))
        return Draft(sentence, readings, tuple(compounds), asks=sentence.asks and not polite)

    def _is_name(self, token: Token) -> bool:
        if token.kind is Kind.WORD:
            return token.word not in self._lexicon.vocabulary | self._lexicon.reading
        return token.kind in (Kind.DOTTED, Kind.PATH, Kind.QUOTED)

    def _tokens(self, sentence: Sentence) -> tuple[tuple[Token, ...], bool]:
        tokens, polite = self._lexicon.unpadded(sentence.tokens)
        return self._lexicon.apply(find_periods(tokens)), polite

    def _readings(self, tokens: Sequence[Token]) -> list[Reading]:
        words = {token.word for token in tokens}
        best: dict[str, Reading] = {}
        places = {place for word in (*words, "") for place in self._places.get(word, ())}
        for place in sorted(places):
            intent, phrase, ordered = self._index[place]
            if any(not options & words for options in phrase.required):
                continue
            match = self._matcher.in_order if ordered else self._matcher.in_any_order
            reading = match(phrase, intent, tokens)
            if reading and (intent.id not in best or reading.rank > best[intent.id].rank):
                best[intent.id] = reading
        return sorted(best.values(), key=lambda reading: reading.rank, reverse=True)

    def _corrected(self, tokens: Sequence[Token]) -> tuple[Token, ...]:
        """With slips of the finger mended: only what reads may be understood in spite of them."""

        def mend(token: Token) -> Token:
            known = token.word in self._lexicon.vocabulary or token.word in self._lexicon.reading
            if token.kind is not Kind.WORD or known:
                return token
            closest = self._lexicon.closest(token.word)
            return replace(token, word=closest) if closest else token

        return tuple(mend(token) for token in tokens)

    def _grounded(self, draft: Draft) -> Draft:
        names: dict[str, list[str]] = {"package": [], "unit": []}
        for part in _drafts(draft):
            for reading in part.readings:
                for value in reading.values.values():
                    if value.type in names:
                        names[value.type] += self._aliases.all_candidates(value)
        return replace(
            draft,
            packages=tuple(dict.fromkeys(names["package"])),
            units=tuple(dict.fromkeys(names["unit"])),
        )


def _by_word(phrases: Sequence[Phrase]) -> dict[str, list[int]]:
    """Where to look for a word: each phrase under those of its words that are the rarest; "" has
    the phrases that need none."""
    counts = Counter(word for phrase in phrases for words in phrase.required for word in words)
    found: dict[str, list[int]] = {}
    for place, phrase in enumerate(phrases):
        sets = [(sum(counts[word] for word in words), sorted(words)) for words in phrase.required]
        for word in min(sets)[1] if sets else [""]:
            found.setdefault(word, []).append(place)
    return found


def _drafts(draft: Draft) -> Iterator[Draft]:
    yield draft
    for parts in draft.compounds:
        for part in parts:
            yield from _drafts(part)
    if draft.how_to:
        yield from _drafts(draft.how_to)


def _joined(proposals: Sequence[Proposal]) -> Proposal:
    return Proposal(
        command=" && ".join(proposal.command for proposal in proposals),
        why="; then: ".join(proposal.why for proposal in proposals),
        changes=any(proposal.changes for proposal in proposals),
        intent="+".join(proposal.intent for proposal in proposals),
        unverified=tuple(name for proposal in proposals for name in proposal.unverified),
        installs=tuple(name for proposal in proposals for name in proposal.installs),
        checks=tuple(check for proposal in proposals for check in proposal.checks),
    )


def _look_for(unknown: Unknown, context: Context) -> tuple[str, ...]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+._-]*", unknown.name):
        return ()
    if unknown.kind == "unit":
        return (f"systemctl list-unit-files '*{unknown.name}*'",)
    search = {"debian": "apt-cache search", "arch": "pacman -Ss", "fedora": "dnf search"}
    return (f"{search[context.distro]} {unknown.name}",)
