"""Emit `counts[key] = counts.get(key, start) + step`, as programs count, with its charges made at once.

If too few steps are left, the same is done by the reference operations, one of which then fails.
"""

from __future__ import annotations

import ast

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS
from rlmlang.language.check.checked import NativeTarget
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import METER, Emitter
from rlmlang.runtime.emit.facts import SMALL
from rlmlang.runtime.emit.helpers import finite_before
from rlmlang.runtime.emit.metering import KEYS, charge_all, charge_growth, sixteenth
from rlmlang.runtime.operators import OPERATORS, set_item

_COUNT = 2**30 - 1
"""Counts within this range need no further check; Python compares them faster than larger numbers."""

_GET = METHODS["dict"]["get"]


def count(e: Emitter, node: nodes.Assign) -> bool:
    """Emit the assignment, if it is one by which a program counts."""
    match node:
        case nodes.Assign(
            targets=(nodes.Index(value=nodes.Name() as whole, index=nodes.Name() as key) as target,),
            value=nodes.Binary(
                op="+" | "-" as op,
                left=nodes.Apply(args=(nodes.Name() as same, nodes.Constant(value=int(start)))) as found,
                right=nodes.Constant(value=int(step)),
            ) as total,
        ):
            pass
        case _:
            return False
    get, kind = e.tables.targets.get(found.node_id), e.kind(key)
    if not (isinstance(get, NativeTarget) and get.builtin is _GET and get.args[:2] == (whole, same) and same == key):
        return False
    container, at = (e.variable(each.id).known.code for each in (whole, key))
    if not (python.is_simple(container) and python.is_simple(at)) or not e.are_bound(whole.id, key.id):
        return False
    if e.kind(whole) != "dict" or e.unit.has_defaults or e.kind(found) != "int" or kind not in (*KEYS, "str"):
        return False
    if any(type(number) is not int or abs(number) > SMALL for number in (start, step)):
        return False

    def dict_and_key() -> list[ast.expr]:
        return [python.again(container), python.again(at)]

    old = e.helper(_GET.code, *dict_and_key(), python.const(start), span=found.span)
    new = e.helper(OPERATORS[op], old, python.const(step), span=total.span)
    reference = e.helper(set_item, *dict_and_key(), new, span=target.span)
    shares = [sixteenth(e, at), sixteenth(e, at)] if kind == "str" else []
    charge_all(e, 2, shares, reference)
    value = e.temporary(python.call(python.attribute(python.again(container), "get"), python.again(at)))
    first: list[ast.stmt] = []
    with e.within(first):
        size = python.binary(python.const(2), "*", python.call("len", python.again(container)))
        charge_growth(e, python.binary(size, "+", python.const(2)), target.span)
        e.add(_store(dict_and_key(), python.const(start + step if op == "+" else start - step)))
    changed = e.unit.fresh("t")
    bound = ast.NamedExpr(python.store(changed), python.binary(python.load(value.id), op, python.const(step)))
    in_range = ast.Compare(python.const(-_COUNT), [ast.LtE(), ast.LtE()], [bound, python.const(_COUNT)])
    due = python.const(1) if kind != "str" else python.binary(python.const(1), "+", sixteenth(e, at))
    checked = python.call(
        e.unit.give("h", finite_before, "finite_before"), python.load(METER), python.load(changed), due
    )
    python.located(checked, e.line(total.span))
    again = _store(dict_and_key(), ast.IfExp(in_range, python.load(changed), checked))
    e.add(python.when(ast.Compare(python.load(value.id), [ast.Is()], [python.const(None)]), first, [again]))
    return True


def _store(place: list[ast.expr], value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Subscript(place[0], place[1], python.STORE)], value)
