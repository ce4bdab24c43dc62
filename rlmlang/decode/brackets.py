"""The brackets that are open in a prefix, and what is being written in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from rlmlang.decode.recognizer import FString, Stack, tables

if TYPE_CHECKING:
    from rlmlang.decode.prefix import Prefix


@frozen(eq=False)
class Frame:
    """An open bracket."""

    bracket: str
    kind: str
    """`call`, `group`, `list`, `dict`, `index`, `type` or `params`."""
    below: Frame | None
    depth: int
    opened: int
    """How many lexemes stand before it."""
    callee: str | None = None
    """Of a call, the name before the bracket, if it is one."""
    method: bool = False
    commas: int = 0
    keywords: frozenset[str] = frozenset()
    filled: bool = False
    """Whether something stands behind the bracket or the last comma."""


def framed(prefix: Prefix, lexeme: str, inside: FString | None) -> Frame | None:
    """The innermost open bracket once a lexeme has been written."""
    frame = prefix.frame
    if (inside is None) != (prefix.inside is None):
        if inside is None:
            return frame.below if frame is not None else None
        if frame is not None and not frame.filled:
            frame = evolve(frame, filled=True)
        return Frame(lexeme, "fstring", frame, 1 if frame is None else frame.depth + 1, prefix.size)
    match tables().terminal(lexeme):
        case "LPAR" | "LSQB" | "LBRACE":
            if frame is not None and not frame.filled:
                frame = evolve(frame, filled=True)
            return _opened(prefix, frame, lexeme)
        case "RPAR" | "RSQB" | "RBRACE":
            return frame.below if frame is not None else None
        case "COMMA" if frame is not None and _separates(prefix, frame):
            return evolve(frame, commas=frame.commas + 1, filled=False)
        case "EQUAL" if frame is not None and frame.kind == "call":
            return evolve(frame, keywords=frame.keywords | {prefix.last})
    if frame is not None and not frame.filled:
        frame = evolve(frame, filled=True)
    return frame


def _separates(prefix: Prefix, frame: Frame) -> bool:
    """Whether a comma here separates elements, and not the names of a lambda or a `for`."""
    return frame.kind in ("type", "params") or (prefix.stack is not None and tables().takes(prefix.stack, "__ANON_1"))


def _opened(prefix: Prefix, frame: Frame | None, bracket: str) -> Frame:
    depth = 1 if frame is None else frame.depth + 1
    operand = prefix.stack is not None and tables().takes(prefix.stack, "FSTRING")
    before = prefix.stack.below if prefix.stack is not None else None
    if bracket == "{":
        return Frame(bracket, "dict", frame, depth, prefix.size)
    if bracket == "[":
        if prefix.last == "CALL" or (prefix.stack is not None and in_type(prefix)):
            return Frame(bracket, "type", frame, depth, prefix.size, callee=prefix.last)
        return Frame(bracket, "list" if operand else "index", frame, depth, prefix.size)
    if operand or not (prefix.last.isidentifier() or prefix.last in (")", "]")):
        return Frame(bracket, "group", frame, depth, prefix.size)
    if prefix.words[:1] == ("def",) and prefix.size == 2:
        return Frame(bracket, "params", frame, depth, prefix.size)
    name = prefix.last if prefix.last.isidentifier() and prefix.last != "CALL" else None
    method = before is not None and str(before.value) == "." if name else False
    return Frame(bracket, "call", frame, depth, prefix.size, callee=name, method=method)


def in_type(prefix: Prefix) -> bool:
    """Whether a `[` here gives type arguments."""
    if prefix.frame is not None and prefix.frame.kind == "type":
        return True
    value = prefix.stack.value if prefix.stack is not None else None
    below = prefix.stack.below if prefix.stack is not None else None
    before = str(below.value) if below is not None and isinstance(below.value, str) else ""
    if before not in (":", "->", "|") or getattr(value, "type", "") != "NAME":
        return False
    if before == ":" and prefix.frame is not None and prefix.frame.kind in ("index", "dict"):
        return False
    return not is_lambda(below)


def is_lambda(stack: Stack | None) -> bool:
    """Whether the `:` on top of a stack ends the parameters of a lambda."""
    below = stack.below if stack is not None else None
    for _ in range(2):
        if below is None:
            return False
        if isinstance(below.value, str) and str(below.value) == "lambda":
            return True
        below = below.below
    return False
