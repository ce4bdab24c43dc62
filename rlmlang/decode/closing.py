"""Complete the text that has been written so far."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.fragments import constant
from rlmlang.decode.position import Position, new_ends
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import join, tables
from rlmlang.language.types import STR


def closing_text(position: Position, constraint: Constraint) -> str:
    """Return the text that completes what is written up to a position."""
    prefix = position.prefix
    if prefix.size == 0 and position.partial[:1] in ("", "#"):
        head = "\n" if position.partial else ""
        return head + _joined("", constant(constraint.expected or STR)) + "\n"
    end, prefix_after = _lexeme_end(position)
    if prefix_after is None:
        return end
    number = position.partial[:1].isdigit() or re.match(r"\.\d", position.partial)
    if number:
        before = "0"
    elif position.partial:
        before = position.partial + end
    else:
        before = " " if position.spaces or position.lines else prefix.last
    text = _joined(before, prefix_after.closing)
    text = end + text
    if constraint.unit == "call":
        return text.rstrip("\n")
    if constraint.unit == "program" and not _is_value(prefix_after):
        text += _joined("", constant(constraint.expected or STR)) + "\n"
    return text


def _is_value(prefix: Prefix) -> bool:
    at: Prefix | None = prefix
    for lexeme in prefix.closing:
        at = at.child(lexeme) if at is not None else None
    return at is None or at.ended


def _lexeme_end(position: Position) -> tuple[str, Prefix | None]:
    """Return the text that ends the lexeme that a position is in, and the prefix after it."""
    if not position.partial:
        return "", position.prefix
    for end in _ends(position):
        after_end = position.advance(end) if end else position
        if after_end is None:
            continue
        if not after_end.partial:
            return end, after_end.prefix
        if position.partial[0] in "\n#":
            continue  # what follows would count as indentation
        whole = after_end.advance(" ")
        if whole is None:
            whole = after_end.advance("\n")
        if whole is not None and not whole.partial:
            return end, whole.prefix
    raise AssertionError(f"no end for {position.partial!r}")


def _ends(position: Position) -> Iterator[str]:
    """Yield texts that may end the lexeme that a position is in."""
    partial, prefix = position.partial, position.prefix
    yield ""
    if partial[0] in "\n#":
        yield from ("\n", "    ", "   ", "  ", " ", "\n    ")
    if re.fullmatch(r"[A-Za-z_]\w*", partial):
        yield from ("x", "x1", '""', "''")
        for name in prefix.names.candidates:
            if name.startswith(partial) and prefix.names.may_follow(name):
                yield name[len(partial) :]
        if prefix.names.fresh:
            yield from new_ends(partial)
    yield from (text[len(partial) :] for text in prefix.literals if text.startswith(partial))
    if partial[-1] in "{}":
        hole = prefix.child(f"f{partial[1]}{{") if partial[0] == "f" else None
        yield from (partial[-1] + quote for quote in "\"'")
        if hole is not None:
            yield hole.closing[0]
    escapes = ("0" * count for count in range(1, 9))
    for inner in ("", "}", "x}", "0}", "r}", "f}", "0f}", "<}", "n", *escapes):
        yield from (inner + quote for quote in ('"', "'", '"""'))
    yield from ("0", ".0")
    yield from (sign[len(partial) :] for sign in tables().fixed if sign.startswith(partial))


def _joined(before: str, lexemes: tuple[str, ...] | list[str]) -> str:
    text = ""
    for lexeme in lexemes:
        joined = join((before + text)[-1:], lexeme)
        text += joined[len((before + text)[-1:]) :]
    return text
