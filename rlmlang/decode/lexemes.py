"""Read the lexeme at the start of a text, whole or in part, and say whether it may follow a prefix.

What is written inside a string or comment does not matter to what may follow, so strings are replaced by one that
stands for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from rlmlang.decode.escapes import ESCAPE_ENDS, escapes_right, open_escape
from rlmlang.decode.placeholders import FREE_INT, FREE_TEXT
from rlmlang.decode.prefix import UNWRITTEN, Prefix
from rlmlang.decode.recognizer import tables
from rlmlang.decode.spacing import gap
from rlmlang.language.parse import literals

MAX_NAME = 100
"""The most characters of a new name."""

SURELY_NEW = MAX_NAME - 10
"""A name of fewer characters can surely be made new by an ending: not all endings can be bound already."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|[0-9][0-9_.eE]*(?:(?<=[eE])[+-][0-9]*)?|\.[0-9][0-9_eE]*(?:(?<=[eE])[+-][0-9]*)?"
)
_QUOTED = re.compile(r"""r?(?:"(?!"")|')""")
_CLOSED = {'"': re.compile(r'"(?:[^"\\\n]|\\[^\n])*"'), "'": re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")}
_F_TEXT = {quote: re.compile(rf"(?:[^{quote}\\\n{{}}]|\\[^\n{{}}]|\{{\{{|\}}\}})*") for quote in "\"'"}
_PATTERN_WORDS = re.compile(r"(?<![\\<\w ,])[\w ,]{2,}")
"""Runs of characters that make no difference to how many groups an expression has."""

_HOLE_END = re.compile(r"(?:!r?)?(?::[^{}\"'\\\n#]*)?")


def read_lexeme(prefix: Prefix, rest: str) -> tuple[str | None, int] | None:
    """Return the lexeme at the start of a text, in the form that stands for all equivalent ones, and its length.

    The lexeme is None if it is not complete. The result is None if no lexeme starts so.
    """
    if prefix.inside is not None and prefix.frame is not None and prefix.frame.kind == "fstring":
        if rest[0] in "}:" or (rest[0] == "!" and rest[1:2] != "="):
            return _hole_end(prefix, rest)
    char = rest[0]
    if rest.startswith(('f"', "f'")):
        return _fstring(rest, 2, rest[1], "f" + rest[1])
    if rest.startswith('"""'):
        found = tables().lexeme(rest)
        if found is None:
            return None, len(rest)
        return _string(prefix, found, f'"""{FREE_TEXT}"""'), len(found)
    if _QUOTED.match(rest):
        raw = rest[0] == "r"
        quote = rest[raw]
        match = _CLOSED[quote].match(rest, int(raw))
        if match is None:
            return (None, len(rest)) if "\n" not in rest else None
        lexeme = rest[: match.end()]
        return _string(prefix, lexeme, f"{'r' * raw}{quote}{FREE_TEXT}{quote}"), len(lexeme)
    if match := _WORD.match(rest):
        return match[0], match.end()
    if match := NUMBER.match(rest):
        return _number(prefix, match[0]), match.end()
    if rest == "..":
        return None, 2  # of `...`
    sign = tables().sign(rest)
    return (sign, len(sign)) if sign is not None else (None, len(rest)) if char == "!" and len(rest) == 1 else None


def _string(prefix: Prefix, lexeme: str, free: str) -> str:
    """Return the string itself where its text matters, else one that stands for any (decision 48)."""
    if _names_type(prefix):
        return lexeme
    quotes = 3 if lexeme.startswith('"""') else 1
    if lexeme[0] != "r" and not escapes_right(lexeme[quotes:-quotes]):
        return "\\"  # fits nowhere
    if is_pattern(prefix) and "(" in lexeme:
        return lexeme
    return lexeme if prefix.child(free) is None or lexeme in prefix.literals else free


def is_pattern(prefix: Prefix) -> bool:
    """Return whether a string here is the expression of `findall`, whose groups decide a type (decision 139)."""
    frame = prefix.frame
    while frame is not None and frame.kind == "group" and not frame.commas:
        frame = frame.below
    return frame is not None and frame.kind == "call" and frame.callee == "findall" and not frame.commas


def _names_type(prefix: Prefix) -> bool:
    """Return whether a constant here is part of a type, so that its value may matter anywhere."""
    return prefix.frame is not None and prefix.frame.kind == "type"


def _number(prefix: Prefix, text: str) -> str | None:
    terminal = tables().terminal(text)
    if terminal not in ("INT", "FLOAT"):
        return None
    try:
        literals.real(text) if terminal == "FLOAT" else literals.integer(text)
    except literals.Malformed:
        return None
    free = str(FREE_INT) if terminal == "INT" else "0.7919"
    child = prefix.child(free)
    if child is None and (terminal == "FLOAT" or not _may_be_small(prefix)) and not _names_type(prefix):
        return "\\"  # fits nowhere
    if (
        child is None
        or _names_type(prefix)
        or (len(text) < 3 and (prefix.child(text) is None or not prefix.alike(text, child)))
    ):
        return text
    return free


def _may_be_small(prefix: Prefix) -> bool:
    """Return whether some small integer may follow although not every integer does, such as the index of a tuple."""
    if prefix.frame is not None and prefix.frame.kind == "index":
        return True
    return any(prefix.child(digit) is not None for digit in ("0", "1", "2"))


def _fstring(rest: str, at: int, quote: str, opening: str) -> tuple[str | None, int]:
    """Return the piece of an f-string up to its next hole or to its end, and its length."""
    match = _F_TEXT[quote].match(rest, at)
    assert match is not None
    end = match.end()
    if not escapes_right(rest[at:end]):
        return (None, end) if end == len(rest) else ("\\", end + 1)  # fits nowhere
    stop = rest[end : end + 1]
    if stop == quote:
        return opening + quote, end + 1
    if stop == "{" and end + 1 < len(rest):
        return opening + "{", end + 1
    if stop in ("", "{", "}", "\\") and end + len(stop) == len(rest):
        return None, len(rest)
    return "\\", len(rest) + 1


def _hole_end(prefix: Prefix, rest: str) -> tuple[str | None, int]:
    assert prefix.inside is not None
    match = _HOLE_END.match(rest)
    end = match.end() if match is not None else 0
    if rest[end : end + 1] != "}":
        return (None, len(rest)) if end == len(rest) else ("\\", len(rest) + 1)
    return _fstring(rest, end + 1, prefix.inside.quote, rest[: end + 1])


def may_continue(prefix: Prefix, rest: str) -> bool:
    """Return whether the lexeme at the end of the text may become longer."""
    if rest[0].isalnum() or rest[0] == "_":
        return True if not re.fullmatch(r"""[rf]?(["']).*\1""", rest, re.DOTALL) else len(rest) <= 2
    if NUMBER.match(rest):
        return True
    if rest[0] in "\"'":
        return rest == '""' or not _closed(rest)
    if prefix.inside is not None and prefix.frame is not None and prefix.frame.kind == "fstring":
        if rest[0] in "}:!":
            return not (rest[-1] == prefix.inside.quote and "}" in rest)
    longer = (sign for sign in tables().signs if sign.startswith(rest) and sign != rest)
    return rest in (".", "!") or any(sign not in UNWRITTEN for sign in longer)


def _closed(rest: str) -> bool:
    if rest.startswith('"""'):
        return tables().lexeme(rest) is not None
    return _CLOSED[rest[0]].fullmatch(rest) is not None


def canonical(prefix: Prefix, partial: str) -> str:
    """Return the shortest text with the same continuations."""
    long = partial.startswith('"""')
    quoted = _QUOTED.match(partial)
    opening = '"""' if long else partial[:2] if partial[:2] in ('f"', "f'") else quoted[0] if quoted else ""
    if not opening and prefix.inside is not None and prefix.frame is not None and prefix.frame.kind == "fstring":
        match = re.match(r"(?:!r)?(?::[^{}]*)?\}", partial)
        opening = match[0] if match else ""
    if not opening or len(partial) <= len(opening) or partial == '""':
        return partial
    content = partial[len(opening) :]
    if opening[0] not in "f}!:" and (
        _names_type(prefix)
        or prefix.child(_free(opening)) is None
        or any(text.startswith(partial) for text in prefix.literals)
    ):
        return partial  # its text matters
    if is_pattern(prefix) and any(char in content for char in "([\\"):
        return opening + _PATTERN_WORDS.sub("xx", content)
    tail = content[-1]
    if tail == "\\" and opening[0] == "r":
        return opening + ("\\" if (len(content) - len(content.rstrip("\\"))) % 2 else "x")
    if escape := open_escape(content):
        return opening + escape
    if opening == '"""':
        content = re.sub(r"\\.", "x", content, flags=re.DOTALL)
        tail = content[-1]
    if (tail == '"' and opening == '"""') or (tail in "{}" and opening[0] in "f}!:"):
        run = len(content) - len(content.rstrip(tail))
        keep = run if opening == '"""' else run % 2
        return opening + ("x" if len(content) > keep else "") + tail * keep
    return opening + "x"


def _free(opening: str) -> str:
    return f'"""{FREE_TEXT}"""' if opening == '"""' else f"{opening}{FREE_TEXT}{opening[-1]}"


def is_viable(prefix: Prefix, partial: str, spaces: int) -> bool:
    """Return whether a lexeme with this start may follow after some spaces."""
    key = ("viable", partial, spaces)
    known = prefix.positions.get(key)
    if known is None:
        known = prefix.positions[key] = _find_viable(prefix, partial, spaces)
    return bool(known)


def _find_viable(prefix: Prefix, partial: str, spaces: int) -> bool:
    if prefix.inside is not None and prefix.frame is not None and prefix.frame.kind == "fstring":
        if partial == "!" and fits(prefix, "!=", spaces) and prefix.child("!=") is not None:
            return True
        if partial[0] in "}:" or (partial[0] == "!" and partial[1:2] != "="):
            if not fits(prefix, partial, spaces):
                return False
            match = re.match(r"(?:!r)?(?::[^{}]*)?\}", partial)
            if match is None:
                return any(_follows(prefix, partial + end) for end in _HOLE_ENDS[prefix.inside.quote])
            return _f_viable(prefix, match[0], partial[match.end() :], prefix.inside.quote)
    if (partial[0] in "\"'" or partial[0].isalnum() or partial[0] == "_") and not fits(prefix, partial, spaces):
        return False
    if partial[0] in "\"'" or partial[:2] in ('f"', "f'", 'r"', "r'"):
        if partial[0] == "f":
            return _f_viable(prefix, partial[:2], partial[2:], partial[1])
        opening = '"""' if partial.startswith('"""') else partial[: 1 + (partial[0] == "r")]
        if partial == '""' and prefix.child(partial) is not None:
            return True
        if prefix.child(_free(opening)) is None:
            if any(text.startswith(partial) for text in prefix.literals):
                return True
            if not (is_pattern(prefix) and _follows(prefix, f"{opening}()(){opening[-1]}")):
                return False
        content = partial[len(opening) :]
        return opening[0] == "r" or any(escapes_right(content + end) for end in ESCAPE_ENDS)
    if _WORD.fullmatch(partial):
        names = prefix.names
        if len(partial) <= MAX_NAME and names.fresh and (partial[0] != "_" or names.fresh_hidden):
            if len(partial) < SURELY_NEW or any(prefix.child(partial + end) is not None for end in new_ends(partial)):
                return True
        if partial in ("f", "r") and _follows(prefix, partial + '""'):
            return True
        return names.starts(partial)
    if NUMBER.match(partial):
        ends = [end for end in ("", "0", ".0") if len(partial + end) <= MAX_NAME]
        return any(_follows(prefix, partial + end) for end in ends)
    if partial == "." and fits(prefix, ".5", spaces) and prefix.child("0.7919") is not None:
        return True
    signs = (sign for sign in tables().signs if sign.startswith(partial))
    return any(fits(prefix, sign, spaces) and prefix.child(sign) is not None for sign in signs)


def fits(prefix: Prefix, lexeme: str, spaces: int) -> bool:
    """Return whether a lexeme may follow with so many spaces before it."""
    least, most = gap(prefix, lexeme)
    return least <= spaces <= most


def new_ends(partial: str) -> Iterator[str]:
    """Yield endings of a name, one of which makes it new: no program is long enough to bind all these names.

    If the name is nearly as long as names may be, there are few endings, and perhaps none makes it new.
    """
    ends = chain(("", "x"), (f"x{i}" for i in range(20_000)))
    return (end for end in ends if len(partial) + len(end) <= MAX_NAME)


_HOLE_ENDS = {quote: [end + quote for end in ("}", "0}", "r}", "d}", "^9}", "2f}")] for quote in "\"'"}
"""Texts that end the hole of an f-string, formats included."""


def _f_viable(prefix: Prefix, opening: str, content: str, quote: str) -> bool:
    """Return whether the text of an f-string may be continued; `opening` is the piece before it."""
    end, hole = prefix.child(opening + quote) is not None, prefix.child(opening + "{") is not None
    if not (end or hole):
        return False
    text = content.rstrip("{}")
    ends = ESCAPE_ENDS if text == content else ("",)  # no escape continues after a brace
    return any(escapes_right(text + more) for more in ends) and _F_TEXT[quote].match(text + "0" * 8) is not None


def _follows(prefix: Prefix, text: str) -> bool:
    """Return whether a text may follow as one lexeme."""
    found = read_lexeme(prefix, text)
    return found is not None and found[0] is not None and found[1] == len(text) and prefix.child(found[0]) is not None
