"""The table of built-ins: its rows, their agreement with CPython, their errors, and their costs."""

from __future__ import annotations

import asyncio
import math
import re
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import rlmlang
from rlmlang.calls import workers
from rlmlang.calls.prompt import language_card
from rlmlang.errors import BudgetError, ProgramError, RunError
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES
from rlmlang.language.builtins.common import ELEMENTS
from rlmlang.language.builtins.table import builtin, parse_signature
from rlmlang.language.type_variables import solve, substitute, variables
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    MATCH,
    NATURAL,
    NEVER,
    NONE,
    PATTERN,
    STR,
    UNKNOWN,
    CounterType,
    DequeType,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    TypeVar,
    item_type,
)
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MatchValue, PatternValue, RecordValue, SetValue
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Held, obedient
from tests.support.oracle import exact_text
from tests.support.rows import EVERY, call, meter, outcome, refused, same

# What the table says -------------------------------------------------------------


def test_every_name_is_there() -> None:
    """Names are only added; `test_spec.py` compares the table with SPEC.md."""
    functions = """
        abs all any bin bool chr chunk counts dict divmod drop enumerate filter flatten float float_or_none frozenset grep hex int
        int_or_none isinstance len lines list map max min oct ord paragraphs pow print range reduce repr reversed round run_program
        sentences set sorted str sum take to_json tuple unique vote window words zip
    """
    text = """
        capitalize casefold center count endswith expandtabs find format index isalnum isalpha isascii isdecimal isdigit
        isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind
        rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title upper zfill
    """
    assert set(functions.split()) <= set(BUILTINS)
    assert set(text.split()) <= set(METHODS["str"])
    listed = "append clear copy count extend index insert pop remove reverse sort"
    assert set(listed.split()) <= set(METHODS["list"])
    assert {"count", "index"} <= set(METHODS["tuple"])
    keyed = "clear copy get items keys pop popitem setdefault update values"
    assert set(keyed.split()) <= set(METHODS["dict"])
    sets = """
        add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset
        issuperset pop remove symmetric_difference symmetric_difference_update union update
    """
    assert set(sets.split()) <= set(METHODS["set"])


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A built-in `twice` that is nothing but a row in the table."""
    monkeypatch.setitem(BUILTINS, "twice", None)

    @builtin(
        "twice(xs: Iterable[T]) -> list[T]",
        doc="the elements, and once more",
        examples=["twice([1, 2]) == [1, 2, 1, 2]"],
        cost=ELEMENTS,
        moves=1,
        bounds=lambda args: (2 * args[0][0], 2 * args[0][1]),
    )
    def code(meter: Meter, xs: Any) -> list[Any]:
        meter.items(2 * len(xs))
        return [*xs, *xs]

    language_card.cache_clear()
    yield
    language_card.cache_clear()


def test_a_row_is_all_that_a_built_in_needs(twice: None) -> None:
    program = rlmlang.compile('[CALL("up", x) for x in twice(["a", "b"])]')
    assert str(program.type) == "list[str]"
    assert program.run(model=Fake(obedient)).value == ["A", "B", "A", "B"]
    assert "  - twice(xs: Iterable[T]) -> list[T]: the elements, and once more" in language_card().splitlines()
    with pytest.raises(ProgramError) as caught:
        rlmlang.compile("twice(1)")
    assert caught.value.first.code == "E210"


def test_a_row_says_what_it_costs(twice: None) -> None:
    cost = rlmlang.compile('[CALL("b", x) for x in twice(CALL[list[str]]("a")[:2])]').cost(limits={"repairs": 0})
    assert cost.calls == (1, 5)


def test_a_row_says_that_it_moves_answers_which_are_not_there_yet(twice: None) -> None:
    """The third call needs the first answer alone, and is made while the second is still pending."""

    async def steps() -> Any:
        model = Held(obedient)
        text = 'xs = twice([CALL("up", "a"), CALL("up", "b")])\nCALL("echo", xs[2]) + xs[3]'
        run = asyncio.ensure_future(rlmlang.compile(text).arun(model=model))
        await model.until_running("up a", "up b")
        model.let_go("up a")
        await model.until_running("echo A", "up b")
        model.let_go("echo A", "up b")
        return (await run).value

    assert asyncio.run(steps()) == "AB"


# Functions as arguments -----------------------------------------------------------

APPLIED = {
    'map(lambda x: CALL("up", x), ["a", "b", "c"])': ["A", "B", "C"],
    'map(lambda x, y: CALL("up", x) + y, ["a", "b", "c"], "1234")': ["A1", "B2", "C3"],
    'filter(lambda x: CALL("up", x) > "A", ["a", "b", "c"])': ["b", "c"],
    'max("a", "b", "c", key=lambda x: CALL("up", x))': "c",
    'sorted(["a", "b", "c"], key=lambda x: CALL("up", x), reverse=True)': ["c", "b", "a"],
}


@pytest.mark.parametrize("text", APPLIED)
def test_the_calls_of_a_function_run_concurrently(text: str) -> None:
    async def steps() -> Any:
        model = Held(obedient)
        run = asyncio.ensure_future(rlmlang.compile(text).arun(model=model))
        await model.until_running("up a", "up b", "up c")
        model.let_go("up c", "up a", "up b")
        return (await run).value

    assert asyncio.run(steps()) == APPLIED[text]


def test_a_part_of_a_map_is_used_before_the_others_are_there() -> None:
    async def steps() -> Any:
        model = Held(obedient)
        text = 'xs = map(lambda x: CALL("up", x), ["a", "b"])\nCALL("echo", xs[0]) + str(len(xs)) + xs[1]'
        run = asyncio.ensure_future(rlmlang.compile(text).arun(model=model))
        await model.until_running("up a", "up b")
        model.let_go("up a")
        await model.until_running("echo A", "up b")
        model.let_go("echo A", "up b")
        return (await run).value

    assert asyncio.run(steps()) == "A2B"


@pytest.mark.parametrize(
    "text", ['map(lambda i: CALL("say", i), range(n))', 'filter(lambda i: CALL("say", i) != "", range(n))']
)
def test_the_calls_of_a_function_are_held_back_while_too_many_are_queued(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "MAX_QUEUE", 20)
    trace, most = Trace(keep=False), 0

    def answer(request: Any) -> str:
        nonlocal most
        most = max(most, len(trace.active))
        return str(request.arguments[0][1])

    result = rlmlang.compile(f"n: int\n{text}").run(n=300, model=Fake(answer, concurrency=4), trace=trace)
    assert list(map(int, result.value)) == list(range(300))
    assert 20 <= most <= 26


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('map(lambda x: CALL("b", x), CALL[list[str]]("a")[:2])', (1, 3)),
        ('[CALL("c", x) for x in map(lambda x: CALL("b", x), ["a", "b"])]', (3, 4)),
        ('map(lambda x, y: CALL("b", x, y), ["a", "b", "c"], CALL[list[str]]("a")[:2])', (1, 3)),
        ('[CALL("c", x) for x in filter(lambda x: CALL[bool]("b", x), ["a", "b"])]', (2, 4)),
        ('max(CALL("a"), "x", key=lambda x: CALL("b", x))', (2, 3)),
        ('filter(lambda x: len(CALL("b", x)) > 2, CALL("a")[:3])', (1, 4)),
    ],
)
def test_the_calls_of_a_function_are_estimated(text: str, calls: tuple[int, int]) -> None:
    assert rlmlang.compile(text).cost(limits={"repairs": 0}).calls == calls


def test_arguments_are_evaluated_in_their_order() -> None:
    """A function is applied once the arguments that it is applied to are there, before those after them."""
    model = Fake(obedient)
    with pytest.raises(RunError):
        rlmlang.compile('sorted([1, 0], key=lambda x: 1 // x, reverse=CALL[bool]("yes"))').run(model=model)
    assert model.requests == []


def test_special_forms_cannot_be_given_as_functions() -> None:
    for text in ('map(run_program, ["1"], [{"a": "1"}])', "map(reduce, [1], [[1]], [1])"):
        with pytest.raises(ProgramError) as caught:
            rlmlang.compile(text)
        assert caught.value.first.code == "E210"


@pytest.mark.parametrize("name", EVERY)
def test_every_entry_is_complete(name: str) -> None:
    entry = EVERY[name]
    assert entry.doc
    assert "\n" not in entry.doc
    assert not entry.doc.endswith(".")
    assert entry.examples
    assert entry.cost
    assert entry.card == f"{entry.texts[0]}: {entry.doc}"
    for signature in entry.signatures:
        assert signature.text.startswith(f"{entry.name}(")
        assert variables(signature.result) <= frozenset().union(*(variables(p.type) for p in signature.params))
    assert entry.signatures is entry.signatures


T, K, H = map(TypeVar, "TKH")
RECEIVERS: dict[str, tuple[Type, ...]] = {
    "str": (STR,),
    "list": (ListType(T), ListType(K)),
    "dict": (DictType(H, T), DictType(STR, T)),
    "set": (SetType(H),),
    "tuple": (IterableType(T),),
    "Counter": (CounterType(H, INT),),
    "deque": (DequeType(T),),
    "int": (INT,),
    "float": (FLOAT,),
    "Match": (MATCH,),
    "Pattern": (PATTERN,),
}


@pytest.mark.parametrize("of", METHODS)
def test_methods_take_their_receiver_first(of: str) -> None:
    for method in METHODS[of].values():
        for signature in method.signatures:
            assert signature.params[0].name == "self"
            assert signature.params[0].type in RECEIVERS[of]


def test_pythons_parameters_have_pythons_names() -> None:
    """Then a keyword argument means the same here and in Python."""
    assert [p.name for p in BUILTINS["round"].signatures[1].params][1:] == ["ndigits"]
    assert [p.name for p in BUILTINS["pow"].signatures[2].params] == ["base", "exp", "mod"]
    assert [p.name for p in BUILTINS["int"].signatures[1].params] == ["x", "base"]
    assert [p.name for p in METHODS["str"]["split"].signatures[0].params] == ["self", "sep", "maxsplit"]
    assert [p.name for p in METHODS["str"]["splitlines"].signatures[0].params] == ["self", "keepends"]
    assert [p.name for p in METHODS["str"]["expandtabs"].signatures[0].params] == ["self", "tabsize"]


EXAMPLES = [(name, text) for name, entry in EVERY.items() for text in entry.examples]


IMPORTS = {
    "Match": "import re\n",
    "Pattern": "import re\n",
    "Counter": "from collections import Counter\n",
    "deque": "import collections\n",
}


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_every_example_holds(name: str, text: str) -> None:
    module = EVERY[name].module
    first = f"import {module}\n" if module else IMPORTS.get(name.partition(".")[0], "")
    assert rlmlang.compile(first + text).run().value is True


def test_the_code_of_a_special_form_is_never_run() -> None:
    for name in ("reduce", "run_program"):
        assert BUILTINS[name].form is not None
        with pytest.raises(AssertionError, match="a special form"):
            call(name)


# Signatures ----------------------------------------------------------------------


def test_a_signature_is_read_from_its_text() -> None:
    text = "f(a: str, b: list[int] | None = None, *more: K, c: Callable[[T, K], bool], d: float = 0) -> dict[str, T]"
    signature = parse_signature(text)
    t, k = TypeVar("T"), TypeVar("K")
    assert [(p.name, p.type, p.required, p.keyword_only, p.variadic) for p in signature.params] == [
        ("a", STR, True, False, False),
        ("b", OptionalType(ListType(INT)), False, False, False),
        ("more", k, False, False, True),
        ("c", FunctionType((t, k), BOOL), True, True, False),
        ("d", FLOAT, False, True, False),
    ]
    assert signature.result == DictType(STR, t)
    assert signature.text == text


def test_types_of_signatures() -> None:
    t = TypeVar("T")
    assert [p.type for p in parse_signature("f(a: Natural) -> T").params] == [NATURAL]
    assert parse_signature("f() -> tuple[T, Iterable[T]]").result == TupleType((t, IterableType(t)))
    assert parse_signature("f() -> None").result == NONE


def test_a_type_that_no_signature_has() -> None:
    with pytest.raises(AssertionError, match="Constant"):
        parse_signature("f() -> 1")


RECORD = RecordType("Point", (("x", INT),))


@pytest.mark.parametrize(
    ("found", "item"),
    [
        (ListType(INT), INT),
        (DictType(STR, INT), STR),
        (STR, STR),
        (LiteralType(("a", "b")), STR),
        (TupleType((INT, FLOAT)), FLOAT),
        (TupleType(()), NEVER),
        (NEVER, NEVER),
        (UNKNOWN, UNKNOWN),
        (INT, None),
        (NONE, None),
        (LiteralType((1, 2)), None),
        (TupleType((INT, STR, INT)), None),
        (OptionalType(STR), None),
        (RECORD, None),
    ],
)
def test_what_can_be_iterated_over(found: Type, item: Type | None) -> None:
    assert item_type(found) == item
    solution: dict[str, Type] = {}
    assert solve(IterableType(TypeVar("T")), found, solution) is (item is not None)
    if item not in (None, NEVER, UNKNOWN):
        assert solution == {"T": item}


def test_iterable_in_types() -> None:
    pairs = IterableType(TupleType((STR, TypeVar("T"))))
    assert str(pairs) == "Iterable[tuple[str, T]]"
    assert variables(pairs) == {"T"}
    assert substitute(pairs, {"T": INT}) == IterableType(TupleType((STR, INT)))
    assert not solve(IterableType(TypeVar("K")), ListType(NONE), {})


# Methods, as CPython has them ----------------------------------------------------

LETTERS = st.sampled_from("abcAB01 \t\n\r.-_'ßİΣσŉǆ²½٣\x1c\x85\u2028😀\ud800")
TEXTS = st.text(LETTERS, max_size=12) | st.text(max_size=6)
PARTS = st.text(st.sampled_from("ab \n.Σ"), max_size=3)
PLACES = st.none() | st.integers(-14, 14) | st.sampled_from([10**30, -(10**30)])
NUMBERS = st.integers(-3, 14)

STR_ARGUMENTS: dict[str, tuple[int, list[st.SearchStrategy[Any]]]] = {
    name: (required, kinds)
    for names, required, kinds in (
        ("strip lstrip rstrip", 0, [st.none() | PARTS]),
        ("find rfind index rindex count startswith endswith", 1, [PARTS, PLACES, PLACES]),
        ("removeprefix removesuffix partition rpartition", 1, [PARTS]),
        ("split rsplit", 0, [st.none() | PARTS, NUMBERS]),
        ("center ljust rjust", 1, [NUMBERS, LETTERS]),
        ("splitlines", 0, [st.booleans()]),
        ("join", 1, [st.lists(TEXTS, max_size=5) | TEXTS | st.dictionaries(TEXTS, NUMBERS, max_size=3)]),
        ("replace", 2, [PARTS, PARTS, NUMBERS]),
        ("zfill", 1, [NUMBERS]),
        ("translate", 1, [st.dictionaries(LETTERS.map(ord), LETTERS.map(ord) | st.none() | PARTS, max_size=3)]),
        ("expandtabs", 0, [NUMBERS]),
    )
    for name in names.split()
}
"""The arguments of the methods that take any: the least number, and strategies for each."""


@pytest.mark.parametrize("name", METHODS["str"])
@given(st.data())
def test_a_method_of_str_is_pythons(name: str, data: st.DataObject) -> None:
    required, kinds = STR_ARGUMENTS.get(name, (0, []))
    text = data.draw(st.lists(TEXTS | PARTS, max_size=4).map("".join))
    count = data.draw(st.integers(required, len(kinds)))
    args = [data.draw(kind) for kind in kinds[:count]]
    same(lambda: call(f"str.{name}", text, *args), lambda: getattr(text, name)(*args))


FIELDS = [
    "{",
    "}",
    "{{",
    "{}",
    "{0}",
    "{1}",
    "{a}",
    "{b}",
    "{;}",
    "{ 0}",
    "{-1}",
    '{"a": {}}',
    "{!r}",
    "{!}",
    "{:>3}",
    "x",
]


@given(st.lists(st.sampled_from(FIELDS), max_size=5).map("".join), st.lists(PARTS, max_size=2), PARTS)
def test_templates(template: str, values: list[str], named: str) -> None:
    same(lambda: call("str.format", template, *values, a=named), lambda: template.format(*values, a=named))


def test_templates_do_not_look_into_values() -> None:
    """What a field has behind its number or name is refused once its value is found, as Python looks for that first."""
    codes = {
        "{0.real}": "E304",
        "{0[0]}": "E304",
        "{.}": "E304",
        "{a.real}": "E304",
        "{1.real}": "E301",
        "{b[0]}": "E302",
    }
    for template, code in codes.items():
        assert refused("str.format", template, 1, a=1) == code
    assert refused("str.format", "{.real}{0}", 1) == "E304"
    assert refused("str.format", "{.}") == "E301"


@given(TEXTS, NUMBERS)
def test_keywords_of_methods(text: str, count: int) -> None:
    assert call("str.split", text, maxsplit=count) == text.split(maxsplit=count)
    assert call("str.rsplit", text, maxsplit=count) == text.rsplit(maxsplit=count)
    assert call("str.find", text, "a", end=count) == text.find("a", None, count)


SCALARS = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -0.0, 2.0])
NESTED = st.lists(SCALARS, max_size=2)


@given(st.lists(SCALARS | NESTED, max_size=6), SCALARS | NESTED, st.data())
def test_methods_of_list(xs: list[Any], x: Any, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(-7, 7) | st.just(10**30), max_size=2))
    for of, items in (("list", xs), ("tuple", tuple(xs))):
        same(lambda of=of, items=items: call(f"{of}.count", items, x), lambda items=items: items.count(x))
        same(
            lambda of=of, items=items: call(f"{of}.index", items, x, *places),
            lambda items=items: items.index(x, *places),
        )
    same(lambda: call("list.copy", xs), lambda: xs.copy())
    assert call("list.copy", xs) is not xs


@given(st.dictionaries(PARTS, SCALARS, max_size=4), PARTS, SCALARS)
def test_methods_of_dict(d: dict[str, Any], key: str, default: Any) -> None:
    same(lambda: call("dict.get", d, key), lambda: d.get(key))
    same(lambda: call("dict.get", d, key, default), lambda: d.get(key, default))
    same(lambda: call("dict.copy", d), lambda: d.copy())
    assert call("dict.copy", d) is not d
    for name in ("keys", "values", "items"):
        same(lambda name=name: call(f"dict.{name}", d), lambda name=name: list(getattr(d, name)()))


# Functions, as CPython has them --------------------------------------------------

REALS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers() | st.integers(-(10**400), 10**400)
ORDERED = st.one_of(
    st.lists(st.integers(-4, 4) | st.sampled_from([0.0, -0.0, 1.0, 1.5]), max_size=8),
    st.lists(st.booleans(), max_size=5),
    st.lists(PARTS, max_size=6),
    st.lists(st.lists(st.integers(0, 2), max_size=2), max_size=6),
    st.lists(st.tuples(st.integers(0, 2), PARTS), max_size=6),
    st.dictionaries(PARTS, NUMBERS, max_size=4),
    TEXTS,
)


def listed(work: Callable[..., Any]) -> Callable[..., list[Any]]:
    return lambda *args, **keywords: list(work(*args, **keywords))


@given(ORDERED, st.booleans())
def test_order(xs: Any, reverse: bool) -> None:
    same(lambda: call("min", xs), lambda: min(xs))
    same(lambda: call("max", xs), lambda: max(xs))
    same(lambda: call("min", xs, default=0), lambda: min(xs, default=0))
    same(lambda: call("sorted", xs), lambda: sorted(xs))
    same(lambda: call("sorted", xs, reverse=reverse), lambda: sorted(xs, reverse=reverse))
    same(lambda: call("reversed", xs), lambda: list(reversed(xs)))
    if len(xs) > 1:
        key = [len(str(x)) for x in xs]
        same(lambda: call("max", *xs, key=key), lambda: max(*xs, key=lambda x: len(str(x))))
        same(lambda: call("max", *xs), lambda: max(*xs))
        same(lambda: call("min", *xs), lambda: min(*xs))


@given(ORDERED.filter(lambda xs: not any(isinstance(x, list) for x in xs)))
def test_set_and_tuple(xs: Any) -> None:
    same(lambda: call("set", xs), lambda: set(xs))
    same(lambda: call("tuple", xs), lambda: tuple(xs))


@given(ORDERED, st.data())
def test_keys_arrive_as_their_results(xs: Any, data: st.DataObject) -> None:
    results = [data.draw(st.integers(0, 3)) for _ in xs]
    of = dict(enumerate(results))
    values = list(xs)

    def python(pick: Callable[..., Any], **options: Any) -> Any:
        numbers = pick(range(len(values)), key=of.__getitem__, **options)
        return [values[i] for i in numbers] if isinstance(numbers, list) else values[numbers]

    same(lambda: call("sorted", xs, key=results), lambda: python(sorted))
    same(lambda: call("sorted", xs, key=results, reverse=True), lambda: python(sorted, reverse=True))
    if values:
        same(lambda: call("min", xs, key=results), lambda: python(min))
        same(lambda: call("max", xs, key=results, default=xs), lambda: python(max))
    else:
        assert call("max", xs, key=results, default="x") == "x"
        assert refused("min", xs, key=results) == "E305"


@given(st.lists(WHOLE, max_size=6), st.lists(REALS | st.integers(), max_size=6), WHOLE, REALS)
@example([], [1e308, 1e308], 0, 0.0)
@example([], [1e308, -1e308, 10**400], 0, 0.5)
@example([], [0.1] * 10, 0, 0.3)
def test_sums(whole: list[int], mixed: list[float], start: int, offset: float) -> None:
    def python(*args: Any) -> Any:
        total = sum(*args)
        if isinstance(total, float) and not math.isfinite(total):
            raise OverflowError
        return total

    same(lambda: call("sum", whole), lambda: sum(whole))
    same(lambda: call("sum", whole, start), lambda: sum(whole, start))
    same(lambda: call("sum", mixed), lambda: python(mixed))
    same(lambda: call("sum", mixed, offset), lambda: python(mixed, offset))
    same(lambda: call("sum", mixed, start=offset), lambda: python(mixed, offset))


@given(st.lists(st.lists(NUMBERS, max_size=3), max_size=4), st.lists(NUMBERS))
def test_sums_of_lists(lists: list[list[int]], start: list[int]) -> None:
    same(lambda: call("sum", lists, start), lambda: sum(lists, start))
    assert call("sum", [], start) is start
    assert call("sum", [[]], start) is not start


@given(WHOLE, REALS, st.integers(-400, 400) | st.sampled_from([-4_000, -4_500, 10**6, 10**30]))
@example(5, 2.5, -1)
@example(15, 0.5, -1)
@example(10**400, sys.float_info.max, -308)
@example(-(10**399), -sys.float_info.max, -308)
def test_numbers(n: int, x: float, digits: int) -> None:
    for value in (n, x):
        same(lambda value=value: call("abs", value), lambda value=value: abs(value))
        same(lambda value=value: call("round", value), lambda value=value: round(value))
        same(lambda value=value: call("round", value, digits), lambda value=value: round(value, digits))
        same(lambda value=value: call("int", value), lambda value=value: int(value))
        same(lambda value=value: call("float", value), lambda value=value: float(value))


def finite(value: Any) -> Any:
    """Return Python's result, or raise where the language has no such number."""
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, complex) or (isinstance(part, float) and not math.isfinite(part)):
            raise OverflowError
        if isinstance(part, int) and part.bit_length() > 13_000:
            raise OverflowError
    return value


