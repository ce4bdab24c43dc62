"""One grammar, two readers: Lark parses with it and llguidance masks tokens with it.

Both must accept the same texts. What is known to differ is listed in DIFFERENCES.
"""

from __future__ import annotations

import keyword
import re
from functools import cache

import pytest
from hypothesis import assume, event, given, note
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark, Token
from lark.exceptions import LarkError
from llguidance import LLMatcher, LLTokenizer

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.lark_text import grammar_text as constrained
from rlmlang.files import grammar_text
from rlmlang.testing import Case, programs
from tests.support.levels import with_levels

pytestmark = pytest.mark.heavy

DIFFERENCES: dict[str, tuple[str, bool, bool, str]] = {
    # what: a text, whether Lark and llguidance accept it, and why
    "a reserved word as a name": (
        "lambda = 1\n",
        False,
        True,
        "NAME matches the reserved words too, and llguidance, which has no look-around, cannot leave them "
        "out. The parser refuses them as it reads; a mask has to leave them out by itself.",
    ),
    "words that run together": (
        "x iny\n",
        False,
        True,
        "llguidance looks only for the terminals that may follow, so that it reads `in` and `y`. Grammar texts for "
        "engines have the spaces in their terminals, and other masks look at whole words.",
    ),
    "spaces before a line": (
        " x\n",
        True,
        False,
        "Lark skips spaces before the first token and llguidance does not. Layout refuses the indentation.",
    ),
    "a line that is indented by the wrong number of spaces": (
        "if x:\n     y\n",
        True,
        False,
        "Lark skips spaces behind the indentation, and llguidance reads on, as a blank line might follow. Layout "
        "finds the level of a line, whatever its indentation.",
    ),
    "a blank line of four spaces": (
        "x\n    \ny\n",
        False,
        True,
        "Lark takes the first terminal that matches, here the start of an indented line, and llguidance the "
        "longest. Layout empties such lines, and comments on them.",
    ),
    "spaces at the end of the text": (
        "x\n ",
        True,
        False,
        "Lark skips spaces after the last token and llguidance does not. Layout takes them away.",
    ),
}

RESERVED = re.compile(rf"\b({'|'.join([*keyword.kwlist, 'CALL'])})\b")


class Reserved(Exception):
    pass


def refuse_reserved(token: Token) -> Token:
    """Treat reserved words as the parser does."""
    if RESERVED.fullmatch(token):
        raise Reserved
    return token


@cache
def lark() -> Lark:
    return Lark(grammar_text(), parser="lalr", lexer="basic", lexer_callbacks={"NAME": refuse_reserved})


@cache
def tokenizer() -> LLTokenizer:
    return LLTokenizer("byte")


@cache
def compiled() -> str:
    return LLMatcher.grammar_from_lark(grammar_text())


@cache
def for_engines() -> str:
    return LLMatcher.grammar_from_lark(constrained(Constraint(), "lark"))


def by_lark(text: str) -> bool:
    try:
        lark().parse(text)
    except (LarkError, Reserved):
        return False
    return True


def by_llguidance(text: str) -> bool:
    matcher = LLMatcher(tokenizer(), compiled())
    tokens = list(text.encode())
    taken = matcher.try_consume_tokens(tokens)
    assert not matcher.is_error(), matcher.get_error()
    return taken == len(tokens) and bool(matcher.is_accepting())


def laid_out(text: str) -> str:
    """Return the text as the layout gives it to Lark: lines are indented by four spaces a level."""
    lines = []
    for line in text.split("\n"):
        plain = line.lstrip(" ")
        level = 0 if not plain or plain.startswith("#") else (len(line) - len(plain)) // 4
        lines.append("    " * level + plain)
    return "\n".join(lines).rstrip(" ")


def test_the_levels_are_written_by_the_script() -> None:
    """To change all of them at once: `python -m tests.support.levels`."""
    assert with_levels(grammar_text()) == grammar_text()
    assert grammar_text().count("tried") > 8


def test_the_grammar_is_in_the_common_subset() -> None:
    assert LLMatcher.validate_grammar(compiled(), tokenizer()) == ""
    assert LLMatcher.validate_grammar_with_warnings(compiled(), tokenizer()) == (False, [])


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_known_differences_are_still_there(name: str) -> None:
    """If one of them goes away, its entry must go too."""
    text, lark_accepts, llguidance_accepts, _ = DIFFERENCES[name]
    assert by_lark(text) is lark_accepts
    assert by_llguidance(text) is llguidance_accepts


