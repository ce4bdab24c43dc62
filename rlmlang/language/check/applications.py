"""The rules for applications of functions, methods, records and built-ins, for functions as arguments, and for CALL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS, STATIC, SYNTAX, Builtin, ModuleConstant, SpecialForm
from rlmlang.language.check.annotations import resolve
from rlmlang.language.check.changes import change, lend
from rlmlang.language.check.checked import (
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
)
from rlmlang.language.check.expressions import methods_of, no_attribute, of_syntax, private, shown
from rlmlang.language.check.function_arguments import (
    applied_in_while,
    apply_given,
    given_for,
    given_function,
    is_function,
    note_effects,
    solve_function,
    with_matches,
    with_start,
    without_function,
)
from rlmlang.language.check.functions import instance_of, is_open, makes_call, merged, use, use_library, use_parameter
from rlmlang.language.check.imports import member_of, no_member
from rlmlang.language.check.inference import Inference, may_be_none, part_of_no_element
from rlmlang.language.check.iteration import element_of, take_in_turns
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.overloads import (
    ArgumentTypes,
    NamedParameter,
    Overload,
    count_problem,
    match_overload,
    match_parameters,
    overload_problem,
    result_type,
    taking_dicts,
)
from rlmlang.language.check.scope import Definition, Given, ModuleEntry, Variable
from rlmlang.language.check.starred_arguments import spread
from rlmlang.language.check.type_tests import TESTED, is_instance, tested_names
from rlmlang.language.hidden_names import DELETE, DELETE_SLICE, OF_NOTHING, SET_SLICE, SUBSTITUTED
from rlmlang.language.type_variables import Solution, solve, substitute, variables
from rlmlang.language.types import (
    BOOL,
    INT,
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
    optional,
)


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
        case Builtin(form=SpecialForm.ISINSTANCE):
            return _type_test(check, node, entry)
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
            fields = [NamedParameter(name, type_, entry.defaults.get(name)) for name, type_ in entry.fields]
            args = _arguments(check, node, callee.id, fields, "E228")
            if args is not None:
                check.tables.targets[node.node_id] = RecordTarget(entry, args)
            return entry
        case Variable(type=FunctionType() as type_):
            if (given := given_for(check, callee)) is not None:
                return _given(check, node, callee, given)
            params = [NamedParameter(f"argument {i + 1}", param) for i, param in enumerate(type_.params)]
            args = _arguments(check, node, callee.id, params)
            if args is not None:
                check.tables.targets[node.node_id] = ParameterTarget(callee.id, args)
                use_parameter(check)
            return type_.result
    _infer_arguments(check, node)
    if isinstance(entry, ModuleEntry):
        return check.problems.error("E214", f"`{callee.id}` is a module, not a function", callee.span)
    if entry is None or entry.type == UNKNOWN:
        return UNKNOWN
    return check.problems.error("E214", f"`{callee.id}` is {entry.type}, not a function", callee.span)


def _defined(check: Inference, node: nodes.Apply, definition: Definition) -> Type:
    """Check the application of a function of the program, and the function for the types of the arguments."""
    written, node = node, spread(check, node, definition)
    if node is not written:
        check.tables.spread[node.node_id] = node
    params = [
        NamedParameter(param.name.id, type_, param.default)
        for param, type_ in zip(definition.node.params, definition.params)
    ]
    args = _arguments(check, node, definition.node.name.id, params)
    if args is None:
        return definition.result
    types: list[Type] = []
    given: dict[int, Given] = {}
    for place, (param, arg) in enumerate(zip(params, args)):
        if is_open(param.type) and is_function(check, arg):
            given[place] = given_function(check, arg)
            types.append(UNKNOWN)
        else:
            types.append(merged(param.type, check.tables.types.get(arg.node_id, param.type)))
    instance = instance_of(check, definition, tuple(types), node.span, given)
    if instance is None:
        return UNKNOWN
    args = tuple(
        without_function(arg) if place in given and instance.function.params[place] == NONE else arg
        for place, arg in enumerate(args)
    )
    check.tables.targets[node.node_id] = FunctionTarget(instance.function, args)
    if instance.applies_parameter_in_while:
        for param, arg in zip(params, args):
            if isinstance(param.type, FunctionType) or is_open(param.type):
                applied_in_while(check, arg)
    for place, type_ in instance.lent.items():
        lend(check, args[place], type_, node.span)
    return use(check, instance, node.span)


def _given(check: Inference, node: nodes.Apply, callee: nodes.Name, given: Given) -> Type:
    """Check the application of a parameter without a type, for which a function was passed."""
    if node.keywords:
        message = "the arguments of a parameter are given by position"
        check.problems.error("E206", message, node.keywords[0].span)
    types = tuple(check.infer(arg) for arg in node.args)
    check.tables.targets[node.node_id] = ParameterTarget(callee.id, node.args)
    use_parameter(check)
    return apply_given(check, given, types, node.span)


def _infer_arguments(check: Inference, node: nodes.Apply | nodes.Call) -> None:
    """Check arguments where no parameters are known."""
    for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
        if not isinstance(arg, nodes.Lambda) and not check.names.is_function(arg):
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
                else:
                    check.expect(param.default, param.type, what)
        elif is_open(param.type):
            _expect_open(check, found[param.name], param.type, what)
        else:
            check.expect(found[param.name], param.type, what)
    return None if len(check.problems) > errors else tuple(found[param.name] for param in params)


def _expect_open(check: Inference, node: nodes.Expr, written: Type, what: str) -> None:
    """Check an argument whose type decides that of its parameter."""
    if is_function(check, node):
        if written != UNKNOWN:
            message = f"{what} must be {written}, not a function"
            check.problems.error("E215", message, node.span)
        return
    found = check.infer(node)
    if not fits(found, written):
        mismatch(check.problems, node, found, written, what, "E210")


# Methods and built-ins -----------------------------------------------------------


def _method(check: Inference, node: nodes.Apply, callee: nodes.Attribute) -> Type:
    match member_of(check, callee):
        case Builtin() as builtin:
            return _builtin(check, node, builtin, None)
        case ModuleEntry() as module:
            _infer_arguments(check, node)
            return no_member(check, module.name, callee.name, callee.name_span)
        case ModuleConstant():
            _infer_arguments(check, node)
            return check.problems.error("E214", f"`{callee.name}` is a constant, not a function", callee.name_span)
    if (named := _of_type(check, callee)) is not None:
        node = _with_receiver(node)
        return _builtin(check, node, BUILTINS["next"] if _is_generator(node.args) else named, None)
    if callee.name == "from_iterable" and len(node.args) == 1 and (chain := _chain(check, callee.value)) is not None:
        whole = nodes.Starred(node.args[0], span=node.args[0].span, node_id=next(_numbers))
        return _builtin(check, evolve(node, args=(whole,)), chain, None)
    receiver = check.infer(callee.value)
    method = methods_of(receiver).get(callee.name) or of_syntax(receiver, callee.name)
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
            row = SYNTAX[""][OF_NOTHING]
            check.tables.targets[node.node_id] = NativeTarget(row, row.signatures[0], (callee.value,), ())
            return part_of_no_element(check, callee.value)
        case RecordType() if receiver.field(callee.name) is not None:
            message = f"`{callee.name}` is a field, not a function"
            return check.problems.error("E214", message, callee.name_span)
    if callee.name in (DELETE, DELETE_SLICE, SET_SLICE):
        what = "deleted" if callee.name == DELETE else "changed by slices"
        message = f"elements of {receiver} cannot be {what}"
        return check.problems.error("E212", message, callee.span, "make a new value, or a list: `xs = list(xs)`")
    return no_attribute(check.problems, callee, receiver, methods_of(receiver))


def _chain(check: Inference, node: nodes.Expr) -> Builtin | None:
    """Return the function `itertools.chain`, if an expression names it."""
    found: object = member_of(check, node) if isinstance(node, nodes.Attribute) else None
    if isinstance(node, nodes.Name):
        found = check.names.find(node.id)
    return found if isinstance(found, Builtin) and (found.module, found.name) == ("itertools", "chain") else None


def _with_receiver(node: nodes.Apply) -> nodes.Apply:
    """Return `set.union(*xs)` as `set.union(xs[0], *xs[1:])`.

    What is no variable is evaluated once: `next(set.union(xs[0], *xs[1:]) for xs in [value])`.
    """
    match node.args:
        case (nodes.Starred(value=value, span=span),) if not isinstance(value, nodes.Name):
            name = nodes.Name(str(next(_numbers)), span=span, node_id=next(_numbers))
            starred = nodes.Starred(name, span=span, node_id=next(_numbers))
            applied = _with_receiver(evolve(node, args=(starred,), node_id=next(_numbers)))
            once = nodes.ListExpr((value,), span=span, node_id=next(_numbers))
            clauses = (nodes.ForClause(name, once, span=span),)
            each = nodes.Comprehension("generator", applied, clauses, span=span, node_id=next(_numbers))
            return evolve(node, args=(each,))
        case (nodes.Starred(value=value, span=span),):
            zero = nodes.Constant(0, span=span, node_id=next(_numbers))
            one = nodes.Constant(1, span=span, node_id=next(_numbers))
            first = nodes.Index(value, zero, span=span, node_id=next(_numbers))
            rest = nodes.Slice(value, one, None, None, span=span, node_id=next(_numbers))
            return evolve(node, args=(first, nodes.Starred(rest, span=span, node_id=next(_numbers))))
    return node


_numbers = count(1 << 44)
"""Numbers of expressions that no text has."""


def _of_type(check: Inference, callee: nodes.Attribute) -> Builtin | None:
    """Return the method that is applied by the name of its type, as in `dict.fromkeys(xs)` or `set.union(a, b)`."""
    if not isinstance(callee.value, nodes.Name) or check.names.find(callee.value.id) is not None:
        return None
    type_ = callee.value.id
    method = STATIC.get(type_, {}).get(callee.name) or METHODS.get(type_, {}).get(callee.name)
    return method if method is not None and type_ in BUILTINS and not method.changes else None


def _builtin(check: Inference, node: nodes.Apply, builtin: Builtin, receiver: nodes.Expr | None) -> Type:
    if builtin.form is SpecialForm.FOLD:
        node = with_start(check, node)
    if builtin.name == "sub" and (written := with_matches(check, node, builtin, receiver)) is not None:
        return _builtin(check, written, SYNTAX[""][SUBSTITUTED], None)
    args = node.args if receiver is None else (receiver, *node.args)
    match args:
        case (nodes.Constant(value=str() as first), *_) if builtin.variant is not None:
            builtin = builtin.variant(first) or builtin
    types: dict[int, Type] = {}
    errors = len(check.problems)
    for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
        if isinstance(arg, nodes.Starred):
            types[arg.node_id] = element_of(check, check.infer(arg.value), arg.value)
        elif not is_function(check, arg):
            types[arg.node_id] = check.infer(arg)
    if builtin.form is SpecialForm.NEXT and not _is_generator(args):
        hint = "write an index: `xs[0]`"
        return check.problems.error("E210", "`next` takes a generator: `next(x for x in xs if …)`", node.span, hint)
    if builtin.starred is not None and any(isinstance(arg, nodes.Starred) for arg in node.args):
        builtin = builtin.starred
    if receiver is not None:
        types[receiver.node_id] = check.tables.types[receiver.node_id]
    if builtin in _SHOWING:
        for arg in args:
            shown(check, arg, types.get(arg.node_id, UNKNOWN))
    if builtin is BUILTINS["float"] and _is_infinity(args):
        check.body.has_infinity = True
    matches = [match_overload(signature, args, node.keywords) for signature in builtin.signatures]
    overloads = [match for match in matches if isinstance(match, Overload)]
    if not overloads:
        return check.problems.error(*count_problem(node, builtin, args))
    overloads = taking_dicts(overloads, types)
    for overload in overloads:
        solution = overload.solve(types)
        if solution is not None:
            for param, arg in overload.pairs():
                if isinstance(param.type, FunctionType):
                    solve_function(check, param, param.type, arg, solution)
            target = check.tables.targets[node.node_id] = overload.target(builtin)
            if builtin.form in _SEARCHES and target.generator is not None:
                for clause in target.generator.clauses:
                    if isinstance(clause, nodes.ForClause):
                        take_in_turns(check, clause.iterable)
            if builtin.changes:
                change(check, args[0], substitute(overload.signature.params[0].type, solution), node.span)
            note_effects(check, builtin, node.span)
            return result_type(overload.signature, solution)
    if len(check.problems) > errors:
        return UNKNOWN
    if len(overloads) == 1 and (failed := _wrong_argument(check, overloads[0], types, builtin.changes)) is not None:
        return failed
    for arg in node.args:
        if isinstance(types.get(arg.node_id), OptionalType):
            return may_be_none(check, arg)
    return check.problems.add(overload_problem(node, builtin, overloads, types))


def _is_infinity(args: Sequence[nodes.Expr]) -> bool:
    """Return whether the arguments of `float` are a text for infinity."""
    match args:
        case (nodes.Constant(value=str() as text),):
            return "inf" in text.lower()
    return False


def _is_generator(args: Sequence[nodes.Expr]) -> bool:
    return bool(args) and isinstance(args[0], nodes.Comprehension) and args[0].kind == "generator"


_SHOWING = (BUILTINS["str"], BUILTINS["repr"], BUILTINS["print"], METHODS["str"]["format"])
"""The built-ins that make texts of values."""

_SEARCHES = (SpecialForm.ANY, SpecialForm.ALL, SpecialForm.NEXT)
"""The built-ins that go through a generator only as far as they must."""


def _type_test(check: Inference, node: nodes.Apply, builtin: Builtin) -> Type:
    """Check an `isinstance`."""
    names = tested_names(node.args[1]) if len(node.args) == 2 and not node.keywords else None
    if names is None:
        return check.problems.error("E207", "write `isinstance(x, int)` or `isinstance(x, (int, float))`", node.span)
    type_ = check.infer(node.args[0])
    for name in names:
        entry = check.names.find(name.id)
        if not isinstance(entry, RecordType) and (entry is not None or name.id not in TESTED):
            listed = f"types are {', '.join(TESTED)} and records"
            check.problems.error("E203", f"`{name.id}` is no type that can be tested", name.span, listed)
    check.tables.targets[node.node_id] = NativeTarget(builtin, builtin.signatures[0], node.args, ())
    truth = is_instance(type_, [name.id for name in names])
    if truth is None:
        check.tables.decided.pop(node.node_id, None)
    else:
        check.tables.decided[node.node_id] = truth
    return BOOL


def _wrong_argument(check: Inference, overload: Overload, types: ArgumentTypes, changes: bool) -> Type | None:
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
            code = "E213" if changes and variables(param.type) else "E210"
            return mismatch(check.problems, arg, found, substitute(param.type, solution), what, code)
    return None


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
