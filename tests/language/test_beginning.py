"""Programs that are checked statement by statement."""

from __future__ import annotations

import pytest

from rlmlang.errors import ProgramError
from rlmlang.language import nodes
from rlmlang.language.check import check, library_names
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.check.scope import Variable
from rlmlang.language.parse import parse
from rlmlang.language.source import Source
from rlmlang.language.types import FLOAT, INT, STR, ListType, TupleType, Type

STATEMENTS = [
    "text: str\n",
    "class Point:\n    x: int\n    y: int\n",
    "def double(n: int) -> int:\n    return 2 * n\n",
    "parts = lines(text)\n",
    "a, b = (double(1), Point(1, 2))\n",
    "[double(each.x) for each in [b]]\n",
]


def grown(texts: list[str], expected: Type | None = None) -> Beginning:
    begun, text = Beginning(), ""
    for each in texts:
        begun = begun.extended(parse(Source(text + each), len(text)), expected)
        text += each
    return begun


def test_a_program_checked_by_statements_is_the_program_checked_whole() -> None:
    whole, begun = check(Source("".join(STATEMENTS))), grown(STATEMENTS)
    assert begun.checked.module == whole.module
    assert [each.span.start for each in begun.checked.module.statements] == [
        each.span.start for each in whole.module.statements
    ]
    assert (begun.checked.inputs, begun.checked.type) == (whole.inputs, whole.type)
    assert begun.checked.records == whole.records
    assert [*begun.entries] == ["text", "Point", "double", "parts", "a", "b"]


def test_a_function_changes_a_variable_of_an_earlier_statement() -> None:
    statements = ["xs = []\n", "def add(x):\n    xs.append(x)\n", "add(1)\n", "add(2.5)\n"]
    entry = grown(statements).entries["xs"]
    assert isinstance(entry, Variable)
    assert entry.type == ListType(FLOAT)


@pytest.mark.parametrize(
    ("last", "place"),
    [(["ys = xs\n", "add(xs)\n", "ys\n"], (5, 1)), (['a = CALL("?")\n', "add(xs)\n"], (4, 1))],
    ids=["what another variable holds", "beside a CALL"],
)
def test_a_function_does_not_change_in_a_later_statement(last: list[str], place: tuple[int, int]) -> None:
    with pytest.raises(ProgramError) as caught:
        grown(["xs = [1]\n", "def add(ys):\n    ys.append(2)\n", *last])
    span = caught.value.first.span
    assert caught.value.first.code == "E231"
    assert span is not None
    assert (span.line, span.column) == (place[0] + 1, place[1])


def test_a_beginning_is_given_a_value_of_its_variables() -> None:
    begun = grown(STATEMENTS[:4])
    (name,) = (each.targets[0] for each in begun.checked.module.statements if isinstance(each, nodes.Assign))
    assert isinstance(name, nodes.Name)
    assert begun.giving([name]).type == TupleType((ListType(STR),))


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("c = c + 1\n", "E200", (8, 5)),
        ("c = lins(text)\n", "E200", (8, 5)),
        ("c = = 1\n", "E100", (8, 5)),
        ("parts\n", "E227", (8, 1)),
        ("c = (1\n", "E104", (8, 5)),
        (" c = 1\n", "E105", (8, 1)),
        ("double = 3\n", "E201", (8, 1)),
    ],
)
def test_a_statement_that_does_not_check_leaves_the_beginning_as_it_was(
    text: str, code: str, place: tuple[int, int]
) -> None:
    begun, before = grown(STATEMENTS[:4]), "".join(STATEMENTS[:4])
    with pytest.raises(ProgramError) as caught:
        begun.extended(parse(Source(before + text), len(before)), INT)
    span = caught.value.first.span
    assert span is not None
    assert (caught.value.first.code, (span.line, span.column)) == (code, place)
    begun.extended(parse(Source(before + "c = len(parts)\n"), len(before)), INT)


def test_the_name_of_a_library_function_may_be_bound() -> None:
    assert "holds_for" in library_names()
    texts = ['a = holds_for("Is it short?", "text")\n', "holds_for = 1\n", "holds_for + 1\n"]
    assert grown(texts, INT).checked.type == INT
