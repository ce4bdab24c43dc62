"""What the value of a program is, what is left out of it, and the types of its inputs."""

from __future__ import annotations

import pytest

from rlmlang.errors import ProgramError
from rlmlang.language.check import check
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.parse import parse_body
from rlmlang.language.source import Source
from rlmlang.language.types import FLOAT, INT, STR, UNKNOWN, ListType, Type

COUNT = 'def helper(n):\n    return n + 1\n\ndef count(text: str, start=0) -> int:\n    """Count."""\n    return helper(start)\n'
MAIN = 'if __name__ == "__main__":\n    count("a")\n'


@pytest.mark.parametrize(
    ("rest", "inputs", "entry", "notes"),
    [
        ("", None, "count", 0),
        (MAIN, None, "count", 1),
        ('assert count("a") == 1\n', None, "count", 1),
        ('print(count("a"))\nprint(count("b"))\n', {"text": STR}, "count", 2),
        ('count("a")\n', {"text": STR}, "count", 1),
        ('count("a")\n', None, None, 0),
        ('print(count("a"))\n', None, None, 1),
        (f'print("done")\nprint(count("a"))\n{MAIN}', None, None, 2),
        ("1 + 1\n", {"text": STR}, None, 0),
    ],
)
def test_a_program_is_its_last_function_or_its_last_expression(
    rest: str, inputs: dict[str, Type] | None, entry: str | None, notes: int
) -> None:
    checked = check(Source(COUNT + rest), inputs=inputs)
    assert (checked.entry.node.name.id if checked.entry else None) == entry
    assert checked.type == INT
    assert [note.severity for note in checked.notes] == ["note"] * notes


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("def answer(n):\n    return helper(n)\ndef helper(n):\n    return n\n", "answer"),
        ("def helper(n):\n    return n\ndef answer(n):\n    return answer(n - 1) if n else helper(n)\n", "answer"),
        ("def first(n):\n    return n\ndef second(n):\n    return n\n", "second"),
        ("def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\n", "odd"),
    ],
)
def test_the_program_is_the_last_function_that_no_other_applies(text: str, entry: str) -> None:
    checked = check(Source(text), inputs={"n": INT})
    assert checked.entry is not None
    assert checked.entry.node.name.id == entry


@pytest.mark.parametrize(
    "text", ["def f(x):\n    return x\nfor i in [1]:\n    f(i)\n", "print(1, 2)", "[1].append(2)", ""]
)
def test_a_program_without_a_value(text: str) -> None:
    with pytest.raises(ProgramError) as caught:
        check(Source(text))
    assert caught.value.first.code == "E222"


def test_the_inputs_of_a_function_take_the_types_that_are_given() -> None:
    text = "def mean(xs, weight: float, start=0):\n    return (sum(xs) + start) * weight / len(xs)\n"
    assert check(Source(text)).inputs == {"xs": UNKNOWN, "weight": FLOAT, "start": UNKNOWN}
    given = check(Source(text), inputs={"xs": ListType(INT), "weight": INT})
    assert (given.inputs, given.type) == ({"xs": ListType(INT), "weight": FLOAT, "start": INT}, FLOAT)
    with pytest.raises(ProgramError):
        check(Source(text), inputs={"xs": ListType(STR)})


def test_the_result_of_a_function_must_be_of_the_expected_type() -> None:
    text = "def f(x: int):\n    if x > 1:\n        return 'many'\n    return 'few'\n"
    assert check(Source(text), STR).type == STR
    with pytest.raises(ProgramError) as caught:
        check(Source(text), INT)
    assert [each.code for each in caught.value.diagnostics] == ["E227", "E227"]


# The body of a function, statement by statement ------------------------------------

HEAD = "def half(n):\n    return n / 2\n\ndef answer(text: str, n: int) -> list[float]:\n    '''Do it.'''\n"
BODY = [
    "    found = []\n",
    "    for each in text.split():\n        if len(each) > n:\n            found.append(half(len(each)))\n",
    "    def twice(x):\n        return x * n\n",
    "    if n > 3:\n        return found\n",
    "    return [twice(y) for y in found]\n",
]


def test_a_body_checked_by_statements_is_the_function_checked_whole() -> None:
    whole = check(Source(HEAD + "".join(BODY)))
    begun, text = Beginning.of_function(Source(HEAD)), HEAD
    for each in BODY:
        assert begun.body.reachable
        begun = begun.extended(parse_body(Source(text + each), len(text)))
        text += each
    assert not begun.body.reachable
    assert begun.checked.module == whole.module
    assert (begun.checked.type, begun.checked.inputs) == (whole.type, whole.inputs)
    assert begun.checked.entry is not None
    assert whole.entry is not None
    found, expected = begun.checked.entry.tables.types, whole.entry.tables.types
    assert [str(found[each]) for each in sorted(found)] == [str(expected[each]) for each in sorted(expected)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("    x = unknown\n", "E200"),
        ("    return text\n", "E227"),
        ("    answer(text, n)\n", "E202"),
        ("    found += 1\n", "E212"),
        ("    def wrong(x):\n        return nothing(x)\n", "E200"),
    ],
)
def test_a_statement_that_does_not_check_leaves_the_body_as_it_was(text: str, code: str) -> None:
    before = HEAD + BODY[0]
    begun = Beginning.of_function(Source(before))
    with pytest.raises(ProgramError) as caught:
        begun.extended(parse_body(Source(before + text), len(before)))
    assert caught.value.first.code == code
    begun.extended(parse_body(Source(before + "    x = found\n"), len(before)))
