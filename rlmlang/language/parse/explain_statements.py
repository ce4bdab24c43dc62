"""Explain syntax errors in statements, which are mostly Python statements that are not in the language."""

from __future__ import annotations

import re

from rlmlang.language.parse.refused import Explanation, RefusedToken, cannot_name, is_reserved, last_word
from rlmlang.language.parse.tables import LINE_ENDS

COMPREHENSION = "write a comprehension: `[f(x) for x in xs]`"
BRANCH = "write a conditional expression: `a if condition else b`"
_IMMUTABLE = "values are immutable"

STATEMENTS: dict[str, tuple[str, str, str]] = {
    "while": ("E110", "`while` is not in the language", f"{COMPREHENSION}, or `reduce(step, xs, start)`"),
    "for": ("E111", "the `for` statement is not in the language", f"{COMPREHENSION}, or `reduce(step, xs, start)`"),
    "import": ("E113", "`import` is not in the language", "every built-in and library function is in scope"),
    "try": (
        "E114",
        "exceptions are not in the language",
        "test first, or use an optional type: `CALL[T | None](…)`",
    ),
    "await": (
        "E115",
        "`async` and `await` are not in the language",
        "omit it: independent CALLs run concurrently anyway",
    ),
    "@": ("E116", "decorators are not in the language", "apply the function where it is used"),
    "global": ("E119", "`global` and `nonlocal` are not in the language", "pass it as a parameter"),
    "del": ("E120", f"{_IMMUTABLE}: `del` is not in the language", "make a new one: `[x for x in xs if …]`"),
    "print": ("E121", "`print` is not in the language", "the value of a program is its last expression"),
    "pass": ("E121", "`pass` is not in the language", "omit it"),
    "yield": ("E121", "`yield` is not in the language", "return a list: `[f(x) for x in xs]`"),
    "break": ("E121", "`break` and `continue` are not in the language", "write `[x for x in xs if …]`, or `take`"),
    "with": ("E121", "`with` is not in the language", "declare an input for text: `document: str`"),
    "assert": ("E121", "`assert` is not in the language", "write a conditional expression"),
    "match": ("E121", "`match` is not in the language", BRANCH),
    "type": ("E121", "`type` is not in the language", "write the type where it is used, or a record: `class Name:`"),
}
SAME = {
    "from": "import", "except": "try", "finally": "try", "raise": "try", "async": "await",
    "nonlocal": "global", "continue": "break", "exec": "print",
}  # fmt: skip
SOFT = ("print", "exec", "match", "type")
"""Statements of some version of Python whose first word is not reserved."""


def python_statement(refused: RefusedToken) -> Explanation | None:
    """Explain a statement of Python by the first word of its line."""
    match = re.match(r"@|\w+", refused.line)
    if match is None:
        return None
    word, rest = match[0], refused.line[match.end() :]
    where = refused.line_start, refused.line_start + match.end()
    if word in ("if", "elif", "else"):
        return "E112", f"the `{word}` statement is not in the language", where, BRANCH
    if word in SOFT and not re.match(r" +[\w\"'{]", rest):
        return None
    if found := STATEMENTS.get(SAME.get(word, word)):
        return found[0], found[1], where, found[2]
    return None


def reserved_name(refused: RefusedToken) -> Explanation | None:
    """Explain a reserved word that is bound, as in `class = 1` or `in: int`."""
    match = re.match(r"(\w+) *(=(?!=)|: *\w)", refused.line)
    if match is None or not is_reserved(match[1]):
        return None
    if match[2] != "=" and match[1] in ("else", "try", "finally", "except", "lambda"):
        return None
    return cannot_name(match[1], refused.line_start)


_AUGMENTED = re.compile(r"(?:\*\*|//|>>|<<|[-+*/%@&|^])=(?!=)")


def assignment(refused: RefusedToken) -> Explanation | None:
    """Explain `x += 1`, `x[0] = 1`, `x.y = 1`, and other wrong targets before `=`."""
    start, end = refused.token_range
    match = _AUGMENTED.search(refused.text, max(refused.line_start, start - 2), start + 4)
    if match is not None:
        where = refused.line_start, match.end()
        return "E120", f"{_IMMUTABLE}: `{match[0]}` is not in the language", where, "bind a new name: `y = x + 1`"
    if refused.found != "=":
        return None
    target = refused.before.strip()
    where = refused.line_start, end
    if re.fullmatch(r"\w+(?: *\.\s*\w+| *\[[^\]]*\])+", target):
        hint = "make a new value: a comprehension, or the record's constructor"
        return "E120", f"{_IMMUTABLE}: items and attributes cannot be assigned", where, hint
    if re.fullmatch(r"[(\[][\w, ]*[)\]]", target):
        return "E100", "names before `=` are written without brackets", where, "write `a, b = …`"
    if re.fullmatch(r"\w+ *= *\w+", target):
        return "E100", "only one `=` is allowed in a statement", refused.token_range, "bind one name per line"
    return None


