"""Grammars in the notation of xgrammar and llama.cpp accept what the Lark text accepts, apart from spaces.

`tests/support/ebnf.py` recognizes texts by them, independently of how they are written. llguidance recognizes texts
by the Lark text.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Literal

import pytest
from llguidance import LLMatcher, LLTokenizer

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import Message
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.ebnf import ebnf_from_lark
from rlmlang.decode.grammars.lark_text import answer_text, grammar_text
from rlmlang.errors import ModelError, ProgramError
from rlmlang.language import nodes
from rlmlang.language.parse import parse, parse_partial
from rlmlang.language.parse.layout import lay_out
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
)
from rlmlang.models.base import Reply
from rlmlang.models.local.llama import LlamaModel
from rlmlang.models.registry import open_model
from tests.support.command_line import Run, run
from tests.support.ebnf import Ebnf
from tests.support.places import CONFORMANCE

pytestmark = pytest.mark.heavy

__all__ = ["run"]

SCOPE = """\
document: str
names: list[str]
count: int
class Clause:
    title: str
    risk: Literal["low", "high"]
clauses = [Clause("a", "low")]
"""

BYTES = LLTokenizer("byte")

Unit = Literal["program", "statement", "call"]


@pytest.fixture(autouse=True)
def deep() -> Iterator[None]:
    """Raise the recursion limit: the recognizer recurses for each open bracket."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(limit)


@cache
def readers(constraint: Constraint) -> tuple[LLMatcher, Ebnf]:
    lark = grammar_text(constraint, "lark")
    return LLMatcher(BYTES, LLMatcher.grammar_from_lark(lark)), Ebnf(grammar_text(constraint, "ebnf"))


def verdicts(text: str, constraint: Constraint) -> tuple[bool, bool]:
    """Return whether the Lark text accepts a text, and whether the other one does."""
    fresh, ebnf = readers(constraint)
    matcher = fresh.deep_copy()
    data = list(text.encode())
    return matcher.try_consume_tokens(data) == len(data) and bool(matcher.is_accepting()), ebnf.accepts(text)


# What they accept --------------------------------------------------------------------------

STATEMENTS: list[tuple[str, bool]] = [
    ("x = chunk(document, 100)\n", True),
    ("x=chunk(document,100)\n", True),
    ("x , y = (1 ,2)\n", True),
    ("def f(a: str, b: int = 2,) -> str:\n    c = a + a\n    return c\n", True),
    ("class Q:\n    a: int\n    b: list[Clause] | None\n", True),
    ("class Q:\na: int\n", False),
    ("[x.title for x in clauses if x.risk == 'low']\n", True),
    ("[clause.title for clause in clauses]\n", False),  # not one of the names that a comprehension can bind
    ("documnt\n", False),
    ("names.append(1)\n", False),
    ("other: str\n", False),
    ("count", False),
    ("count\ncount\n", False),
    ("not count<3 and-count**2 not in[1,-2]\n", True),
    ("count is not None\n", True),
    ("names[::2][1:][:count]\n", True),
    ("{'a': [(1,), (), 2]}\n", False),
    ("{'a': [(1,), 2]}\n", True),
    ('f"{count}" + r\'\\d\' + \'\\\'\' + """a "b"\n"""\n', True),
    ("sorted(names, key=lambda x, y: -x)\n", True),
    ("lambda x: x\n", False),
    ('CALL[list[Clause]]("List them", document, sample=count)\n', True),
    ("1.5e3 + .5 + 1_000 + 0\n", True),
    ("01\n", False),
    ("1.upper()\n", False),  # lexers read `1.` first
    ("1 if 1else 2\n", False),
]


@pytest.mark.parametrize(("text", "accepted"), STATEMENTS)
def test_statements(text: str, accepted: bool) -> None:
    constraint = Constraint(SCOPE, unit="statement")
    assert readers(constraint)[1].accepts(text) is accepted


@pytest.mark.parametrize(
    ("unit", "text", "accepted"),
    [
        ("program", "a = 1\nb = a\na + b\n", True),
        ("program", "a = 1\n", False),
        ("program", "a = 1\n\na\n", False),
        ("program", " a\n", False),
        ("program", "a\n b\n", False),
        ("call", '[int]("How many?", document)', True),
        ("call", '("How many?", document)', True),
        ("call", '("How many?", document)\n', False),
        ("call", '("How many?", documents)', False),
    ],
)
def test_other_units(unit: Unit, text: str, accepted: bool) -> None:
    assert verdicts(text, Constraint(SCOPE, unit=unit)) == (accepted, accepted)


def test_without_calls() -> None:
    text = 'CALL("x")\n'
    assert verdicts(text, Constraint(SCOPE, unit="statement")) == (True, True)
    assert verdicts(text, Constraint(SCOPE, unit="statement", calls=False)) == (False, False)