@given(WHOLE | st.integers(-9, 9), st.integers(-40, 40), REALS | st.sampled_from([0.0, -0.0, 5e-324, 1.0, -2.5]))
@example(2, -1, 0.0)
@example(0, -1, 1e308)
@example(-8, 0, 1.5)
def test_powers(n: int, exp: int, x: float) -> None:
    same(lambda: call("pow", n, exp), lambda: finite(pow(n, exp)))
    same(lambda: call("pow", x, exp), lambda: finite(pow(x, exp)))
    same(lambda: call("pow", n, x), lambda: finite(pow(n, x)))


@given(WHOLE, WHOLE | st.integers(-9, 9), st.integers(-20, 20) | WHOLE)
@example(3, -1, 7)
@example(2, -1, 4)
@example(0, 0, 1)
@example(5, -3, -7)
def test_powers_with_a_modulus(base: int, exp: int, mod: int) -> None:
    same(lambda: call("pow", base, exp, mod), lambda: pow(base, exp, mod))


@given(WHOLE | st.integers(-9, 9) | REALS, WHOLE | st.integers(-9, 9) | REALS)
@example(7, 0)
@example(7.0, 0)
@example(1e308, 1e-308)
@example(-0.0, 3)
@example(10**400, 0.5)
def test_division_with_remainder(a: float, b: float) -> None:
    same(lambda: call("divmod", a, b), lambda: finite(divmod(a, b)))


