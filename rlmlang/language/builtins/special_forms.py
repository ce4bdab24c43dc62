"""Built-in functions that the interpreter evaluates, since they apply functions, run programs or show something."""

from __future__ import annotations

from typing import Any

from rlmlang.language.builtins.common import ONE
from rlmlang.language.builtins.table import BUILTINS, MODULES, SpecialForm, builtin
from rlmlang.runtime.exceptions import no_next
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import RecordValue, SetValue, Value


@builtin(
    "reduce(step: Callable[[A, T], A], xs: Iterable[T], start: A) -> A",  # decision 7
    doc="`step(state, x)` for one x after another, from the state `start`; the last state. A variable `xs` that is a "
    "list needs no `start`: its first element is the start then",
    examples=[
        "reduce(lambda a, x: a + x, [1, 2], 0) == 3",
        'reduce(lambda a, x: x + a, "ab", "") == "ba"',
        "xs = [2, 3, 4]\nreduce(lambda a, x: a * x, xs) == 24",
    ],
    cost="1 step an element, and what `step` takes",
    form=SpecialForm.FOLD,
)
def _reduce(meter: Meter, *args: Any) -> Any:
    raise AssertionError("a special form")


MODULES["functools"]["reduce"] = BUILTINS["reduce"]


@builtin(
    "next(xs: Iterable[T]) -> T",
    "next(xs: Iterable[T], default: None) -> T | None",
    "next(xs: Iterable[T], default: T) -> T",
    doc="the first element of a generator, such as `next((x for x in xs if f(x)), None)`; no element after it is "
    "computed. `default` if there is none, and an error if there is no default",
    examples=["next(x for x in [1, 2, 3] if x > 1) == 2", "next((x for x in [1] if x > 1), 0) == 0"],
    cost=ONE,
    form=SpecialForm.NEXT,
)
def _next(meter: Meter) -> Any:
    raise no_next()


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


@builtin(
    'print(*values: Any, sep: str = " ", end: str = "\\n") -> None',
    doc="shows the values as text, in the trace and in previews too; the value of the program does not have it",
    examples=['print("a", 1) is None', 'print(1, [2], sep=", ", end="") is None'],
    cost="10 steps, 1 an element, 1 for 16 characters",
    form=SpecialForm.PRINT,
)
def _print(meter: Meter, *values: Value, sep: str = " ", end: str = "\n") -> str:
    meter.charge(10)
    meter.walk(values)
    texts = [str(value) for value in values]
    meter.text(sum(map(len, texts)) + len(sep) * max(0, len(texts) - 1) + len(end))
    return sep.join(texts) + end


@builtin(
    "isinstance(x: Any, types: Any) -> bool",
    doc="whether `x` is of a type, or of one of a tuple of types: `str`, `int`, `float`, `bool`, `list`, `dict`, "
    "`set`, `tuple` or a record",
    examples=["isinstance(1, int)", 'not isinstance("a", (int, float))', "isinstance(True, int)"],
    cost=ONE,
    form=SpecialForm.ISINSTANCE,
)
def _isinstance(meter: Meter, x: Value, types: tuple[str, ...]) -> bool:
    meter.charge(1)
    kind = x.type.name if isinstance(x, RecordValue) else _KINDS.get(type(x), "")
    return kind in types or (kind == "bool" and "int" in types)


_KINDS: dict[type, str] = {
    **{kind: kind.__name__ for kind in (str, int, float, bool, list, dict, tuple)},
    SetValue: "set",
    type(None): "None",
}
"""The types of values by the names that programs have for them."""
