"""The rules for applications of functions, methods, records and built-ins, for functions as arguments, and for CALL."""

from __future__ import annotations

from collections.abc import Sequence

from rlmlang.language import nodes
from rlmlang.language.builtins import Builtin, Parameter, SpecialForm
from rlmlang.language.check.annotations import resolve
from rlmlang.language.check.changes import change
from rlmlang.language.check.checked import (
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
)
from rlmlang.language.check.expressions import methods_of, no_attribute, private
from rlmlang.language.check.functions import (
    accepted,
    instance_of,
    is_open,
    makes_call,
    merged,
    use,
    use_library,
    use_parameter,
)
from rlmlang.language.check.inference import Inference, may_be_none, no_element
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.overloads import (
    ArgumentTypes,
    NamedParameter,
    Overload,
    count_problem,
    match_overload,
    match_parameters,
    overload_problem,
    resolve_reference,
    result_type,
)
from rlmlang.language.check.scope import Definition, Variable
from rlmlang.language.solving import Solution, solve, substitute, variables
from rlmlang.language.source import Span
from rlmlang.language.types import (
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    FunctionType,
    Never,
    OptionalType,
    RecordType,
    Type,
    Unknown,
    fits,
    join,
    optional,
)
from rlmlang.render import counted


def apply(check: Inference, node: nodes.Apply) -> Type:
    callee = node.callee
    if isinstance(callee, nodes.Attribute):
        return _method(check, node, callee)
    if not isinstance(callee, nodes.Name):
        check.infer(callee)
        _infer_arguments(check, node)
        return check.problems.error("E214", "this value is not callable", callee.span)
    entry = check.names.lookup(callee)
    match entry:
        case Builtin():
            return _builtin(check, node, entry, None)
        case Definition():
            return _defined(check, node, entry)
        case CheckedFunction():
            params = [
                NamedParameter(param.name.id, type_, param.default)
                for param, type_ in zip(entry.node.params, entry.params)
            ]
            args = _arguments(check, node, callee.id, params)
            if args is not None:
                check.tables.targets[node.node_id] = FunctionTarget(entry, args)
                use_library(check, entry, node.span)
            return entry.result
        case RecordType():
            fields = [NamedParameter(name, type_) for name, type_ in entry.fields]
            args = _arguments(check, node, callee.id, fields, "E228")
            if args is not None:
                check.tables.targets[node.node_id] = RecordTarget(entry, args)
            return entry
        case Variable(type=FunctionType() as type_):
            params = [NamedParameter(f"argument {i + 1}", param) for i, param in enumerate(type_.params)]
            args = _arguments(check, node, callee.id, params)
            if args is not None:
                check.tables.targets[node.node_id] = ParameterTarget(callee.id, args)
                use_parameter(check)
            return type_.result
    _infer_arguments(check, node)
    if entry is None or entry.type == UNKNOWN:
        return UNKNOWN
    return check.problems.error("E214", f"`{callee.id}` is {entry.type}, not a function", callee.span)


def _defined(check: Inference, node: nodes.Apply, definition: Definition) -> Type:
    """Check the application of a function of the program, and the function for the types of the arguments."""
    params = [
        NamedParameter(param.name.id, type_, param.default)
        for param, type_ in zip(definition.node.params, definition.params)
    ]
    args = _arguments(check, node, definition.node.name.id, params)
    if args is None:
        return NEVER if check.problems.provisional else definition.result
    types = [merged(param.type, check.tables.types.get(arg.node_id, param.type)) for param, arg in zip(params, args)]
    instance = instance_of(check, definition, tuple(types), node.span)
    if instance is None:
        return UNKNOWN
    check.tables.targets[node.node_id] = FunctionTarget(instance.function, args)
    return use(check, instance, node.span)


def _infer_arguments(check: Inference, node: nodes.Apply | nodes.Call) -> None:
    """Check arguments where no parameters are known."""
    for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
        if not isinstance(arg, nodes.Lambda):
            check.infer(arg)


def _arguments(
    check: Inference, node: nodes.Apply, function: str, params: Sequence[NamedParameter], code: str = "E207"
) -> tuple[nodes.Expr, ...] | None:
    """Check the arguments of a function. Returns them in the order of the parameters; None after an error."""
    errors = len(check.problems)
    found, refusals = match_parameters(node, function, params, code)
    for refusal in refusals:
        check.problems.error(*refusal)
    if len(node.args) > len(params):
        _infer_arguments(check, node)
        return None
    for param in params:
        what = f"`{param.name}`"
        if param.name not in found:
            if param.default is not None:
                found[param.name] = param.default
                if is_open(param.type):
                    check.infer(param.default)
        elif is_open(param.type):
            _expect_open(check, found[param.name], param.type, what)
        else:
            check.expect(found[param.name], param.type, what)
    return None if len(check.problems) > errors else tuple(found[param.name] for param in params)


