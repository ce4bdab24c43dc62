"""The type checker: from a syntax tree to a `Checked` program, before anything runs.

Types are inferred inside expressions and declared at the borders: inputs, parameters, results,
fields and CALLs. Every error of a program is reported in one pass; an expression that failed
has the type `UNKNOWN`, which fits everywhere, so that one mistake is reported once.

`checker` holds the state and checks statements, `expressions` and `applications` are the rules
for expressions, `annotations`, `operators` and `overloads` are what those rules look up.
"""

from __future__ import annotations

from rlmlang.language.check.checked import Checked
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.library import library_function, library_names
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import parse_partial
from rlmlang.language.source import Source
from rlmlang.language.types import Type

__all__ = ["check", "library_function", "library_names"]


@deep_recursion
def check(source: Source, expected: Type | None = None) -> Checked:
    """Parse and check a program, whose value must be of the `expected` type if there is one.

    Raises ProgramError with every diagnostic found.
    """
    parsed = parse_partial(source)
    checker = Checker(library_function, parsed.damaged, expected)
    checked = checker.program(parsed.module, complete=not parsed.diagnostics)
    checker.problems.raise_any(parsed.diagnostics)
    return checked
