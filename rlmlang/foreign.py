"""What a syntax error is called, and what to write instead: Python that is not in the language."""

from __future__ import annotations

import keyword
import re

from rlmlang.errors import Diagnostic
from rlmlang.source import Source, Span

_COMPREHENSION = "write a comprehension: `[f(x) for x in xs]`"
_STATEMENTS: tuple[tuple[str, str, str, str], ...] = (
    (r"while\b", "E110", "`while` is not in the language", f"{_COMPREHENSION}, or `reduce(step, xs, start)`"),
    (r"for\b", "E111", "the `for` statement is not in the language", _COMPREHENSION),
    (r"(?:if|elif|else)\b", "E112", "the `if` statement is not in the language", "write `a if condition else b`"),
    (r"(?:import|from)\b", "E113", "`import` is not in the language", "every built-in and library function is in scope"),
    (
        r"(?:try|except|finally|raise)\b",
        "E114",
        "exceptions are not in the language",
        "test first, or ask for an optional answer: `CALL[T | None](…)`",
    ),
    (
        r"(?:async|await)\b",
        "E115",
        "`async` and `await` are not in the language",
        "CALLs that do not need each other run together anyway",
    ),
    (r"@", "E116", "decorators are not in the language", "apply the function: `name = f(…)`"),
    (r"(?:global|nonlocal)\b", "E119", "`global` and `nonlocal` are not in the language", "pass it as a parameter"),
    (r"del\b", "E120", "values do not change", "make a new one: `[x for x in xs if …]`"),
    (
        r"(?:with|assert|pass|yield|break|continue|match|type|print)\b(?!\s*[=:.,(\[])",
        "E121",
        "this Python statement is not in the language",
        "a program is inputs, bindings, functions, records, and a last expression",
    ),
)
_ASSIGNMENT = re.compile(r"[\w.\[\]\"' ]*?(?:\*\*|//|>>|<<|[-+*/%@&|^])=(?!=)")
_ITEM_ASSIGNMENT = re.compile(r"\w+\s*(?:\.\s*\w+|\[[^\]]*\])+\s*=(?!=)")
_RESERVED_HINT = "choose another name"