def misplaced_return(refused: RefusedToken) -> Explanation | None:
    if refused.text.startswith("def") or not re.match(r"return\b", refused.line):
        return None
    where = refused.line_start, refused.line_start + 6
    return "E123", "`return` outside a function", where, "end the program with the expression itself"


def unexpected_indent(refused: RefusedToken) -> Explanation | None:
    """Explain an indented line after a statement that has no body."""
    if refused.kind != "_IN" or refused.text.startswith(("def", "class")):
        return None
    line = refused.text.rfind("\n", 0, _next_line(refused)) + 1
    message = "unexpected indentation: the line is not in the body of a `def` or `class`"
    return "E105", message, (line, _next_line(refused)), "remove the indentation"


def _next_line(refused: RefusedToken) -> int:
    """Return where the next line that is not empty starts, after its indentation."""
    match = re.compile(r"(?:[# ][^\n]*)?\n(?:(?:#[^\n]*)?\n)* *").match(refused.text, refused.start)
    assert match is not None
    return match.end()


def record(refused: RefusedToken) -> Explanation | None:
    if not refused.text.startswith("class "):
        return None
    if refused.start <= refused.text.find("\n"):
        if refused.kind in LINE_ENDS:
            return None
        return (
            "E100",
            "invalid record; expected `class Name:`",
            refused.token_range,
            "write each field as `    name: type`",
        )
    line = refused.line
    if re.match(r"\w+ *:[^=]*$", line) and not line.startswith("def"):
        return None
    hint = "write each field as `name: type` on a line of its own"
    if line.startswith("def"):
        hint = "define a function outside the record, with the record as a parameter"
    elif line.startswith(('"', "'")):
        hint = "write it as a comment: `# …`"
    elif "=" in line:
        hint = "omit the default: a record is created with all of its fields"
    return "E121", "a record can only have fields", refused.line_range, hint


def function(refused: RefusedToken) -> Explanation | None:
    if not refused.text.startswith("def "):
        return None
    head = refused.text.split("\n", 1)[0]
    if refused.start <= len(head):
        return _head(refused, head)
    line, ends = refused.line, refused.kind in LINE_ENDS
    if re.match(r"(?:def|class)\b", line):
        return "E123", "functions and records cannot be nested", refused.line_range, "move it out of the function"
    if re.match(r"return\b", line):
        if not ends:
            return None
        if refused.expects_expression:
            hint = "write `return None`" if re.fullmatch(r"return *", refused.before) else None
            return ("E123", "`return` needs a value", refused.line_range, hint) if hint else None
        after = _next_line(refused)
        end = refused.text.find("\n", after)
        return "E123", "unexpected statement after `return`", (after, end), "bind names before it"
    if re.match(r"\w+ *:", line):
        return "E123", "unexpected type annotation", refused.line_range, "write `name = …`; the type is inferred"
    if re.match(r"[\w, ]+=(?!=)", refused.before):
        if not ends or refused.expects_expression:
            return None
        return "E123", "missing `return` at the end of the function", refused.line_range, "write `    return …` below"
    hint = "write it as comments above the function" if line.startswith(('"', "'")) else "bind it: `name = …`"
    return "E123", "a function body consists of bindings and a final `return`", refused.line_range, hint


def _head(refused: RefusedToken, head: str) -> Explanation | None:
    hint = "write `def f(x: int) -> str:`"
    before = refused.before.rstrip(" ")
    parameter = before[: len(before) - len(last_word(before))].rstrip(" ").endswith(("(", ","))
    if parameter and refused.found in (",", ")", "=") and refused.last not in "(,":
        return "E100", "missing parameter type", refused.token_range, hint
    if refused.found == ":" and "->" not in head:
        return "E100", "missing result type", refused.token_range, hint
    if "->" in before and refused.last == ":" and refused.kind not in LINE_ENDS:
        return (
            "E123",
            "the body of a function must start on a new line",
            refused.token_range,
            "indent it by four spaces",
        )
    return None
