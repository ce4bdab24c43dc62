"""Compile applications of functions, records and built-ins to closures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, SpecialForm
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
from rlmlang.language.types import NONE, FunctionType, RecordType
from rlmlang.runtime.aliases import variables_of
from rlmlang.runtime.changes import change
from rlmlang.runtime.closures import (
    Code,
    Compiler,
    FrameNames,
    FunctionCode,
    RuntimeFunction,
    after,
    container_code,
    strict,
    when_known,
)
from rlmlang.runtime.comprehensions import apply_to_each, as_sequence, first_element, quantifier
from rlmlang.runtime.effects import bound_in, changes_anything, defined_in
from rlmlang.runtime.emitted import with_emitted_function
from rlmlang.runtime.exceptions import MAX_RECURSION, too_deep
from rlmlang.runtime.expressions import name as variable
from rlmlang.runtime.frames import Frame, charge
from rlmlang.runtime.host import apply_host
from rlmlang.runtime.kept_results import with_results_kept
from rlmlang.runtime.lookups import lookup
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.pending import Pending, as_container, build_record, copied, resolved, wrap
from rlmlang.runtime.run_program import run_program
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.statements import result_of
from rlmlang.runtime.steps import APPLICATION, function_steps
from rlmlang.runtime.values import Value

MakeFunction = Callable[[Frame], RuntimeFunction]
"""Gives the function for applications in a frame."""


def apply(compiler: Compiler, node: nodes.Apply) -> Code:
    target = compiler.tables.targets[node.node_id]
    match target:
        case NativeTarget():
            return apply_native(compiler, node, target)
        case RecordTarget():
            type_, args = target.type, compiler.codes(target.args)
            return lambda frame: build_record(type_, [arg(frame) for arg in args])
        case FunctionTarget():
            function = compile_function(compiler, target.function, node.span)
            parameters = target.function.params
        case ParameterTarget():
            function = variable(compiler, nodes.Name(target.name, span=node.span))
            parameters = (NONE,) * len(target.args)  # parameters of parameters are never functions
    args = [
        function_argument(compiler, arg, kept=True) if isinstance(type_, FunctionType) else compiler.code(arg)
        for arg, type_ in zip(target.args, parameters)
    ]
    sizes = [compiler.changeable(arg) for arg in target.args]
    copies = [(place, levels) for place, levels in enumerate(sizes) if levels]
    site = node.span.end - 1
    if not copies:
        return lambda frame: function(frame)([arg(frame) for arg in args], frame, site, 0)

    def run(frame: Frame) -> Value:
        values = [arg(frame) for arg in args]
        for place, levels in copies:  # the function may wait while the caller goes on and changes them
            values[place] = copied(values[place], levels, frame.evaluation.meter)
        return function(frame)(values, frame, site, 0)

    return run


def compile_function(compiler: Compiler, checked: CheckedFunction, site: Span) -> MakeFunction:
    """Compile a function of the program, the library or the host for its application at a site."""
    if checked.is_host:
        applied = apply_host(compiler, checked, site)
        return lambda frame: applied
    depth = 0
    scope: FrameNames | None = None
    if not checked.in_library:
        scope = compiler.scope
        while checked.node.span.start not in scope.functions:
            assert scope.outer is not None
            scope, depth = scope.outer, depth + 1
    if checked not in compiler.functions:
        _compile_body(compiler, checked, scope)
    function = compiler.functions[checked]

    def make(frame: Frame) -> RuntimeFunction:
        around: Frame | None = None
        if scope is not None:
            around = frame
            for _ in range(depth):
                assert around.scope is not None
                around = around.scope
        return lambda args, caller, site, turn: function(around, args, caller, site, turn)

    return make


def _compile_body(compiler: Compiler, checked: CheckedFunction, scope: FrameNames | None) -> None:
    node = checked.node
    names = [param.name.id for param in node.params]
    steps, span, is_recursive = function_steps(node), node.name.span, checked.is_recursive
    body: list[Code] = []

    def function(around: Frame | None, args: list[Value], caller: Frame, site: int, turn: int) -> Value:
        charge(caller, steps, span, site, turn)
        inner = Frame(caller.evaluation, around, dict(zip(names, args)), caller, site, turn)
        if is_recursive:
            inner.depth += 1
            if inner.depth > MAX_RECURSION:
                raise PlacedError(too_deep().at(span), Place(caller, site, turn))
        return body[0](inner)

    form: FunctionCode = function
    if checked.keeps_results:
        form = with_results_kept(checked, function)
    elif compiler.emitted is not None:
        form = with_emitted_function(compiler.emitted, checked, scope, function)
    compiler.functions[checked] = form  # before its body is compiled, which may apply it
    before = compiler.scope, compiler.binding, compiler.tables, compiler.changes
    compiler.tables = checked.tables
    compiler.scope = function_names(checked, scope)
    compiler.binding = node.name.id
    compiler.changes = compiler.changes or changes_anything(node.body)
    body.append(result_of(compiler, node.body))
    compiler.scope, compiler.binding, compiler.tables, compiler.changes = before


def function_names(checked: CheckedFunction, scope: FrameNames | None) -> FrameNames:
    """Return the names of the frames of a function, which is defined in a scope."""
    node = checked.node
    params = [param.name.id for param in node.params]
    variables = variables_of(checked.tables, node.body, params)
    names = {*params, *bound_in(node.body)}
    return FrameNames(names, scope, node.name.id, variables, defined_in(node.body), node.name.node_id)


def function_argument(compiler: Compiler, node: nodes.Expr, kept: bool = False) -> MakeFunction:
    """Compile an argument that is a function.

    If it is `kept`, it may be applied later: it has the values that variables have now.
    """
    later = compiler.later(node) if kept else None
    made = _function_argument(compiler, node)
    if later is None or later.capture is None:
        return made
    return lambda frame: made(later.frame(frame))


def _function_argument(compiler: Compiler, node: nodes.Expr) -> MakeFunction:
    node = compiler.tables.written_out.get(node.node_id, node)
    if isinstance(node, nodes.Lambda):
        names, span = [param.id for param in node.params], node.span
        outer, compiler.scope = compiler.scope, FrameNames({*names}, compiler.scope, compiler.scope.within)
        body, steps = compiler.code(node.body), function_steps(node)
        compiler.scope = outer

        def make(frame: Frame) -> RuntimeFunction:
            def function(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                charge(caller, steps, span, site, turn)
                return body(Frame(caller.evaluation, frame, dict(zip(names, args)), caller, site, turn))

            return function

        return make
    assert isinstance(node, nodes.Name)
    reference = compiler.tables.references.get(node.node_id)
    result: Callable[[Frame, list[Value]], Value]
    match reference:
        case CheckedFunction():
            defaults = [p.default for p in reference.node.params]
            codes = [None if d is None else compiler.code(d) for d in defaults]
            function = compile_function(compiler, reference, node.span)

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
            result = when_known(compiler, node, [], reference.builtin.code)
        case _:  # a parameter
            return variable(compiler, node)
    span = node.span

    def applied(frame: Frame) -> RuntimeFunction:
        def call(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
            charge(caller, APPLICATION, span, site, turn)
            return result(Frame(caller.evaluation, caller, {}, caller, site, turn), args)

        return call

    return applied


def _record(type_: RecordType, frame: Frame, args: list[Value]) -> Value:
    return build_record(type_, args)


# Built-ins


def apply_native(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    builtin, code = target.builtin, target.builtin.code
    if builtin.changes:
        return change(compiler, node, target, operands_of_change(compiler, node, target))
    match builtin.form:
        case SpecialForm.FOLD:
            return fold(compiler, node, target)
        case SpecialForm.PROGRAM:
            return run_program(compiler, node, target)
        case SpecialForm.ANY | SpecialForm.ALL if (generator := target.generator) is not None:
            return quantifier(compiler, generator, builtin.form is SpecialForm.ANY)
        case SpecialForm.NEXT if (generator := target.generator) is not None:
            return first_element(compiler, node, generator, target)
        case SpecialForm.ISINSTANCE:
            return is_instance(compiler, node, target)
    if builtin is METHODS["dict"]["get"] and not target.keywords:
        return lookup(compiler, node, target.args[0], target.args[1:], code)
    args = [*target.args, *(value for _, value in target.keywords)]
    keywords = [keyword for keyword, _ in target.keywords]
    if keywords:
        plain, named = code, len(keywords)

        def code(meter: Meter, *given: Value) -> Value:
            return plain(meter, *given[:-named], **dict(zip(keywords, given[-named:])))

    levels = builtin.moves
    if any(isinstance(arg, nodes.Starred) for arg in args):
        levels = None  # of what is starred the parts are arguments, and have to be known
        code = _spread([isinstance(arg, nodes.Starred) for arg in args], code)
        args = [arg.value if isinstance(arg, nodes.Starred) else arg for arg in args]
    work, operand = code, compiler.code
    if levels is not None:
        operand = partial(container_code, compiler)

        def work(meter: Meter, *given: Value) -> Value:
            return wrap(code(meter, *given), levels)

    if builtin.form is SpecialForm.PRINT:
        return shown(compiler, node, args, work)
    if not any(isinstance(type_, FunctionType) for type_ in target.parameter_types):
        return strict(compiler, node, args, work, operand)
    finish = when_known(compiler, node, args, work)
    steps = [
        (place, value_of(operand(args[place])) if sources is None else results_of(compiler, node, args, place, sources))
        for place, sources in target.operands
    ]

    def run(frame: Frame) -> Value:
        values: list[Value] = [None] * len(args)
        for place, step in steps:
            values[place] = step(frame, values)
        return finish(frame, values if levels is None else [as_container(value) for value in values])

    return run


def operands_of_change(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> list[Code]:
    """Compile the arguments of a changing method. A function is applied to the elements of the receiver."""
    args = [*target.args, *(value for _, value in target.keywords)]
    receiver = compiler.code(args[0])

    def results(place: int, sources: Sources) -> Code:
        step = results_of(compiler, node, args, place, sources)
        return lambda frame: step(frame, [receiver(frame)])

    codes = {
        place: compiler.code(args[place]) if sources is None else results(place, sources)
        for place, sources in target.operands
    }
    return [codes[place] for place in range(1, len(args))]


def _spread(starred: list[bool], code: Callable[..., Value]) -> Callable[..., Value]:
    """Return code that is given the elements of the starred arguments one by one."""

    def work(meter: Meter, *given: Value) -> Value:
        spread: list[Value] = []
        for star, value in zip(starred, given):
            if star:
                meter.items(len(value))
                spread.extend(value)
            else:
                spread.append(value)
        return code(meter, *spread)

    return work


def shown(compiler: Compiler, node: nodes.Apply, args: list[nodes.Expr], text: Callable[..., str]) -> Code:
    """Compile a `print`, whose text is shown in its place once it is known."""
    site = node.span.end
    code = strict(compiler, node, args, text)

    def run(frame: Frame) -> Value:
        evaluation, place = frame.evaluation, Place(frame, site)
        text = code(frame)
        if text.__class__ is Pending:
            evaluation.later([text], place, lambda: evaluation.show(place, resolved(text)))
        else:
            evaluation.show(place, text)

    return run


def is_instance(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    """Compile an `isinstance`, which its types decide, or else whether the value is None, or which number it is."""
    decided = compiler.tables.decided.get(node.node_id)
    if decided is not None:
        return after(compiler.code(node.args[0]), lambda frame: decided)
    known = partial(container_code, compiler)
    if (number := tested_number(compiler.tables, target)) is not None:
        return strict(compiler, node, target.args[:1], lambda meter, value: value.__class__ is number, known)
    return strict(compiler, node, target.args[:1], lambda meter, value: value is not None, known)


ArgumentStep = Callable[[Frame, list[Value]], Value]
"""Evaluates one argument of an application, given the values of those before it."""


def value_of(code: Code) -> ArgumentStep:
    return lambda frame, values: code(frame)


def results_of(
    compiler: Compiler, node: nodes.Apply, args: list[nodes.Expr], place: int, sources: Sources
) -> ArgumentStep:
    """Compile the results of a function argument for the other arguments that it is applied to, or their elements."""
    argument, places = args[place], sources.places
    function, later = function_argument(compiler, argument), compiler.later(argument)
    single = sources.themselves or len(places) == 1
    functions = sum(isinstance(arg, nodes.Lambda) for arg in args)
    site = argument.span.end if functions > 1 else node.span.end - 1
    sizes = [compiler.changeable(args[each]) for each in places]

    def results(frame: Frame, containers: list[Value], sizes: list[int]) -> Value:
        def applied(frame: Frame) -> Callable[[Value, int], Value]:
            apply = function(frame)
            if single:
                return lambda value, turn: apply([value], frame, site, turn)
            return lambda values, turn: apply([*values], frame, site, turn)

        items = as_sequence(containers[0]) if single else list(zip(*containers)) if containers else [()]
        levels = max(sizes, default=0)
        return apply_to_each(frame, items, site, levels and levels + (not single), later, applied)

    def run(frame: Frame, values: list[Value]) -> Value:
        given = [values[each] for each in places]
        if sources.themselves:
            return results(frame, [given], [0])
        containers = [as_container(value) for value in given]
        if any(container.__class__ is Pending for container in containers):
            meter = frame.evaluation.meter
            kept = [copied(container, size, meter) for container, size in zip(containers, sizes)]
            return later.defer(
                frame, kept, site, lambda then: results(then, [as_container(each) for each in kept], [0])
            )
        return results(frame, containers, sizes)

    return run


def fold(compiler: Compiler, node: nodes.Apply, target: NativeTarget) -> Code:
    step, elements, initial = target.in_order
    function, later = function_argument(compiler, step), compiler.later(step)
    items, start, levels = container_code(compiler, elements), compiler.code(initial), compiler.changeable(elements)
    site, span = node.span.end - 1, node.span

    def fold_over(frame: Frame, values: Value, state: Value) -> Value:
        charge(frame, len(values), span, site, 0)
        apply = function(frame)
        for turn, value in enumerate(values):
            state = apply([state, value], frame, site, turn)
        return state

    def run(frame: Frame) -> Value:
        values, state = items(frame), start(frame)
        if values.__class__ is Pending:
            known = copied(values, levels, frame.evaluation.meter)
            return later.defer(frame, [known], site, lambda then: fold_over(then, as_container(known), state))
        return fold_over(frame, values, state)

    return run