# A grammar without a lexer would read two words in one, or a reserved word as a name.
@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("not a", True),
        ("not(a)", True),
        ("not-a", True),
        ("nota", True),  # a name
        ("not  a", False),
        ("a in b", True),
        ("a in[b]", True),
        ("a inb", False),
        ("(a)in b", False),  # Lark accepts this one; here a space is required before an operator that is a word
        ("a not in b", True),
        ("a notin b", False),
        ("a is not None", True),
        ("a isnot None", False),
        ("1 if a else 2", True),
        ("1if a else 2", False),  # Lark accepts it, and Python warns
        ("1 ifa else 2", False),
        ("a if(b)else c", False),
        ("a if (b) else c", True),
        ("[x for x in y]", True),
        ("[x forx in y]", False),
        ("f(lambda: 1)", True),
        ("f(lambda x: 1)", True),
        ("f(lambdax: 1)", False),
        ("f(if=1)", False),
        ("f(iff=1)", True),
        ("CALL", False),
        ("CALLS", True),
        ("CAL", True),
        ("Non", True),
        ("None", True),
        ("None_", True),
        ("None.x", True),
        ("pass", False),
        ("a.import", False),
        ("a.imports", True),
        ("a<b", True),
        ("a<-b", True),
        ("a< =b", False),
    ],
)
def test_spaces_and_reserved_words(written: str, accepted: bool) -> None:
    assert readers(Constraint())[1].accepts(f"{written}\n") is accepted


# Against the Lark text, on the conformance suite -------------------------------------------


