"""Explain syntax errors in expressions: Python syntax that is not in the language, and missing parts."""

from __future__ import annotations

import re

from rlmlang.language.parse.adjacent_strings import STRINGS
from rlmlang.language.parse.explain_statements import SAME, STATEMENTS
from rlmlang.language.parse.refused_token import (
    Explanation,
    RefusedToken,
    cannot_name,
    is_reserved,
    last_word,
    opener_of,
)
from rlmlang.language.parse.tables import LINE_ENDS


def walrus(refused: RefusedToken) -> Explanation | None:
    at = refused.text.find(":=", max(0, refused.start - 1), refused.start + 2)
    if at < 0:
        return None
    hint = "put it in brackets, or bind the value on a line above"
    return "E118", "`:=` cannot be used here", (at, at + 2), hint


def starred(refused: RefusedToken) -> Explanation | None:
    """Explain `*` or `**` where an expression is expected."""
    if refused.expected == {"COMMA"} and re.search(r"(?:^|[^*])\*[^*]*$", refused.before):
        return "E117", "a starred expression needs others beside it", refused.token_range, "write `[*xs]`"
    if refused.found not in ("*", "**") or "NAME" not in refused.expected:
        return None
    if refused.last and refused.last in "-+*/%":
        return None
    if refused.found == "*":
        return "E117", "a starred expression is not allowed here", refused.token_range, None
    opener = opener_of(refused)
    hint = "write `a | b`" if opener is not None and refused.text[opener] == "{" else "pass the arguments by name"
    return "E117", "`**` is not allowed here", refused.token_range, hint


def reserved_word(refused: RefusedToken) -> Explanation | None:
    """Explain a reserved word where an expression or a name is expected."""
    word = refused.found
    if not is_reserved(word) or (word in ("def", "class") and not refused.before):
        return None
    if refused.expects_name:
        return cannot_name(word, refused.start)
    if word == "lambda":
        hint = "define a function: `def f(x):`"
        opener = opener_of(refused)
        if opener is not None and refused.text[opener] == "{":
            hint = "define a function with a branch for each key: `if op == '+': return a + b`"
        return "E124", "a lambda is allowed only as an argument, or alone behind `name =`", refused.token_range, hint
    if word in ("async", "await", "yield"):
        code, message, hint = STATEMENTS[SAME.get(word, word)]
        return code, message, refused.token_range, hint
    bound = re.match(r"\w+ *(?:,|=(?!=))", refused.rest)
    return cannot_name(word, refused.start) if refused.kind == "RESERVED" or bound else None


def generator(refused: RefusedToken) -> Explanation | None:
    opener = opener_of(refused)
    if refused.found != "for" or opener is None or refused.text[opener] != "(":
        return None
    hint = "write a list: `[f(x) for x in xs]`"
    return "E100", "a generator is allowed only as an argument", refused.token_range, hint


def misplaced_string(refused: RefusedToken) -> Explanation | None:
    """Explain a string after a wrong prefix, and what stands in a long f-string that is no token."""
    if (found := refused.long_string) is not None and refused.text[found[0] - 1 : found[0]] == "f":
        inside, behind = refused.text[found[0] + 3 : found[1] - 3], refused.text[found[1] : refused.line_end]
        message, hint = _fstring_problem(inside.replace("\n", " "), behind)
        return "E107", message, (found[0] - 1, found[1]), hint
    if refused.kind not in STRINGS:
        return None
    prefix = last_word(refused.before)
    if prefix in ("f", "F"):
        message, hint = _fstring_problem(refused.found[1:-1], refused.text[refused.end : refused.line_end])
        if prefix == "F":
            message, hint = "the prefix of an f-string is a lowercase `f`", 'write `f"…"`'
        return "E107", message, (refused.start - 1, refused.end), hint
    if prefix:
        where = refused.start - len(prefix), refused.end
        return "E100", f"invalid string prefix `{prefix[:40]}`", where, 'the prefixes are `r"…"` and `f"…"`'
    return None


_BY_NAME = "bind the value to a name first"


