import re

_NOTE = re.compile(
    r"(?:(?:please|hey|ok|okay|aios|can you|could you|would you|i want you to|also|and)[, ]+)*"
    r"(?:remember|note to self|note down|note|memori[sz]e|(?:keep|bear) in mind|write down"
    r"|do not forget|don['\u2019]?t forget|(?:make|take) a note(?: of)?|add (?:a )?(?:note|memory)"
    r"|(?:save|add) (?:this |that )?(?:to|in) (?:your |the )?memory)"
    r"(?:\s*[:,]\s*|\s+(?:that|this)\s*[:,]?\s+|\s+)(?P<text>.+)",
    re.IGNORECASE | re.DOTALL,
)
# What is asked for, or left to be done later: nothing to keep.
_NO_NOTE = re.compile(r"(?:to|when|what|how|why|who|where|which|if|me|it|about)\b", re.IGNORECASE)


def note(text: str) -> str:
    """What a person wants to be remembered, word for word; "" for any other sentence."""
    match = _NOTE.fullmatch(text.strip())
    if match is None or text.rstrip().endswith("?") or _NO_NOTE.match(match["text"]):
        return ""
    return match["text"].strip()
