"""Compile applications of functions, records and built-ins to closures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.check.checked import CheckedFunction, FunctionTarget, NativeTarget, RecordTarget, Sources
from rlmlang.language.types import NONE, FunctionType, RecordType
from rlmlang.runtime.closures import (
    Code,
    Compiler,
    Frame,
    FrameNames,
    RuntimeFunction,
    charge,
    container_code,
    strict,
    when_known,
)
from rlmlang.runtime.comprehensions import apply_to_each, quantifier
from rlmlang.runtime.expressions import name as variable
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.nested import run_program
from rlmlang.runtime.pending import UNRESOLVED, Place, as_container, build_record, resolved, wrap
from rlmlang.runtime.steps import APPLICATION, function_steps
from rlmlang.runtime.values import Value


def apply(compiler: Compiler, node: nodes.Apply) -> Code:
    target = compiler.tables.targets[node.node_id]
    match target:
        case NativeTarget():
            return apply_native(compiler, node, target)
        case RecordTarget():
            type_, args = target.type, compiler.codes(target.args)
            return lambda frame: build_record(type_, [arg(frame) for arg in args])
        case FunctionTarget():
            function = compile_function(compiler, target.function)
            parameters = target.function.params
        case _:  # a parameter of function type
            function = variable(compiler, nodes.Name(target.name, span=node.span))
            parameters = (NONE,) * len(target.args)  # parameters of parameters are never functions
    args = [
        function_argument(compiler, arg) if isinstance(type_, FunctionType) else compiler.code(arg)
        for arg, type_ in zip(target.args, parameters)
    ]
    site = node.span.start
    return lambda frame: function(frame)([arg(frame) for arg in args], frame, site, 0)


def compile_function(compiler: Compiler, checked: CheckedFunction) -> Callable[[Frame], RuntimeFunction]:
    """Compile a function of the program or the library."""
    made = compiler.functions.get(checked)
    if made is not None:
        return made
    node = checked.node
    names = [param.name.id for param in node.params]
    outer, binding = compiler.scope, compiler.binding
    program = outer
    while program.outer is not None:
        program = program.outer
    compiler.scope = FrameNames(set(names), None if checked.in_library else program, node.name.id)
    compiler.binding = node.name.id
    tables, compiler.tables = compiler.tables, checked.tables
    bindings = [compiler.bind(local) for local in node.body]
    value, steps = compiler.code(node.value), function_steps(node)
    compiler.scope, compiler.binding, compiler.tables = outer, binding, tables

    def make(frame: Frame) -> RuntimeFunction:
        root = frame
        while root.scope is not None:
            root = root.scope
        scope = None if checked.in_library else root
        evaluation = frame.evaluation

        def function(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
            charge(caller, steps, node.name.span, site, turn)
            inner = Frame(evaluation, scope, dict(zip(names, args)), caller, site, turn)
            for bind in bindings:
                bind(inner)
            return value(inner)

        return function

    compiler.functions[checked] = make
    return make


def function_argument(compiler: Compiler, node: nodes.Expr) -> Callable[[Frame], RuntimeFunction]:
    """Compile an argument that is a function."""
    if isinstance(node, nodes.Lambda):
        names, span = [param.id for param in node.params], node.span
        outer, compiler.scope = compiler.scope, FrameNames({*names}, compiler.scope, compiler.scope.within)
        body, steps = compiler.code(node.body), function_steps(node)
        compiler.scope = outer

        def make(frame: Frame) -> RuntimeFunction:
            def function(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                charge(caller, steps, span, site, turn)
                return body(Frame(frame.evaluation, frame, dict(zip(names, args)), caller, site, turn))

            return function

        return make
    assert isinstance(node, nodes.Name)
    reference = compiler.tables.references.get(node.node_id)
    result: Callable[[Frame, list[Value]], Value]
    match reference:
        case CheckedFunction():
            defaults = [p.default for p in reference.node.params]
            codes = [None if d is None else compiler.code(d) for d in defaults]
            function = compile_function(compiler, reference)

            def with_defaults(frame: Frame) -> RuntimeFunction:
                inner = function(frame)

                def call(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                    rest = [code(caller) for code in codes[len(args) :] if code is not None]
                    return inner([*args, *rest], caller, site, turn)

                return call

            return with_defaults
        case RecordType():
            result = partial(_record, reference)
        case NativeTarget():
            result = when_known(node, reference.builtin.code)
        case _:  # a parameter
            return variable(compiler, node)
    span = node.span

    def applied(frame: Frame) -> RuntimeFunction:
        def call(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
            charge(caller, APPLICATION, span, site, turn)
            return result(Frame(caller.evaluation, caller, {}, caller, site, turn), args)

        return call

    return applied


def apply_native(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    builtin, code = target.builtin, target.builtin.code
    match builtin.form:
        case SpecialForm.FOLD:
            return fold(compiler, node, target)
        case SpecialForm.PROGRAM:
            return run_program(compiler, node, target)
        case SpecialForm.ANY | SpecialForm.ALL if (generator := target.generator) is not None:
            return quantifier(compiler, generator, builtin.form is SpecialForm.ANY)
    args = [*target.args, *(value for _, value in target.keywords)]
    count = len(target.args)
    keywords = [keyword for keyword, _ in target.keywords]
    if keywords:
        plain = code

        def code(meter: Meter, *given: Value) -> Value:
            return plain(meter, *given[:count], **dict(zip(keywords, given[count:])))

    work, operand = code, compiler.code
    if (levels := builtin.moves) is not None:
        operand = partial(container_code, compiler)

        def work(meter: Meter, *given: Value) -> Value:
            return wrap(code(meter, *given), levels)

    if not any(isinstance(type_, FunctionType) for type_ in target.parameter_types):
        return strict(node, [operand(arg) for arg in args], work)
    finish = when_known(node, work)
    steps = [
        (place, value_of(operand(args[place])) if sources is None else results_of(compiler, args[place], sources))
        for place, sources in target.operands
    ]

    def run(frame: Frame) -> Value:
        values: list[Value] = [None] * len(args)
        for place, step in steps:
            values[place] = step(frame, values)
        return finish(frame, values if levels is None else [as_container(value) for value in values])

    return run


Step = Callable[[Frame, list[Value]], Value]
"""Evaluates one argument of an application, given the values of those before it."""


def value_of(code: Code) -> Step:
    return lambda frame, values: code(frame)


def results_of(compiler: Compiler, argument: nodes.Expr, sources: Sources) -> Step:
    """Compile the results of a function argument for the other arguments that it is applied to, or their elements."""
    function, site = function_argument(compiler, argument), argument.span.start
    places = sources.places
    single = sources.themselves or len(places) == 1

    def results(frame: Frame, containers: list[Value]) -> Value:
        apply = function(frame)
        if single:
            return apply_to_each(frame, containers[0], site, lambda value, turn: apply([value], frame, site, turn))
        together = list(zip(*containers))
        return apply_to_each(frame, together, site, lambda values, turn: apply([*values], frame, site, turn))

    def run(frame: Frame, values: list[Value]) -> Value:
        given = [values[place] for place in places]
        if sources.themselves:
            return results(frame, [given])
        containers = [as_container(value) for value in given]
        if any(container.__class__ in UNRESOLVED for container in containers):
            return frame.evaluation.defer(
                containers, Place(frame, site), lambda: results(frame, [resolved(each) for each in containers])
            )
        return results(frame, containers)

    return run


def fold(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    step, elements, initial = target.in_order
    function = function_argument(compiler, step)
    items, start = container_code(compiler, elements), compiler.code(initial)
    site, span = node.span.start, node.span

    def fold_over(frame: Frame, values: Value, state: Value) -> Value:
        charge(frame, len(values), span, site, 0)
        apply = function(frame)
        for turn, value in enumerate(values):
            state = apply([state, value], frame, site, turn)
        return state

    def run(frame: Frame) -> Value:
        values, state = items(frame), start(frame)
        if values.__class__ in UNRESOLVED:
            return frame.evaluation.defer(
                [values], Place(frame, site), lambda: fold_over(frame, resolved(values), state)
            )
        return fold_over(frame, values, state)

    return run


def _record(type_: RecordType, frame: Frame, args: list[Value]) -> Value:
    return build_record(type_, args)
