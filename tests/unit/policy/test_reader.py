"""The strict reader: the words that bash would make, and what it refuses."""

import pytest

from aios.policy.reader import read
from aios.policy.words import ANY, HOME, NAME, ONE, PATH, SPLIT, STAR


def words(text: str) -> list[list[str]]:
    line = read(text)
    assert not line.broken, line.unclear
    return [simple.words for simple in line.commands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b\tc", [["a", "b", "c"]]),
        ("a;b&c\nd", [["a"], ["b"], ["c"], ["d"]]),
        ("a|b|&c", [["a"], ["b"], ["c"]]),
        ("a&&b||c", [["a"], ["b"], ["c"]]),
        ("(a);{ b;}", [["a"], ["b"]]),
        ("'a b'\"c d\"e\\ f", [["a bc de f"]]),
        ("$'a\\tb\\x41\\101\\'c'", [["a\tbAA'c"]]),
        ('"a\\"b\\$c\\d"', [['a"b$c\\d']]),
        ("a\\\nb c \\\n d", [["ab", "c", "d"]]),
        ("a #b\nc#d", [["a"], ["c#d"]]),
        ('$X "$X" ${X} "${X}" "$@"', [[SPLIT, ANY, SPLIT, ANY, SPLIT]]),
        ("a* b? [a-c]d ~ ~/x a~", [["a" + STAR, "b" + ONE, ONE + "d", HOME, HOME + "/x", "a~"]]),
        ("{a,b}{c,d} {1..3} x{y} {}", [["ac", "ad", "bc", "bd", "1", "2", "3", "x{y}", "{}"]]),
        ("a $(b c) d", [["b", "c"], ["a", SPLIT, "d"]]),
        ('a "$(b "c)")"', [["b", "c)"], ["a", ANY]]),
        ("a `b \\`c\\``", [["c"], ["b", SPLIT], ["a", SPLIT]]),
        ("a <(b) >(c)", [["b"], ["c"], ["a", "/dev/fd/63", "/dev/fd/63"]]),
        ("a ${x:-$(b)}", [["b"], ["a", SPLIT]]),
        ("a ${x:-<b>} \"${x/<b/>}\" ${x:-'<(b)'}", [["a", SPLIT, ANY, SPLIT]]),
        ("a $((1 + (2*3)))", [["a", ANY]]),
        ("if a; then b; elif c; then d; else e; fi", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("while a; do b; done; until c; do d; done", [["a"], ["b"], ["c"], ["d"]]),
        ("for x in $(a) 2; do b; done", [["a"], ["b"]]),
        ("case $x in (a|b) c;; *) d;& esac", [["c"], ["d"]]),
        ("! a; time -p b", [["a"], ["b"]]),
        ("[[ -f a && b < c ]]", [["[[", "-f", "a", "&&", "b", "<", "c"]]),
        ("a <<E b\n$(c)\nE\nd", [["a", "b"], ["c"], ["d"]]),
        ("a <<'E'\n$(c)\nE\n", [["a"]]),
        ("a <<-E <<F\n\tx\n\tE\nF\nb", [["a"], ["b"]]),
        ("X=1 Y={a,b} a X=2", [["a", "X=2"]]),
        ("for x in a 1.b; do c $x-\"${x}\"; done; d $x", [["c", NAME + "-" + NAME], ["d", SPLIT]]),
        ("for x in a .b/c; do d $x \"$x\"; done", [["d", PATH, PATH]]),
        ("for x in 'b c'; do d $x; done; for x in -a; do e $x; done", [["d", SPLIT], ["e", SPLIT]]),
        ("a <<E; for x in b; do\n$(c $x)\nE\nd; done", [["a"], ["c", SPLIT], ["d"]]),
        ("{'a'..c} {\"1..3\"} {٣..٣}", [["{a..c}", "{1..3}", "{٣..٣}"]]),
    ],
)  # fmt: skip
def test_words(text: str, expected: list[list[str]]) -> None:
    assert words(text) == expected


def test_redirections() -> None:
    (simple,) = read("a >b 2>>c <d >&e 2>&1 &>f >|g <>h {i}>j <<<k").commands
    assert [(r.op, r.target, r.named) for r in simple.redirects] == [
        (">", "b", False), (">>", "c", False), ("<", "d", False), (">&", "e", False),
        (">&", "1", False), ("&>", "f", False), (">|", "g", False), ("<>", "h", False),
        (">", "j", True), ("<<<", "k", False),
    ]  # fmt: skip


def test_functions_have_a_shape() -> None:
    (function,) = read(":(){ :|:& };:").functions
    assert (function.self_calls, function.piped, function.background) == (2, True, True)


@pytest.mark.parametrize(
    "text",
    [
        "a 'b", 'a "b', "a `b", "a $(b", "a ${b", "(a", "{ a", "a )", "a; }", "if a", "fi", "a &&",
        "a | | b", "a ;; b", "& a", "a <", "a <<E\nx", "a $[1]", "a=(b)", "a[1]=b", "a\\", "a\x00b",
        "a\u200bb", "a\u00a0b", "a\rb", "a &\\\n& b", "$\\\n(a)", "a" * 70000, "$(" * 99 + ")" * 99,
        "i\\\nf a; then b; fi", "a [b'c']", "a {b,{c", "\ue000",
        "a ~0", "a ~b\\\nc", "a ~{b,c}", "a {b,~c}", "a x=~b", "a $b{c,d}", "a {b,$c}d", "a {b,$}d",
        "a {b[0]}>c", "a {b\\\nc}>d", "9999999999>a b", "a \"`b \\\"c`\"",
        "for x in a; do for x in b; do c; done; done",
        "a ${x:-<(b)}", "a ${x#>(b)}", 'a "${x:-<(b)}"', 'a "${x/<(b)/c}"',
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    line = read(text)
    assert line.broken
    assert line.unclear


@pytest.mark.parametrize(
    "text",
    ["f() { a; }", "function f { a; }", "a $((x))", "(( x ))", "a ${!x}", "a ${x@P}", "a ${x:=y}",
     'a $"b"', "coproc a", "[[ a -eq b ]]", "for PATH in a; do b; done"],
)  # fmt: skip
def test_read_but_unclear(text: str) -> None:
    line = read(text)
    assert line.unclear
    assert line.commands or line.functions or text == "(( x ))"
