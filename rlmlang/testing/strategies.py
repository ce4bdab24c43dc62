"""Hypothesis strategies for programs and expressions, and for types and values.

Programs are generated as text, well-typed by construction: the writer keeps its own types and never asks the checker.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from rlmlang.language.types import Type
from rlmlang.testing.choices import CHECKED, DrawFunction
from rlmlang.testing.expression_writer import ExpressionWriter
from rlmlang.testing.program_writer import Case, ProgramWriter
from rlmlang.testing.value_strategies import floats, literal_text, texts, types, values

__all__ = ["expressions", "floats", "literal_text", "programs", "texts", "types", "values"]


def expressions(
    type_: Type, scope: Mapping[str, Type] | None = None, *, calls: bool = True, depth: int = 3
) -> st.SearchStrategy[str]:
    """Return a strategy for expressions of a type, as text, that may use the names of a scope."""

    @st.composite
    def write(draw: DrawFunction) -> str:
        return ExpressionWriter(draw, scope or {}, calls, draw(st.integers(0, depth))).expr(type_, CHECKED)

    return write()


def programs(*, calls: bool = True, depth: int = 3, statements: int = 4) -> st.SearchStrategy[Case]:
    """Return a strategy for well-typed programs with values for their inputs.

    If `calls` is false, no program makes a CALL. `depth` limits how deep expressions nest, and `statements` how many
    functions and bindings a program has.
    """

    @st.composite
    def write(draw: DrawFunction) -> Case:
        return ProgramWriter(draw, {}, calls, depth).program(statements)

    return write()