def test_powers_that_are_too_large_are_refused_before_they_are_computed() -> None:
    assert refused("pow", 2, 10**9) == "E306"
    assert refused("pow", 10**3_000, 5) == "E306"
    assert refused("pow", 2.0, 10**9) == "E306"
    with pytest.raises(BudgetError) as caught:
        BUILTINS["pow"].code(Meter(5_000_000, 10**9), 3, 2**12_999, 2**12_999 - 1)
    assert caught.value.first.code == "E506"


@given(WHOLE)
def test_numbers_in_other_bases(n: int) -> None:
    for work in (bin, oct, hex):
        same(lambda work=work: call(work.__name__, n), lambda work=work: work(n))


@given(st.characters(exclude_categories=["Cs"]), st.integers() | st.integers(-3, 0x110003))
def test_characters(c: str, i: int) -> None:
    same(lambda: call("ord", c), lambda: ord(c))
    if 0xD800 <= i < 0xE000:
        assert refused("chr", i) == "E308"
    elif abs(i) < 2**31:
        same(lambda: call("chr", i), lambda: chr(i))
    else:
        assert refused("chr", i) == "E308"  # CPython: OverflowError


def test_the_limits_of_characters() -> None:
    assert [refused("ord", text) for text in ("", "ab", "a" * 10**6)] == ["E308"] * 3
    assert [refused("chr", i) for i in (-1, 0x110000, 0xD800, 0xDFFF, 10**3_900)] == ["E308"] * 5
    assert [call("chr", i) for i in (0, 0xD7FF, 0xE000, 0x10FFFF)] == ["\0", "\ud7ff", "\ue000", "\U0010ffff"]
    assert call("ord", "\ud800") == 0xD800


