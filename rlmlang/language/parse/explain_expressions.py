"""Syntax errors in expressions: operators, words and literals that Python has, and what was probably forgotten."""

from __future__ import annotations

import re

from rlmlang.language.parse.explain_statements import BRANCH, SAME, STATEMENTS
from rlmlang.language.parse.refused import (
    LINE_ENDS,
    STRINGS,
    Explanation,
    Refused,
    cannot_name,
    is_reserved,
    last_word,
    opener_of,
)


def walrus(refused: Refused) -> Explanation | None:
    at = refused.text.find(":=", max(0, refused.start - 1), refused.start + 2)
    if at < 0:
        return None
    return "E118", "`:=` is not in the language", (at, at + 2), "bind the value on a line of its own"


def starred(refused: Refused) -> Explanation | None:
    if refused.found not in ("*", "**") or "NAME" not in refused.expected:
        return None
    if refused.last and refused.last in "-+*/%":
        return None
    return (
        "E117",
        "starred expressions are not in the language",
        refused.place,
        "write the parts one by one, or use `+`",
    )


def reserved_word(refused: Refused) -> Explanation | None:
    """A reserved word where it cannot stand."""
    word = refused.found
    if not is_reserved(word) or (word in ("def", "class") and not refused.before):
        return None
    if refused.a_name:
        return cannot_name(word, refused.start)
    if word == "lambda":
        hint = "define a function: `def f(x: int) -> int:`"
        return "E124", "a lambda may stand only as an argument", refused.place, hint
    if word in ("async", "await", "yield"):
        code, message, hint = STATEMENTS[SAME.get(word, word)]
        return code, message, refused.place, hint
    return cannot_name(word, refused.start) if refused.kind == "RESERVED" else None


def set_display(refused: Refused) -> Explanation | None:
    if refused.found not in (",", "}", "for") or "COLON" not in refused.expected:
        return None
    opener = opener_of(refused)
    if opener is None or refused.text[opener] != "{":
        return None
    where = opener, refused.end
    return "E125", "sets are not in the language", where, "write `set([…])`: a sorted list of the distinct values"


def misplaced_string(refused: Refused) -> Explanation | None:
    """A string where it cannot stand: behind a prefix, or another string."""
    if refused.kind not in STRINGS:
        return None
    if refused.before.endswith('f""'):
        where = refused.start - 3, refused.end
        return "E107", "an f-string stands on one line", where, "write `\\n` for a line end"
    prefix = last_word(refused.before)
    if prefix in ("f", "F"):
        message, hint = _fstring_problem(refused.found[1:-1])
        if prefix == "F":
            message, hint = "the prefix of an f-string is a small `f`", 'write `f"…"`'
        return "E107", message, (refused.start - 1, refused.end), hint
    if prefix:
        return "E100", f"`{prefix[:40]}` is no prefix of strings", refused.place, 'those are `r"…"` and `f"…"`'
    if refused.last in ('"', "'"):
        return "E100", "strings side by side are not joined", refused.place, "write `+` between them"
    return None


_BY_NAME = "bind the value to a name first"


def _fstring_problem(inside: str) -> tuple[str, str]:
    """What keeps an f-string from being one token, and a hint."""
    inside = inside.replace("{{", "").replace("}}", "")
    for pattern, message, hint in (
        (r"\{\}", "an empty hole in an f-string", "write `{{}}` for braces"),
        (r"\{[^}]*\{", "a brace inside a hole of an f-string", _BY_NAME),
        (r"\{[^}]*\\", "a backslash in a hole of an f-string", _BY_NAME),
        (r"\{[^}]*#", "a `#` in a hole of an f-string", _BY_NAME),
        (r"\{[^}]*$", "a hole of an f-string that is not closed", "use quotes of the other kind in it"),
    ):
        if re.search(pattern, inside):
            return message, hint
    return "a `}` in an f-string that closes nothing", "write `}}` for a brace"


def malformed_number(refused: Refused) -> Explanation | None:
    """A token that runs on from a number."""
    run = last_word(refused.before)
    rest = re.match(r"\w+", refused.text[refused.start :])
    if not run or rest is None:
        return None
    start = refused.start - len(run)
    where = start, refused.start + rest.end()
    text = refused.text[slice(*where)]
    if len(text) > 40:
        return "E106", "a malformed number", where, None
    try:
        value = int(text, 0 if text[1:2].isalpha() else 10)
    except ValueError:
        hint = "digits, with single `_` between them at most" if text.strip("0123456789_") == "" else None
    else:
        hint = f"write `{value}`"
    return "E106", f"`{text}` is not a number", where, hint


_SYMBOLS = {
    "\\": ("a line does not go on after `\\`", "break lines inside brackets"),
    ";": ("`;` is not in the language", "write one statement a line"),
    "&": ("`&` is not in the language", "for bool, write `and`"),
    "|": ("`|` stands in types only", "for bool, write `or`"),
    "^": ("`^` is not in the language", "for bool, write `!=`; for powers, `**`"),
    "~": ("`~` is not in the language", "for bool, write `not`"),
    "!": ("`!` is not in the language", "write `not`"),
    "?": ("`?` is not in the language", BRANCH),
    "@": ("`@` is not in the language", None),
    "$": ("`$` is not in the language", None),
    "`": ("a backquote is not in the language", 'text stands in quotes: `"…"`'),
}


def foreign_symbol(refused: Refused) -> Explanation | None:
    if found := _SYMBOLS.get(refused.found):
        return "E100", found[0], refused.place, found[1]
    return None


def missing_part(refused: Refused) -> Explanation | None:
    """What is known from what could stand here instead."""
    expected = refused.expected
    if expected and expected <= {"NONE", "NOT"}:
        return "E100", "`is` tests for None only", refused.place, "compare with `==`"
    if "ELSE" in expected and "IF" not in expected and refused.kind in (*LINE_ENDS, "RPAR", "RSQB", "COMMA"):
        return "E100", "a conditional needs its `else`", refused.place, "write `a if condition else b`"
    if refused.found == "=" and not refused.operand:
        return "E100", "`=` binds names, and stands in statements only", refused.place, "compare with `==`"
    if refused.found == "," and (opener := opener_of(refused)) is not None and refused.text[opener] == "[":
        return "E100", "an index is one value", refused.place, "write `x[i][j]`"
    if refused.found == "," and ("_NL" in expected or not expected):
        return "E100", "a tuple needs its brackets", refused.place, "write `(a, b)`"
    return None
