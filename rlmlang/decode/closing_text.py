"""Complete the text that has been written so far."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from rlmlang.decode.blocks import must_continue
from rlmlang.decode.closings.constants import constant
from rlmlang.decode.decorators import word_below
from rlmlang.decode.lexemes import fits, is_pattern, new_ends, read_lexeme
from rlmlang.decode.lines import Ending, Point
from rlmlang.decode.placeholders import FREE
from rlmlang.decode.position import Position, spaced
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import tables
from rlmlang.decode.spacing import joined
from rlmlang.decode.state import BODY, LINE
from rlmlang.language import nodes
from rlmlang.language.types import STR


def closing_text(position: Position) -> str:
    """Return the text that completes what is written up to a position."""
    if position.ended:
        return ""
    if position.partial[:1] not in ("\n", "#") or position.prefix.frame is not None:
        found = _lexeme_end(position)
        assert found is not None, (position.partial, position.prefix.last)
        end, prefix = found
        if position.partial or not (position.spaces or position.lines):
            return end + _line_closed(prefix)
        lexeme = None if position.lines or position.spaces > 1 else spaced(prefix)
        if lexeme is None and not position.lines:  # only a comment may follow
            assert prefix.ending is not None
            return "#\n" + _next_lines(prefix.ending)
        if lexeme is None or lexeme == prefix.closing[0]:
            return _line_closed(prefix, space=True)
        after_lexeme = prefix.child(lexeme)
        assert after_lexeme is not None
        return ('""' if lexeme == FREE else lexeme) + _line_closed(after_lexeme)
    ending = position.prefix.ending
    assert ending is not None
    if position.partial[-1] == " " or position.partial[0] == "\n":
        margin = len(position.partial) - len(position.partial.rstrip(" "))
        if "#" not in position.partial:
            return _next_lines(ending, margin)
    return "\n" + _next_lines(ending)


def is_completable(position: Position) -> bool:
    """Return whether what is written up to a position can be completed.

    Positions are found by what is known of lines of the same shape; this checks the very line.
    """
    prefix, partial = position.prefix, position.partial
    if partial[:1] in ("\n", "#") and prefix.frame is None:
        return prefix.ending is not None
    if partial and partial[0] != "#":
        return _lexeme_end(position) is not None
    if position.spaces and not position.lines:
        lexeme = spaced(prefix) if position.spaces == 1 else None
        if lexeme is None:
            return prefix.ending is not None
        if lexeme != prefix.closing[0]:
            child = prefix.child(lexeme)
            return child is not None and child.prove()
    return prefix.prove()


def ends_here(position: Position) -> bool:
    """Return whether the lexeme that a position is in may end there, and what is written can then be completed."""
    found = _lexeme_end(position)
    return found is not None and not found[0]


def _line_closed(prefix: Prefix, space: bool = False) -> str:
    """Return the text that completes a line, and all that follows; with `space`, a space precedes it."""
    closing = prefix.closing if prefix.size else (*_shortest(prefix.point), LINE)
    line = closing[: closing.index(BODY) if BODY in closing else -1]
    text = joined(prefix, line, space)
    at: Prefix | None = prefix
    for lexeme in line:
        at = at.child(lexeme) if at is not None else None
    assert at is not None, (prefix.last, closing)
    if at.ended:
        return text
    assert at.ending is not None, (prefix.last, closing)
    return text + "\n" + _next_lines(at.ending)


def _next_lines(ending: Ending, margin: int = 0) -> str:
    """Return the lines that complete a text after a line whose end is written, and so much of the margin."""
    if ending.may_end and not margin:
        return ""
    level = min(each for each in ending.levels if 4 * each >= margin)
    point = ending.at(level)
    assert point is not None
    return " " * (4 * level - margin) + _line_closed(Prefix.of(point))


def _shortest(point: Point) -> tuple[str, ...]:
    """Return a line that ends a block soon."""
    block = point.block
    if (decorator := block.decorator) is not None:
        assert point.environment is not None
        name = next(name for name in new_names() if name not in point.environment.entries)
        word = word_below(point.environment, decorator)
        return (word, name, ":") if word == "class" else (word, name, "(", ")", ":")
    if must_continue(block) and block.kind != "class":
        return ("except", ":")
    if point.continues_only:
        return ("else", ":")
    if block.kind == "class":
        fields = {each.name.id: each for each in block.statements if isinstance(each, nodes.AnnotatedAssign)}
        default = ("=", '""') if any(each.value is not None for each in fields.values()) else ()
        return (next(name for name in new_names() if name not in fields), ":", "str", *default)
    if block.kind == "def" and block.default is not None:
        return block.default.lexemes
    if block.outer is None and point.unit == "program":
        return tuple(constant(point.base.expected or STR))
    leaves = block.is_looping and Prefix.of(point).child("break") is not None  # not if a further turn binds a name
    return ("break",) if leaves else ("pass",)


def new_names() -> Iterator[str]:
    """Yield names of which not all can be known."""
    yield "x"
    yield from (f"x{i}" for i in count(1))


def _lexeme_end(position: Position) -> tuple[str, Prefix] | None:
    """Return the text that ends the lexeme that a position is in, and the prefix after it; None if nothing does."""
    prefix, partial = position.prefix, position.partial
    if not partial:
        return "", prefix
    if partial[0] == "#":  # a comment within brackets
        return "\n", prefix
    for end in _ends(position):
        lexeme, length = read_lexeme(prefix, partial + end) or (None, 0)
        if lexeme is None or length != len(partial + end) or not fits(prefix, partial + end, position.spaces):
            continue
        if (child := prefix.child(lexeme)) is not None and child.prove():
            return end, child
    return None


def _ends(position: Position) -> Iterator[str]:
    """Yield texts that may end the lexeme that a position is in."""
    partial, prefix = position.partial, position.prefix
    yield ""
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
    if is_pattern(prefix):
        yield from (inner + quote for inner in ("()()", ")()", "()", ")", "]") for quote in ('"', "'", '"""'))
    escapes = ("0" * count for count in range(1, 9))
    for inner in ("", "}", "x}", "0}", "r}", "f}", "0f}", "<}", "n", *escapes):
        yield from (inner + quote for quote in ('"', "'", '"""'))
    yield from ("0", ".0")
    yield from (sign[len(partial) :] for sign in tables().signs if sign.startswith(partial))
