"""English words without their endings, as both the index and queries have them. Standard library
only.

Porter's algorithm ("An algorithm for suffix stripping", 1980), for which every irregular form
("went", "bought", "children") first becomes its regular one, and
some words their everyday twin ("film", "movie"). What is not plain ASCII letters
stays as it is, and so does what is longer than any word: 64 KiB of one vowel would take a minute.
"""

import functools
import re

_IRREGULAR = """
    arise arose arisen; awake awoke awoken; bear bore borne; beat beaten; become became; begin
    began begun; bend bent; bet; bite bit bitten; bleed bled; blow blew blown; break broke
    broken; breed bred; bring brought; build built; burn burnt; buy bought; catch caught; choose
    chose chosen; cling clung; come came; creep crept; deal dealt; dig dug; dive dove; do did
    done does; draw drew drawn; dream dreamt; drink drank drunk; drive drove driven; eat ate
    eaten; fall fell fallen; feed fed; feel felt; fight fought; find found; flee fled; fly flew
    flown; forbid forbade forbidden; forget forgot forgotten; forgive forgave forgiven; freeze
    froze frozen; get got gotten; give gave given; go goes went gone; grow grew grown; hang hung;
    have had has; hear heard; hide hid hidden; hold held; keep kept; know knew known; lay laid;
    lead led; lean leant; leap leapt; learn learnt; leave left; lend lent; lose lost; make made;
    mean meant; meet met; mistake mistook mistaken; pay paid; prove proven; ride rode ridden;
    ring rang rung; rise rose risen; run ran; say said; see saw seen; seek sought; sell sold;
    send sent; sew sewn; shake shook shaken; shine shone; shoot shot; show shown; shrink shrank
    shrunk; sing sang sung; sink sank sunk; sit sat; sleep slept; slide slid; speak spoke
    spoken; spell spelt; spend spent; spin spun; stand stood; steal stole stolen; stick stuck;
    strike struck; swear swore sworn; sweep swept; swim swam swum; swing swung; take took taken;
    teach taught; tear tore torn; tell told; think thought; throw threw thrown; understand
    understood; wake woke woken; wear wore worn; weave wove woven; win won; write wrote written;
    child children; foot feet; goose geese; man men; mouse mice; person people persons; tooth
    teeth; woman women; knife knives; life lives; wife wives;  shelf shelves; half
    halves; wolf wolves; loaf loaves; good better best; bad worse worst; mom mum mother mommy
    mummy; dad father daddy; photo photograph pic picture; movie film; kid kids child; tv
    television; bike bicycle; fridge refrigerator; gym gymnasium; vet veterinarian; exam
    examination; math mathematics maths; ad advertisement; phone telephone; plane aeroplane
    airplane; colour color; favourite favorite; travelled traveled travel; theatre theater;
    centre center; grandma grandmother granny; grandpa grandfather; tired tiring
"""
_REGULAR = {
    form: forms[0]
    for group in _IRREGULAR.split(";")
    for forms in [group.split()]
    for form in forms[1:]
}
_PLAIN = re.compile("[a-z]{3,64}")
_VOWEL = re.compile("[aeiou]|(?<=[^aeiou])y")
_MEASURE = re.compile("(?:[aeiou]|(?<=[^aeiou])y)+(?:[^aeiouy]|(?<![^aeiou])y)+")
_SHORT_END = re.compile("[^aeiou][aeiouy][^aeiouwxy]$")
_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize",
    "bli": "ble", "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize",
    "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive", "fulness": "ful",
    "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble", "logi": "log",
}  # fmt: skip
_STEP_3 = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
}  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ion", "ism", "ate", "iti",
    "ous", "ive", "ize", "al", "er", "ic", "ou",
)  # fmt: skip


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Of one word, folded."""
    if not _PLAIN.fullmatch(word):
        return word
    return _derived(_inflected(_regular(_regular(word))))


def _regular(word: str) -> str:
    """One step: children → child, and child → kid."""
    return _REGULAR.get(word) or _REGULAR.get(word.removesuffix("s"), word)


def _measure(stem: str) -> int:
    """How often vowels are followed by consonants."""
    return len(_MEASURE.findall(stem))


def _inflected(word: str) -> str:
    """Without plural, -ed and -ing."""
    if word.endswith("sses") or word.endswith("ies"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for ending in ("ed", "ing"):
        root = word.removesuffix(ending)
        if root != word and _VOWEL.search(root):
            return _mended(root)
    return _last_y(word)


def _mended(root: str) -> str:
    """What -ed or -ing was taken from: hop(p), rat(e), fil(e)."""
    if root.endswith(("at", "bl", "iz")):
        return root + "e"
    if len(root) > 1 and root[-1] == root[-2] and root[-1] not in "aeioulsz":
        return root[:-1]
    if _measure(root) == 1 and _SHORT_END.search(root):
        return root + "e"
    return _last_y(root)


def _last_y(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and _VOWEL.search(word[:-1]) else word


def _derived(word: str) -> str:
    """Without -ation, -ness, -ment and their like."""
    for endings in (_STEP_2, _STEP_3):
        for ending, shorter in endings.items():
            if word.endswith(ending):
                root = word.removesuffix(ending)
                word = root + shorter if _measure(root) else word
                break
    for ending in _STEP_4:
        if word.endswith(ending):
            root = word.removesuffix(ending)
            if _measure(root) > 1 and (ending != "ion" or root.endswith(("s", "t"))):
                word = root
            break
    if word.endswith("e"):
        root = word[:-1]
        measure = _measure(root)
        if measure > 1 or (measure == 1 and not _SHORT_END.search(root)):
            word = root
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