def programs() -> Iterator[tuple[str, bool]]:
    """Yield programs, each with whether it has a value."""
    for path in sorted(CONFORMANCE.glob("*/*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            if isinstance(case["program"], str) and len(case["program"]) < 2000:
                yield case["program"], "value" in case["expect"]


def statements(program: str) -> Iterator[tuple[str, str]]:
    """Yield the statements of a program without line breaks in brackets, each after the text before it."""
    layout = lay_out(Source(program))
    for start, end in layout.chunks:
        yield program[:start], layout.text[start:end].rstrip("\n") + "\n"


def damaged(text: str, chance: random.Random) -> str:
    """Return the text with a part left out, inserted or doubled."""
    start, end = sorted(chance.randrange(len(text)) for _ in range(2))
    return chance.choice(
        [text[:start] + text[end:], text[:start] + chance.choice(text) + text[start:], text[:end] + text[start:]]
    )


def formatted(text: str) -> str:
    """Return the text as the formatter writes it; empty if the parser rejects it."""
    try:
        return format_module(parse(Source(text)))
    except ProgramError:
        return ""


def by_value(text: str) -> bool:
    """Return whether a statement is an expression, which ends a program."""
    read = parse_partial(Source(text)).module.statements
    return len(read) == 1 and isinstance(read[0], nodes.ExprStatement)


def test_programs_with_any_names() -> None:
    """Both recognizers agree, apart from spaces and from what only the lexer of the Lark text lets pass."""
    chance = random.Random(1)
    texts = dict.fromkeys(text for program, _ in programs() for _, text in statements(program))
    found: Counter[tuple[bool, bool]] = Counter()
    for text in texts:
        end = "" if by_value(text) else "x\n"
        for each in (text + end, damaged(text, chance) + end):
            by_lark, by_ebnf = verdicts(each, Constraint())
            found[by_lark, by_ebnf] += 1
            assert by_lark == by_ebnf or (by_lark and formatted(each) != each), each
    assert found[True, True] > 700
    assert found[False, False] > 700
    assert found[True, False] < 200


def test_statements_after_those_before_them() -> None:
    """As the formatter writes them, statements of programs that have a value are accepted or refused by both."""
    found: Counter[bool] = Counter()
    for program, has_value in list(programs())[::10]:
        for before, text in statements(program) if has_value else ():
            well = formatted(text)
            if not isinstance(parse(Source(well)).statements[0], nodes.Input):
                by_lark, by_ebnf = verdicts(well, Constraint(before, unit="statement"))
                assert by_lark == by_ebnf, well
                found[by_ebnf] += 1
    assert found[True] > 70


# Answers ---------------------------------------------------------------------------------

ANSWERS: list[tuple[Type, str, bool]] = [
    (INT, "-12", True),
    (INT, "1.5", False),
    (INT, "01", False),
    (FLOAT, "1.5e-3", True),
    (BOOL, "true", True),
    (BOOL, "True", False),
    (STR, '"a \\" \\u00e9 é 😀 / \\\\"', True),
    (STR, '"\\x41"', False),
    (STR, '"a\nb"', False),
    (LiteralType(("good", "so, so")), '"so, so"', True),
    (LiteralType(("good", "so, so")), '"bad"', False),
    (OptionalType(LiteralType((1, 2))), "null", True),
    (ListType(TupleType((STR, INT))), '[["a", 1], ["b", 2]]', True),
    (ListType(TupleType((STR, INT))), "[[1, 1]]", False),
    (DictType(STR, ListType(INT)), '{"a": [], "": [1, 2]}', True),
    (RecordType("Point", (("x", INT), ("y", OptionalType(INT)))), '{"x": 1, "y": null}', True),
    (RecordType("Point", (("x", INT), ("y", OptionalType(INT)))), '{"y": null, "x": 1}', False),
]


@pytest.mark.parametrize(("type_", "value", "accepted"), ANSWERS, ids=str)
def test_answers(type_: Type, value: str, accepted: bool) -> None:
    text = f"{AnswerFormat.opening} {value}}}"
    assert Ebnf(answer_text(type_, "gbnf")).accepts(text) is accepted
    fresh = LLMatcher(BYTES, LLMatcher.grammar_from_lark(answer_text(type_, "lark")))
    assert (fresh.try_consume_tokens(list(text.encode())) == len(text.encode())) is accepted
    if accepted:
        AnswerFormat.of(type_).read(text, wrapped=True)


# What cannot be converted --------------------------------------------------------------------


def test_an_undefined_rule_is_an_error() -> None:
    with pytest.raises(ModelError) as caught:
        ebnf_from_lark('start: "a" (other | "b")\n')
    assert (caught.value.first.code, "`other`" in caught.value.first.message) == ("E400", True)


@pytest.mark.parametrize("pattern", [".", "a$", r"\d", r"\bx"])
def test_a_pattern_that_cannot_be_written_is_an_error(pattern: str) -> None:
    with pytest.raises(ModelError) as caught:
        ebnf_from_lark(f"start: X\nX: /{pattern}/\n")
    assert caught.value.first.code == "E400"


def test_a_grammar_with_no_spaces_to_skip() -> None:
    ebnf = Ebnf(
        ebnf_from_lark(
            'start: list\nlist: item | list "," item\nitem: A | "[" [list] "]" | X\nA: /[a-c^-]+/\nX: /x{2,3}/\n'
        )
    )
    assert all(map(ebnf.accepts, ["a", "[]", "[a,b^-],c", "xx", "xxx"]))
    assert not any(map(ebnf.accepts, ["", "a,", "a, b", "]", "x", "xxxx"]))


# Engines -----------------------------------------------------------------------------------


@pytest.mark.real
def test_llama_cpp_follows_the_grammar() -> None:
    """The temperature is so high that it writes anything. Texts that were truncated are not compared."""
    model = open_model("smollm2")
    assert isinstance(model, LlamaModel)
    grammars = [grammar_text(Constraint(SCOPE, INT, unit), "gbnf") for unit in ("statement", "program", "call")]
    prompt = model._engine.tokens((Message("user", "Write one line of Python: len(document)"),), "")
    asked = {"prompt": prompt, "max_tokens": 30, "temperature": 1.5}

    async def written() -> list[Reply]:
        bodies = [asked | {"seed": seed, "grammar": grammar} for grammar in grammars for seed in range(3)]
        replies = await asyncio.gather(*map(model._engine.complete, bodies))
        await model.aclose()
        return replies

    replies = asyncio.run(written())
    ended = [(Ebnf(grammars[i // 3]), reply.text) for i, reply in enumerate(replies) if reply.finish == "stop"]
    assert ended
    assert [text for grammar, text in ended if not grammar.accepts(text)] == []


# The command line --------------------------------------------------------------------------


def test_the_command_prints_what_engines_read(run: Run) -> None:
    args = ("grammar", "--scope", "document:str", "--scope", "parts: list[str]")
    constraint = Constraint("document: str\nparts: list[str]\n", unit="statement")
    for dialect in ("lark", "llguidance", "ebnf", "gbnf"):
        assert run(*args, "--dialect", dialect) == (0, grammar_text(constraint, dialect), "")
    assert run(*args, "--unit", "call")[1] == grammar_text(Constraint(constraint.program, unit="call"), "lark")
    assert run("grammar", "--no-calls", "--type", "int")[1] == grammar_text(Constraint("", INT, calls=False), "lark")
    assert run("grammar", "--dialect", "gbnf")[1] == grammar_text(Constraint(), "gbnf")
    answer = ("--unit", "answer", "--type", "list[int]")
    assert run("grammar", *answer, "--dialect", "ebnf")[1] == answer_text(ListType(INT), "ebnf")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--scope", "document"], "`--scope document`: "),
        (["--scope", "x:integer"], "`--scope x:integer`: unknown type `integer`"),
        (["--scope", "len:int"], "`len` is a built-in"),
        (["--scope", "x:int = 3"], "expected a name and a type"),
        (["--scope", "x:int\ny:int"], "expected a name and a type"),
        (["--scope", "x:int", "--scope", "x:str"], "the input `x` is given twice"),
        (["--type", "lst[int]"], "`--type lst[int]`: unknown type `lst`"),
        (["--type", ""], "`--type `: "),
        (["--unit", "answer"], "an answer has a type"),
        (["--unit", "answer", "--type", "int", "--no-calls"], "no scope and no calls"),
        (["--dialect", "bnf"], "'bnf' is not one of"),
    ],
)
def test_wrong_options(run: Run, args: list[str], message: str) -> None:
    code, out, err = run("grammar", *args)
    assert (code, out) == (2, "")
    assert "error[E607]" in err
    assert message in err
