"""Text from elsewhere, made harmless for a human's terminal."""


def visible(text: str) -> str:
    """Control, bidirectional, zero-width and other unprintable characters escaped, so that a
    command or its output cannot rewrite what a human sees."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
