"""Grammars in the notation of xgrammar and llama.cpp accept what the Lark text accepts, apart from spaces.

`tests/support/ebnf.py` recognizes texts by them, independently of how they are written. llguidance recognizes texts
by the Lark text.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Literal

import pytest
from attrs import evolve
from llguidance import LLMatcher, LLTokenizer

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import Message
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.grammars.ebnf import ebnf_from_lark
from rlmlang.decode.grammars.lark_text import answer_text, grammar_text
from rlmlang.errors import ModelError, ProgramError
from rlmlang.language import nodes
from rlmlang.language.parse import parse, parse_as_written, parse_partial
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
    ("x  = 1\n", False),
    ("x , y = (1 ,2)\n", True),
    ("def f(a: str, b: int = 2,) -> str:\n    c = a + a\n    return c\n", True),
    ("class Q:\n    a: int\n    b: list[Clause] | None\n", True),
    ("class Q:\na: int\n", False),
    ("[x.title for x in clauses if x.risk == 'low']\n", True),
    ("[clause.title for clause in clauses]\n", True),
    ("[clause.title for clause in documnt]\n", False),
    ("[clause.titel for clause in clauses]\n", False),
    ("[documnt for clause in clauses if documnt]\n", True),  # a comprehension binds names of its own
    ("sorted(documnt for clause in clauses)\n", True),
    ("sorted(names, key=lambda name: documnt)\n", True),
    ("documnt\n", False),
    ("x = [documnt]\n", False),
    ("documnt += 1\n", False),
    ("count += 1\n", True),
    ("names[count] = documnt\n", False),
    ("names[0], x = y, count = 'a', 'b'\n".replace("y, ", ""), True),
    ("x: int = 1\n", False),
    ("import math, re\n", True),
    ("from collections import Counter as C\n", True),
    ("assert count, 'a'\n", True),
    ("raise ValueError('a')\n", True),
    ("return count\n", False),
    ("break\n", False),
    ("pass\n", True),
    ("print(count)\n", True),
    ("for name in names:\n    print(documnt)\n    break\n", True),
    ("for name in documnt:\n    print(name)\n", False),
    ("for name in names:\n        print(name)\n", False),
    ("for name in names:\n     print(name)\n", False),
    ("for name in names: print(name)\n", True),
    ("for name in names:\nprint(name)\n", False),
    ("if count:\n    x = 1\nelif x:\n    x = 2\nelse:\n    pass\n", True),
    ("if count:\n    x = 1\n    elif x:\n        x = 2\n", False),
    ("else:\n    pass\n", False),
    ("while count:\n    count -= 1\n    if count:\n        continue\n    # why\n\n    count -= 1\n", True),
    ("if count:\n    x = 1\n" + "    # more\n" * 4 + "    x = 2\n", False),
    ("if count:\n    x = 1\n    # the end\n", False),
    ("try:\n    x = 1\nexcept ValueError:\n    x = 2\nexcept (KeyError, IndexError) as e:\n    pass\n", True),
    ("try:\n    x = 1\n", False),
    ("def f(a, b=documnt):\n    return a\n", False),
    ("def f(a, b=count):\n    'Doc.'\n    def g(c):\n        return c\n    return g(a)\n", True),
    ("".join("    " * k + "if count:\n" for k in range(8)) + "    " * 8 + "pass\n", True),
    ("".join("    " * k + "if count:\n" for k in range(9)) + "    " * 9 + "pass\n", False),
    ("{1, *names}\n", True),
    ("x = *names, 1\n", True),
    ("x = 1, 2\n", True),
    ("count is True\n", True),
    ("count is 1\n", False),
    ("count << 1 | ~2 & 3 ^ 4\n", True),
    ("names.append(1)\n", True),
    ("other: str\n", False),
    ("count", False),
    ("count\ncount\n", False),
    ("not count<3 and -count**2 not in [1,-2]\n", True),
    ("count is not None\n", True),
    ("names[::2][1:][:count]\n", True),
    ("{'a': [(1,), (), 2]}\n", True),
    ("{'a': [(1,), 2]}\n", True),
    ('f"{count}" + r\'\\d\' + \'\\\'\' + """a "b"\n"""\n', True),
    ("sorted(names, key=lambda x, y: -x)\n", True),
    ("lambda x: x\n", False),
    ('CALL[list[Clause]]("List them", document, sample=count)\n', True),
    ("1.5e3 + .5 + 1_000 + 0\n", True),
    ("01\n", False),
    ("1.upper()\n", False),  # lexers read `1.` first
    ("1 if 1else 2\n", False),
    ("1 if count else2\n", False),
    ("[x for x innames]\n", False),
    ("not count ornames\n", False),
    ("x  iny\n", False),
]


@pytest.mark.parametrize(("text", "accepted"), STATEMENTS)
def test_statements(text: str, accepted: bool) -> None:
    assert verdicts(text, Constraint(SCOPE, unit="statement")) == (accepted, accepted)


@pytest.mark.parametrize(
    ("unit", "text", "accepted"),
    [
        ("program", "a = 1\nb = a\na + b\n", True),
        ("program", "a = 1\n", False),
        ("program", "a = 1\n\n# why\na\n", True),
        ("program", "a = 1\n\n\n\n\n\na\n", False),
        ("program", "a = 1\na\n# end\n", False),
        ("program", "def f(x):\n    return x\n\n\ndef answer(x: int) -> int:\n    y: int = f(x)\n    return y\n", True),
        ("program", "if b:\n    c\n", False),
        ("program", "x: int = 1\nx\n", False),
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


FUNCTION = 'def answer(text: str) -> int:\n    """Count."""\n'


@pytest.mark.parametrize(
    ("unit", "text", "accepted"),
    [
        ("statement", "    n = len(text)\n", True),
        ("statement", "    n: int = len(text)\n", True),
        ("statement", "n = len(text)\n", False),
        ("statement", "        n = len(text)\n", False),
        ("statement", "    for c in text:\n        if c in 'ae':\n            return 1\n", True),
        ("statement", "    return n\n", False),
        ("statement", "    return text\n", True),
        ("statement", "    break\n", False),
        ("statement", "    class A:\n        x: int\n", False),
        ("program", "    n = 0\n    for c in text:\n        n += 1\n\n    return n\n", True),
        ("program", "    n = 0\nn\n", False),
        ("program", "    if text:\n        return 0\n    else:\n        return 1\n", True),
    ],
)
def test_bodies(unit: Unit, text: str, accepted: bool) -> None:
    constraint = Constraint(FUNCTION, INT, unit, within=True)
    assert verdicts(text, constraint) == (accepted, accepted)
    assert grammar_text(constraint, "lark") == grammar_text(
        evolve(constraint, program=FUNCTION.split("\n")[0] + "\n"), "lark"
    )


def test_an_input_may_be_declared_in_an_empty_program() -> None:
    assert verdicts("x: int = 1\nx\n", Constraint()) == (True, True)


def test_without_calls() -> None:
    text = 'CALL("x")\n'
    assert verdicts(text, Constraint(SCOPE, unit="statement")) == (True, True)
    assert verdicts(text, Constraint(SCOPE, unit="statement", calls=False)) == (False, False)


# A grammar without a lexer would read two words in one, or a reserved word as a name.
@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("not a", True),
        ("not(a)", None),
        ("not-a", None),
        ("nota", True),  # a name
        ("not  a", False),
        ("a in b", True),
        ("a in[b]", None),
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
        ("f(if =1)", False),
        ("f(if=1)", False),
        ("f(iff=1)", True),
        ("CALL", False),
        ("CALLS", True),
        ("CAL", True),
        ("Non", True),
        ("None", True),
        ("None_", True),
        ("None.x", True),
        ("pass", False),  # the last statement is an expression
        ("return(a)", False),
        ("a.import", False),
        ("a.imports", True),
        ("a<b", True),
        ("a<-b", True),
        ("a< =b", False),
    ],
)
def test_spaces_and_reserved_words(written: str, accepted: bool | None) -> None:
    """Where the formatter would write a space, the Lark text requires it; None says that the other one does not."""
    assert verdicts(f"{written}\n", Constraint()) == (accepted is True, accepted is not False)


# Against the parser, on the conformance suite -----------------------------------------------


def programs() -> Iterator[str]:
    """Yield the programs that have a value, as the formatter writes them.

    Those that declare functions of the host are left out: a model is given functions, and declares none. So are those
    with decorators, and with forms that the parser rewrites, which the texts do not offer.
    """
    for path in sorted(CONFORMANCE.glob("*/*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            if (
                isinstance(case["program"], str)
                and len(case["program"]) < 1000
                and "value" in case["expect"]
                and "functions" not in case
            ):
                source = Source(case["program"].removeprefix("\ufeff"))
                module = parse_as_written(source)
                if module == parse(source) and "@" not in source.text:
                    yield format_module(module)


def has_odd_lines(text: str) -> bool:
    """Return whether lines break in brackets, or comments stand where the texts have none."""
    comments = parse(Source(text)).comments
    breaks = re.search(r"(?m)[(\[{]$", text)
    return bool(breaks) or any(re.search(r"#.*\n(?! *\S)|^#|\S +#|#.*\n\n", text) for _ in comments)


def test_programs_are_accepted() -> None:
    found: Counter[bool] = Counter()
    for text in dict.fromkeys(programs()):
        if not has_odd_lines(text):
            assert verdicts(text, Constraint()) == (True, True), text
            found[True] += 1
    assert found[True] > 1_200


def damaged(text: str, chance: random.Random) -> str:
    """Return the text with a part left out, inserted or doubled, or with lines indented otherwise."""
    start, end = sorted(chance.randrange(len(text)) for _ in range(2))
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    lines[at] = chance.choice(["    " + lines[at], lines[at][4:], lines[at] + "\n" + lines[at], " " + lines[at]])
    return chance.choice(
        [
            text[:start] + text[end:],
            text[:start] + chance.choice(text) + text[start:],
            text[:end] + text[start:],
            "\n".join(lines),
        ]
    )


def test_what_is_accepted_parses() -> None:
    """Whatever either text accepts is a program, and both accept the same of it but for spaces."""
    chance = random.Random(1)
    found: Counter[tuple[bool, bool]] = Counter()
    for text in dict.fromkeys(programs()):
        for _ in range(3):
            each = damaged(text, chance)
            by_lark, by_ebnf = verdicts(each, Constraint())
            if by_lark and not by_ebnf:  # a second space, as in `for a,  in rows`
                by_ebnf = verdicts(re.sub(r"(?<=\S)  +", " ", each), Constraint())[1]
            found[by_lark, by_ebnf] += 1
            assert by_ebnf or not by_lark, each
            if by_ebnf and not is_program(each):
                assert re.search(r"\d[A-Za-z_]|\\", each) or "f'" in each or 'f"' in each, each
    assert found[True, True] > 400
    assert found[False, False] > 1_500


def is_program(text: str) -> bool:
    """Return whether the grammar takes a text; what else is wrong with literals, arguments and targets is not its own."""
    return all(problem.code in ("E106", "E117", "E118", "E208") for problem in parse_partial(Source(text)).diagnostics)


def test_statements_after_those_before_them() -> None:
    """As the formatter writes them, statements of programs that check are accepted, although other names are refused."""
    accepted = 0
    for text in list(programs())[::12]:
        layout = lay_out(Source(text))
        for start, end in layout.chunks:
            statement = re.sub(r"\n(#.*)?(?=\n|$)", "", layout.text[start:end]) + "\n"
            (node,) = parse(Source(statement)).statements
            if isinstance(node, nodes.Input) or has_odd_lines(text):
                continue
            try:
                constraint = Constraint(text[:start], unit="statement")
                assert verdicts(statement, constraint) == (True, True), statement
            except ProgramError:
                break  # a function that uses a later one
            accepted += 1
    assert accepted > 150


@pytest.mark.parametrize("unit", ["program", "statement", "call"])
def test_xgrammar_reads_the_texts(unit: Unit) -> None:
    import xgrammar  # slow, since it imports torch

    vocabulary = xgrammar.TokenizerInfo(
        [bytes([i]) for i in range(256)], vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[0]
    )
    compiled = xgrammar.GrammarCompiler(vocabulary, max_threads=1).compile_grammar(
        grammar_text(Constraint(SCOPE, unit=unit), "ebnf")
    )
    text = {
        "program": "def f(x):\n    if x:\n        return [y for y in x]\n    return 1\n",
        "statement": "for name in names:\n    if name:\n        count += 1\n",
        "call": '[int]("How many?", document)',
    }[unit]
    for end, accepted in ((text, True), (text[:-1] + "$", False)):
        matcher = xgrammar.GrammarMatcher(compiled)
        assert all(matcher.accept_token(byte) for byte in end.encode()) is accepted


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
        (["--scope", "CALL:int"], "`CALL` is a reserved word"),
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