ACCEPTED = [
    "{**x, 1: y}\n",
    "x = y[0] = 1\n",
    "x[0] = y[1:2] = z = 1, 2\n",
    "x[1:2] = y\n",
    "x = lambda: 1\n",
    "del x[0]\n",
    "del x.y[0][1:2]\n",
    "a, *b = x\n",
    "next((x for x in y), 1)\n",
    "",
    "\n",
    "# only a comment\n",
    "x: int\n",
    'x: Literal["a", "b",] = "a"\n',
    "x: Callable[[int, str], bool] | None\n",
    "x: Literal[-1, 2]\n",
    "class A:\n    x: int\n    y: list[str]  # why\n\n\n",
    "def f() -> int:\n    return 1\n",
    "def f(a: int, b: str = 'x',) -> int:\n    c, d = (a, b)\n\n    # note\n    return c\nf(1)\n",
    "x = y = 1\n",
    "a.b.c[1][2:3:4](x)(y=1, z=lambda p, q: p)\n",
    "f(x for x in y if z for a, (b, c) in d)\n",
    "[x for x in y]\n",
    "{a: b for a, b in c}\n",
    "(1,)\n",
    "(1, 2,)\n",
    "[1, 2,]\n",
    "{}\n",
    "x[:]\n",
    "x[::-1]\n",
    "x is not None\n",
    "x not in y\n",
    "not x in y\n",
    "- -x ** -y\n",
    "1 if a else 2 if b else 3\n",
    "a or b and not c\n",
    "a < b <= c != d\n",
    'CALL[list[tuple[str, int]]]("x", y, z=1)\n',
    "CALL()\n",
    "1.5 + .5 + 1. + 1e5 + 1_000 + 0\n",
    "1if x else 2\n",
    'f"{x!r:>5} {{}} {y}"\n',
    r"'\'' + r'\d' " + '+ """a "quoted" ""\nline"""\n',
    "x.y .z\n",
    "notx + inx + ifx\n",
    "f(not x)\n",
    "f(lambda: 1)\n",
    "def f(): return 1\n",
    "for x in y: z\n",
    "import x\n",
    "{1, 2}\n",
    "f(*x)\n",
    "x[1, 2]\n",
    "()\n",
    "x += 1\n",
    "x[0] = 1\n",
    "return 1\n",
    "a, b.c[0] = *d, 1\n",
    "if a:\n    b\nelif c:\n    d\nelse:\n    e\nf\n",
    "for a, (b, c) in d, e:\n    if f: break\n    # why\n\n    g |= h\nwhile True: pass\n",
    "try:\n    a\nexcept (A, B) as e:\n    b\nexcept:\n    c\n",
    "def f(a, b: int = 1):\n    def g(): pass\n    return g\n",
    "".join("    " * k + "if x:\n" for k in range(8)) + "    " * 8 + "y\n",
    "from a.b import (c as d, e,)\n",
    "assert a, 'b'\nraise A('b')\n",
    "~a << b | c & d ^ e\n",
    "x is not True\n",
    "x: tuple[a.b, ...] | None = 1, 2\n",
    "'''a 'b' ''' + 'c'\n",
    "x = 1\n# a\n\n\ny = 2\n",
    "for x in y:\n    z\nelse:\n    z\n",
    "while x: y\nelse: z\n",
    "try:\n    x\nexcept A:\n    y\nelse:\n    z\n",
    "(x, y) = z\n",
    "a, (b, [c, d]) = x\n",
    "def f(*x): pass\n",
    "def f(a, *x: int): pass\n",
    "@a.b\ndef f(): pass\n",
    "if (x := y) > 1: x\n",
    "def f(x: int) -> int: ...\n",
    'def f(x: int) -> int:\n    "why"\n    ...\n',
]

