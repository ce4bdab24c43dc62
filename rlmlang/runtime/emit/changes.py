"""Emit changes in place: assignments to items, augmented assignments, and changing methods.

As in the closures (`runtime/changes.py`), the path is followed before the operands are evaluated, and every failure is
placed at the whole expression or statement.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.hidden_names import SET_SLICE
from rlmlang.language.source import Span
from rlmlang.language.types import FunctionType, RecordType
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import Emitter, NotFast, NotSmall, meter
from rlmlang.runtime.emit.facts import STEP_BITS, Emitted
from rlmlang.runtime.emit.metering import charge_growth, charge_key
from rlmlang.runtime.emit.operators import operation
from rlmlang.runtime.emit.parts import field, item
from rlmlang.runtime.emit.unit import Redo
from rlmlang.runtime.meter import HASHED_AS_IS
from rlmlang.runtime.operators import CHANGING, set_item
from rlmlang.runtime.values import SetValue

Results = Callable[[Emitter, nodes.Expr, Emitted], Emitted]


def _at_end(e: Emitter, node: nodes.Expr, span: Span) -> Emitted:
    """Emit following a path. Returns the container at its end."""
    match node:
        case nodes.Index(value=value, index=index):
            whole, key = e.in_order([partial(_at_end, e, value, span), partial(e.expr, index)])
            return item(e, whole, key, e.kind(value), span)
        case nodes.Attribute(value=value) if isinstance(e.type_of(value), RecordType):
            return field(e, node, _at_end(e, value, span))
        case nodes.Apply(callee=nodes.Attribute(value=value, name="setdefault")):
            target = e.tables.targets[node.node_id]
            assert isinstance(target, NativeTarget)
            operands = [partial(e.expr, operand) for operand in target.args[1:]]
            parts = e.in_order([partial(_at_end, e, value, span), *operands])
            return e.simple(Emitted(e.helper(target.builtin.code, *(part.code for part in parts), span=span)))
        case nodes.Name(id=name):
            return e.read(e.variable(name), node.span)
    return e.expr(node)  # a value that no variable has


def _evaluated(
    e: Emitter, node: nodes.Expr, span: Span, operands: Sequence[Callable[[], Emitted]]
) -> tuple[Emitted, list[Emitted]]:
    """Emit a path, then the operands. Returns the container at the end of the path, and the operands."""
    container, *values = [e.simple(value) for value in e.in_order([partial(_at_end, e, node, span), *operands])]
    return container, values


# Assignments


def assign_item(e: Emitter, target: nodes.Index, value: Emitted) -> None:
    """Emit `container[key] = value`, for a value that simple code reads."""
    container, (key,) = _evaluated(e, target.value, target.span, [partial(e.expr, target.index)])
    _store(e, container, key, value, (e.kind(target.value), e.kind(target.index)), target.span)


def _store(
    e: Emitter,
    container: Emitted,
    key: Emitted,
    value: Emitted,
    kinds: tuple[str, str],
    span: Span,
    is_there: bool = False,
) -> None:
    """Emit putting a value into a container; `is_there` says that the dict has the key."""
    parts = [python.again(each.code) for each in (container, key, value)]
    if kinds[0] == "list":
        line = e.line(span, Redo(set_item, tuple(parts)))
        place = ast.Subscript(python.again(container.code), python.again(key.code), python.STORE)
        python.located(place, line)
        e.add(ast.Assign([place], python.again(value.code)))
        return
    reference = e.helper(set_item, *parts, span=span)
    if kinds[0] != "dict" or not charge_key(e, key, kinds[1], reference):
        e.add(ast.Expr(reference))
        return
    if not is_there:
        _charge_for_new_key(e, container, key, kinds[1], span)
    place = ast.Subscript(python.again(container.code), python.again(key.code), python.STORE)
    e.add(ast.Assign([place], python.again(value.code)))


def _charge_for_new_key(e: Emitter, container: Emitted, key: Emitted, kind: str, span: Span) -> None:
    new: list[ast.stmt] = []
    with e.within(new):
        count = python.binary(python.binary(python.const(2), "*", _length(container)), "+", python.const(2))
        charge_growth(e, count, span)
        _note_key(e, container, key, kind, span)
    e.add(python.when(python.compare(python.again(key.code), "not in", python.again(container.code)), new))


def _note_key(e: Emitter, container: Emitted, key: Emitted, kind: str, span: Span) -> None:
    """Emit taking note of a key that is put into a container, if it may be a large number."""
    if kind not in ("int", "float") or (key.bits is not None and key.bits <= 60):
        return
    limit = python.const(HASHED_AS_IS)
    is_usual = ast.Compare(python.const(-HASHED_AS_IS), [ast.Lt(), ast.Lt()], [python.again(key.code), limit])
    put = python.call(meter("put"), python.again(key.code), _length(container))
    python.located(put, e.line(span))
    e.add(python.when(python.negated(is_usual), [ast.Expr(put)]))


def _length(container: Emitted) -> ast.expr:
    return python.call("len", python.again(container.code))


_CLASSES: dict[str, type] = {"list": list, "dict": dict, "set": SetValue}


def augmented(e: Emitter, node: nodes.AugmentedAssign) -> None:
    """Emit an augmented assignment, which changes lists, sets and dicts in place."""
    target, kinds = node.target, (e.kind(node.target), e.kind(node.value))
    in_place = CHANGING.get((_CLASSES.get(kinds[0], object), node.op))
    if in_place is not None:
        container, (operand,) = _evaluated(e, target, node.span, [partial(e.expr, node.value)])
        e.add(ast.Expr(e.helper(in_place, container.code, operand.code, span=node.span)))
    elif isinstance(target, nodes.Name):
        left, right = e.operands([target, node.value])
        if target.id in e.sums and (right.bits is None or right.bits > STEP_BITS):
            raise NotSmall(target.id)
        value = operation(e, node, left, right, kinds)
        e.add(python.assign(e.bound(target.id, value), value.code))
    else:
        container, (key,) = _evaluated(e, target.value, node.span, [partial(e.expr, target.index)])
        held = e.kind(target.value), e.kind(target.index)
        whole = Emitted(python.again(container.code))
        old, operand = e.in_order([partial(item, e, whole, key, held[0], node.span), partial(e.expr, node.value)])
        value = operation(e, node, old, operand, kinds)
        _store(e, container, key, e.simple(value), held, node.span, is_there=not e.unit.has_defaults)


# Methods


def change(e: Emitter, node: nodes.Apply, target: NativeTarget, results: Results) -> Emitted:
    """Emit the application of a changing method, whose value is None or what it takes out of its receiver.

    `results` emits what a function argument gives for the elements of the receiver. There is none in fast turns, since
    these are run again after a failure.
    """
    if e.fast is not None:
        raise NotFast
    builtin = target.builtin
    exprs = [*target.args[1:], *(value for _, value in target.keywords)]
    is_function = [isinstance(type_, FunctionType) for type_ in target.parameter_types[1:]]
    values = [expr for expr, function in zip(exprs, is_function) if not function]
    before = [e.simple(e.expr(values.pop(0)))] if builtin.name == SET_SLICE else []  # what is assigned comes first
    container, given = _evaluated(e, target.args[0], node.span, [partial(e.expr, expr) for expr in values])
    given = [*before, *given]
    operands = [results(e, expr, container) if function else given.pop(0) for expr, function in zip(exprs, is_function)]
    special = None if target.keywords else _INLINE.get(builtin)
    if special is not None and (done := special(e, node, container, operands)) is not None:
        return done
    count = len(target.args) - 1
    code = e.helper(builtin.code, container.code, *(operand.code for operand in operands[:count]), span=node.span)
    code.keywords = [ast.keyword(name, value.code) for (name, _), value in zip(target.keywords, operands[count:])]
    return Emitted(code)


def _append(e: Emitter, node: nodes.Apply, container: Emitted, operands: list[Emitted]) -> Emitted:
    count = python.binary(_length(container), "+", python.const(1))
    charge_growth(e, count, node.span)
    return _done(e, container, "append", operands)


def _add(e: Emitter, node: nodes.Apply, container: Emitted, operands: list[Emitted]) -> Emitted | None:
    value = operands[0]
    code = METHODS["set"]["add"].code
    reference = e.helper(code, python.again(container.code), python.again(value.code), span=node.span)
    if not charge_key(e, value, e.kind(node.args[0]), reference):
        return None
    charge_growth(e, python.binary(_length(container), "+", python.const(1)), node.span)
    _note_key(e, container, value, e.kind(node.args[0]), node.span)
    return _done(e, container, "add", operands)


def _done(e: Emitter, container: Emitted, method: str, operands: list[Emitted]) -> Emitted:
    values = [python.again(operand.code) for operand in operands]
    e.add(ast.Expr(python.call(python.attribute(python.again(container.code), method), *values)))
    return Emitted(python.const(None))


_INLINE = {METHODS["list"]["append"]: _append, METHODS["set"]["add"]: _add}
