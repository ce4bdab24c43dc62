"""Explain what is wrong with a text that the grammar refuses, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from rlmlang.language.parse.adjacent_strings import STRINGS
from rlmlang.language.parse.explain_expressions import (
    foreign_symbol,
    generator,
    malformed_number,
    misplaced_string,
    missing_part,
    reserved_word,
    starred,
    walrus,
)
from rlmlang.language.parse.explain_habits import (
    comprehension,
    foreign_form,
    foreign_operator,
    foreign_statement,
    statement_in_expression,
    type_form,
)
from rlmlang.language.parse.explain_statements import (
    assignment,
    indentation,
    misplaced_clause,
    misplaced_part,
    parameters,
    python_statement,
    record,
    reserved_name,
    same_line,
    three_dots,
    tuple_statement,
)
from rlmlang.language.parse.refused_token import Explanation, RefusedToken
from rlmlang.language.parse.tables import LINE_ENDS

_Rule = Callable[[RefusedToken], Union[Explanation, None]]

_RULES: tuple[_Rule, ...] = (
    reserved_name, python_statement, misplaced_clause, same_line, walrus, foreign_statement, indentation,
    misplaced_part, type_form, foreign_form, foreign_operator, parameters, assignment, starred, record,
    statement_in_expression, reserved_word, generator, comprehension, misplaced_string, malformed_number,
    foreign_symbol, tuple_statement, three_dots, missing_part,
)  # fmt: skip
"""The first one that applies explains the error."""

_IN_EXPRESSIONS: tuple[_Rule, ...] = (
    walrus, foreign_form, foreign_operator, parameters, starred, reserved_word, generator, comprehension,
    misplaced_string, malformed_number, foreign_symbol, tuple_statement, missing_part,
)  # fmt: skip


def explain(refused: RefusedToken) -> Explanation:
    """Return the diagnostic for a text that the grammar refuses."""
    for rule in _IN_EXPRESSIONS if refused.hole else _RULES:
        if (found := rule(refused)) is not None:
            return found
    return _generic(refused)


_WORDS = {
    "NAME": "a name", **dict.fromkeys(LINE_ENDS, "end of line"), "LPAR": "`(`", "RPAR": "`)`",
    "LSQB": "`[`", "RSQB": "`]`", "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`", "STAR": "`*`",
    "IN": "`in`", "__ANON_0": "`->`",
}  # fmt: skip
"""How messages name the terminals of the grammar."""


def _generic(refused: RefusedToken) -> Explanation:
    """Return what was found, and what was expected if that can be said briefly."""
    shown = refused.found.split("\n", 1)[0][:40]
    found = f"`{shown}`" if shown.strip() else "end of expression" if refused.hole else "end of line"
    expected = hint = None
    if refused.expects_expression:
        expected = "an expression"
    elif refused.expected >= {"NAME", "NONE"}:
        expected = "a type"
    elif refused.expected and refused.expected <= _WORDS.keys():
        expected = " or ".join(sorted({_WORDS[name] for name in refused.expected}))
    elif refused.kind in ("NAME", "INT", "FLOAT", *STRINGS):
        hint = "an operator or a comma may be missing before it"
    message = f"unexpected {found}" + (f"; expected {expected}" if expected else "")
    return "E100", message, refused.token_range, hint
