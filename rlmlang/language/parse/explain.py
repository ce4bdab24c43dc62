"""Explain what is wrong with a text that the grammar refuses, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from rlmlang.language.parse.explain_expressions import (
    foreign_symbol,
    malformed_number,
    misplaced_string,
    missing_part,
    reserved_word,
    set_display,
    starred,
    walrus,
)
from rlmlang.language.parse.explain_statements import (
    assignment,
    function,
    misplaced_return,
    python_statement,
    record,
    reserved_name,
    unexpected_indent,
)
from rlmlang.language.parse.refused import STRINGS, Explanation, RefusedToken

_Rule = Callable[[RefusedToken], Union[Explanation, None]]

_RULES: tuple[_Rule, ...] = (
    reserved_name, python_statement, walrus, assignment, starred, reserved_word, set_display, misplaced_string,
    malformed_number, foreign_symbol, misplaced_return, unexpected_indent, record, function, missing_part,
)  # fmt: skip
"""The first one that applies explains the error."""

_IN_EXPRESSIONS: tuple[_Rule, ...] = (
    walrus, starred, reserved_word, set_display, misplaced_string, malformed_number, foreign_symbol, missing_part,
)  # fmt: skip


def explain(refused: RefusedToken) -> Explanation:
    """Return the diagnostic for a text that the grammar refuses."""
    for rule in _IN_EXPRESSIONS if refused.hole else _RULES:
        if (found := rule(refused)) is not None:
            return found
    return _generic(refused)


_WORDS = {
    "NAME": "a name", "_NL": "end of line", "_IN": "an indented line", "LPAR": "`(`", "RPAR": "`)`",
    "LSQB": "`[`", "RSQB": "`]`", "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`", "IN": "`in`", "__ANON_0": "`->`",
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