def explain(
    source: Source, text: str, offset: int, start: int, end: int, found: str, expected: tuple[str, ...]
) -> Diagnostic:
    """The diagnostic for text that the grammar refuses at `start` of a chunk at `offset`.

    `expected` names the terminals that would have been accepted.
    """

    def told(code: str, message: str, a: int, b: int, hint: str | None = None) -> Diagnostic:
        limit = len(source.text)
        return Diagnostic(code, message, Span(source, min(offset + a, limit), min(offset + b, limit)), hint)

    line_start = text.rfind("\n", 0, start) + 1
    # an error at the start of a line is often the doing of the line before
    line_end = text.find("\n", line_start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    stripped = line.lstrip()
    at = line_start + len(line) - len(stripped)
    for pattern, code, message, hint in _STATEMENTS:
        if match := re.match(pattern, stripped):
            return told(code, message, at, at + len(match[0]), hint)
    if ":=" in text[max(0, start - 1) : start + 2]:
        where = text.index(":=", max(0, start - 1))
        return told("E118", "`:=` is not in the language", where, where + 2, "bind the value on a line of its own")
    if match := _ASSIGNMENT.match(stripped):
        return told("E120", "values do not change", at, at + len(match[0]), "bind a new name: `y = x + 1`")
    if match := _ITEM_ASSIGNMENT.match(stripped):
        return told(
            "E120",
            "values do not change: no item or attribute assignment",
            at,
            at + len(match[0]),
            "make a new value, such as a comprehension",
        )
    if found in ("*", "**") and not re.search(r"[\w)\]\"']\s*$", text[:start]):
        return told("E117", "starred expressions are not in the language", start, end, "pass the arguments one by one")
    if found == "*" and text[start : start + 1] == "*":
        return told("E117", "starred expressions are not in the language", start, end, "pass the arguments one by one")
    if found == "lambda":
        return told(
            "E124", "a lambda may stand only as an argument", start, end, "define a function: `def f(x: int) -> int:`"
        )
    if text.startswith("def") and (problem := _function(text, start, stripped)) is not None:
        code, message, hint = problem
        return told(code, message, at if code == "E123" else start, max(end, at + 1) if code != "E123" else at + len(stripped), hint)
    if text.startswith("class") and start > text.find("\n") >= 0:
        return told("E121", "a record has fields only", at, at + len(stripped), "write `name: type`, one a line")
    if text.startswith("class"):
        return told("E100", "a record is `class Name:` and its fields", start, end, "write `    name: type`, one a line")
    if stripped.startswith("return"):
        return told("E123", "`return` stands in functions only", at, at + 6, "end the program with the expression itself")
    if line.startswith("    "):
        return told("E105", "this line is indented, and belongs to no `def` or `class`", line_start, at, "remove the spaces")
    if found in (",", "}") and "{" in text[:start] and ":" not in text[text.rindex("{", 0, start) : start]:
        brace = text.rindex("{", 0, start)
        return told("E125", "sets are not in the language", brace, end, "write `set([…])`: a sorted list, each once")
    if start > 0 and text[start - 1] == "f" and text[start] in "\"'":
        return told(
            "E107",
            "the f-string is malformed",
            start - 1,
            end,
            "a hole `{…}` holds an expression without quotes of the same kind, backslashes or braces",
        )
    if keyword.iskeyword(found) and found not in ("for", "in", "if", "else", "and", "or", "not", "is", "def", "class"):
        return told("E122", f"`{found}` is a reserved word", start, end, _RESERVED_HINT)
    if found == "CALL" or (keyword.iskeyword(found) and re.match(rf"\s*{found}\s*[=:,]", text[start:])):
        return told("E122", f"`{found}` is a reserved word", start, end, _RESERVED_HINT)
    if match := re.match(r"0[xXoObB]\w*|0\d+|\d\w+", text[_number_start(text, start) :]):
        a = _number_start(text, start)
        return told("E106", f"`{match[0]}` is not a number here", a, a + len(match[0]), "write it in decimal: `255`")
    shown = "the end of the line" if found in ("", "\n") or found.isspace() or found.startswith("\n") else f"`{found[:40]}`"
    if found == "" or (not found.strip() and start >= len(text) - 1):
        shown = "the end of the line"
    return told("E100", f"{shown} cannot stand here", start, max(end, start + 1), _expected(expected, found))


def _number_start(text: str, at: int) -> int:
    while at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_"):
        at -= 1
    return at


def _function(text: str, start: int, line: str) -> tuple[str, str, str] | None:
    """What is wrong with a function, if it is one of the usual things."""
    head = text.split("\n", 1)[0]
    if start <= len(head):
        if "->" not in head:
            return "E100", "a function needs its result type", "write `def f(x: int) -> str:`"
        if re.search(r"[(,]\s*\w+\s*[,)=]", head.split("->")[0]):
            return "E100", "a parameter needs its type", "write `def f(x: int) -> str:`"
        return None
    if line.startswith(("def", "class")) and start > len(head):
        return "E123", "functions and records are defined at the margin", "move it out of the function"
    if not re.search(r"^    return\b", text, re.MULTILINE):
        return "E123", "a function ends with `return`", "bindings, then one `return`"
    if line.startswith("return") or not re.match(r"[\w, ]+=", line):
        return "E123", "a function body is bindings, then one `return`", "compute with expressions; branch with `a if c else b`"
    return None


_WORDS = {
    "NAME": "a name", "INT": "a number", "FLOAT": "a number", "STRING": "text", "RAW_STRING": "text",
    "LONG_STRING": "text", "FSTRING": "text", "_NL": "the end of the line", "_IN": "an indented line",
    "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`", "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`", "LPAR": "`(`",
    "LSQB": "`[`", "DOT": "`.`", "IN": "`in`", "ELSE": "`else`", "FOR": "`for`", "RETURN": "`return`", "__ANON_0": "`->`",
}  # fmt: skip


def _expected(expected: tuple[str, ...], found: str) -> str | None:
    """In words, what could stand here, if it is few things."""
    if "NAME" in expected and "INT" in expected:
        return "an expression is expected"
    words = sorted({_WORDS[name] for name in expected if name in _WORDS})
    if not words or len(words) > 5:
        return None
    return "expected " + (" or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0])