def _expect_open(check: Inference, node: nodes.Expr, written: Type, what: str) -> None:
    """Check an argument whose type decides that of its parameter."""
    if isinstance(node, nodes.Lambda) or check.names.is_function(node):
        message = f"{what} takes a function, so its type must be written"
        check.problems.error("E215", message, node.span, "write `f: Callable[[int], int]` at the parameter")
        return
    found = check.infer(node)
    if not fits(found, written):
        mismatch(check.problems, node, found, written, what, "E210")


# Methods and built-ins -----------------------------------------------------------


def _method(check: Inference, node: nodes.Apply, callee: nodes.Attribute) -> Type:
    receiver = check.infer(callee.value)
    method = methods_of(receiver).get(callee.name)
    if method is not None and not callee.name.startswith("_"):
        return _builtin(check, node, method, callee.value)
    _infer_arguments(check, node)
    if callee.name.startswith("_"):
        return private(check.problems, callee)
    match receiver:
        case Unknown():
            return UNKNOWN
        case OptionalType():
            return may_be_none(check, callee.value)
        case Never():
            return no_element(check, callee.value)
        case RecordType() if receiver.field(callee.name) is not None:
            message = f"`{callee.name}` is a field, not a function"
            return check.problems.error("E214", message, callee.name_span)
    return no_attribute(check.problems, callee, receiver, methods_of(receiver))


def _builtin(check: Inference, node: nodes.Apply, builtin: Builtin, receiver: nodes.Expr | None) -> Type:
    args = node.args if receiver is None else (receiver, *node.args)
    types: dict[int, Type] = {}
    errors = len(check.problems)
    for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
        if not isinstance(arg, nodes.Lambda) and not check.names.is_function(arg):
            types[arg.node_id] = check.infer(arg)
    if receiver is not None:
        types[receiver.node_id] = check.tables.types[receiver.node_id]
    matches = [match_overload(signature, args, node.keywords) for signature in builtin.signatures]
    overloads = [match for match in matches if isinstance(match, Overload)]
    if not overloads:
        return check.problems.error(*count_problem(node, builtin, args))
    for overload in overloads:
        solution = overload.solve(types)
        if solution is not None:
            for param, arg in overload.pairs():
                if isinstance(param.type, FunctionType):
                    _solve_function(check, param, param.type, arg, solution)
            check.tables.targets[node.node_id] = overload.target(builtin)
            if builtin.changes and receiver is not None:
                change(check, receiver, substitute(overload.signature.params[0].type, solution), node.span)
            _note_effects(check, builtin, node.span)
            return result_type(overload.signature, solution)
    if len(check.problems) > errors:
        return UNKNOWN
    if len(overloads) == 1 and (failed := _wrong_argument(check, overloads[0], types)) is not None:
        return failed
    for arg in node.args:
        if isinstance(types.get(arg.node_id), OptionalType):
            return may_be_none(check, arg)
    return check.problems.add(overload_problem(node, builtin, overloads, types))


def _note_effects(check: Inference, builtin: Builtin, span: Span) -> None:
    if builtin.form is SpecialForm.PROGRAM:
        makes_call(check, span)
    elif builtin.name == "print":
        check.body.prints = True


def _wrong_argument(check: Inference, overload: Overload, types: ArgumentTypes) -> Type | None:
    """Report the first argument that the only overload does not accept."""
    solution: Solution = {}
    for param, arg in overload.pairs():
        found = types.get(arg.node_id)
        if isinstance(param.type, FunctionType):
            if found is not None:
                message = f"`{param.name}` must be a function"
                return check.problems.error("E210", message, arg.span, "write `lambda x: …`")
        elif found is None:
            return check.problems.error("E215", f"`{param.name}` must be a value, not a function", arg.span)
        elif not solve(param.type, found, solution):
            if isinstance(found, OptionalType) and solve(param.type, found.item, solution):
                return may_be_none(check, arg)
            what = f"`{param.name}`" if param.name != "self" else "the receiver"
            return mismatch(check.problems, arg, found, substitute(param.type, solution), what, "E210")
    return None


# Functions as arguments ----------------------------------------------------------


