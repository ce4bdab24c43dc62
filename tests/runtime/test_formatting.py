"""`text % values` and `text.format(…)` as CPython has them, but that they do not look into values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlmlang.errors import BudgetError, RunError
from rlmlang.runtime.formatting import filled, formatted
from rlmlang.runtime.meter import Meter
from tests.support.rows import meter

PIECES = st.lists(
    st.sampled_from(["%", "%d", "%s", "%r", "%5.2f", "%-4d", "%x", "%(a)s", "%%", "%c", "{", "}", "{{", "}}", "{}",
                     "{0}", "{1:>5}", "{a}", "{a!r}", "{:.2f}", "{:,}", "{:d}", "a", " "]), max_size=5,
).map("".join)  # fmt: skip
SCALARS = st.integers(-999, 9999) | st.sampled_from(["", "x", "yz", 2.5, -0.0, 1e30, True, None])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.lists(SCALARS, max_size=3).map(tuple) | st.just({"a": 7})


def compared(work: Callable[[], str], python: Callable[[], str]) -> None:
    """Assert that both give the same text; what is refused is refused with a code."""
    try:
        found = work()
    except RunError as error:
        assert error.first.code in ("E301", "E302", "E304")
        return
    assert found == python()


@given(PIECES, VALUES)
@example("%c", "é")
@example("%", 1)
def test_values_after_a_percent_sign(template: str, values: Any) -> None:
    compared(lambda: filled(meter(), template, values), lambda: template % values)


@given(PIECES, st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3), st.booleans())
def test_values_of_format(template: str, values: list[Any], named: bool) -> None:
    keywords = {"a": 5} if named else {}
    compared(lambda: formatted(meter(), template, values, keywords), lambda: template.format(*values, **keywords))


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("%d of %d", (1, 2), "1 of 2"),
        ("%5.1f|%-5s|%05d", (2.25, "a", 42), "  2.2|a    |00042"),
        ("%s", [1, 2], "[1, 2]"),
        ("%(a)s-%(b)d", {"a": "x", "b": 2}, "x-2"),
        ("100%%", (), "100%"),
    ],
)
def test_usual_templates_are_filled(template: str, values: Any, text: str) -> None:
    assert filled(meter(), template, values) == text == template % values


@pytest.mark.parametrize(
    ("template", "text"),
    [("{} {}", "1 x"), ("{1}{0}", "x1"), ("{name:>4}|{0:03d}", "   n|001"), ("{{{}}}", "{1}"), ("{1!r}", "'x'")],
)
def test_usual_templates_are_formatted(template: str, text: str) -> None:
    assert formatted(meter(), template, [1, "x"], {"name": "n"}) == text == template.format(1, "x", name="n")


@pytest.mark.parametrize("template", ["{0.__class__}", "{0[a]}", "{0.real}", "{name.x}", "{:{}}", "{:c}", "{!a}"])
def test_templates_do_not_look_into_values(template: str) -> None:
    with pytest.raises(RunError) as caught:
        formatted(meter(), template, [97, 5], {"name": 1})
    assert caught.value.first.code == "E304"


@pytest.mark.parametrize("template", ["%2000d", "%.5000f", "%s %s", "%", "%y", "%(a)d"])
def test_templates_that_do_not_fit(template: str) -> None:
    with pytest.raises(RunError) as caught:
        filled(meter(), template, 5)
    assert caught.value.first.code == "E304"


def test_texts_that_would_be_too_large_are_refused() -> None:
    with pytest.raises(BudgetError):
        filled(Meter(10**6, 100_000), "%999d" * 200, tuple(range(200)))
    with pytest.raises(BudgetError):
        formatted(Meter(10**6, 100_000), "{0:999}" * 2_000, [1], {})
    with pytest.raises(BudgetError):
        formatted(Meter(1_000, 10**9), "{0}" * 1_000, ["a" * 100_000], {})
