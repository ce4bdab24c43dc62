"""Methods that change their receiver, and the methods of sets and counters, as CPython has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.errors import BudgetError
from rlmlang.language.builtins import METHODS
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import SetValue
from tests.support.oracle import ERRORS, exact_text
from tests.support.rows import EVERY, call, meter, outcome

NUMBERS = st.integers(-3, 12)
KEYS = st.sampled_from("abcde")
LISTS = st.lists(NUMBERS, max_size=6)
DICTS = st.dictionaries(KEYS, NUMBERS, max_size=5)
SETS = st.sets(NUMBERS, max_size=8) | st.sets(st.integers(0, 90), max_size=30)
COUNTERS = st.lists(KEYS, max_size=12).map(Counter)

LIST_CHANGES: dict[str, list[st.SearchStrategy[Any]]] = {
    "append": [NUMBERS], "extend": [LISTS | LISTS.map(tuple) | st.text("ab", max_size=3)],
    "insert": [st.integers(-9, 9) | st.sampled_from([10**30, -(10**30)]), NUMBERS],
    "pop": [st.integers(-7, 7)], "remove": [NUMBERS], "clear": [], "reverse": [], "sort": [],
}  # fmt: skip
DICT_CHANGES: dict[str, list[st.SearchStrategy[Any]]] = {
    "pop": [KEYS, NUMBERS], "popitem": [], "setdefault": [KEYS, NUMBERS],
    "update": [DICTS | st.lists(st.tuples(KEYS, NUMBERS), max_size=4)], "clear": [],
}  # fmt: skip
SET_CHANGES: dict[str, list[st.SearchStrategy[Any]]] = {
    "add": [NUMBERS], "discard": [NUMBERS], "remove": [NUMBERS], "pop": [], "clear": [],
    "update": [SETS | LISTS], "difference_update": [SETS | LISTS], "intersection_update": [SETS | LISTS],
    "symmetric_difference_update": [SETS | LISTS],
}  # fmt: skip
COUNTED = COUNTERS | st.text("abc", max_size=5) | DICTS
COUNTER_CHANGES: dict[str, list[st.SearchStrategy[Any]]] = {"update": [COUNTED], "subtract": [COUNTED]}
LEAST = {"list.pop": 0, "dict.pop": 1}
"""The least number of arguments, where that is not the number of strategies."""


def mine(value: Any) -> Any:
    """A Python value as one of the language."""
    return SetValue(iter(value)) if isinstance(value, set) else value


def pythons(value: Any) -> Any:
    """A Python value; a set is made as that of `mine` is, since its order depends on that."""
    return set(iter(value)) if isinstance(value, set) else value


def changed_alike(of: str, name: str, receiver: Any, args: list[Any]) -> None:
    """Assert that a method changes its receiver, returns or fails as Python's does."""
    own, python = mine(deepcopy(receiver)), pythons(deepcopy(receiver))
    found = outcome(lambda: call(f"{of}.{name}", own, *map(mine, args)))
    try:
        expected = exact_text(getattr(python, name)(*map(pythons, args)))
    except tuple(ERRORS) as error:
        codes = next(codes for kind, codes in ERRORS.items() if isinstance(error, kind))
        assert found.removeprefix("error ") in codes
    else:
        assert found == expected
    assert exact_text(own) == exact_text(python)
    assert list(own) == list(python)  # in this order


@pytest.mark.parametrize(
    ("of", "receivers", "changes"),
    [
        ("list", LISTS, LIST_CHANGES),
        ("dict", DICTS, DICT_CHANGES),
        ("set", SETS, SET_CHANGES),
        ("Counter", COUNTERS, COUNTER_CHANGES),
    ],
    ids=["list", "dict", "set", "Counter"],
)
def test_methods_change_what_pythons_change(
    of: str, receivers: st.SearchStrategy[Any], changes: dict[str, list[st.SearchStrategy[Any]]]
) -> None:
    assert set(changes) == {name for name, row in METHODS[of].items() if row.changes}

    @given(st.data())
    def run(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(changes)))
        kinds = changes[name]
        count = data.draw(st.integers(LEAST.get(f"{of}.{name}", len(kinds)), len(kinds)))
        changed_alike(of, name, data.draw(receivers), [data.draw(kind) for kind in kinds[:count]])

    run()