def _solve_function(
    check: Inference, param: Parameter, expected: FunctionType, arg: nodes.Expr, solution: Solution
) -> None:
    """Check a function that is passed to a built-in, and solve the type variables of its result."""
    what = f"`{param.name}`"
    for type_ in expected.params:
        for name in variables(type_):  # those of arguments that failed
            solution.setdefault(name, UNKNOWN)
    params = tuple(substitute(each, solution) for each in expected.params)
    if expected.result not in expected.params:
        result = function_argument(check, arg, params, None, what)
        if not solve(expected.result, result, solution):
            check.problems.error("E210", f"{what} returns {result}, which cannot be ordered", arg.span)
        return
    # `step: (A, T) -> A`: the result must fit what went in; widen once if it does not
    known = len(check.problems)
    joined = join(params[0], function_argument(check, arg, params, None, what))
    if len(check.problems) == known and joined is not None and joined != params[0]:
        solve(expected.result, joined, solution)
        params = tuple(substitute(each, solution) for each in expected.params)
    check.problems.forget(known)
    function_argument(check, arg, params, substitute(expected.result, solution), what)


def function_argument(
    check: Inference, node: nodes.Expr, params: tuple[Type, ...], result: Type | None, what: str
) -> Type:
    """Check an argument that must be a function of `params`; returns its result type.

    `result` is the type of the result that is expected; None accepts any.
    """
    if isinstance(node, nodes.Lambda):
        return _lambda(check, node, params, result, what)
    if not isinstance(node, nodes.Name):
        message = f"{what} must be a function of {counted(len(params), 'argument')}"
        check.problems.error("E210", message, node.span, "write `lambda x: …`")
        return UNKNOWN
    entry = check.names.lookup(node)
    if entry is None:
        return UNKNOWN
    if isinstance(entry, Definition):
        return _function_given(check, node, entry, params, result, what)
    found = resolve_reference(node, entry, params)
    if found is None:
        if isinstance(entry, Variable) and not isinstance(entry.type, FunctionType):
            message = f"{what} must be a function; `{node.id}` is {entry.type}"
        else:
            message = f"{what} must accept ({', '.join(map(str, params))}); `{node.id}` does not"
        return check.problems.error("E210", message, node.span)
    reference, type_ = found
    if reference is not None:
        check.tables.references[node.node_id] = reference
    if isinstance(reference, CheckedFunction):
        use_library(check, reference, node.span)
    elif isinstance(reference, NativeTarget):
        _note_effects(check, reference.builtin, node.span)
    elif reference is None:
        use_parameter(check)
    if result is not None and not fits(type_, result):
        check.problems.error("E210", f"{what} returns {type_}; expected {result}", node.span)
    return type_


def _function_given(
    check: Inference,
    node: nodes.Name,
    definition: Definition,
    params: tuple[Type, ...],
    result: Type | None,
    what: str,
) -> Type:
    """Check a function of the program that is passed as an argument."""
    found = len(check.problems)
    instance = accepted(check, definition, params, node.span)
    if instance is None:
        if len(check.problems) == found:
            message = f"{what} must accept ({', '.join(map(str, params))}); `{node.id}` does not"
            check.problems.error("E210", message, node.span)
        return UNKNOWN
    check.tables.references[node.node_id] = instance.function
    type_ = use(check, instance, node.span)
    if result is not None and not fits(type_, result):
        check.problems.error("E210", f"{what} returns {type_}; expected {result}", node.span)
    return type_


def _lambda(check: Inference, node: nodes.Lambda, params: tuple[Type, ...], result: Type | None, what: str) -> Type:
    if len(node.params) != len(params):
        message = f"{what} must take {counted(len(params), 'argument')}, not {len(node.params)}"
        return check.problems.error("E207", message, node.span)
    with check.names.inside("lambda"):
        for name, type_ in zip(node.params, params):
            check.names.bind(name, Variable(type_, name.span))
        if result is not None:
            return check.expect(node.body, result, f"the result of {what}")
        return check.infer(node.body)


# CALL ----------------------------------------------------------------------------


def call(check: Inference, node: nodes.Call) -> Type:
    makes_call(check, node.span)
    result: Type = STR
    default: nodes.Expr | None = None
    if node.type is not None:
        result = resolve(node.type, check.names)
        if result == NONE:
            message = "the type of a CALL cannot be None alone"
            result = check.problems.error("E220", message, node.type.span, "write `T | None`")
    if not node.args:
        hint = 'write `CALL("what to do", …)`'
        check.problems.error("E207", "CALL needs an instruction as its first argument", node.span, hint)
    for i, arg in enumerate(node.args):
        if i == 0:
            check.expect(arg, STR, "the instruction")
        else:
            check.infer(arg)
    for keyword in node.keywords:
        if keyword.name == "sample":
            check.expect(keyword.value, INT, "`sample`")
        elif keyword.name == "default":
            default = keyword.value
        else:
            check.infer(keyword.value)
    check.tables.answers[node.node_id] = result
    if default is None:
        return result
    if isinstance(default, nodes.Constant) and default.value is None:
        check.infer(default)
        return optional(result)
    return check.expect(default, result, "`default`")
