"""Format specifications in f-strings."""

from __future__ import annotations

import re

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.types import FLOAT, INT, STR, UNKNOWN, Type, base_of
from rlmlang.runtime.formatting import MAX_FORMAT_WIDTH

_FORMAT = re.compile(
    r"(?:.?[<>=^])?[ +-]?#?0?(?P<width>\d{0,9})(?P<comma>[,_]?)(?:\.(?P<precision>\d{1,9}))?(?P<type>[a-zA-Z%]?)"
)

_CONVERSIONS: dict[Type, str] = {STR: "s", INT: "bdeEfFgGnoxX%", FLOAT: "eEfFgGn%"}
_EXAMPLES: dict[Type, str | int | float] = {STR: "x", INT: 1, FLOAT: 1.0}


def format_problem(hole: nodes.Hole, type_: Type) -> Diagnostic | None:
    """Return the problem with the format of an expression in an f-string, if there is one."""
    match = _FORMAT.fullmatch(hole.spec)
    base = STR if hole.conversion else base_of(type_)
    if base == UNKNOWN:
        return None
    conversions = _CONVERSIONS.get(base)
    if conversions is None:
        message = f"the format `:{hole.spec}` needs a str, int or float, not {type_}"
        return Diagnostic("E107", message, hole.span)
    hint = "for example `:>8`, `:.2f`, `:,`"
    if hole.spec.endswith("c") and base == INT:
        hint = "write `{chr(…)}`, which checks the number"
    wrong = Diagnostic("E107", f"invalid format `{hole.spec}` for {type_}", hole.span, hint)
    if match is None or (match["type"] and match["type"] not in conversions):
        return wrong
    if max(int(match["width"] or 0), int(match["precision"] or 0)) > MAX_FORMAT_WIDTH:
        return Diagnostic("E107", f"the format width exceeds {MAX_FORMAT_WIDTH:,}", hole.span)
    return None if _works(hole.spec, base) else wrong


def _works(spec: str, base: Type) -> bool:
    try:
        format(_EXAMPLES[base], spec)
    except ValueError:
        return False
    return True
