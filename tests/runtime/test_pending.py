"""Values that are not there yet: when they count as there, and in what order places stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.language.types import INT, RecordType
from rlmlang.runtime.pending import (
    LATE,
    Partial,
    Pending,
    Place,
    build_dict,
    build_list,
    build_record,
    build_tuple,
    settle,
    shape,
    when_settled,
    wrap,
)
from rlmlang.runtime.values import RecordValue

POINT = RecordType("Point", (("x", INT), ("y", INT)))


def test_a_pending_value_tells_those_who_wait_once() -> None:
    pending, told = Pending(), []
    pending.when(lambda: told.append("a"))
    pending.when(lambda: told.append("b"))
    assert settle(pending) is pending
    assert told == []
    pending.resolve(7)
    assert told == ["a", "b"]
    pending.when(lambda: told.append("c"))
    assert told == ["a", "b", "c"]
    assert settle(pending) == 7


def test_resolving_with_a_pending_value_waits_for_it() -> None:
    outer, inner = Pending(), Pending()
    outer.resolve(inner)
    assert not outer.done
    inner.resolve("here")
    assert settle(outer) == "here"


def test_resolving_with_a_value_that_arrived_takes_it() -> None:
    outer, inner = Pending(), Pending()
    inner.resolve(3)
    outer.resolve(inner)
    assert settle(outer) == 3


@pytest.mark.parametrize(
    ("build", "plain"),
    [
        (build_list, [1, 2]),
        (build_tuple, (1, 2)),
        (lambda parts: build_dict(["a", "b"], parts), {"a": 1, "b": 2}),
        (lambda parts: build_record(POINT, parts), RecordValue(POINT, (1, 2))),
    ],
)
def test_a_container_with_a_late_part_is_partial_until_it_arrives(build: Any, plain: Any) -> None:
    assert build([1, 2]) == plain
    late = Pending()
    partial = build([1, late])
    assert partial.__class__ is Partial
    assert settle(partial) is partial
    late.resolve(2)
    assert settle(partial) == plain
    assert type(settle(partial)) is type(plain)


def test_of_equal_keys_the_last_counts_at_the_place_of_the_first() -> None:
    late = Pending()
    partial = build_dict(["a", "b", "a"], [1, late, 3])
    late.resolve(2)
    assert list(settle(partial).items()) == [("a", 3), ("b", 2)]


def test_the_shape_is_known_before_the_parts_are() -> None:
    late = Pending()
    assert shape(build_list([1, late])) == [1, late]
    assert shape(late) is late
    whole = Pending()
    whole.resolve(build_tuple([late]))
    assert shape(whole) == (late,)
    assert shape([1]) == [1]


def test_a_partial_counts_as_there_when_its_last_part_arrives() -> None:
    first, second, told = Pending(), Pending(), []
    partial = build_list([build_list([first]), second])
    partial.when(lambda: told.append(1))
    partial.when(lambda: told.append(2))
    second.resolve("b")
    assert told == []
    first.resolve("a")
    assert told == [1, 2]
    assert settle(partial) == [["a"], "b"]


def test_a_pending_value_may_turn_out_partial() -> None:
    outer, inner, told = Pending(), Pending(), []
    when_settled([outer, 5], lambda: told.append(settle(outer)))
    outer.resolve(build_list([inner]))
    assert told == []
    inner.resolve(1)
    assert told == [[1]]


def test_when_settled_acts_at_once_if_nothing_is_missing() -> None:
    told: list[int] = []
    done = Pending()
    done.resolve(1)
    when_settled([done, "x", []], lambda: told.append(1))
    assert told == [1]


def test_wrap_finds_late_parts_that_were_moved_around() -> None:
    late = Pending()
    wrapped = wrap([(1, late), "x"], 2)
    assert wrapped.__class__ in LATE
    late.resolve(2)
    assert settle(wrapped) == [(1, 2), "x"]
    assert wrap({"a": 1}, 2) == {"a": 1}


def test_wrap_does_not_look_into_the_elements() -> None:
    """They may be large, and hold nothing late."""
    element = [1, 2]
    assert wrap([element], 1)[0] is element
    assert wrap([(element,)], 2)[0][0] is element


def test_long_chains_of_waiting_values_do_not_nest() -> None:
    first = Pending()
    last: Any = first
    for _ in range(50_000):
        after = Pending()
        after.resolve(last)
        last = after
    first.resolve("here")
    assert settle(last) == "here"


def test_late_values_may_nest_deeply() -> None:
    inner = Pending()
    told: list[int] = []
    value: Any = inner
    for _ in range(200):
        value = build_list([value])
    value.when(lambda: told.append(1))
    inner.resolve(1)
    assert told == [1]


def test_a_part_is_looked_at_only_once() -> None:
    """Asking again after each arrival costs nothing for the parts that are there."""
    parts: list[Any] = [Pending() for _ in range(2_000)]
    partial = build_list(list(parts))
    for i, part in enumerate(parts):
        part.resolve(i)
        settle(partial)
    assert settle(partial) == list(range(2_000))


paths = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5)


def place(path: list[tuple[int, int]]) -> Place:
    found: Place | None = None
    for site, turn in path:
        found = Place(found, site, turn)
    assert found is not None
    return found


@given(paths, paths)
def test_places_are_in_the_order_of_their_paths(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    assert (place(a) < place(b)) == (a < b)
    assert place(a).path() == a
