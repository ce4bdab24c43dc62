"""Built-in functions that the interpreter evaluates, since they apply functions or run programs."""

from __future__ import annotations

from typing import Any

from rlmlang.language.builtins.table import SpecialForm, builtin
from rlmlang.runtime.meter import Meter

# Special forms, which the interpreter evaluates --------------------------------------


@builtin(
    "reduce(step: Callable[[A, T], A], xs: Iterable[T], start: A) -> A",  # decision 7
    doc="`step(state, x)` for one x after another, from the state `start`; the last state",
    examples=["reduce(lambda a, x: a + x, [1, 2], 0) == 3", 'reduce(lambda a, x: x + a, "ab", "") == "ba"'],
    cost="1 step an element, and what `step` takes",
    form=SpecialForm.FOLD,
)
def _reduce(meter: Meter, *args: Any) -> Any:
    raise AssertionError("a special form")


@builtin(
    "run_program(program: str, inputs: dict[str, str]) -> tuple[str | None, str | None]",
    doc="checks and runs a program's text: its value as JSON and None, or None and the error. "
    "Inputs are JSON, of type str bare text",
    examples=[
        'run_program("1 + 1", {}) == ("2", None)',
        'run_program("x: int\\nx * 2", {"x": "4"}) == ("8", None)',
        'run_program("1 +", {})[0] is None',
    ],
    cost="2,000 steps, 40 for each character, and what the program takes",
    form=SpecialForm.PROGRAM,
)
def _run_program(meter: Meter, *args: Any) -> Any:
    raise AssertionError("a special form")
