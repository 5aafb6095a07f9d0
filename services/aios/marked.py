"""What programs and other people's servers say, for a model: data, between marks that nothing in it
can foresee, and no more of it than helps."""

import secrets

ENDS = 6000
"""Characters kept of each end."""


def mark() -> str:
    """For all that is shown at once."""
    return f"data-{secrets.token_hex(8)}"


def between(mark: str, about: str, text: str) -> str:
    # JSON can say half of a surrogate pair, which nothing that this is sent with could.
    text = text.encode(errors="replace").decode()
    return f"<{mark} {about}>\n{bounded(text)}\n</{mark}>"


def bounded(text: str, ends: int = ENDS) -> str:
    """Its head and tail."""
    left_out = len(text) - 2 * ends
    if left_out <= 0:
        return text.rstrip("\n")
    return f"{text[:ends]}\n[… {left_out} characters left out …]\n{text[-ends:]}".rstrip("\n")
