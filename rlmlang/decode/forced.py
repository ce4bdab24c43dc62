"""Text that must follow at a position, because nothing else may.

Only what is found quickly is found: a position with many possible continuations counts as one with a choice, without
a look at what the types leave of them.
"""

from __future__ import annotations

from rlmlang.decode.position import Position
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import tables
from rlmlang.decode.spacing import is_usual
from rlmlang.decode.state import LINE

FEW = 4
"""The most continuations that are tried one by one."""

LONGEST = 200
"""The most characters of a forced text."""

_CONSTANTS = ("STRING", "INT", "FLOAT", "FSTRING", "RAW_STRING", "LONG_STRING")


def forced_text(position: Position) -> str:
    """Return the text that must follow, up to the next choice, with the usual spaces; empty if there is a choice."""
    text = ""
    while len(text) < LONGEST and not position.ended and not position.may_end:
        more = _only(position)
        further = position.advance(more) if more else None
        if further is None:
            break
        text += more
        position = further
    return text


def _only(position: Position) -> str:
    prefix, partial = position.prefix, position.partial
    if prefix.inside is not None or not prefix.size:
        return ""
    if partial and partial[0] in "\n#":
        return _margin(position)
    if not partial:
        return _lexeme(prefix, bool(position.spaces or position.lines))
    if not partial.isidentifier() or prefix.names.fresh or partial in ("f", "r"):
        return ""
    heads = _judged(prefix, [name for name in prefix.names.candidates if name.startswith(partial)])
    if len(heads) != 1:
        return ""
    if heads[0] != partial:
        return heads[0][len(partial) :]
    child = prefix.child(partial)
    return _lexeme(child, False) if child is not None else ""


def _margin(position: Position) -> str:
    """Return the indentation of the next line, if only one is possible. Comments and empty lines are no choice."""
    ending = position.prefix.ending
    if ending is None or len(ending.levels) != 1 or "#" in position.partial:
        return ""
    return " " * (4 * ending.levels[0] - (len(position.partial) - len(position.partial.rstrip(" "))))


def _lexeme(prefix: Prefix, spaced: bool) -> str:
    """Return the only lexeme that may follow, with a space where one is usual."""
    if (known := prefix.positions.get("forced")) is None:
        known = prefix.positions["forced"] = _find_lexeme(prefix)
    assert isinstance(known, str)
    return f" {known}" if known and not spaced and is_usual(prefix, known) else known


def _find_lexeme(prefix: Prefix) -> str:
    if prefix.ended:
        return ""
    if prefix.opens:
        return "" if prefix.child("...") is not None else LINE
    takes, stack = tables().takes, prefix.stack
    if any(takes(stack, terminal) for terminal in _CONSTANTS):
        return ""
    options = [text for text, terminal in tables().fixed.items() if takes(stack, terminal)]
    if prefix.frame is None and takes(stack, "AUGMENTED"):
        return ""
    if takes(stack, "NAME"):
        if prefix.names.fresh:
            return ""
        options += prefix.names.candidates
    found = _judged(prefix, list(dict.fromkeys(options)))
    if prefix.frame is None and len(found) < 2 and prefix.ending is not None:
        found.append(LINE)
    return found[0] if len(found) == 1 else ""


def _judged(prefix: Prefix, options: list[str]) -> list[str]:
    """Return the options that may follow, or all of them if they are many."""
    if len(options) > FEW:
        return options
    return [option for option in options if prefix.child(option) is not None]
