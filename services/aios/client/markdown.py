"""Markdown as it streams, for a terminal: what is read is written as soon as nothing that comes can
change it, at the latest with the end of its line; a table with the end of the table.

A subset that models write: headings, lists, quotes, fences, tables, rules, emphasis, code spans,
links. What is none of it stands as it is.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

Piece = tuple[str, str]
"""Text, not yet escaped, and its style."""
MAX_OPEN = 400
"""Characters that an emphasis or a code span may take to close; a longer one was none."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r" {0,3}#{1,6}(?: +|$)")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])( +|$)")
_QUOTE = re.compile(r" {0,3}> ?")
_RULE = re.compile(r" {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$")
_TABLE_RULE = re.compile(r"\|?[ :|-]+\|?")
_LINK = re.compile(r"\[([^\[\]]+)\]\(([^()\s]+)\)")


def columns(text: str) -> int:
    """What `text`, escaped, takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


class Markdown:
    def __init__(
        self, write: Callable[[str, str], None], width: Callable[[], int], *, coloured: bool
    ) -> None:
        """write(text, style) puts a piece of a line, or "\\n"."""
        self._write = write
        self._width = width
        self._coloured = coloured
        self._line = ""
        """What of the current line has not been written."""
        self._begun = False
        """Whether some of it has: its kind is known."""
        self._style = ""
        self._fence = ""
        self._table: list[str] = []
        self._blank = True
        self._page = _Page(write, width)

    def feed(self, text: str) -> None:
        *lines, rest = text.replace("\r\n", "\n").split("\n")
        for line in lines:
            self._line += line
            self._whole()
        self._line += rest
        if self._line:
            self._part()

    def close(self) -> None:
        """The text has ended, or something else is to be written."""
        if self._line or self._begun:
            self._whole()
        self._end_table()
        self._fence, self._blank = "", True

    def _whole(self) -> None:
        line, self._line = self._line, ""
        if self._begun:
            self._inline(line, last=True)
            return self._end()
        if self._fence:
            return self._code(line)
        if line.lstrip().startswith("|"):
            self._table.append(line.strip())
            return None
        self._end_table()
        if found := _FENCE.fullmatch(line):
            self._fence = found[1]
        elif not line.strip():
            # One blank line, however many there are, and none at the start.
            if not self._blank:
                self._write("\n", "")
            self._blank = True
        elif _RULE.fullmatch(line):
            self._write("─" * min(self._width(), 40), "dim")
            self._end()
        else:
            self._inline(self._start(line), last=True)
            self._end()
        return None

    def _part(self) -> None:
        """Writes the words that are sure by now."""
        if self._fence or self._line.lstrip().startswith("|"):
            return
        if not self._begun:
            # The kind of a line shows in what stands before its second word.
            if not re.match(r" *\S+ +[^\s*_-]", self._line):
                return
            if _FENCE.match(self._line) or _HEADING.match(self._line):
                return
            self._end_table()
            self._line = self._start(self._line)
            self._begun = True
        self._line = self._inline(self._line, last=False)

    def _end(self) -> None:
        self._page.end()
        self._begun = self._blank = False

    def _start(self, line: str) -> str:
        """Writes the mark of the line's kind; the rest of the line."""
        self._style = ""
        if found := _HEADING.match(line):
            self._style = "bold"
            self._page.begin("", "", 0)
            return re.sub(r" +#+ *$", "", line[found.end() :])
        if found := _QUOTE.match(line):
            self._page.begin("│ ", "dim", 0, again=True)
            return line[found.end() :]
        if found := _ITEM.match(line):
            mark = "•" if found[2] in "-*+" else found[2]
            self._page.begin(f"{found[1]}{mark} ", "", len(found[1]) + len(mark) + 1)
            return line[found.end() :]
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        self._page.begin(" " * indent, "", indent)
        return text

    def _inline(self, text: str, *, last: bool) -> str:
        """Writes what is sure of it; the rest."""
        pieces, rest = inline(text, last=last, coloured=self._coloured)
        for piece, style in pieces:
            self._page.put(piece, f"{self._style} {style}".strip())
        return rest

    def _code(self, line: str) -> None:
        if re.fullmatch(rf" {{0,3}}{re.escape(self._fence[0])}{{{len(self._fence)},}} *", line):
            self._fence = ""
            return
        self._write(f"    {line}", "cyan")
        self._end()

    def _end_table(self) -> None:
        rows = [[cell.strip() for cell in row.strip("|").split("|")]
                for row in self._table if not _TABLE_RULE.fullmatch(row)]  # fmt: skip
        raw, self._table = self._table, []
        if not rows:
            return
        cells = [["".join(text for text, _ in inline(cell, last=True, coloured=True)[0])
                  for cell in row] for row in rows]  # fmt: skip
        widths = [0] * max(len(row) for row in cells)
        for row in cells:
            for place, cell in enumerate(row):
                widths[place] = max(widths[place], columns(cell))
        if sum(widths) + 2 * len(widths) > self._width():
            # As it was written: the terminal's own wrapping keeps all of it.
            for line in raw:
                self._write(line, "")
                self._end()
            return
        for number, row in enumerate(cells):
            padded = [c + " " * (w - columns(c)) for c, w in zip(row, widths, strict=False)]
            self._write("  ".join(padded).rstrip(), "bold" if number == 0 < len(raw) - 1 else "")
            self._end()


