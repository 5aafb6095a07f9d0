"""A command line as a tree: what stands within what, as the strict reader reads it.

The reader hands on simple commands in a row; here it is watched while it reads, and so are the
parts that it makes of wrappers and of code in words. Only for showing: decisions know no tree.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from aios.policy.parts import Part, Parts
from aios.policy.reader import Reader, read
from aios.policy.syntax import Line, Simple
from aios.policy.words import Unclear


@dataclass(slots=True)
class Node:
    """A construct of the shell (`label`), or a simple command (`part`)."""

    label: str = ""
    part: Part | None = None
    children: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class _Outline(Line):
    """As Line; `leaves` has the node of each of its commands."""

    root: Node = field(default_factory=Node)
    leaves: list[Node] = field(default_factory=list)
    open: list[Node] = field(default_factory=list)

    @contextmanager
    def within(self, label: str) -> Iterator[Node]:
        node = Node(label)
        (self.open[-1] if self.open else self.root).children.append(node)
        self.open.append(node)
        try:
            yield node
        finally:
            self.open.pop()

    @contextmanager
    def command(self) -> Iterator[None]:
        """Whose last simple command is a leaf; what it substitutes stands below it."""
        with self.within("") as node:
            try:
                yield
            finally:
                if len(self.commands) > len(self.leaves):
                    self.leaves.append(node)


class _Watched(Reader):
    __slots__ = ()
    line: _Outline

    def nested(self, text: str) -> None:
        with self.line.within("` `"):
            _Watched(text, self.line, depth=self.depth + 1).whole()

    def substitution(self) -> None:
        with self.line.within("( )"):
            super().substitution()

    def _pipeline(self) -> None:
        with self.line.within("pipeline"):
            super()._pipeline()

    def _command(self) -> None:
        with self.line.within(""):
            super()._command()

    def _compound(self, word: str) -> None:
        with self.line.within("" if word == "[[" else word):
            super()._compound(word)

    def _test(self) -> None:
        with self.line.command():
            super()._test()

    def _function_body(self, name: str) -> None:
        with self.line.within(f"function {name}"):
            super()._function_body(name)

    def _simple(self) -> None:
        with self.line.command():
            super()._simple()

    def _redirects_of_compound(self) -> None:
        with self.line.command():
            super()._redirects_of_compound()


def _watch(text: str, line: Line, depth: int) -> _Outline:
    """The outline of `text`, of which `line` is the reading."""
    outline = _Outline()
    with suppress(Unclear, RecursionError):  # `line` says so as well
        _Watched(text, outline, depth=depth).whole()
    if _words(outline.commands) != _words(line.commands):
        # What cannot be read as it stands (odd characters, too long) has no structure to show.
        outline = _Outline()
        outline.leaves = outline.root.children = [Node() for _ in line.commands]
    return outline


def _words(commands: list[Simple]) -> list[list[str]]:
    return [simple.words for simple in commands]


class _Tree(Parts):
    def __init__(self, text: str) -> None:
        self.root = Node()
        self._node = self.root
        self._leaf: Callable[[], Node] = Node
        super().__init__(read(text), text, second=True)

    def _line(self, line: Line, text: str, depth: int) -> None:
        outline = _watch(text, line, depth)
        self._node.children += outline.root.children
        leaves = iter(outline.leaves)
        above = self._node

        def leaf() -> Node:
            found = next(leaves, None)
            if found is None:  # the second reader's
                found = Node()
                above.children.append(found)
            return found

        before, self._leaf = self._leaf, leaf
        super()._line(line, text, depth)
        self._leaf = before

    def _add(self, part: Part, fed_by: list[Simple], depth: int) -> None:
        node, above, leaf = self._leaf(), self._node, self._leaf
        node.part, self._node = part, node

        def below() -> Node:
            inner = Node()
            node.children.append(inner)
            return inner

        self._leaf = below
        super()._add(part, fed_by, depth)
        self._node, self._leaf = above, leaf


def outline(text: str) -> tuple[Node, list[str]]:
    """The tree of a command line, and what is unclear about it."""
    tree = _Tree(text)
    return _pruned(tree.root), list(dict.fromkeys(tree.unclear))


def _pruned(node: Node) -> Node:
    """Without constructs around nothing, pipelines of one, and steps that have no name."""
    children: list[Node] = []
    for child in node.children:
        if child.part is None and not _leads(child):
            continue
        steps = sum(map(_leads, child.children))
        child = _pruned(child)
        if child.part is None and (not child.label or (child.label == "pipeline" and steps == 1)):
            children += child.children
        else:
            children.append(child)
    return Node(node.label, node.part, children)


def _leads(node: Node) -> bool:
    """To any command."""
    return node.part is not None or any(map(_leads, node.children))