def test_rounding_to_more_digits_than_a_number_has() -> None:
    assert call("round", 10**3_900, -(10**30)) == 0
    assert call("round", -1.5, -(10**30)) == 0
    assert math.copysign(1, call("round", -1.5, -(10**30))) == -1
    assert refused("round", 2**13_000 - 1, -3_912) == "E306"


@given(st.booleans())
def test_numbers_of_bools(x: bool) -> None:
    same(lambda: call("int", x), lambda: int(x))
    same(lambda: call("float", x), lambda: float(x))


NUMERALS = st.text(st.sampled_from("0123456789_+-. eE\t\n٣\x1c\u2003\x00naif"), max_size=8) | TEXTS


@given(NUMERALS | WHOLE.map(str) | REALS.map(str))
@example("1_000")
@example("\u2003٣ ")
@example("\ud800")
def test_numbers_from_texts(text: str) -> None:
    same(lambda: call("int", text), lambda: int(text))
    try:
        expected: int | None = int(text)
    except ValueError:
        expected = None
    assert call("int_or_none", text) == expected
    try:
        real: float | None = float(text)
    except ValueError:
        assert refused("float", text) == "E304"
        real = None
    else:
        if math.isfinite(real) or "inf" in text.lower():
            assert exact_text(call("float", text)) == exact_text(real)
        else:
            assert refused("float", text) == "E306"
            real = None
        if real is not None and math.isinf(real):
            real = None
    assert exact_text(call("float_or_none", text)) == exact_text(real)


IN_BASES = st.text(st.sampled_from("01279afzZ_+- xXoObB٣"), max_size=7)


