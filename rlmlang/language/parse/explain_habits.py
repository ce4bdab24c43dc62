"""Explain syntax errors that come from other languages, from older Python, and from typing errors in keywords."""

from __future__ import annotations

import re

from rlmlang.language.parse.refused_token import Explanation, RefusedToken, cannot_name, last_word, opener_of
from rlmlang.language.parse.tables import LINE_ENDS

_NEAR = 300
"""How many characters before a token are looked at where a pattern would take quadratic time."""

_FOREIGN = {
    word: hint
    for words, hint in (
        ("elseif elsif", "write `elif`"),
        ("function func fn fun sub define defn procedure", "write `def name(x):`"),
        ("let const var val auto int float double str string bool list dict", "a binding is `name = value`"),
        ("switch case when", "write `if` and `elif`"),
        ("echo puts printf", "write `print(x)`"),
        ("struct record interface", "write `class Name:`"),
        ("include require using", "write `import name`"),
        ("public private static void", "omit it"),
        ("foreach", "write `for x in xs:`"),
        ("unless", "write `if not …:`"),
        ("until", "write `while not …:`"),
        ("do", "write `while …:`"),
        ("catch", "write `except ValueError:`"),
        ("throw", 'write `raise ValueError("…")`'),
        ("exec", "text is not evaluated; see `run_program`"),
    )
    for word in words.split()
}
"""What to write instead of words that begin statements elsewhere."""

_WORDS = (
    "while", "return", "import", "from", "for", "def", "class", "assert", "raise", "try", "except", "elif", "else",
    "continue", "break", "pass", "print", "with",
)  # fmt: skip


def foreign_statement(refused: RefusedToken) -> Explanation | None:
    """Explain a word at the start of a line that begins no statement: one of another language, or a misspelt one."""
    match = re.match(r"[A-Za-z]+\b", refused.line)
    if match is None:
        return None
    word, before = match[0], refused.before.rstrip(" ")
    operand_behind = before == word and (refused.kind in ("NAME", "INT", "FLOAT") or refused.found[:1] in ("'", '"'))
    head_of_block = refused.line.rstrip(" ").endswith(":") and (
        (refused.kind in LINE_ENDS and before == f"{word}:") or (refused.found == ":" and before.endswith(")"))
    )
    if not operand_behind and not head_of_block:
        return None
    hint = _FOREIGN.get(word)
    if hint is None:
        words = [each for each in _WORDS if (each != "from" or " import " in refused.line)]
        near = next((each for each in words if _one_edit_apart(word, each)), None)
        if near is None:
            return None
        hint = f"did you mean `{near}`?"
    where = refused.line_start, refused.line_start + len(word)
    return "E100", f"`{word}` begins no statement", where, hint


def _one_edit_apart(a: str, b: str) -> bool:
    """Return whether two words differ by one letter that is missing or another, or by two that are exchanged."""
    if len(a) < 3 or abs(len(a) - len(b)) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    a, b = a[start:], b[start:]
    return a != b and (a[1:] == b[1:] or a[1:] == b or a == b[1:] or a[1::-1] + a[2:] == b)


_OPERATORS = (
    ("<>", "write `!=`"),
    ("===", "write `==`"),
    ("!==", "write `!=`"),
    ("- >", "write `->`"),
    ("..", "write `range(a, b)`"),
    ("=>", "write `>=`"),
)
"""Operators of other languages, each with what to write instead."""


def foreign_operator(refused: RefusedToken) -> Explanation | None:
    """Explain operators of other languages, such as `i++` and `a <> b`."""
    before = refused.before.rstrip(" ")
    for operator in ("++", "--"):
        if before.endswith(operator) and (refused.kind in LINE_ENDS or refused.found in (")", "]", ";")):
            at = refused.line_start + len(before) - 2
            return "E100", f"`{operator}` is not in the language", (at, at + 2), f"write `x {operator[0]}= 1`"
    begin = max(refused.line_start, refused.start - 2)
    text = refused.text[begin : refused.start + 3]
    for operator, hint in _OPERATORS:
        if "..." not in text and (at := text.find(operator)) >= 0 and begin + at + len(operator) > refused.start:
            if operator == "=>" and re.match(r"def\b", before):
                hint = "write `->`"
            elif operator == "=>" and re.search(r"[=(,] *\(?[\w, ]*\)? *=$", before[-_NEAR:]):
                hint = "write `lambda x: …`"
            where = begin + at, begin + at + len(operator)
            return "E100", f"`{operator}` is not in the language", where, hint
    return None


