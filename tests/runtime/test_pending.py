"""Pending and partial values: when they count as resolved, and the order of places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.language.types import INT, RecordType
from rlmlang.runtime.pending import (
    UNRESOLVED,
    Partial,
    Pending,
    as_container,
    build_dict,
    build_list,
    build_record,
    build_tuple,
    resolved,
    when_resolved,
    wrap,
)
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import RecordValue

POINT = RecordType("Point", (("x", INT), ("y", INT)))


def test_a_pending_value_runs_each_action_once() -> None:
    pending, seen = Pending(), []
    pending.when(lambda: seen.append("a"))
    pending.when(lambda: seen.append("b"))
    assert resolved(pending) is pending
    assert seen == []
    pending.resolve(7)
    assert seen == ["a", "b"]
    pending.when(lambda: seen.append("c"))
    assert seen == ["a", "b", "c"]
    assert resolved(pending) == 7


def test_resolving_with_a_pending_value_waits_for_it() -> None:
    outer, inner = Pending(), Pending()
    outer.resolve(inner)
    assert not outer.done
    inner.resolve("here")
    assert resolved(outer) == "here"


def test_resolving_with_a_resolved_value_takes_it() -> None:
    outer, inner = Pending(), Pending()
    inner.resolve(3)
    outer.resolve(inner)
    assert resolved(outer) == 3


@pytest.mark.parametrize(
    ("build", "plain"),
    [
        (build_list, [1, 2]),
        (build_tuple, (1, 2)),
        (lambda parts: build_dict(["a", "b"], parts), {"a": 1, "b": 2}),
        (lambda parts: build_record(POINT, parts), RecordValue(POINT, (1, 2))),
    ],
)
def test_a_container_with_a_pending_part_is_partial_until_it_is_resolved(build: Any, plain: Any) -> None:
    assert build([1, 2]) == plain
    pending = Pending()
    partial = build([1, pending])
    assert partial.__class__ is Partial
    assert resolved(partial) is partial
    pending.resolve(2)
    assert resolved(partial) == plain
    assert type(resolved(partial)) is type(plain)


def test_of_equal_keys_the_last_counts_at_the_place_of_the_first() -> None:
    pending = Pending()
    partial = build_dict(["a", "b", "a"], [1, pending, 3])
    pending.resolve(2)
    assert list(resolved(partial).items()) == [("a", 3), ("b", 2)]


def test_a_container_is_known_before_its_parts_are() -> None:
    pending = Pending()
    assert as_container(build_list([1, pending])) == [1, pending]
    assert as_container(pending) is pending
    whole = Pending()
    whole.resolve(build_tuple([pending]))
    assert as_container(whole) == (pending,)
    assert as_container([1]) == [1]


def test_a_partial_is_resolved_when_its_last_part_is() -> None:
    first, second, seen = Pending(), Pending(), []
    partial = build_list([build_list([first]), second])
    partial.when(lambda: seen.append(1))
    partial.when(lambda: seen.append(2))
    second.resolve("b")
    assert seen == []
    first.resolve("a")
    assert seen == [1, 2]
    assert resolved(partial) == [["a"], "b"]


def test_a_pending_value_may_turn_out_partial() -> None:
    outer, inner, seen = Pending(), Pending(), []
    when_resolved([outer, 5], lambda: seen.append(resolved(outer)))
    outer.resolve(build_list([inner]))
    assert seen == []
    inner.resolve(1)
    assert seen == [[1]]


def test_when_resolved_acts_at_once_if_nothing_is_pending() -> None:
    seen: list[int] = []
    done = Pending()
    done.resolve(1)
    when_resolved([done, "x", []], lambda: seen.append(1))
    assert seen == [1]


def test_wrap_finds_pending_parts_that_were_moved() -> None:
    pending = Pending()
    wrapped = wrap([(1, pending), "x"], 2)
    assert wrapped.__class__ in UNRESOLVED
    pending.resolve(2)
    assert resolved(wrapped) == [(1, 2), "x"]
    assert wrap({"a": 1}, 2) == {"a": 1}


def test_wrap_does_not_look_into_the_elements() -> None:
    """They may be large, and have no pending part."""
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
    assert resolved(last) == "here"


def test_partial_values_may_nest_deeply() -> None:
    inner = Pending()
    seen: list[int] = []
    value: Any = inner
    for _ in range(200):
        value = build_list([value])
    value.when(lambda: seen.append(1))
    inner.resolve(1)
    assert seen == [1]


def test_a_part_is_looked_at_only_once() -> None:
    """Asking again after each arrival costs nothing for the parts that are resolved."""
    parts: list[Any] = [Pending() for _ in range(2_000)]
    partial = build_list(list(parts))
    for i, part in enumerate(parts):
        part.resolve(i)
        resolved(partial)
    assert resolved(partial) == list(range(2_000))


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
