"""What E231 says: who holds the value that is changed as well, and what to write instead."""

from __future__ import annotations

from rlmlang.diagnostics import Diagnostic
from rlmlang.language.check.ownership.holders import Holder
from rlmlang.language.check.ownership.sharing import ValueChange
from rlmlang.language.source import Span


def refusal(change: ValueChange, holder: Holder, read: Span | None, since: int) -> Diagnostic:
    """Return the diagnostic of a change of what something else holds as well.

    `read` is where that is used later on. If the change is before the place `since`, the diagnostic is there.
    """
    notes = [] if read is None or holder.kind == "expression" else [(f"{_described(holder)} is used here", read)]
    if change.span.start < since and read is not None:
        message = f"{_described(holder)} holds a {change.kind} that line {change.span.line} has changed"
        hint = f"use `{change.variable}`, or copy before the change" if change.variable else "copy before the change"
        return Diagnostic("E231", message, read, hint, notes=(("changed here", change.span),))
    code = _shortened(change.span.text) + (" = …" if change.is_assignment else "")
    message, hint = _message(change, holder, code)
    return Diagnostic("E231", message, change.span, hint, notes=tuple(notes))


def _message(change: ValueChange, holder: Holder, code: str) -> tuple[str, str]:
    """Return the message and the hint."""
    kind = change.kind
    if change.in_part:
        return (
            f"if `{code}` fails, the {kind} is changed in part",
            "compute its argument before the change: write a list, `[…]`",
        )
    match holder.kind:
        case "itself":
            message = f"`{code}` changes a {kind} that may be in `{holder.name}` more than once"
            copies = f"`[[0] * n for _ in range(m)]` or `[{kind}(x) for x in {holder.name}]`"
            return message, f"make each a {kind} of its own, as in {copies}"
        case "loop":
            message = f"`{code}` changes the {kind} that the loop over `{holder.name}` is going through"
            return message, f"loop over a copy: `for … in list({holder.name}):`"
        case "expression":
            message = f"`{code}` changes a {kind} while `{_shortened(holder.name)}` is still to be used"
            return message, "bind the value to a name in a statement before this one"
        case "within":
            return f"`{code}` puts a {kind} into itself", f"put a copy into it: `{kind}(…)`"
        case "argument":
            message = f"`{code}` reads the {kind} while it is changed"
            return message, "compute the argument in a statement before this one"
        case "lent":
            message = f"`{code}` changes a {kind}, and is given it another time as `{holder.name}`"
            return message, f"give it a copy, `{kind}({holder.name})`"
        case "given":
            message = f"`{holder.name}` changes a {kind} outside of it, so it cannot be given as a function"
            return message, "apply it in a `for` statement"
        case "lambda" | "generator":
            message = f"`{code}` changes a {kind} in a {holder.kind}, which may be used at another time"
            return message, "write a `for` statement"
        case "deep":
            return f"`{code}` changes a {kind} in comprehensions that are too deep to follow", "write `for` statements"
        case "waits":
            message = (
                f"`{code}` changes {f'`{holder.name}`' if holder.name else f'a {kind}'} in a program that makes a CALL"
            )
            return message, f"return the changed {kind}, and bind it where the function is applied"
        case "waiting":
            message = f"`{code}` changes `{holder.name}`, a variable outside of this function, which makes a CALL"
            return message, f"return the changed {kind}, and bind it where the function is applied"
        case "caller":
            message = f"`{code}` changes a {kind} that the caller of the function holds as well"
            return message, _own(change, f", and return the changed {kind}")
        case "kept":
            message = f"`{code}` changes a {kind} that `{holder.name}` keeps as its result, since it is under `@cache`"
            return message, _own(change)
        case "default":
            message = f"`{code}` changes the default of `{holder.name}`, which all applications share"
            return message, _own(change)
    return f"`{code}` changes a {kind} that {_described(holder)} holds as well", _own(change, holder=holder)


def _own(change: ValueChange, more: str = "", holder: Holder | None = None) -> str:
    """Return how to give a variable a value of its own."""
    kind, name = change.kind, change.variable
    if holder is not None and holder.kind == "variable":
        other = holder.name
        through = f"; to change `{other}` as well, write the change on `{other}`"
        if name is None:
            return f"to change a copy, bind `{kind}(…)` to a name{through}"
        if change.depth == 0:
            return f"to change a copy, write `{name} = {kind}({name})` before it{through}"
        copy = f"`{kind}({other})` into `{name}`, or `{kind}({other}[…])` where it is in `{other}`"
        return f"to change a copy, put {copy}{through}"
    if name is None:
        return f"bind a copy to a name, `{kind}(…)`, and change that"
    if change.depth == 0:
        return f"write `{name} = {kind}({name})` before it{more}"
    return f"give `{name}` copies of what it holds, such as `[list(x) for x in {name}]`{more}"


def _described(holder: Holder) -> str:
    match holder.kind:
        case "loop":
            return f"the loop over `{holder.name}`"
        case "expression":
            return f"`{_shortened(holder.name)}`"
    return f"`{holder.name}`"


def _shortened(text: str) -> str:
    line, *more = text.splitlines() or [""]
    return line[:59] + "…" if len(line) > 60 or more else line
