"""What a syntax error is called, and what to write instead: mostly, Python that is not in the language."""

from __future__ import annotations

import keyword
import re
from functools import cached_property
from typing import Union

from attrs import frozen

Told = tuple[str, str, tuple[int, int], Union[str, None]]
"""Code, message, where from and to, hint."""

LINE_ENDS = ("_NL", "_IN")
"""Kinds of tokens at the end of a line: the next one is at the margin, or indented."""


@frozen(slots=False)
class Refused:
    """A statement, or the expression in a hole of an f-string, and the token that the grammar refuses."""

    text: str
    start: int
    end: int
    kind: str
    """The terminal, or nothing if the characters are those of no token."""
    expected: frozenset[str]
    """The terminals that could stand here: none if the expression of a hole could only end."""
    hole: bool

    @property
    def found(self) -> str:
        return self.text[self.start : self.end]

    @cached_property
    def line_start(self) -> int:
        """Where the line starts, after its indentation."""
        flat = _LONG_STRING.sub(lambda match: match[0].replace("\n", " "), self.text)
        start = flat.rfind("\n", 0, self.start) + 1
        return start + len(flat[start:]) - len(flat[start:].lstrip(" "))

    @property
    def line_end(self) -> int:
        end = self.text.find("\n", max(self.line_start, self.start))
        return end if end >= 0 else len(self.text)

    @property
    def line(self) -> str:
        return self.text[self.line_start : self.line_end]

    @property
    def before(self) -> str:
        """What stands before the token on its line."""
        return self.text[self.line_start : self.start]

    @property
    def last(self) -> str:
        """The last character but spaces before the token on its line, if there is one."""
        return self.before.rstrip(" ")[-1:]

    @property
    def whole(self) -> tuple[int, int]:
        """The line, without spaces and comments at its end."""
        end = self.start if self.kind in LINE_ENDS else self.line_end
        return self.line_start, max(end, self.line_start)

    @property
    def place(self) -> tuple[int, int]:
        return self.start, self.end

    @property
    def operand(self) -> bool:
        """Whether an expression could start here."""
        return "INT" in self.expected

    @property
    def a_name(self) -> bool:
        """Whether a name could stand here, and no other expression."""
        return "NAME" in self.expected and not self.operand


