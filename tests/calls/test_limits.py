"""The values that limits may have."""

from __future__ import annotations

from typing import Any

import pytest

from rlmlang.calls.limits import Limits
from rlmlang.errors import InvalidOption


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("max_calls", value, "a whole number from 0 or None") for value in (1.5, True, "3", -1, [1], float("nan"))),
        ("max_depth", None, "a whole number from 0"),
        ("max_steps", 2.0, "a whole number from 0"),
        ("max_bytes", "none", "a whole number from 0"),
        ("max_answer_tokens", 0, "a whole number from 1"),
        ("concurrency", -3, "a whole number from 1 or None"),
        ("max_cost", "a", "a number of dollars from 0 or None"),
        ("max_cost", float("inf"), "a number of dollars from 0 or None"),
        ("max_seconds", -1, "a number of seconds from 0 or None"),
        ("max_share", 0, "a number above 0, up to 1"),
        ("max_share", 1.01, "a number above 0, up to 1"),
        ("max_share", None, "a number above 0, up to 1"),
    ],
)
def test_a_limit_out_of_range_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Limits(**{name: value})
    assert caught.value.first.message == f"{name} is {expected}, not {value!r}"


def test_limits_at_the_ends_of_their_ranges() -> None:
    limits = Limits(max_calls=0, max_depth=0, max_cost=0, max_seconds=0, max_share=1, concurrency=1)
    assert (limits.max_calls, limits.max_share) == (0, 1)
    assert Limits(max_calls=None, max_cost=None, max_seconds=None, concurrency=None).max_cost is None
