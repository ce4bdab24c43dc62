"""20,000 random programs without a CALL mean what CPython says. They are drawn in batches, which takes a tenth of the time
that Hypothesis takes to draw them."""

from __future__ import annotations

import pytest

from tests.runtime.test_properties import agrees_with_python
from tests.support.random_programs import random_program

BATCH = 1_000


def test_a_few_programs_mean_what_python_says() -> None:
    for seed in range(60):
        agrees_with_python(random_program(seed))


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 20_100, BATCH))
def test_many_programs_mean_what_python_says(first: int) -> None:
    for seed in range(first, first + BATCH):
        case = random_program(seed)
        try:
            agrees_with_python(case)
        except Exception as error:
            raise AssertionError(f"of seed {seed}:\n{case.text}") from error
