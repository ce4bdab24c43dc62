"""The tables of a checked program: one set for each file, keyed by the numbers that the parser gives to expressions."""

from __future__ import annotations

import rlmlang
from rlmlang.language import nodes
from rlmlang.language.check import check, library_function
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.check.checked import FunctionTarget
from rlmlang.language.parse import parse
from rlmlang.language.source import Source
from rlmlang.language.types import INT, STR, ListType


def call_of(text: str, name: str) -> tuple[rlmlang.Program, FunctionTarget]:
    program = rlmlang.compile(text)
    targets = program.checked.tables.targets.values()
    (found,) = [t for t in targets if isinstance(t, FunctionTarget) and t.function.node.name.id == name]
    return program, found


def test_a_library_function_brings_the_tables_of_its_own_file() -> None:
    function = library_function("holds_for")
    assert function is not None
    assert function.in_library
    program, target = call_of('holds_for("Is it short?", "text")', "holds_for")
    assert target.function is function
    assert function.tables is not program.checked.tables
    assert len(program.checked.tables.types) == 3  # the call and its two arguments


def test_a_function_has_tables_for_each_combination_of_types() -> None:
    tables = rlmlang.compile('def f(x):\n    return x + x\n\nf("a") * f(2)\n').checked.tables
    applied = [each.function for each in tables.targets.values() if isinstance(each, FunctionTarget)]
    assert not any(each.in_library or each.tables is tables for each in applied)
    (returned,) = applied[0].node.body
    assert isinstance(returned, nodes.Return)
    assert returned.value is not None
    assert {each.tables.types[returned.value.node_id] for each in applied} == {STR, INT}


def test_checking_a_program_leaves_the_tables_of_the_library_alone() -> None:
    function = library_function("holds_for")
    assert function is not None
    before = dict(function.tables.types)
    check(Source('holds_for("Is it short?", "text")'))
    assert function.tables.types == before


def test_a_lambda_that_a_library_function_applies_is_read_by_the_tables_of_the_program() -> None:
    text = (
        "texts: list[str]\ntree_reduce(lambda a, b: (a + b)[:3] + sorted(lines(b), key=lambda x: len(x))[0], texts)\n"
    )
    program = rlmlang.compile(text)
    assert program.cost(texts=["aa", "bb", "cc"]).calls == (0, 0)
    assert program.run(texts=["aa", "bb", "cc"]).value == "aabcc"


def test_statements_that_are_parsed_one_by_one_have_numbers_of_their_own() -> None:
    texts = ["x = [1, 2, 3]\n", "y = [len(str(z)) for z in x]\n", "(x, y)\n"]
    begun, text = Beginning(), ""
    for each in texts:
        begun = begun.extended(parse(Source(text + each), len(text)))
        text += each
    types = begun.checked.tables.types
    first, second, last = begun.checked.module.statements
    assert isinstance(first, nodes.Assign)
    assert isinstance(second, nodes.Assign)
    assert isinstance(last, nodes.ExprStatement)
    assert types[first.value.node_id] == types[second.value.node_id] == ListType(INT)
    assert types[last.value.node_id] == begun.checked.type
