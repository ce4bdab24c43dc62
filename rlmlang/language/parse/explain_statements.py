"""Explain syntax errors in statements: Python statements that are not in the language, and malformed ones."""

from __future__ import annotations

import re

from rlmlang.language.parse.refused_token import (
    Explanation,
    RefusedToken,
    cannot_name,
    is_reserved,
    last_word,
    opener_of,
)
from rlmlang.language.parse.tables import LINE_ENDS

STATEMENTS: dict[str, tuple[str, str, str]] = {
    "await": (
        "E115",
        "`async` and `await` are not in the language",
        "omit it: independent CALLs run concurrently anyway",
    ),
    "@": ("E116", "this is no decorator of the language", "omit it, or apply the function where its result is used"),
    "global": (
        "E119",
        "`global` and `nonlocal` are not in the language",
        "pass it as a parameter, and return it: `count = f(count)`",
    ),
    "del": ("E120", "`del` removes one element, key or slice: `del xs[i]`", "omit it for a variable"),
    "yield": (
        "E121",
        "`yield` is not in the language",
        "collect the values in a list: `found.append(x)`, and `return found` at the end",
    ),
    "with": ("E121", "`with` is not in the language", "declare an input for text: `document: str`"),
    "match": ("E121", "`match` is not in the language", "write `if` and `elif`"),
    "type": ("E121", "`type` is not in the language", "write the type where it is used, or a record: `class Name:`"),
    "print": ("E121", "`print` is a function, not a statement", "write `print(x)`"),
    "finally": (
        "E114",
        "`finally` is not in the language",
        "write its lines below the `try`, and where an `except` leaves the function, before that too",
    ),
}
SAME = {"async": "await", "nonlocal": "global"}
SOFT = ("print", "match", "type")
"""Statements of some version of Python whose first word is not reserved."""


def python_statement(refused: RefusedToken) -> Explanation | None:
    """Explain a statement of Python by the first word of its line."""
    match = re.match(r"@|\w+", refused.line)
    if match is None:
        return None
    word, rest = match[0], refused.line[match.end() :]
    if word in SOFT and not re.match(r" +[\w\"'{]| *>>" if word == "print" else r" +[\w\"'{]", rest):
        return None
    if found := STATEMENTS.get(SAME.get(word, word)):
        where = refused.line_start, refused.line_start + match.end()
        return found[0], found[1], where, found[2]
    return None


def three_dots(refused: RefusedToken) -> Explanation | None:
    """Explain `...` where it is not the body of a function at the margin."""
    if refused.found != "..." or not refused.expects_expression:
        return None
    message = "`...` is the body of a function of the host, which is declared at the margin"
    return "E126", message, refused.token_range, "write `pass`"


def reserved_name(refused: RefusedToken) -> Explanation | None:
    """Explain a reserved word that is bound, as in `class = 1` or `in: int`."""
    match = re.match(r"(\w+) *(=(?!=)|: *\w)", refused.line)
    if match is None or not is_reserved(match[1]):
        return None
    if match[2] != "=" and match[1] in ("else", "try", "finally", "except", "lambda"):
        return None
    return cannot_name(match[1], refused.line_start)


# Blocks --------------------------------------------------------------------------


def misplaced_clause(refused: RefusedToken) -> Explanation | None:
    """Explain an `else`, `elif` or `except` that does not belong to what is above it, and a `try` without `except`."""
    word = refused.found
    if refused.expected == {"EXCEPT"}:
        return "E114", "a `try` needs an `except`", _next_token(refused), "write `except ValueError:` and a body"
    if refused.start != refused.line_start or word not in ("else", "elif", "except"):
        return None
    where, above = refused.token_range, refused.word_above
    if above == "else":
        return "E100", f"`{word}` after `else`", where, "the `else` comes last" if word == "elif" else None
    return "E100", f"`{word}` without {'a `try`' if word == 'except' else 'an `if`'} above it", where, None


def same_line(refused: RefusedToken) -> Explanation | None:
    """Explain what has to be on a line of its own."""
    word, where = refused.found, refused.token_range
    if word == "if" and refused.before.strip() == "else":
        return "E100", "unexpected `if` after `else`", where, "write `elif`"
    if not re.match(r"(?:if|elif|else|for|while|def|try|except)\b.*:", refused.before):
        return None
    if word in ("else", "elif", "except"):
        return "E100", f"unexpected `{word}`", where, f"write `{word}` on a line of its own"
    if refused.last == ":" and word in ("if", "for", "while", "def", "try", "class"):
        return "E100", f"unexpected `{word}` after `:`", where, "write it on the next line, with four more spaces"
    return None


_BODY = "indent its lines by four spaces; a body that does nothing is `pass`"


def indentation(refused: RefusedToken) -> Explanation | None:
    """Explain a body that is missing, and lines that are indented without reason."""
    if refused.kind not in LINE_ENDS:
        return None
    possible = [LINE_ENDS.index(kind) for kind in refused.expected if kind in LINE_ENDS]
    level = LINE_ENDS.index(refused.kind)
    if refused.last == ":" and possible and level < max(possible):
        return "E100", "expected a body after `:`", refused.token_range, _BODY
    if possible and level > max(possible):
        line = refused.text.rfind("\n", 0, refused.next_line) + 1
        return "E105", "unexpected indentation", (line, refused.next_line), "indent only the lines below a `:`"
    if "COLON" in refused.expected and re.match(r"(?:if|elif|else|for|while|def|class|try|except)\b", refused.line):
        return "E100", "expected `:` at the end of the line", refused.token_range, None
    return None


def _next_token(refused: RefusedToken) -> tuple[int, int]:
    """Return the place of the token; of a line end, that of the line below."""
    at = refused.next_line
    return (at, at) if refused.kind in LINE_ENDS and at < len(refused.text) else refused.token_range


