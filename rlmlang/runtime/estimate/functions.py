"""Follow applications of the functions of a program, and of functions that are arguments, before a run."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.check.checked import CheckedFunction, FunctionTarget, NativeTarget, ParameterTarget, Tables
from rlmlang.language.source import Span
from rlmlang.language.types import RecordType
from rlmlang.runtime.effects import bound_in
from rlmlang.runtime.emit.enclosing_scopes import PROGRAM
from rlmlang.runtime.estimate.blocks import block
from rlmlang.runtime.estimate.emitted import run_function
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.follower import Application, Follower, FunctionEstimate
from rlmlang.runtime.estimate.intervals import UNKNOWN, UnknownValue, all_known, build, either, frozen_copy, unknown_of
from rlmlang.runtime.exceptions import MAX_RECURSION, too_deep
from rlmlang.runtime.steps import APPLICATION, function_steps
from rlmlang.runtime.values import RecordValue, Value

WORK = 16
"""What following an application takes besides the steps of the application, so that no estimate takes long."""

UNSURE_DEPTH = 64
"""The most applications of a function inside each other that are followed if only the run decides on them."""


def enter(follower: Follower, function: CheckedFunction, args: list[Value], env: Env, site: Span) -> Value:
    """Follow an application of a function at a site. Returns its value."""
    node = function.node
    follower.meter.charge(WORK)
    args = [*args, *(follower.value(p.default, env) for p in node.params[len(args) :] if p.default)]
    if function.is_host:
        return _apply_host(follower, function, args, site)
    if function.is_recursive and _is_endless(follower, function, args):
        follower.charge(follower.fact(function_steps, node))
        return _give_up(follower, function)
    outer = None if function.in_library else env.of(follower.parents.get(node.name.node_id, PROGRAM))

    def follow() -> Value:
        follower.charge(follower.fact(function_steps, node))
        given = dict(zip((param.name.id for param in node.params), args))
        inner = Env(given, outer, node.name.node_id, follower.fact(bound_in, node.body))
        tables, follower.tables = follower.tables, function.tables
        follower.stack.append(Application(function, args, follower.conditions))
        if function.is_recursive and follower.depth > MAX_RECURSION:
            if follower.sure:
                raise too_deep().at(node.name.span)
            follower.stack.pop()
            follower.tables = tables
            return follower.unknown()
        flow = block(follower, node.body, inner)
        follower.stack.pop()
        follower.tables = tables
        if flow is None:
            return None
        if not flow.returns:
            return None if flow.goes_on else UNKNOWN
        return either(flow.result, None) if flow.goes_on else flow.result

    if (function.makes_calls and not function.is_recursive) or any(map(callable, args)):
        return follow()
    if id(node) in follower.heavy and (found := run_function(follower, function, args, outer)):
        return found[0]
    run = None if function.makes_calls else lambda: run_function(follower, function, args, outer)
    return follower.shared(node, follow, lambda: _give_up(follower, function), run)


def _apply_host(follower: Follower, function: CheckedFunction, args: list[Value], site: Span) -> Value:
    """Follow an application of a function of the host: it is counted, and its result is not known."""
    follower.charge(APPLICATION)
    follower.sites.add(site)
    known = [*map(frozen_copy, args)] if all_known(*args) else None
    follower.functions.count(site, function.node.name.id, known, follower.factor, follower.sure)
    follower.may_fail()
    return unknown_of(function.result)


def _is_endless(follower: Follower, function: CheckedFunction, args: list[Value]) -> bool:
    """Return whether nothing that is known ends an application of a function inside of others of the same function."""
    around = [each for each in follower.stack if each.function is function]
    unsure = [each for each in around if each.conditions < follower.conditions]
    return len(unsure) > UNSURE_DEPTH or any(all(map(_same, each.args, args)) for each in unsure)


def _same(a: Value, b: Value) -> bool:
    """Return whether the same is known of two arguments, as far as that is quickly seen."""
    if isinstance(a, UnknownValue) and isinstance(b, UnknownValue):
        return a.low == b.low and a.high == b.high
    return a is b or (isinstance(a, (str, int, float)) and type(a) is type(b) and bool(a == b))


def _give_up(follower: Follower, function: CheckedFunction) -> Value:
    """Return what is known of the value of an application that is not followed."""
    follower.open = follower.open or function.makes_calls
    follower.may_fail()
    return UNKNOWN


def function_argument(follower: Follower, node: nodes.Expr, env: Env) -> FunctionEstimate:
    """Return what follows the applications of an argument that is a function."""
    node = follower.tables.written_out.get(node.node_id, node)
    if isinstance(node, nodes.Lambda):
        names, tables, steps = [p.id for p in node.params], follower.tables, follower.fact(function_steps, node)

        def apply(args: list[Value]) -> Value:
            follower.charge(steps)
            outer, follower.tables = follower.tables, tables
            value = follower.value(node.body, Env(dict(zip(names, args)), env))
            follower.tables = outer
            return value

        return apply
    assert isinstance(node, (nodes.Name, nodes.Attribute))
    reference = follower.tables.references.get(node.node_id)
    match reference:
        case CheckedFunction():
            return lambda args: enter(follower, reference, args, env, node.span)
        case RecordType():

            def make(args: list[Value]) -> Value:
                follower.charge(APPLICATION)
                return build(args, lambda parts: RecordValue(reference, tuple(parts)))

            return make
        case NativeTarget():
            code = reference.builtin.code

            def apply_native(args: list[Value]) -> Value:
                follower.charge(APPLICATION)
                if all_known(*args):
                    return follower.pure(node, code, *args)
                follower.may_fail()
                return UNKNOWN

            return apply_native
    assert isinstance(node, nodes.Name)
    holder = env.holder(node.id)
    assert holder is not None
    function: FunctionEstimate = holder.variables[node.id]
    return function


def makes_calls(node: nodes.Node, tables: Tables) -> bool:
    """Return whether following a statement may come to a CALL, also in the functions that it applies."""
    for part in nodes.nodes_in(node, outside_of=nodes.Function):
        match part:
            case nodes.Call():
                return True
            case nodes.Apply():
                match tables.targets.get(part.node_id):
                    case FunctionTarget(function=function) if function.makes_calls:
                        return True
                    case NativeTarget(builtin=builtin) if builtin.form is SpecialForm.PROGRAM:
                        return True
                    case ParameterTarget():  # it may be a function that makes some
                        return True
            case nodes.Name():
                match tables.references.get(part.node_id):
                    case CheckedFunction(makes_calls=True):
                        return True
    return False