@given(NUMERALS | IN_BASES, st.integers(-2, 40))
@example("0x1F", 16)
@example("0b", 2)
@example("010", 0)
@example("0_0", 0)
@example("-0B11", 0)
def test_numbers_from_texts_in_a_base(text: str, base: int) -> None:
    same(lambda: call("int", text, base), lambda: int(text, base))
    same(lambda: call("int", text, base=base), lambda: int(text, base=base))


def test_long_numerals_in_a_base() -> None:
    assert call("int", "1" * 13_000, 2) == 2**13_000 - 1
    assert refused("int", "1" * 13_001, 2) == "E306"
    assert refused("int", "f" * 10**6, 16) == "E306"
    assert refused("int", "0x" + "f" * 10**6, 0) == "E306"
    assert call("int", "0" * 10**6 + "1", 8) == 1
    assert call("int", "z" * 2_500, 36) == int("z" * 2_500, 36)
    assert refused("int", "z" * 2_600, 36) == "E306"
    assert refused("int", "z" * 10**5, 36) == "E306"
    assert refused("int", "1" * 10**5, 0) == "E306"
    assert refused("int", "1" * 10**5 + ".", 36) == "E304"
    assert refused("int", "1", 10**30) == "E308"


def test_values_of_nothing() -> None:
    for name, value in (("int", 0), ("float", 0.0), ("str", ""), ("bool", False), ("list", []), ("dict", {})):
        assert exact_text(call(name)) == exact_text(value)


def test_long_numerals() -> None:
    longest = "9" * 3_900
    assert call("int", f"-{longest} ") == -(10**3_900 - 1)
    assert call("int", "_".join(longest)) == 10**3_900 - 1
    assert call("int", " " * 5_000 + "7") == 7
    assert refused("int", longest + "9") == "E306"
    assert refused("int", "0" * 3_901) == "E306"
    assert refused("int", "x" * 4_000) == "E304"
    assert call("int_or_none", longest + "9") is None
    assert call("float", "1" * 300) == float("1" * 300)
    assert refused("float", "1" * 4_000) == "E306"


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-4, 4))
def test_ranges(start: int, stop: int, step: int) -> None:
    same(lambda: call("range", stop), lambda: list(range(stop)))
    same(lambda: call("range", start, stop), lambda: list(range(start, stop)))
    same(lambda: call("range", start, stop, step), lambda: list(range(start, stop, step)))


@given(ORDERED, ORDERED, ORDERED, st.integers(-3, 3) | st.just(10**30))
def test_collections(a: Any, b: Any, c: Any, start: int) -> None:
    same(lambda: call("len", a), lambda: len(a))
    same(lambda: call("list", a), lambda: list(a))
    same(lambda: call("any", a), lambda: any(a))
    same(lambda: call("all", a), lambda: all(a))
    same(lambda: call("bool", a), lambda: bool(a))
    same(lambda: call("enumerate", a), lambda: list(enumerate(a)))
    same(lambda: call("enumerate", a, start), lambda: list(enumerate(a, start)))
    same(lambda: call("zip", a, b), lambda: list(zip(a, b)))
    same(lambda: call("zip", a, b, c, a), lambda: list(zip(a, b, c, a)))


def test_results_are_new_lists() -> None:
    xs = [1]
    assert call("list", xs) is not xs


@given(st.lists(st.tuples(PARTS, SCALARS), max_size=5))
def test_dicts(pairs: list[tuple[str, Any]]) -> None:
    same(lambda: call("dict", pairs), lambda: dict(pairs))
    same(lambda: call("dict", tuple(pairs)), lambda: dict(pairs))


@given(ORDERED, ORDERED)
def test_maps_and_filters(a: Any, b: Any) -> None:
    same(lambda: call("map", [len(str(x)) for x in a], a), lambda: list(map(len, map(str, a))))
    pairs = [(x, y) for x, y in zip(a, b)]
    same(lambda: call("map", pairs, a, b), lambda: list(map(lambda x, y: (x, y), a, b)))
    same(lambda: call("filter", [str(x) > "1" for x in a], a), lambda: list(filter(lambda x: str(x) > "1", a)))
    same(lambda: call("filter", None, a), lambda: list(filter(None, a)))


VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | REALS | TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_str(value: Any) -> None:
    same(lambda: call("str", value), lambda: str(value))
    same(lambda: call("repr", value), lambda: repr(value))
    same(lambda: call("bool", value), lambda: bool(value))


def test_records_as_texts() -> None:
    point = RecordValue(RECORD, (1,))
    assert call("str", point) == "Point(x=1)"
    assert call("repr", ["a", point]) == "['a', Point(x=1)]"
    assert call("to_json", [point]) == '[{"x":1}]'
    assert call("bool", point) is True


# Cutting -------------------------------------------------------------------------

PROSE = st.lists(st.sampled_from(["a", "Bcd", "é", " ", "  ", ".", "! ", "?) ", "\n", "\n\n", "。", '"', "1"])).map(
    "".join
)


@given(PROSE, st.integers(1, 12), st.data())
def test_chunks_of_text(text: str, size: int, data: st.DataObject) -> None:
    chunks = call("chunk", text, size)
    assert "".join(chunks) == text
    assert all(0 < len(chunk) <= size for chunk in chunks)
    overlap = data.draw(st.integers(0, size - 1))
    lapping = call("chunk", text, size, overlap)
    assert all(0 < len(chunk) <= size for chunk in lapping)
    assert text == "".join([*lapping[:1], *(chunk[overlap:] for chunk in lapping[1:])])
    assert all(after.startswith(before[len(before) - overlap :]) for before, after in pairwise(lapping))


@given(st.lists(st.integers(), max_size=20), st.integers(1, 8), st.data())
def test_chunks_of_lists(xs: list[int], size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    chunks = call("chunk", xs, size, overlap)
    assert [x for chunk in chunks[:1] for x in chunk] + [x for chunk in chunks[1:] for x in chunk[overlap:]] == xs
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(overlap < len(chunk) <= size for chunk in chunks[1:])


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("", []),
        ("abcdefghij", ["abcdefghij"]),
        ("abcdefghijk", ["abcdefghij", "k"]),
        ("One two. Three", ["One two. ", "Three"]),
        ("ab.\n\ncd. ef. gh", ["ab.\n\ncd. ", "ef. gh"]),
        ("abcd. \n\n ef. gh", ["abcd. \n\n", " ef. gh"]),
        ("abcdef ghi jklm", ["abcdef ", "ghi jklm"]),
        ("a bcdefghijkl", ["a bcdefghi", "jkl"]),
        ("abcdef。ghijkl", ["abcdef。", "ghijkl"]),
        ('ab "cde." fgh', ['ab "cde." ', "fgh"]),
    ],
)
def test_where_text_is_cut(text: str, chunks: list[str]) -> None:
    """A piece is cut in its second half after a paragraph, else a sentence, else a word, else anywhere."""
    assert call("chunk", text, 10) == chunks


@given(st.lists(st.integers(), max_size=12) | TEXTS, st.integers(1, 5), st.integers(1, 5))
def test_windows(xs: Any, n: int, step: int) -> None:
    assert call("window", xs, n, step) == [xs[i : i + n] for i in range(0, len(xs), step) if i + n <= len(xs)]