@given(LISTS, st.booleans())
def test_sort_by_keys(xs: list[int], reverse: bool) -> None:
    own, python = list(xs), list(xs)
    call("list.sort", own, key=[abs(x) for x in xs], reverse=reverse)
    python.sort(key=abs, reverse=reverse)
    assert own == python


OTHERS = st.lists(SETS | LISTS | st.dictionaries(NUMBERS, NUMBERS, max_size=5), max_size=3)


@given(st.sampled_from(["union", "intersection", "difference"]), SETS, OTHERS)
def test_sets_of_several(name: str, receiver: set[int], others: list[Any]) -> None:
    found = call(f"set.{name}", mine(receiver), *map(mine, others))
    assert list(found) == list(getattr(pythons(receiver), name)(*map(pythons, others)))
    assert type(found) is SetValue


@given(
    st.sampled_from(["symmetric_difference", "issubset", "issuperset", "isdisjoint"]),
    SETS,
    SETS | LISTS | st.dictionaries(NUMBERS, NUMBERS, max_size=5),
)
def test_a_set_and_another(name: str, receiver: set[int], other: Any) -> None:
    found = call(f"set.{name}", mine(receiver), mine(other))
    assert exact_text(found) == exact_text(getattr(pythons(receiver), name)(pythons(other)))


@given(COUNTERS, st.none() | st.integers(-1, 9))
def test_counters(counter: Counter[str], n: int | None) -> None:
    assert call("Counter.most_common", counter, n) == counter.most_common(n)
    assert call("Counter.total", counter) == counter.total()
    assert call("Counter.elements", counter) == list(counter.elements())
    assert exact_text(call("collections.Counter", "".join(counter))) == exact_text(Counter("".join(counter)))


def test_defaults_are_made_anew() -> None:
    groups = call("collections.defaultdict", [[]])
    groups["a"].append(1)
    assert (groups["b"], dict(groups)) == ([], {"a": [1], "b": []})
    pairs = call("collections.defaultdict", [[0, 0]], {"c": [1, 1]})
    pairs["a"][0] = 5
    assert (pairs["b"], pairs["c"]) == ([0, 0], [1, 1])


GROWING: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "list.append": lambda xs: (list(xs), 1),
    "list.extend": lambda xs: (list(xs), [1, 2]),
    "list.insert": lambda xs: (list(xs), 0, 1),
    "dict.setdefault": lambda xs: (dict.fromkeys(xs, 1), -1, 1),
    "dict.update": lambda xs: (dict.fromkeys(xs, 1), {-1: 1}),
    "set.add": lambda xs: (SetValue(xs), -1),
    "set.update": lambda xs: (SetValue(xs), [-1, -2]),
    "Counter.update": lambda xs: (Counter(xs), [-1]),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_would_grow_too_large_is_refused(name: str) -> None:
    size = 8 * (2_000 if name.startswith(("dict", "Counter")) else 1_000)
    args = GROWING[name](range(1_000))
    with pytest.raises(BudgetError) as caught:
        EVERY[name].code(Meter(10**6, size), *args)
    assert caught.value.first.code == "E507"
    assert len(args[0]) == 1_000


@pytest.mark.parametrize("name", ["list.append", "list.pop", "dict.pop", "set.add", "set.discard", "set.pop"])
def test_what_is_small_takes_a_step_however_large_the_receiver_is(name: str) -> None:
    many = range(100_000)
    receivers = {"list": list(many), "dict": dict.fromkeys(many, 1), "set": SetValue(many)}
    spent = meter()
    args = [] if name.endswith("pop") and name != "dict.pop" else [5]
    EVERY[name].code(spent, receivers[name.partition(".")[0]], *args)
    assert spent.steps <= 2