def _fstring_problem(inside: str, behind: str) -> tuple[str, str]:
    """Return why an f-string is not a token, and a hint. `behind` is the rest of its line."""
    outside = re.sub(r"\{\{|\}\}|\{[^{}]*\}", "", inside)
    if "}" in outside and "{" not in outside:
        return "unmatched `}` in an f-string", "write `}}` for a literal brace"
    inside = inside.replace("{{", "").replace("}}", "")
    unclosed = "use the other kind of quotes inside the braces"
    if "}" not in behind:
        unclosed = "close it with `}`, or write `{{` for a literal brace"
    for pattern, message, hint in (
        (r"\{\}", "empty expression in an f-string", "write `{{}}` for literal braces"),
        (r"\{[^}]*\{", "nested braces in an f-string", _BY_NAME),
        (r"\{[^}]*\\", "backslash in an expression of an f-string", _BY_NAME),
        (r"\{[^}:]*:[^}]*#", "`#` in the format of an f-string", "write what it puts before the number: `0x{n:x}`"),
        (r"\{[^}]*#", "`#` in an expression of an f-string", _BY_NAME),
        (r"\{[^}]*$", "unclosed `{` in an f-string", unclosed),
    ):
        if re.search(pattern, inside):
            return message, hint
    return "unmatched `}` in an f-string", "write `}}` for a literal brace"


def malformed_number(refused: RefusedToken) -> Explanation | None:
    """Explain letters or digits that directly follow a number."""
    run = last_word(refused.before)
    rest = re.match(r"\w+", refused.text[refused.start :])
    if not run or rest is None:
        return None
    start = refused.start - len(run)
    where = start, refused.start + rest.end()
    text = refused.text[slice(*where)]
    if len(text) > 40:
        return "E106", "invalid number", where, None
    try:
        value = int(text, 0 if text[1:2].isalpha() else 10)
    except ValueError:
        hint = "use digits, with at most single `_` between them" if text.strip("0123456789_") == "" else None
    else:
        hint = f"write `{value}`"
    return "E106", f"invalid number `{text}`", where, hint


_SYMBOLS = {
    "\\": ("unexpected `\\`", "break lines inside brackets"),
    ";": ("unexpected `;`", "write one statement per line"),
    "!": ("`!` is not in the language", "write `not`"),
    "&": ("unexpected `&`", "for bool, write `and`"),
    "|": ("unexpected `|`", "for bool, write `or`"),
    "?": ("`?` is not in the language", "write `a if condition else b`"),
    "@": ("`@` is not in the language", None),
    "$": ("`$` is not in the language", None),
    "`": ("a backquote is not in the language", 'write text in quotes: `"…"`'),
}


def foreign_symbol(refused: RefusedToken) -> Explanation | None:
    if found := _SYMBOLS.get(refused.found):
        return "E100", found[0], refused.token_range, found[1]
    return None


def missing_part(refused: RefusedToken) -> Explanation | None:
    """Explain what is missing, as far as the expected tokens show it."""
    expected = refused.expected
    if expected and expected <= {"NONE", "TRUE", "FALSE", "NOT"}:
        hint = "compare with `==`" if "NOT" in expected else "compare with `!=`"
        if refused.found == "in":
            hint = "omit `is`"
        return "E100", "`is` compares with None, True or False only", refused.token_range, hint
    if "ELSE" in expected and "IF" not in expected and refused.kind in (*LINE_ENDS, "RPAR", "RSQB", "COMMA"):
        hint = "write `a if condition else b`"
        return "E100", "missing `else` in a conditional expression", refused.token_range, hint
    if refused.found == "=" and not refused.expects_expression:
        if opener_of(refused) is None and not re.match(r"(?:if|elif|while|assert|return|for)\b", refused.line):
            return "E100", "only names and elements can be assigned", refused.token_range, _target_hint(refused.before)
        return "E100", "unexpected `=` in an expression", refused.token_range, "compare with `==`"
    return None


def _target_hint(target: str) -> str:
    if re.fullmatch(r"[A-Za-z_]\w*(?:-\w+)+ *", target):
        return f"a name has no `-`: write `{target.strip().replace('-', '_')[:40]}`"
    return "write the name on the left, as in `x = 1`, or compare with `==`"
