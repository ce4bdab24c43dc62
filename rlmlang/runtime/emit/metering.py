"""Emit charges for steps and sizes: in place, without a call while there are enough steps left."""

from __future__ import annotations

import ast
from copy import deepcopy

from rlmlang.language.source import Span
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import METER, Charge, Emitter, NotFast, meter
from rlmlang.runtime.emit.facts import FREE_CHARS, Emitted

KEYS = ("int", "float", "bool", "None")
"""Kinds of keys that are looked up in one step."""


def charge(e: Emitter, steps: int, span: Span) -> None:
    """Charge steps whose number is known."""
    if e.fast is not None:
        e.fast.charge(steps)
        return
    charged = ast.Expr(python.call(meter("charge"), python.const(steps)))
    python.located(charged, e.line(span))
    _pay(e, steps, [], charged)


def charge_sum(e: Emitter, steps: ast.expr, failing: ast.expr) -> None:
    """Charge steps that are computed. If too few are left, `failing` does the same and fails."""
    _pay(e, 0, [steps], ast.Expr(failing))


def charge_all(e: Emitter, known: int, computed: list[ast.expr], failing: ast.expr) -> None:
    """Charge the sum of steps, some of which are computed. If too few are left, `failing` does the same and fails."""
    _pay(e, known, computed, ast.Expr(failing))


def _pay(e: Emitter, known: int, computed: list[ast.expr], separately: ast.stmt) -> None:
    """Charge steps. Charges that follow each other are made at once while there are enough left."""
    if e.fast is not None:
        raise NotFast
    made = e.charges.get(e.block[-1]) if e.block else None
    if made is not None:
        made.add(known, computed, [separately])
        return
    total, constant = e.unit.fresh("s"), python.const(0)
    excess = python.when(python.compare(python.load(total), ">", meter("max_steps")), [separately])
    made = Charge(python.assign(total, python.binary(meter("steps"), "+", constant)), constant, excess.body)
    made.add(known, computed, [])
    last = _set("steps", python.load(total))
    for statement in (made.total, excess, last):
        e.add(statement)
    e.charges[made.total] = e.charges[last] = made


def charge_display(e: Emitter, count: int, span: Span) -> None:
    """Charge for a container of a known number of elements."""
    if count == 0:
        charge(e, 1, span)
        return
    small: list[ast.stmt] = []
    with e.within(small):
        charge(e, 1 + count, span)
    larger = ast.Expr(python.call(meter("items"), python.const(count)))
    test = python.compare(meter("largest"), ">=", python.const(8 * count))
    e.add(python.when(test, small, [larger]), e.line(span))


def charge_text(e: Emitter, count: ast.expr, span: Span) -> None:
    """Charge for a text of `count` characters."""
    number = e.temporary(count)
    steps = python.binary(python.load(number.id), "//", python.const(16))
    _charge_size(e, "text", number, steps, python.load(number.id), span)


def charge_items(e: Emitter, count: ast.expr, span: Span) -> None:
    """Charge for a container of `count` elements."""
    number = e.temporary(count)
    size = python.binary(python.load(number.id), "*", python.const(8))
    _charge_size(e, "items", number, python.load(number.id), size, span)


def charge_growth(e: Emitter, count: ast.expr, span: Span) -> None:
    """Charge for one more element of a container, which then has `count`, as the meter's `grow` does."""
    size, failing = e.unit.fresh("s"), ast.Expr(python.call(meter("grow"), deepcopy(count)))
    python.located(failing, e.line(span))
    _pay(e, 1, [], failing)
    e.add(python.assign(size, python.binary(count, "*", python.const(8))))
    too_large = ast.Expr(python.call(meter("grow"), deepcopy(count)))
    python.located(too_large, failing.lineno)
    larger: list[ast.stmt] = [
        python.when(python.compare(python.load(size), ">", meter("max_bytes")), [too_large]),
        _set("largest", python.load(size)),
    ]
    e.add(python.when(python.compare(python.load(size), ">", meter("largest")), larger))


def charge_key(e: Emitter, key: Emitted, kind: str, failing: ast.expr) -> bool:
    """Charge for looking up a key, as the meter's `key` does; `failing` fails if too few steps are left.

    Returns whether it could be emitted; nothing is known of the steps for a key of some kinds.
    """
    if kind in KEYS or key.is_short:
        if e.fast is not None:
            e.fast.charge(1)
        else:
            _pay(e, 1, [], ast.Expr(failing))
    elif kind == "str":
        _pay(e, 1, [sixteenth(e, key.code)], ast.Expr(failing))
    else:
        return False
    return True


def sixteenth(e: Emitter, text: ast.expr) -> ast.expr:
    """Return code for a sixteenth of the length of a text. It is computed once while the variable has the text."""
    share = python.binary(python.call("len", python.again(text)), "//", python.const(16))
    if not isinstance(text, ast.Name):
        return share
    is_long = python.compare(python.call("len", python.again(text)), ">", python.const(FREE_CHARS))
    if known := e.shares.get(text.id):
        return python.load(known[0])
    name = e.unit.fresh("t")
    e.shares[text.id] = [name]
    return ast.NamedExpr(python.store(name), ast.IfExp(is_long, share, python.const(0)))


def _charge_size(e: Emitter, method: str, number: ast.Name, steps: ast.expr, size: ast.expr, span: Span) -> None:
    """Charge for something new: with the meter's method if it is the largest so far, or too few steps are left."""
    total = e.unit.fresh("s")
    paid = python.binary(python.binary(meter("steps"), "+", python.const(1)), "+", steps)
    enough = python.compare(ast.NamedExpr(python.store(total), paid), "<=", meter("max_steps"))
    charged = ast.Expr(python.call(meter(method), python.load(number.id)))
    python.located(charged, e.line(span))
    test = python.both(python.compare(size, "<=", meter("largest")), enough)
    e.add(python.when(test, [_set("steps", python.load(total))], [charged]))


def _set(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Attribute(python.load(METER), name, python.STORE)], value)