REFUSED = [
    "x;y\n",
    "del x.y\n",
    "del f(x)\n",
    "x = *y = z\n",
    "x = 1",
    "x = \n",
    "if x:\ny\n",
    "x\n    y\n",
    "if x:\n    y\n        z\n",
    "else:\n    x\n",
    "for x in y:\n    z\nelse:\n    z\n    else:\n        z\n",
    "if x:\n    y\n    else:\n        z\n",
    "if x: if y: z\n",
    "try:\n    x\ny\n",
    "() = z\n",
    "[] = z\n",
    "(x, y) += z\n",
    "x, y\n",
    "x = *y\n",
    "def f(**x): pass\n",
    "def f(*x=1): pass\n",
    "x = ...\n",
    "def f():\n    class A:\n        x: int\n",
    "".join("    " * k + "if x:\n" for k in range(9)) + "    " * 9 + "y\n",
    "import a,\n",
    "f(lambda x=1: x)\n",
    "del x\n",
    "with x: y\n",
    "class A:\n    x\n",
    "[lambda: 1]\n",
    "x := 1\n",
    "01\n",
    "1__0\n",
    "0xG\n",
    "x if y\n",
    "x is y\n",
    "x <> y\n",
    "x[]\n",
    "'a\n",
    "f'{}'\n",
    "f'{x'\n",
    "'a' 'b'\n",
    "a b\n",
    "x\ty\n",
    "é\n",
    "[x for x in y, z]\n",
    "f(x for x in y, z)\n",
    "(x for x in y)\n",
    "[for x in y]\n",
    "x.y = 1\n",
    "None()\n".replace("()", " 1"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_both_accept(text: str) -> None:
    assert by_lark(text)
    assert by_llguidance(text)


@pytest.mark.parametrize("text", REFUSED)
def test_both_refuse(text: str) -> None:
    assert not by_lark(text)
    assert not by_llguidance(text)


@given(from_lark(Lark(grammar_text(), parser="lalr"), alphabet=st.characters(max_codepoint=0x2FF)))
def test_llguidance_accepts_what_lark_accepts(drawn: str) -> None:
    text = laid_out(drawn)
    accepted = by_lark(text)
    event(f"accepted by Lark: {accepted}")
    if accepted:
        assert by_llguidance(text)


@given(programs())
def test_llguidance_accepts_well_typed_programs(case: Case) -> None:
    text = case.text if case.text.endswith("\n") else case.text + "\n"
    assume(by_lark(text))  # but for line breaks within brackets, which layout takes away
    assert by_llguidance(text)


LIKELY = b"\n\n\n =()[],:.+- xyf1\"'{}ifnoreslambdCALTNu"
CLOSING = b"\n)]}\"'x: 1e"


@given(st.data(), programs(depth=2, statements=2))
def test_lark_accepts_what_the_text_for_engines_accepts(data: st.DataObject, case: Case) -> None:
    """Every text that the mask allows to end is accepted by Lark, on random walks that take allowed bytes.

    The text has none of the differences. A walk starts somewhere in a program, wanders, and heads for an end.
    """
    matcher = LLMatcher(tokenizer(), for_engines())
    start = list(case.text.encode())
    start = start[: data.draw(st.integers(0, len(start)))]
    taken = bytearray(start[: matcher.try_consume_tokens(start)])
    steps = data.draw(st.integers(0, 30))
    for step in range(steps + 20):
        allowed = _allowed(matcher)
        if not allowed:
            break
        likely = sorted({byte for byte in LIKELY if byte in allowed}) or sorted(allowed)
        if step >= steps:
            byte = next((byte for byte in CLOSING if byte in allowed), likely[0])
        else:
            byte = data.draw(st.sampled_from(sorted(allowed) if data.draw(st.integers(0, 7)) == 7 else likely))
        taken.append(byte)
        assert matcher.consume_tokens([byte])
        if matcher.is_accepting() and (text := _text(taken)) is not None:
            note(repr(text))
            assert by_lark(re.sub(r"^ +(?=#|$)", "", text, flags=re.M))
            if step >= steps:
                event("came to an end")
                break


def _text(taken: bytearray) -> str | None:
    """Return the text taken so far, unless it ends within a character."""
    try:
        return taken.decode()
    except UnicodeDecodeError:
        return None


def _allowed(matcher: LLMatcher) -> set[int]:
    mask = matcher.compute_bitmask()
    return {i for i in range(256) if mask[i // 8] >> (i % 8) & 1}