@given(st.lists(st.integers(), max_size=6) | TEXTS, st.integers(0, 8) | st.just(10**30))
def test_take_and_drop(xs: Any, n: int) -> None:
    first, rest = call("take", xs, n), call("drop", xs, n)
    assert first + rest == xs
    assert len(first) == min(n, len(xs))


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=4))
def test_flatten(xs: list[list[int]]) -> None:
    assert call("flatten", xs) == list(chain(*xs))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("chunk", ("abc", 0)),
        ("chunk", ([1], -1)),
        ("chunk", ("abc", 2, -1)),
        ("chunk", ("abc", 2, 2)),
        ("window", ("abc", 0)),
        ("window", ("abc", 1, 0)),
        ("take", ("abc", -1)),
        ("drop", ([1], -1)),
        ("range", (1, 2, 0)),
        ("str.split", ("a", "")),
        ("str.rsplit", ("a", "")),
        ("str.partition", ("a", "")),
        ("str.rpartition", ("a", "")),
        ("str.ljust", ("a", 5, "")),
        ("str.center", ("a", 5, "ab")),
    ],
)
def test_arguments_out_of_range(name: str, args: tuple[Any, ...]) -> None:
    assert refused(name, *args) == "E308"


@pytest.mark.parametrize(
    ("name", "args", "code", "hint"),
    [
        ("min", ([],), "E305", "min(xs, default=…)"),
        ("max", ("",), "E305", "max(xs, default=…)"),
        ("vote", ([],), "E305", "vote(xs) if xs else"),
        ("int", ("seven",), "E304", "int_or_none"),
        ("float", ("half",), "E304", "float_or_none"),
        ("str.index", ("a", "b"), "E304", "`find`"),
        ("str.rindex", ("a", "b"), "E304", "`rfind`"),
        ("list.index", ([1], 2), "E304", "x in xs"),
        ("str.split", ("a", ""), "E308", "list(text)"),
    ],
)
def test_errors_say_what_to_do(name: str, args: tuple[Any, ...], code: str, hint: str) -> None:
    with pytest.raises(RunError) as caught:
        call(name, *args)
    assert caught.value.first.code == code
    assert hint in (caught.value.first.hint or "")


def test_long_texts_are_cut_in_messages() -> None:
    with pytest.raises(RunError) as caught:
        call("int", "x" * 1_000)
    assert caught.value.first.message == f"'{'x' * 39}…' is not an integer"


# Lines, words, sentences, paragraphs ---------------------------------------------


@given(TEXTS)
@example("a\r\nb\r\n")
@example("\x85\u2029\v\f\x1c\x1d\x1e")
def test_lines(text: str) -> None:
    assert call("lines", text) == text.splitlines()


