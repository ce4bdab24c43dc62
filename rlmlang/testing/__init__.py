"""Hypothesis strategies for programs and their values, a model that answers anything, and functions with set results.

    from hypothesis import given
    from rlmlang import testing

    @given(testing.programs())
    def test_my_backend(case):
        testing.run(case, model=MyModel())

`programs(calls=False)` gives the pure fragment, of which every program is also a Python program with the same meaning.
Names are imported when they are first used, so that `rlmlang conform` works where Hypothesis is not installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlmlang.testing.echo import EchoModel, echo_model, run
    from rlmlang.testing.program_writer import Case
    from rlmlang.testing.scripted_functions import scripted_function
    from rlmlang.testing.strategies import expressions, floats, literal_text, programs, texts, types, values

__all__ = [
    "Case", "EchoModel", "echo_model", "expressions", "floats", "literal_text", "programs", "run", "scripted_function",
    "texts", "types", "values",
]  # fmt: skip

_HOMES = {
    "echo": ("EchoModel", "echo_model", "run"),
    "program_writer": ("Case",),
    "scripted_functions": ("scripted_function",),
    "strategies": ("expressions", "floats", "literal_text", "programs", "texts", "types", "values"),
}
"""The module that each public name lives in."""


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