class _Page:
    """Words in rows of the terminal's width."""

    def __init__(self, write: Callable[[str, str], None], width: Callable[[], int]) -> None:
        self._write = write
        self._width = width
        self.begin("", "", 0)

    def begin(self, mark: str, style: str, indent: int, *, again: bool = False) -> None:
        """again: the mark stands before each row, not only the first."""
        self._again: Piece = (mark, style) if again else (" " * indent, "")
        if mark:
            self._write(mark, style)
        self._used = columns(mark)
        self._margin = columns(self._again[0])
        self._space = ""
        self._word: list[Piece] = []

    def put(self, text: str, style: str) -> None:
        for part in re.findall(r"[ \t]+|[^ \t]+", text):
            if part.isspace():
                self._flush()
                self._space += part.expandtabs(4)
                continue
            for char in _breakable(part):
                self._word.append((char, style))
                if columns(char[-1:]) == 2:
                    self._flush()

    def _flush(self) -> None:
        word, self._word = self._word, []
        if not word:
            return
        size = sum(columns(text) for text, _ in word)
        if self._used + len(self._space) + size > self._width() and self._used > self._margin:
            self._write("\n", "")
            if self._again[0]:
                self._write(*self._again)
            self._used = self._margin
        elif self._space:
            self._write(self._space, "")
            self._used += len(self._space)
        self._space = ""
        for text, style in word:
            self._write(text, style)
        self._used += size

    def end(self) -> None:
        self._flush()
        self._space = ""
        self._write("\n", "")


def _breakable(text: str) -> Iterator[str]:
    """Wide characters each, since a row may end behind any of them; others together."""
    run = ""
    for char in text:
        if columns(char) == 2:
            if run:
                yield run
                run = ""
            yield char
        else:
            run += char
    if run:
        yield run


def inline(text: str, *, last: bool, coloured: bool) -> tuple[list[Piece], str]:
    """The pieces of a line, and the end of it that what follows may change (unless `last`)."""
    pieces: list[Piece] = []
    plain, place, sure = "", 0, 0
    sure_pieces = 0
    sure_plain = ""
    while place < len(text):
        char = text[place]
        if char in " \t":
            # Up to here, everything that was opened has been closed.
            sure, sure_pieces, sure_plain = place, len(pieces), plain
        span = _span(text, place, coloured=coloured)
        if span is not None:
            inner, place = span
            if plain:
                pieces.append((plain, ""))
                plain = ""
            pieces += inner
            continue
        if not last and _may_open(text, place) and len(text) - place < MAX_OPEN:
            break
        if char == "\\" and text[place + 1 : place + 2] in tuple("\\`*_{}[]()#+-.!|~>"):
            place += 1
            char = text[place]
        plain += char
        place += 1
    if last:
        return ([*pieces, (plain, "")] if plain else pieces), ""
    kept = pieces[:sure_pieces]
    if sure_plain:
        kept.append((sure_plain, ""))
    return kept, text[sure:]


def _may_open(text: str, place: int) -> bool:
    """Whether it is a mark that could still be closed by what comes."""
    if text[place] not in "*_":
        return text[place] in "`["
    after = text[place + 1 : place + 2]
    before = text[place - 1 : place]
    return not after.isspace() and not (text[place] == "_" and before.isalnum())


def _span(text: str, place: int, *, coloured: bool) -> tuple[list[Piece], int] | None:
    """What begins there and is closed: its pieces and its end."""
    char = text[place]
    if char == "`":
        found = re.match(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", text[place:])
        if found is None:
            return None
        code = found[2].strip() or found[2]
        return [(code if coloured else f"`{code}`", "cyan")], place + found.end()
    if char == "[":
        found = _LINK.match(text, place)
        if found is None:
            return None
        name, address = found[1], found[2]
        shown = (
            [(name, "")]
            if address in (name, f"https://{name}")
            else [(name, ""), (f" ({address})", "dim")]
        )
        return shown, found.end()
    if char not in "*_" or not _may_open(text, place):
        return None
    mark = char * 2 if text.startswith(char * 2, place) else char
    start = place + len(mark)
    if text[start : start + 1] in ("", " ", char):
        return None
    end = text.find(mark, start + 1)
    while end >= 0 and not _closes(text, end, mark):
        end = text.find(mark, end + 1)
    if end < 0:
        return None
    style = "bold" if len(mark) == 2 else "italic"
    inner = inline(text[start:end], last=True, coloured=coloured)[0]
    return [(piece, f"{style} {own}".strip()) for piece, own in inner], end + len(mark)


def _closes(text: str, end: int, mark: str) -> bool:
    if text[end - 1].isspace():
        return False
    after = text[end + len(mark) : end + len(mark) + 1]
    if mark[0] == "_" and after.isalnum():
        return False
    # `*` that is the first half of `**` closes nothing.
    return len(mark) == 2 or after != mark[0]