@given(st.sampled_from(["", "\r", "\n", "\r\n", "a\r\n", "a\x85b\n"]) | TEXTS)
def test_lines_are_counted_before_they_are_made(text: str) -> None:
    few = Meter(10**9, 8 * len(text.splitlines()) + len(text))
    assert few.max_bytes == 0 or BUILTINS["lines"].code(few, text) == text.splitlines()
    if len(text.splitlines()) * 8 > len(text) + 8:
        fewer = Meter(10**9, 8 * len(text.splitlines()) - 1)
        with pytest.raises(BudgetError):
            BUILTINS["lines"].code(fewer, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Don’t stop: it's 7.", ["Don’t", "stop", "it's", "7"]),
        ("a--b 'c' d-", ["a", "b", "c", "d"]),
        ("naïve Ünder_score x2", ["naïve", "Ünder_score", "x2"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert call("words", text) == words


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n ", []),
        ("No end", ["No end"]),
        ("One. Two! Three? 4…", ["One.", "Two!", "Three?", "4…"]),
        ("About 3.5 e.g. here. Next", ["About 3.5 e.g. here.", "Next"]),
        ('He said "Go!" Then (or not.) "Yes."', ['He said "Go!"', "Then (or not.)", '"Yes."']),
        ("He asked. “why?” She left.", ["He asked. “why?”", "She left."]),
        ("Wait... What?! Éa.", ["Wait...", "What?!", "Éa."]),
        ("Title\n\nand text.\n \nmore", ["Title", "and text.", "more"]),
        ("Wrapped.\nLine", ["Wrapped.", "Line"]),
        ("一。二！三", ["一。", "二！", "三"]),
        ("一。b", ["一。", "b"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert call("sentences", text) == sentences


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("", []),
        ("\n\n\n", []),
        ("a\nb", ["a\nb"]),
        ("a\n\nb\n \t\n\n  c\n", ["a", "b", "c"]),
        ("a\r\n\r\nb", ["a", "b"]),
    ],
)
def test_paragraphs(text: str, paragraphs: list[str]) -> None:
    assert call("paragraphs", text) == paragraphs


@given(PROSE)
def test_no_letter_is_lost_between_parts(text: str) -> None:
    for name in ("sentences", "paragraphs"):
        parts = call(name, text)
        assert "".join("".join(parts).split()) == "".join(text.split())
        assert all(part == part.strip() != "" for part in parts)


# Finding -------------------------------------------------------------------------


def test_grep() -> None:
    text = "Rain today\nsun\nrainy\n"
    assert call("grep", "(?i)rain", text) == ["Rain today", "rainy"]
    assert call("grep", "^s.n$", text) == ["sun"]
    assert call("grep", "", ["a", ""]) == ["a", ""]
    assert call("grep", r"\d", []) == []
    assert call("grep", "é.", ["éa", "é", "e"]) == ["éa"]
    assert call("grep", "a.b", ["a\ud800b", "a-b", "ab"]) == ["a\ud800b", "a-b"]


@given(st.text(st.sampled_from("ab.\n"), max_size=12), st.sampled_from(["a", "^a", "b$", "a.b", "[^a]", "a+b?"]))
def test_grep_finds_what_python_finds(text: str, pattern: str) -> None:
    assert call("grep", pattern, text) == [line for line in text.splitlines() if re.search(pattern, line)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("ab**", "at character 3"),
        ("é(a", "missing ) at character 4"),
        ("(a))", "unexpected ) at character 4"),
        (r"\\\1", "invalid escape sequence at character 3"),
        (r"\\1\1", "invalid escape sequence at character 4"),
        ("(?<=a)b", "at character 1"),
        ("[z-a]", "at character 2"),
        ("x{3,1}", "at character 2"),
        ("a\\", "trailing \\"),
        (r"(\pL{50}){20}", "too large"),
        ("a" * 1_001, "the limit is 1,000"),
    ],
)
def test_bad_patterns(pattern: str, message: str) -> None:
    with pytest.raises(RunError) as caught:
        call("grep", pattern, "a")
    assert caught.value.first.code == "E307"
    assert message in caught.value.first.message


@given(st.text(max_size=8) | st.text(st.sampled_from("()[]{}*+?|\\^$.a1,-:<>=!PpQEzd\ud800"), max_size=8))
def test_every_pattern_works_or_is_refused(pattern: str) -> None:
    found = outcome(lambda: call("grep", pattern, ["", "a", "é1"]))
    assert found.startswith("list") or found == "error E307"


def test_grep_charges_for_the_size_of_the_pattern() -> None:
    small, large = meter(), meter()
    BUILTINS["grep"].code(small, "a", ["b" * 10_000])
    BUILTINS["grep"].code(large, "a.{500}c", ["b" * 10_000])
    assert large.steps > 50 * small.steps > 0


# Counting and choosing -----------------------------------------------------------


@given(st.lists(PARTS, max_size=12) | TEXTS)
def test_counts(xs: Any) -> None:
    assert list(call("counts", xs).items()) == Counter(xs).most_common()


POINTS = st.builds(lambda x: RecordValue(RECORD, (x,)), SCALARS)
SIMILAR = st.one_of(
    st.lists(SCALARS | st.sampled_from([2**60, 2.0**60, 2**61 - 1, 2**70, 2.0**70, 10**400]), max_size=8),
    st.lists(st.none() | st.sampled_from(["null", "None", "1", "[]"]), max_size=6),
    st.lists(st.lists(st.sampled_from([1, 1.0, 0.0, -0.0, 2.5]), max_size=2), max_size=6),
    st.lists(st.dictionaries(st.sampled_from("ab"), NESTED, max_size=2), max_size=6),
    st.lists(st.tuples(SCALARS, PARTS), max_size=6),
    st.lists(POINTS, max_size=6),
    st.lists(st.booleans(), max_size=4),
    TEXTS,
)


@given(SIMILAR)
@example([{"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}])
def test_unique_and_vote_go_by_equality(xs: Any) -> None:
    distinct: list[Any] = []
    for x in xs:
        if x not in distinct:
            distinct.append(x)
    assert exact_text(call("unique", xs)) == exact_text(distinct)
    if distinct:
        assert exact_text(call("vote", xs)) == exact_text(max(distinct, key=list(xs).count))


def test_numbers_that_hash_alike_do_not_slow_it_down() -> None:
    alike = [i * (2**61 - 1) for i in range(20_000)]
    assert len({hash(x) for x in alike}) == 1
    assert call("unique", alike) == alike


# Sizes ---------------------------------------------------------------------------

LONG = "ab c\n" * 100_000
MANY = list(range(500_000))
HUGE = 2**12_900

COUNTED = Counter(dict.fromkeys(map(str, MANY), 1))
DISTINCT = SetValue(MANY)
FOUND = MatchValue(LONG, ((0, len(LONG)),) * 2_000, {f"g{i}": i for i in range(2_000)})
B = PatternValue("b", 0)
UPDATES = ("difference_", "intersection_", "symmetric_difference_")

SIZES: list[tuple[str, tuple[Any, ...]]] = [
    ("range", (10**18,)),
    ("range", (0, -(10**18), -1)),
    ("range", (HUGE, HUGE + 900)),
    ("enumerate", (MANY,)),
    ("enumerate", (MANY[:900], HUGE)),
    ("zip", (MANY, MANY)),
    ("list", (LONG,)),
    ("dict", ([("a", 1)] * 100_000,)),
    ("reversed", (LONG,)),
    ("sorted", (MANY,)),
    ("collections.deque", (MANY,)),
    ("deque.popleft", ([0] * 100_000,)),
    ("deque.appendleft", ([0] * 100_000, 0)),
    ("deque.insert", ([0] * 100_000, 0, 0)),
    ("deque.extend", ([], MANY)),
    ("deque.extendleft", ([], MANY)),
    ("deque.remove", ([0] * 100_000, 1)),
    ("deque.reverse", ([0] * 100_000,)),
    ("deque.rotate", ([0] * 100_000, 1)),
    ("heapq.heappush", ([], [MANY])),
    ("heapq.heappop", ([[MANY]],)),
    ("heapq.heapreplace", ([MANY], MANY)),
    ("heapq.heappushpop", ([MANY], MANY)),
    ("heapq.heapify", ([0] * 100_000,)),
    ("heapq.nlargest", (2, MANY)),
    ("heapq.merge", (MANY, MANY)),
    ("itertools.takewhile", (MANY, MANY)),
    ("itertools.dropwhile", (MANY, MANY)),
    ("itertools.filterfalse", (MANY, MANY)),
    ("copy.copy", (MANY,)),
    ("copy.deepcopy", (MANY,)),
    ("heapq.nsmallest", (2, MANY)),
    *((f"bisect.{name}", ([[0]], [MANY])) for name in ("bisect", "bisect_left", "bisect_right")),
    *((f"bisect.{name}", ([[0]], [MANY])) for name in ("insort", "insort_left", "insort_right")),
    ("str.translate", (LONG, {})),
    ("set", (MANY,)),
    ("min", (MANY,)),
    ("max", ([LONG] * 100,)),
    ("sum", (MANY,)),
    ("any", ([0] * 500_000,)),
    ("all", (MANY,)),
    ("int", ("1" * 500_000, 2)),
    ("pow", (3, HUGE, HUGE - 1)),
    ("map", (MANY, MANY)),
    ("filter", (None, MANY)),
    ("filter", ([False] * 500_000, MANY)),
    ("sum", ([MANY] * 100, [])),
    ("sum", ([], MANY)),
    ("repr", ([[LONG] * 1_000] * 1_000,)),
    ("str", ([[LONG] * 1_000] * 1_000,)),
    ("str", ([HUGE] * 900,)),
    ("to_json", ([[LONG] * 1_000] * 1_000,)),
    ("int", ("1" * 500_000,)),
    ("float", ("1" * 500_000,)),
    ("int_or_none", ("1" * 500_000,)),
    ("float_or_none", ("1" * 500_000,)),
    ("chunk", (LONG, 1)),
    ("chunk", (LONG, 2_000, 1_999)),
    ("chunk", (MANY, 2_000, 1_999)),
    ("window", (LONG, 10_000)),
    ("window", (MANY, 10_000)),
    ("take", (LONG, 10**18)),
    ("take", (MANY, 400_000)),
    ("drop", (LONG, 0)),
    ("drop", (MANY, 1)),
    ("flatten", ([MANY] * 1_000,)),
    ("lines", (LONG,)),
    ("words", (LONG,)),
    ("sentences", ("A. " * 100_000,)),
    ("sentences", ("a. " * 100_000,)),
    ("paragraphs", ("a\n\n" * 100_000,)),
    ("grep", ("a", LONG)),
    ("grep", ("a", [LONG] * 10)),
    ("counts", (LONG,)),
    ("vote", (MANY,)),
    ("unique", (MANY,)),
    ("str.join", (LONG, LONG)),
    ("str.join", ("", [LONG] * 1_000)),
    ("str.join", (LONG, [""] * 500)),
    ("str.replace", (LONG, "a", LONG)),
    ("str.replace", (LONG, "", "ab")),
    ("str.zfill", ("1", 10**18)),
    ("str.zfill", ("1", 10**30)),
    ("str.ljust", ("1", 10**9)),
    ("str.rjust", ("1", 10**9)),
    ("str.center", ("1", 10**9, "-")),
    ("str.expandtabs", ("\t" * 100, 10**9)),
    ("str.split", (LONG,)),
    ("str.split", (LONG, "a")),
    ("str.rsplit", (LONG, None, 10**30)),
    ("str.splitlines", (LONG,)),
    ("str.partition", (LONG, "a")),
    ("str.rpartition", (LONG, "a")),
    ("str.rfind", ("a" * 100_000, "ab" + "a" * 50_000)),
    ("str.rindex", ("a" * 100_000, "ab" + "a" * 50_000)),
    ("str.strip", ("b" * 900, "".join(map(chr, range(100, 50_000))) + "b")),
    ("str.lstrip", (LONG,)),
    ("str.rstrip", (LONG,)),
    ("str.removeprefix", (LONG, "a")),
    ("str.removesuffix", (LONG, "\n")),
    ("str.find", (LONG, "d")),
    ("str.count", (LONG, "a")),
    ("str.index", (LONG, "\n\n")),
    ("str.startswith", (LONG, LONG)),
    ("str.endswith", ("", LONG)),
    ("list.count", ([LONG] * 100, "a")),
    ("list.index", (MANY, -1)),
    ("list.copy", (MANY,)),
    ("tuple.count", ((LONG,) * 100, "a")),
    ("tuple.index", (tuple(MANY), -1)),
    ("dict.copy", (dict.fromkeys(map(str, MANY), 1),)),
    ("dict.get", ({}, LONG)),
    ("dict.update", ({}, [("a", 1)] * 100_000)),
    *((f"Counter.{name}", (COUNTED, MANY)) for name in ("update", "subtract")),
    *((f"Counter.{name}", (COUNTED,)) for name in ("elements", "most_common", "total")),
    *((f"Match.{name}", (FOUND,)) for name in ("group", "groups", "groupdict")),
    *((f"re.{name}", ("b", LONG)) for name in ("search", "match", "fullmatch", "findall", "finditer", "split")),
    *((f"Pattern.{name}", (B, LONG)) for name in ("search", "match", "fullmatch", "findall", "finditer", "split")),
    ("re.sub", ("b", "c", LONG)),
    ("Pattern.sub", (B, "c", LONG)),
    ("re.escape", (LONG,)),
    ("collections.Counter", (MANY,)),
    ("collections.defaultdict", ([0], COUNTED)),
    ("itertools.accumulate", (MANY,)),
    ("itertools.chain", (MANY, MANY)),
    ("itertools.combinations", (MANY, 2)),
    ("itertools.combinations_with_replacement", (MANY, 2)),
    ("itertools.groupby", (MANY,)),
    ("itertools.islice", (MANY, 400_000)),
    ("itertools.pairwise", (MANY,)),
    ("itertools.permutations", ([1, 2, 3, 4, 5, 6, 7, 8, 9],)),
    ("itertools.product", ([1] * 100, [2] * 100)),
    ("itertools.repeat", (1, 10**18)),
    ("itertools.zip_longest", (MANY, MANY)),
    ("json.dumps", (MANY,)),
    ("list.extend", ([], MANY)),
    ("list.insert", (MANY, 0, 1)),
    ("list.pop", (MANY, 0)),
    ("list.remove", (MANY, 1)),
    ("list.reverse", (MANY,)),
    ("list.sort", (MANY,)),
    ("math.dist", (MANY, MANY)),
    ("math.gcd", (HUGE, HUGE + 1)),
    ("math.lcm", (HUGE, HUGE)),
    ("math.hypot", tuple(range(5_000))),
    ("math.prod", (MANY,)),
    ("print", (LONG,)),
    ("frozenset", (MANY,)),
    ("set.copy", (DISTINCT,)),
    ("set.pop", (SetValue(map(str, range(100_000))),)),
    ("set.union", (SetValue(), MANY)),
    *((f"set.{name}", (DISTINCT, [])) for name in ("intersection", "difference", "symmetric_difference")),
    *((f"set.{name}", (SetValue(), MANY)) for name in ("issubset", "issuperset", "isdisjoint")),
    *((f"set.{name}update", (SetValue(), MANY)) for name in ("", *UPDATES)),
    *((f"statistics.{name}", (MANY,)) for name in MODULES["statistics"]),
    ("str.format", ("{}", LONG)),
    ("string.capwords", (LONG,)),
    ("tuple", (MANY,)),
    *((f"dict.{name}", (dict.fromkeys(map(str, MANY), 1),)) for name in ("keys", "values", "items")),
    *((f"str.{name}", (LONG,)) for name in ("upper", "lower", "title", "capitalize", "casefold", "swapcase")),
    *((f"str.{name}", (LONG,)) for name in METHODS["str"] if name.startswith("is")),
]


DIGITS = ("bin", "oct", "hex")
"""What gives the digits of an integer; there are never more than 13,000."""


@pytest.mark.parametrize("name", DIGITS)
def test_digits_are_charged_for(name: str) -> None:
    spent = meter()
    text = EVERY[name].code(spent, HUGE)
    assert len(text) <= spent.largest <= len(text) + 2
    assert spent.steps >= len(text) // 16
    with pytest.raises(BudgetError):
        EVERY[name].code(Meter(10**6, len(text) - 1), HUGE)


def test_every_entry_that_can_be_large_is_tried() -> None:
    constant = {name for name, entry in EVERY.items() if entry.cost == "1 step"}
    bounded = {"math.factorial", "math.isqrt", "math.comb", "math.perm"}  # no integer is larger than 13,000 bits
    assert {name for name, _ in SIZES} >= set(EVERY) - constant - {"reduce", "run_program", *DIGITS} - bounded


@pytest.mark.parametrize(("name", "args"), SIZES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(SIZES)])
def test_what_is_too_large_is_refused_before_it_is_made(name: str, args: tuple[Any, ...]) -> None:
    small = Meter(1_000, 10_000)
    tracemalloc.start()
    try:
        with pytest.raises(BudgetError) as caught:
            EVERY[name].code(small, *args)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.first.code in ("E506", "E507")
    assert peak < 2_000_000


@pytest.mark.parametrize("name", ["upper", "title", "casefold", "capitalize"])
def test_letters_that_grow_are_measured(name: str) -> None:
    text = "ΐ" * 1_000 if name != "capitalize" else "ΐ"
    tight = Meter(10**6, len(text) + 1)
    with pytest.raises(BudgetError) as caught:
        EVERY[f"str.{name}"].code(tight, text)
    assert caught.value.first.code == "E507"


@pytest.mark.parametrize("name", ["str", "repr", "to_json"])
def test_texts_of_values_are_measured(name: str) -> None:
    with pytest.raises(BudgetError) as caught:
        EVERY[name].code(Meter(10**6, 2_000), ["\x01" * 1_000])
    assert caught.value.first.code == "E507"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("abs", (1,)),
        ("round", (1.5,)),
        ("len", ("a",)),
        ("bool", (1,)),
        ("dict.get", ({}, "a")),
        ("divmod", (7, 2)),
        ("ord", ("a",)),
        ("chr", (97,)),
    ],
)
def test_what_is_small_costs_a_step(name: str, args: tuple[Any, ...]) -> None:
    assert EVERY[name].cost == "1 step"
    spent = meter()
    EVERY[name].code(spent, *args)
    assert spent.steps == 1
