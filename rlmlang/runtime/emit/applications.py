"""Emit applications of functions, records and built-ins, and functions as arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.check.checked import (
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
    Sources,
)
from rlmlang.language.check.type_tests import tested_number
from rlmlang.language.source import Span
from rlmlang.language.types import FunctionType, RecordType, Type
from rlmlang.runtime.emit import inline_builtins, python
from rlmlang.runtime.emit.changes import change
from rlmlang.runtime.emit.emitter import DEPTH, METER, Emitter, NotFast, emits
from rlmlang.runtime.emit.facts import Emitted
from rlmlang.runtime.emit.gathering import GatheredTurn, gathered, gathered_slowly
from rlmlang.runtime.emit.helpers import IS_NUMBER
from rlmlang.runtime.emit.inline_functions import emit_in_place
from rlmlang.runtime.emit.loops import first_element, quantifier
from rlmlang.runtime.emit.metering import charge, charge_items
from rlmlang.runtime.emit.unit import CannotEmit
from rlmlang.runtime.steps import APPLICATION, function_steps
from rlmlang.runtime.values import RecordValue

Applied = Callable[[list[Emitted]], Emitted]
"""Emits the application of a function to arguments, its charge included."""


@emits(nodes.Apply)
def apply(e: Emitter, node: nodes.Apply) -> Emitted:
    if (decided := e.decided(node)) is not None:
        e.effects(node.args[0])
        return Emitted(python.const(decided))
    target = e.tables.targets.get(node.node_id)  # nothing is known of applications to inputs without types
    match target:
        case NativeTarget():
            return apply_native(e, node, target)
        case RecordTarget():
            return record(e, target.type, e.operands(target.args))
        case FunctionTarget():
            return apply_function(e, target.function, arguments(e, target.args, target.function.params), node.span)
        case ParameterTarget():
            args = e.operands(target.args)
            return Emitted(_called(e, python.load(e.function_parameter(target.name)), args, node.span))
    raise CannotEmit(type(target).__name__)


def arguments(e: Emitter, args: Sequence[nodes.Expr], types: Sequence[Type]) -> list[Emitted]:
    """Emit the arguments of a function of the program, some of which may be functions."""
    return e.in_order([partial(_argument, e, arg, type_) for arg, type_ in zip(args, types)])


def _argument(e: Emitter, arg: nodes.Expr, type_: Type) -> Emitted:
    if isinstance(type_, FunctionType):
        return Emitted(python.load(function_value(e, arg, type_)))
    return e.expr(arg)


def apply_function(e: Emitter, function: CheckedFunction, args: list[Emitted], span: Span) -> Emitted:
    """Emit the application of a function of the program or the library, with the outer variables that it reads."""
    if (result := emit_in_place(e, function, args)) is not None:
        return result
    name = e.unit.function(function)
    outer = [Emitted(e.passed(key)) for key in sorted(function.reads)]
    return Emitted(_called(e, python.load(name), [*args, *outer], span, function.is_recursive))


def _called(
    e: Emitter,
    function: ast.expr,
    args: list[Emitted],
    span: Span,
    is_recursive: bool = False,
) -> ast.Call:
    """Return an application. Each of a recursive function is one level deeper.

    There is none in fast turns, since these are run again after a failure, as are those of what they apply.
    """
    if e.fast is not None:
        raise NotFast
    depth: ast.expr = python.load(DEPTH)
    if is_recursive:
        depth = python.binary(depth, "+", python.const(1))
    code = python.call(function, python.load(METER), depth, *(arg.code for arg in args))
    python.located(code, e.line(span))
    return code


def record(e: Emitter, type_: RecordType, args: list[Emitted]) -> Emitted:
    made = e.unit.give("R", RecordValue, "the value of a record")
    values = ast.Tuple([arg.code for arg in args], python.LOAD)
    return Emitted(python.call(made, python.load(e.unit.give("c", type_, f"the record {type_.name}")), values))


# Built-ins


def apply_native(e: Emitter, node: nodes.Apply, target: NativeTarget) -> Emitted:
    builtin = target.builtin
    if builtin.changes:
        return change(e, node, target, _results_for)
    match builtin.form:
        case SpecialForm.FOLD:
            return fold(e, node, target)
        case SpecialForm.ANY | SpecialForm.ALL if (generator := target.generator) is not None:
            return quantifier(e, generator, builtin.form is SpecialForm.ANY)
        case SpecialForm.NEXT if (generator := target.generator) is not None:
            return first_element(e, node, generator, target)
        case SpecialForm.ISINSTANCE:  # what types do not decide is whether the value is None, or which number
            if (number := tested_number(e.tables, target)) is not None:
                return Emitted(e.helper(IS_NUMBER[number], e.expr(target.args[0]).code, span=node.span))
            value = e.no_literal(e.expr(target.args[0]).code)
            return Emitted(ast.Compare(value, [ast.IsNot()], [python.const(None)]))
        case SpecialForm.ANY | SpecialForm.ALL | None:
            pass
        case _:
            raise CannotEmit(builtin.name)
    exprs = [*target.args, *(value for _, value in target.keywords)]
    if any(isinstance(expr, nodes.Starred) for expr in exprs):
        return spread(e, node, target)
    if any(isinstance(type_, FunctionType) for type_ in target.parameter_types):
        values = _with_functions(e, exprs, target)
    else:
        values = e.operands(exprs)
        if (special := inline_builtins.row(e, node, target, values)) is not None:
            return special
    count = len(target.args)
    code = e.helper(builtin.code, *(value.code for value in values[:count]), span=node.span)
    code.keywords = [ast.keyword(name, value.code) for (name, _), value in zip(target.keywords, values[count:])]
    e.unit.shown[code.func.id] = builtin.name  # type: ignore[attr-defined]
    return Emitted(code, *inline_builtins.known(target, values))


def spread(e: Emitter, node: nodes.Apply, target: NativeTarget) -> Emitted:
    """Emit the application of a built-in to arguments some of which are starred."""
    exprs = [arg.value if isinstance(arg, nodes.Starred) else arg for arg in target.args]
    values = [e.simple(value) for value in e.operands([*exprs, *(value for _, value in target.keywords)])]
    args: list[ast.expr] = []
    for arg, value in zip(target.args, values):
        if isinstance(arg, nodes.Starred):
            charge_items(e, python.call("len", python.again(value.code)), node.span)
            args.append(ast.Starred(value.code, python.LOAD))
        else:
            args.append(value.code)
    code = e.helper(target.builtin.code, *args, span=node.span)
    keywords = zip(target.keywords, values[len(args) :])
    code.keywords = [ast.keyword(name, value.code) for (name, _), value in keywords]
    return Emitted(code)


def _results_for(e: Emitter, argument: nodes.Expr, container: Emitted) -> Emitted:
    return results(e, argument, [Emitted(python.again(container.code))], Sources((0,)))


def _with_functions(e: Emitter, exprs: list[nodes.Expr], target: NativeTarget) -> list[Emitted]:
    """Emit arguments; in place of one that is a function comes the list of its results."""
    values: dict[int, Emitted] = {}
    for place, sources in target.operands:
        if sources is None:
            values[place] = e.simple(e.expr(exprs[place]))
        else:
            given = [Emitted(python.again(values[i].code)) for i in sources.places]
            values[place] = results(e, exprs[place], given, sources)
    return [values[place] for place in range(len(exprs))]


def results(e: Emitter, argument: nodes.Expr, given: list[Emitted], sources: Sources) -> Emitted:
    """Emit the list of what a function gives for elements of other arguments, or for these themselves."""
    applied = function_argument(e, argument)
    once = not given  # a function without parameters
    names = [e.unit.fresh("t") for _ in ([0] if sources.themselves or once else given)]
    if once:
        iterable: ast.expr = ast.Tuple([python.const(None)], python.LOAD)
    elif sources.themselves:
        iterable = ast.Tuple([each.code for each in given], python.LOAD)
    elif len(given) == 1:
        iterable = given[0].code
    else:
        iterable = python.call(e.unit.give("h", zip, "zip"), *(each.code for each in given))

    def target() -> ast.expr:
        stores: list[ast.expr] = [python.store(name) for name in names]
        return stores[0] if len(stores) == 1 else ast.Tuple(stores, python.STORE)

    def value() -> ast.expr:
        return applied([] if once else [Emitted(python.load(name)) for name in names]).code

    def turns(result: str) -> None:
        body: list[ast.stmt] = []
        with e.nested(), e.within(body):
            e.add(ast.Expr(python.call(python.attribute(python.load(result), "append"), value())))
        e.add(ast.For(target(), iterable, body, []))

    if len(names) > 1 or sources.themselves or once:
        return gathered_slowly(e, turns)
    return gathered(e, iterable, lambda: GatheredTurn(target(), [], value(), 0), turns)


def fold(e: Emitter, node: nodes.Apply, target: NativeTarget) -> Emitted:
    step, elements, initial = target.in_order
    items, start = e.operands([elements, initial])
    items = e.simple(items)
    state = e.temporary(start.code)
    count = python.call("len", python.again(items.code))
    charged = python.call(python.attribute(python.load(METER), "charge"), count)
    e.add(ast.Expr(charged), e.line(node.span))
    applied = function_argument(e, step)
    element = e.unit.fresh("t")
    body: list[ast.stmt] = []
    with e.nested(), e.within(body):
        value = applied([Emitted(python.load(state.id)), Emitted(python.load(element))])
        e.add(python.assign(state.id, value.code))
    e.add(ast.For(python.store(element), python.again(items.code), body, []))
    return Emitted(python.load(state.id))


# Functions as arguments


def function_argument(e: Emitter, node: nodes.Expr) -> Applied:
    """Return what emits the applications of an argument that is a function."""
    node = e.tables.written_out.get(node.node_id, node)
    if isinstance(node, nodes.Lambda):
        return lambda args: _apply_lambda(e, node, args)
    assert isinstance(node, (nodes.Name, nodes.Attribute))
    reference = e.tables.references.get(node.node_id)

    def charged(result: Callable[[list[Emitted]], Emitted]) -> Applied:
        def applied(args: list[Emitted]) -> Emitted:
            charge(e, APPLICATION, node.span)
            return result(args)

        return applied

    match reference:
        case CheckedFunction():
            return lambda args: apply_function(e, reference, [*args, *_defaults(e, reference, len(args))], node.span)
        case RecordType():
            return charged(lambda args: record(e, reference, args))
        case NativeTarget():
            code = reference.builtin.code
            return charged(lambda args: Emitted(e.helper(code, *(arg.code for arg in args), span=node.span)))
    assert isinstance(node, nodes.Name)
    parameter = e.function_parameter(node.id)
    return lambda args: Emitted(_called(e, python.load(parameter), args, node.span))


def _defaults(e: Emitter, function: CheckedFunction, given: int) -> list[Emitted]:
    return [e.expr(param.default) for param in function.node.params[given:] if param.default is not None]


def _apply_lambda(e: Emitter, node: nodes.Lambda, args: list[Emitted]) -> Emitted:
    args = [e.simple(arg) for arg in args]
    charge(e, function_steps(node), node.span)
    with e.scope():
        for param, arg in zip(node.params, args):
            e.alias(param.id, arg)
        return e.expr(node.body)


def function_value(e: Emitter, node: nodes.Expr, type_: FunctionType) -> str:
    """Emit a function that is an argument of a function of the program, and return its name."""
    if isinstance(node, nodes.Name) and node.node_id not in e.tables.references:
        return e.function_parameter(node.id)
    name = e.unit.fresh("g")
    params = [e.unit.fresh("t") for _ in type_.params]
    body: list[ast.stmt] = []
    nesting, e.nesting = e.nesting, 0
    with e.within(body):
        value = function_argument(e, node)([Emitted(python.load(param)) for param in params])
        e.add(ast.Return(value.code))
    e.nesting = nesting
    e.add(python.function(name, [METER, DEPTH, *params], body))
    return name