# Definitions ---------------------------------------------------------------------


def record(refused: RefusedToken) -> Explanation | None:
    """Explain classes that are not records."""
    if refused.found == "class" and refused.start == refused.line_start:
        return "E121", "records are defined at the margin only", refused.token_range, "move it out of the block"
    head = re.match(r"(?:@[^\n]*\n)*(class )[^\n]*", refused.text)
    if head is None or refused.start < head.start(1):
        return None
    if refused.start <= head.end():
        return _record_head(refused)
    line = refused.line
    if re.match(r"\w+ *:[^=]*$", line) and not line.startswith("def"):
        return None
    hint = "write each field as `name: type` on a line of its own"
    if line.startswith(("def", "@", "async")):
        hint = "define a function outside the record, with the record as a parameter"
    elif re.match(r"[rRfF]?[\"']", line):
        hint = "describe a field by a string below it or a comment behind it: `name: type  # …`"
    return "E121", "a record can only have fields", refused.line_range, hint


def _record_head(refused: RefusedToken) -> Explanation | None:
    if refused.kind in LINE_ENDS:
        return None
    if is_reserved(refused.found) and refused.expects_name:
        return cannot_name(refused.found, refused.start)
    if refused.found == "(":
        hint = "write `class Name:`" if refused.rest.startswith("()") else "write all fields in one record"
        if re.match(r"\( *\w*(?:Error|Exception) *\)", refused.rest):
            hint = 'programs have no errors of their own: write `raise ValueError("…")`'
        return "E121", "inheritance is not in the language", refused.token_range, hint
    hint = "write each field as `    name: type` on a line below"
    return "E100", "invalid record; expected `class Name:`", refused.token_range, hint


def parameters(refused: RefusedToken) -> Explanation | None:
    """Explain forms of parameters that are not in the language."""
    if refused.found in ("*", "**", "/") and re.match(r"(?:def\b|.*\blambda\b[^:]*$)", refused.before):
        hint = {
            "*": "take a list: `def f(xs: list[str]):`",
            "**": "write each parameter with a default: `def f(size=1, color=''):`",
        }.get(refused.found)
        return "E117", f"`{refused.found}` is not allowed among parameters", refused.token_range, hint
    if refused.found in (",", ")") and refused.last == "*" and re.match(r"def\b", refused.before):
        at = refused.line_start + refused.before.rindex("*")
        hint = "omit it: any argument may be given by its name"
        return "E117", "`*` alone is not allowed among parameters", (at, at + 1), hint
    if refused.found == "=" and re.search(r"\blambda\b[^:]*$", refused.before):
        return "E124", "a parameter of a lambda has no default", refused.token_range, "define a function with `def`"
    return None


# Statements of one line ----------------------------------------------------------

_AUGMENTED = re.compile(r"(?:\*\*|//|>>|<<|[-+*/%@&|^])=(?!=)")


def assignment(refused: RefusedToken) -> Explanation | None:
    """Explain wrong targets before `=` and `+=`."""
    start, end = refused.token_range
    target = refused.before.strip()
    if refused.found == "=" and is_reserved(word := last_word(target)):
        return cannot_name(word, refused.text.rindex(word, 0, start))
    match = _AUGMENTED.search(refused.text, max(refused.line_start, start - 2), start + 4)
    where = refused.line_start, match.end() if match else end
    if refused.found != "=" and match is None:
        return None
    if opener_of(refused) is not None:
        return None
    if re.search(r"(?:[A-Za-z_]\w*|[\])]) *\. *[A-Za-z_]\w*$", target):
        return "E120", "attributes cannot be assigned", where, "make a new record with the constructor"
    if match is not None and refused.kind == "AUGMENTED":
        return "E100", f"`{match[0]}` changes one variable or item", where, None
    if refused.found != "=":
        return None
    if re.fullmatch(r"[(\[][\w, ]*[)\]]", target):
        return "E100", "names before `=` are written without brackets", where, "write `a, b = …`"
    if refused.last == "=":
        return "E100", "unexpected `=`", refused.token_range, "write one `=` to bind, and `==` to compare"
    if re.match(r"\w+ *=(?!=)", target):
        return "E100", "only names may follow the first `=`", refused.token_range, "write two statements"
    return None


def misplaced_part(refused: RefusedToken) -> Explanation | None:
    """Explain forms of `import`, `raise` and `except` that are not in the language."""
    word = re.match(r"\w*", refused.line)
    match word[0] if word else "":
        case "from" if refused.before.strip() == "from" and refused.found in (".", "..."):
            return "E113", "there are no relative imports", refused.token_range, None
        case "except" if refused.kind not in LINE_ENDS:
            hint = "write `except ValueError:`, `except (KeyError, IndexError) as error:` or `except:`"
            return "E114", "this form of `except` is not in the language", refused.token_range, hint
        case "raise" if refused.found in ("from", ".", ",") or refused.before.strip() == "raise":
            hint = 'write `raise ValueError("…")`'
            return "E114", "this form of `raise` is not in the language", refused.token_range, hint
    return None


_AFTER_TARGET = {"EQUAL", "COMMA", "DOT", "LSQB", "LPAR"}


def tuple_statement(refused: RefusedToken) -> Explanation | None:
    """Explain a tuple without brackets that is a statement."""
    at_end = refused.kind in LINE_ENDS and refused.expected <= _AFTER_TARGET and "," in refused.before
    if at_end or (refused.found == "," and (LINE_ENDS[0] in refused.expected or not refused.expected)):
        return "E100", "a tuple must be in brackets here", refused.token_range, "write `(a, b)`"
    return None
