"""The offline brain: sentences to commands by rules, without a model.

    brain = Brain.load(DATA)                 # data: lexicon, names, slots, vetoes, intents/*.toml
    draft = brain.parse(sentence)            # pure; draft.packages and draft.units are names that
                                             # have to be looked up in the machine, often none
    result = brain.decide(draft, context)    # Proposal | Question | Abstain
    result = brain.read(sentence, context)   # both at once, with the groundings already at hand

Context(machine, distro, now, packages, units, home): `packages` and `units` are groundings,
`exists(name) -> bool | None`; `Listed(names)` is one, `Listed()` knows nothing. Packages are those
that can be installed or are; units are full names ("nginx.service") of unit files and loaded units.

- Proposal: command, why, changes, intent, unverified (names that no list could confirm).
- Question: to memory. LAST, WHAT, WHEN, DID and COUNT are answered by `answer(question, rows)` from
  the rows that memory gives for the sentence (LAST: of the session, when `of_session`); REMEMBER
  keeps `text`; RECALL searches it, "" lists all.
- Abstain: reason, and at most three suggestions that are only ever shown.

The order of things: what must never become a command is vetoed first; the words are matched
against phrases, in order and in full where something changes; names are grounded; the command is
rendered for the distribution, every value validated by its slot's type and quoted.
"""

from pathlib import Path

from aios.chat.offline.brain import Brain, Draft
from aios.chat.offline.proposal import Abstain, Context, Distro, Grounding, Listed, Proposal
from aios.chat.offline.questions import Question, QuestionKind, Row, answer, of_memory

DATA = Path(__file__).parent.parent / "data"

__all__ = [
    "DATA",
    "Abstain",
    "Brain",
    "Context",
    "Distro",
    "Draft",
    "Grounding",
    "Listed",
    "Proposal",
    "Question",
    "QuestionKind",
    "Row",
    "answer",
    "of_memory",
]