_BLOCK = r"(?:def|if|elif|else|for|while|class|try)\b"


def foreign_form(refused: RefusedToken) -> Explanation | None:
    """Explain prompts, fences, and how other languages write blocks, loops and parameters."""
    found, where, before = refused.found, refused.token_range, refused.before
    if not before and refused.rest.startswith((">>>", "```")):
        what = "prompt" if found == ">>" else "fence"
        return "E100", f"the {what} is no part of the program", (refused.start, refused.start + 3), "omit it"
    if re.match(r"for *(?:\(.*;|\w+ *=)", refused.line):
        return "E100", "this form of `for` is not in the language", refused.line_range, "write `for i in range(n):`"
    if refused.expects_expression or not before:
        return None
    in_block = re.match(_BLOCK, before)
    if in_block and found == "{":
        return "E100", "braces begin no body", where, "write `:`, and indent the lines of the body by four spaces"
    if in_block and found == "then":
        return "E100", "unexpected `then`", where, "write `:`"
    if refused.kind == "NAME" and before.startswith("def") and refused.expected >= {"COMMA", "RPAR", "COLON"}:
        return "E100", f"unexpected `{found[:40]}`", where, "write the type of a parameter behind it: `name: type`"
    if refused.kind == "NAME" and last_word(before.rstrip(" ")) == "new":
        return "E100", "`new` is not in the language", (refused.start - 4, refused.start - 1), "omit it"
    if refused.kind == "NAME" and before[-1] in "\"'":
        return "E100", f"unexpected `{found[:40]}` behind a text", where, 'inside a text, write `\\"` for a quote'
    return None


_STATEMENTS = ("return", "raise", "pass", "break", "continue", "import", "assert", "del")


def statement_in_expression(refused: RefusedToken) -> Explanation | None:
    """Explain a statement where an expression is expected, as in `lambda x: return x`."""
    word = refused.found
    if word not in _STATEMENTS or not refused.expects_expression or not refused.before:
        return None
    if re.match(r"\w+ *(?:,|=(?!=))", refused.rest):
        return cannot_name(word, refused.start)
    hint = "write it on a line of its own"
    if "else" in refused.before.split():
        hint = "write `if …:`, and the statement on the next line"
    elif re.search(r"\blambda\b[^:]*: *$", refused.before[-_NEAR:]):
        hint = "omit `return`" if word == "return" else "define a function with `def`"
    return "E100", f"`{word}` is a statement, not an expression", refused.token_range, hint


def type_form(refused: RefusedToken) -> Explanation | None:
    """Explain a type in the form of a value: `list(int)`, `(int, str)`, `[int]`."""
    before = refused.before.rstrip(" ")[-_NEAR:]
    match = re.search(r"(?::|->) *([A-Za-z]\w*)$", before)
    if refused.found == "(" and match and refused.expected >= {"LSQB"} and not refused.expects_expression:
        return "E100", "a type takes its parts in square brackets", refused.token_range, f"write `{match[1]}[…]`"
    if refused.expected >= {"NAME", "NONE"} and not refused.expects_expression:
        hint = {"(": "write `tuple[…]`", "[": "write `list[…]`", "{": "write `dict[…]`"}.get(refused.found)
        if hint is not None:
            return "E100", "this is no type", refused.token_range, hint
    return None


def comprehension(refused: RefusedToken) -> Explanation | None:
    """Explain misplaced parts of a comprehension."""
    opener = opener_of(refused)
    if opener is None:
        return None
    before = refused.text[max(opener + 1, refused.start - _NEAR) : refused.start]
    if refused.found == "else" and re.search(r"\bfor\b.*\bif\b", before, re.DOTALL):
        hint = "write `a if c else b` before `for`"
        return "E100", "a condition behind `for` has no `else`", refused.token_range, hint
    if refused.found == "for" and re.fullmatch(r" *\w+ *(?:, *\w+ *)+", before):
        hint = "write `key: value`" if refused.text[opener] == "{" else "write the tuple in brackets: `(a, b)`"
        return "E100", "unexpected `for` behind several expressions", refused.token_range, hint
    return None