_LONG_STRING = re.compile(r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*"""')


def explain(refused: Refused) -> Told:
    """The diagnostic for a text that the grammar refuses: the first rule that knows it."""
    for rule in _IN_EXPRESSIONS if refused.hole else _RULES:
        if (told := rule(refused)) is not None:
            return told
    return _generic(refused)


def _last_word(text: str) -> str:
    """The letters, digits and underscores at the end. (A regular expression would take the square of the time.)"""
    start = len(text)
    while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return text[start:]


# Statements ----------------------------------------------------------------------

_COMPREHENSION = "write a comprehension: `[f(x) for x in xs]`"
_BRANCH = "write a conditional expression: `a if condition else b`"
_FORMS = "a program is inputs, bindings, functions, records, and a last expression"
_OTHER_NAME = "choose another name"
_NO_CHANGE = "values do not change"

_STATEMENTS: dict[str, tuple[str, str, str]] = {
    "while": ("E110", "`while` is not in the language", f"{_COMPREHENSION}, or `reduce(step, xs, start)`"),
    "for": ("E111", "the `for` statement is not in the language", f"{_COMPREHENSION}, or `reduce(step, xs, start)`"),
    "import": ("E113", "`import` is not in the language", "every built-in and library function is in scope"),
    "try": (
        "E114",
        "exceptions are not in the language",
        "test first, or ask for an optional answer: `CALL[T | None](…)`",
    ),
    "await": (
        "E115",
        "`async` and `await` are not in the language",
        "leave it out: CALLs that do not need each other run together anyway",
    ),
    "@": ("E116", "decorators are not in the language", "apply the function where it is used"),
    "global": ("E119", "`global` and `nonlocal` are not in the language", "pass it as a parameter"),
    "del": ("E120", _NO_CHANGE, "make a new one: `[x for x in xs if …]`"),
    "print": ("E121", "`print` is not in the language", "the value of a program is its last expression"),
    "pass": ("E121", "`pass` is not in the language", "leave it out"),
    "yield": ("E121", "`yield` is not in the language", "give a list: `[f(x) for x in xs]`"),
    "break": ("E121", "`break` and `continue` are not in the language", "write `[x for x in xs if …]`, or `take`"),
    "with": ("E121", "`with` is not in the language", "text comes in as an input: `document: str`"),
    "assert": ("E121", "`assert` is not in the language", "write a conditional expression"),
    "match": ("E121", "`match` is not in the language", _BRANCH),
    "type": ("E121", "`type` is not in the language", "write the type where it is used, or a record: `class Name:`"),
}
_SAME = {
    "from": "import", "except": "try", "finally": "try", "raise": "try", "async": "await",
    "nonlocal": "global", "continue": "break", "exec": "print",
}  # fmt: skip
_SOFT = ("print", "exec", "match", "type")
"""Statements, once or now, that start with a plain name."""


def _statement(refused: Refused) -> Told | None:
    """By the first word of the line."""
    match = re.match(r"@|\w+", refused.line)
    if match is None:
        return None
    word, rest = match[0], refused.line[match.end() :]
    where = refused.line_start, refused.line_start + match.end()
    if word in ("if", "elif", "else"):
        return "E112", f"the `{word}` statement is not in the language", where, _BRANCH
    if word in _SOFT and not re.match(r" +[\w\"'{]", rest):
        return None
    if found := _STATEMENTS.get(_SAME.get(word, word)):
        return found[0], found[1], where, found[2]
    return None


def _reserved_bound(refused: Refused) -> Told | None:
    """`class = 1`, or `in: int`."""
    match = re.match(r"(\w+) *(=(?!=)|: *\w)", refused.line)
    if match is None or not _reserved(match[1]):
        return None
    if match[2] != "=" and match[1] in ("else", "try", "finally", "except", "lambda"):
        return None
    return _cannot_name(match[1], refused.line_start)


def _reserved(word: str) -> bool:
    return keyword.iskeyword(word) or word == "CALL"


def _cannot_name(word: str, at: int) -> Told:
    return "E122", f"`{word}` is a reserved word", (at, at + len(word)), _OTHER_NAME


_AUGMENTED = re.compile(r"(?:\*\*|//|>>|<<|[-+*/%@&|^])=(?!=)")


def _assignment(refused: Refused) -> Told | None:
    """`x += 1`, `x[0] = 1`, `x.y = 1`, and what else cannot stand before `=`."""
    start, end = refused.place
    match = _AUGMENTED.search(refused.text, max(refused.line_start, start - 2), start + 4)
    if match is not None:
        where = refused.line_start, match.end()
        return "E120", f"{_NO_CHANGE}: no `{match[0]}`", where, "bind a new name: `y = x + 1`"
    if refused.found != "=":
        return None
    target = refused.before.strip()
    where = refused.line_start, end
    if re.fullmatch(r"\w+(?: *\.\s*\w+| *\[[^\]]*\])+", target):
        hint = "make a new value: a comprehension, or the record's constructor"
        return "E120", f"{_NO_CHANGE}: no item or attribute assignment", where, hint
    if re.fullmatch(r"[(\[][\w, ]*[)\]]", target):
        return "E100", "names are bound without brackets", where, "write `a, b = …`"
    if re.fullmatch(r"\w+ *= *\w+", target):
        return "E100", "one `=` a statement", refused.place, "bind one name a line"
    return None


def _return(refused: Refused) -> Told | None:
    if refused.text.startswith("def") or not re.match(r"return\b", refused.line):
        return None
    where = refused.line_start, refused.line_start + 6
    return "E123", "`return` stands in functions only", where, "end the program with the expression itself"


def _indented(refused: Refused) -> Told | None:
    """Below a statement that has no body."""
    if refused.kind != "_IN" or refused.text.startswith(("def", "class")):
        return None
    line = refused.text.rfind("\n", 0, _next(refused)) + 1
    message = "the line is indented, and belongs to no `def` or `class`"
    return "E105", message, (line, _next(refused)), "start it at the margin"


def _next(refused: Refused) -> int:
    """Where the next line that is not empty starts, after its indentation."""
    match = re.compile(r"(?:[# ][^\n]*)?\n(?:(?:#[^\n]*)?\n)* *").match(refused.text, refused.start)
    assert match is not None
    return match.end()


def _record(refused: Refused) -> Told | None:
    if not refused.text.startswith("class "):
        return None
    if refused.start <= refused.text.find("\n"):
        if refused.kind in LINE_ENDS:
            return None
        return "E100", "a record is `class Name:` and its fields", refused.place, "write `    name: type`, one a line"
    line = refused.line
    if re.match(r"\w+ *:[^=]*$", line) and not line.startswith("def"):
        return None
    hint = "write `name: type`, one a line"
    if line.startswith("def"):
        hint = "write a function at the margin, with the record as a parameter"
    elif line.startswith(('"', "'")):
        hint = "write it as a comment: `# …`"
    elif "=" in line:
        hint = "leave out the default: every field is given when a record is made"
    return "E121", "a record has fields only", refused.whole, hint


def _function(refused: Refused) -> Told | None:
    if not refused.text.startswith("def "):
        return None
    head = refused.text.split("\n", 1)[0]
    if refused.start <= len(head):
        return _head(refused, head)
    line, ends = refused.line, refused.kind in LINE_ENDS
    if re.match(r"(?:def|class)\b", line):
        return "E123", "functions and records are defined at the margin", refused.whole, "move it out of the function"
    if re.match(r"return\b", line):
        if not ends:
            return None
        if refused.operand:
            hint = "write `return None`" if re.fullmatch(r"return *", refused.before) else None
            return ("E123", "`return` needs a value", refused.whole, hint) if hint else None
        after = _next(refused)
        end = refused.text.find("\n", after)
        return "E123", "nothing may follow `return`", (after, end), "bind names before it"
    if re.match(r"\w+ *:", line):
        return "E123", "names are bound without a type", refused.whole, "write `name = …`; the type is inferred"
    if re.match(r"[\w, ]+=(?!=)", refused.before):
        if not ends or refused.operand:
            return None
        return "E123", "a function ends with `return`", refused.whole, "write `    return …` below"
    hint = "write it as comments above the function" if line.startswith(('"', "'")) else "bind it: `name = …`"
    return "E123", "a function body is bindings, then one `return`", refused.whole, hint


def _head(refused: Refused, head: str) -> Told | None:
    hint = "write `def f(x: int) -> str:`"
    before = refused.before.rstrip(" ")
    parameter = before[: len(before) - len(_last_word(before))].rstrip(" ").endswith(("(", ","))
    if parameter and refused.found in (",", ")", "=") and refused.last not in "(,":
        return "E100", "a parameter needs its type", refused.place, hint
    if refused.found == ":" and "->" not in head:
        return "E100", "a function needs its result type", refused.place, hint
    if "->" in before and refused.last == ":" and refused.kind not in LINE_ENDS:
        return "E123", "the body of a function is on lines of its own", refused.place, "indent it by four spaces"
    return None


# Expressions ---------------------------------------------------------------------


def _walrus(refused: Refused) -> Told | None:
    at = refused.text.find(":=", max(0, refused.start - 1), refused.start + 2)
    if at < 0:
        return None
    return "E118", "`:=` is not in the language", (at, at + 2), "bind the value on a line of its own"


def _starred(refused: Refused) -> Told | None:
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


def _word(refused: Refused) -> Told | None:
    """A reserved word where it cannot stand."""
    word = refused.found
    if not _reserved(word) or (word in ("def", "class") and not refused.before):
        return None
    if refused.a_name:
        return _cannot_name(word, refused.start)
    if word == "lambda":
        hint = "define a function: `def f(x: int) -> int:`"
        return "E124", "a lambda may stand only as an argument", refused.place, hint
    if word in ("async", "await", "yield"):
        code, message, hint = _STATEMENTS[_SAME.get(word, word)]
        return code, message, refused.place, hint
    return _cannot_name(word, refused.start) if refused.kind == "RESERVED" else None


def _set(refused: Refused) -> Told | None:
    if refused.found not in (",", "}", "for") or "COLON" not in refused.expected:
        return None
    opener = _opener(refused)
    if opener is None or refused.text[opener] != "{":
        return None
    where = opener, refused.end
    return "E125", "sets are not in the language", where, "write `set([…])`: a sorted list of the distinct values"


_BRACKETS = re.compile(rf"{_LONG_STRING.pattern}|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[()\[\]{{}}]")


def _opener(refused: Refused) -> int | None:
    """The bracket around the token."""
    openers: list[int] = []
    for match in _BRACKETS.finditer(refused.text, 0, refused.start):
        if match[0] in ("(", "[", "{"):
            openers.append(match.start())
        elif match[0] in (")", "]", "}"):
            openers.pop()  # layout has seen to it that they pair
    return openers[-1] if openers else None


_STRINGS = ("STRING", "RAW_STRING", "LONG_STRING", "FSTRING")


def _string(refused: Refused) -> Told | None:
    """A string where it cannot stand: behind a prefix, or another string."""
    if refused.kind not in _STRINGS:
        return None
    if refused.before.endswith('f""'):
        where = refused.start - 3, refused.end
        return "E107", "an f-string stands on one line", where, "write `\\n` for a line end"
    prefix = _last_word(refused.before)
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


def _number(refused: Refused) -> Told | None:
    """A token that runs on from a number."""
    run = _last_word(refused.before)
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
    "?": ("`?` is not in the language", _BRANCH),
    "@": ("`@` is not in the language", None),
    "$": ("`$` is not in the language", None),
    "`": ("a backquote is not in the language", 'text stands in quotes: `"…"`'),
}


def _symbol(refused: Refused) -> Told | None:
    if found := _SYMBOLS.get(refused.found):
        return "E100", found[0], refused.place, found[1]
    return None


def _forgotten(refused: Refused) -> Told | None:
    """What is known from what could stand here instead."""
    expected = refused.expected
    if expected and expected <= {"NONE", "NOT"}:
        return "E100", "`is` tests for None only", refused.place, "compare with `==`"
    if "ELSE" in expected and "IF" not in expected and refused.kind in (*LINE_ENDS, "RPAR", "RSQB", "COMMA"):
        return "E100", "a conditional needs its `else`", refused.place, "write `a if condition else b`"
    if refused.found == "=" and not refused.operand:
        return "E100", "`=` binds names, and stands in statements only", refused.place, "compare with `==`"
    if refused.found == "," and (opener := _opener(refused)) is not None and refused.text[opener] == "[":
        return "E100", "an index is one value", refused.place, "write `x[i][j]`"
    if refused.found == "," and ("_NL" in expected or not expected):
        return "E100", "a tuple needs its brackets", refused.place, "write `(a, b)`"
    return None


_RULES = (
    _reserved_bound, _statement, _walrus, _assignment, _starred, _word, _set, _string, _number, _symbol,
    _return, _indented, _record, _function, _forgotten,
)  # fmt: skip
_IN_EXPRESSIONS = (_walrus, _starred, _word, _set, _string, _number, _symbol, _forgotten)

_WORDS = {
    "NAME": "a name", "_NL": "the end of the line", "_IN": "an indented line", "LPAR": "`(`", "RPAR": "`)`",
    "LSQB": "`[`", "RSQB": "`]`", "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`", "IN": "`in`", "__ANON_0": "`->`",
}  # fmt: skip


def _generic(refused: Refused) -> Told:
    """What was found, and what may stand there if that is quickly said."""
    shown = refused.found.split("\n", 1)[0][:40]
    what = f"`{shown}`" if shown.strip() else "the end" if refused.hole else "the end of the line"
    hint = None
    if refused.operand:
        hint = "an expression is expected"
    elif refused.expected >= {"NAME", "NONE"}:
        hint = "a type is expected"
    elif refused.expected and refused.expected <= _WORDS.keys():
        hint = f"expected {' or '.join(sorted({_WORDS[name] for name in refused.expected}))}"
    elif refused.kind in ("NAME", "INT", "FLOAT", *_STRINGS):
        hint = "an operator or a comma may be missing before it"
    return "E100", f"{what} cannot stand here", refused.place, hint
