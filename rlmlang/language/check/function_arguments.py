"""The rules for functions that are passed as arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, Builtin, Parameter, SpecialForm, module_member
from rlmlang.language.builtins.small_modules import GETTER, OPERATORS
from rlmlang.language.check.checked import CheckedFunction, FunctionTarget, NativeTarget
from rlmlang.language.check.expressions import methods_of
from rlmlang.language.check.flow import join_types
from rlmlang.language.check.functions import accepted, calls_in_while, makes_call, use, use_library, use_parameter
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.overloads import resolve_reference
from rlmlang.language.check.scope import Definition, Given, ModuleEntry, Scope, Variable
from rlmlang.language.hidden_names import MATCHES, SUBSTITUTED
from rlmlang.language.source import Span
from rlmlang.language.type_variables import Solution, has_variables, solve, substitute, variables
from rlmlang.language.types import NEVER, UNKNOWN, FunctionType, ListType, Type, TypeVar, fits, join
from rlmlang.render import counted

LAMBDA_WORK = 4
"""How many expressions take as long to check as what a lambda needs besides its body: another scope, and its types."""


def is_function(check: Inference, node: nodes.Expr) -> bool:
    """Return whether an argument is a function."""
    if isinstance(node, nodes.Attribute):
        return _named_method(check, node) is not None
    if isinstance(node, nodes.Apply):
        return _is_getter(check, node)
    return isinstance(node, nodes.Lambda) or check.names.is_function(node)


def _named_method(check: Inference, node: nodes.Attribute) -> Builtin | None:
    """Return the method, or function of a module, that `d.get`, `str.lower` or `math.sqrt` names."""
    if not isinstance(node.value, nodes.Name):
        return None
    entry = check.names.find(node.value.id)
    found: object = None
    if isinstance(entry, Variable):
        found = methods_of(entry.type).get(node.name)
    elif isinstance(entry, ModuleEntry):
        found = module_member(entry.name, node.name)
    elif entry is None and node.value.id in BUILTINS:
        found = METHODS.get(node.value.id, {}).get(node.name)
    return found if isinstance(found, Builtin) and not found.changes and found.form is None else None


def _function_of_operator(check: Inference, node: nodes.Expr) -> str | None:
    """Return the name of the function of `operator` that an expression names; None if it names none."""
    entry: object = None
    if isinstance(node, nodes.Name):
        entry = check.names.find(node.id)
    elif isinstance(node, nodes.Attribute):
        entry = _named_method(check, node)
    return entry.name if isinstance(entry, Builtin) and entry.module == "operator" else None


def _is_getter(check: Inference, node: nodes.Apply) -> bool:
    """Return whether an application makes a function: `itemgetter(1)`."""
    return _function_of_operator(check, node.callee) == GETTER and bool(node.args) and not node.keywords


_numbers = count(1 << 40)
"""Numbers of nodes that no text has."""


def _written_out(check: Inference, node: nodes.Expr, params: int, ordered: bool = False) -> nodes.Expr:
    """Return the lambda that means what a method does that is given as a function; any other argument as it is.

    If its results are to be `ordered`, `d.get` means `lambda x: d[x]`, since None has no order.
    """
    span = node.span
    names = [nodes.Name(str(number), span=span, node_id=next(_numbers)) for number in range(params)]
    if isinstance(node, nodes.Apply) and params == 1 and _is_getter(check, node):
        items = [nodes.Index(names[0], each, span=span, node_id=next(_numbers)) for each in node.args]
        whole = items[0] if len(items) == 1 else nodes.TupleExpr(tuple(items), span=span, node_id=next(_numbers))
        return _as_lambda(check, node, names, whole)
    operator = OPERATORS.get(_function_of_operator(check, node) or "")
    if operator is not None and params == 2:
        return _as_lambda(
            check, node, names, nodes.Binary(operator, names[0], names[1], span=span, node_id=next(_numbers))
        )
    if not isinstance(node, nodes.Attribute) or _named_method(check, node) is None:
        return node
    assert isinstance(node.value, nodes.Name)
    first, callee, args = node.value.id, node, names
    if isinstance(check.names.find(first), Variable) and node.name == "get" and ordered and params == 1:
        body: nodes.Expr = nodes.Index(node.value, names[0], span=span, node_id=next(_numbers))
    else:
        if check.names.find(first) is None and names:  # a method of a type: its first argument is the receiver
            callee = nodes.Attribute(names[0], node.name, node.name_span, span=span, node_id=next(_numbers))
            args = names[1:]
        body = nodes.Apply(callee, tuple(args), span=span, node_id=next(_numbers))
    return _as_lambda(check, node, names, body)


def _as_lambda(check: Inference, node: nodes.Expr, names: list[nodes.Name], body: nodes.Expr) -> nodes.Lambda:
    written = nodes.Lambda(tuple(names), body, span=node.span, node_id=next(_numbers))
    check.tables.written_out[node.node_id] = written
    return written


def with_start(check: Inference, node: nodes.Apply) -> nodes.Apply:
    """Return `reduce(f, xs)` as `reduce(f, xs[1:], xs[0])` if `xs` is a variable that is a list, else as it is."""
    match node.args:
        case (step, nodes.Name() as xs):
            entry = check.names.find(xs.id)
            if isinstance(entry, Variable) and isinstance(entry.type, ListType) and not node.keywords:
                one = nodes.Constant(1, span=xs.span, node_id=next(_numbers))
                zero = nodes.Constant(0, span=xs.span, node_id=next(_numbers))
                rest = nodes.Slice(xs, one, None, None, span=xs.span, node_id=next(_numbers))
                first = nodes.Index(xs, zero, span=xs.span, node_id=next(_numbers))
                return evolve(node, args=(step, rest, first))
    return node


def with_matches(
    check: Inference, node: nodes.Apply, builtin: Builtin, receiver: nodes.Expr | None
) -> nodes.Apply | None:
    """Return `re.sub(pattern, f, text)` as what puts in the text that `f` gives for each match; None for other `sub`.

    The text is evaluated twice, so it applies nothing but methods of texts.
    """
    if builtin is not METHODS["Pattern"].get("sub") and builtin is not MODULES["re"]["sub"]:
        return None
    match node.args if receiver is None else (receiver, *node.args):
        case (pattern, function, string, *rest) if is_function(check, function) and _only_reads(string):
            span = node.span
            callee = nodes.Name(MATCHES, span=span, node_id=next(_numbers))
            args = (pattern, string, *rest)
            matches = nodes.Apply(callee, args, node.keywords, span=span, node_id=next(_numbers))
            put = nodes.Name(SUBSTITUTED, span=span, node_id=next(_numbers))
            return evolve(node, callee=put, args=(function, matches, string), keywords=())
    return None


def _only_reads(node: nodes.Expr) -> bool:
    """Return whether an expression applies nothing but methods that texts have."""
    for each in nodes.nodes_in(node):
        if isinstance(each, nodes.Call):
            return False
        if isinstance(each, nodes.Apply):
            callee = each.callee
            if not isinstance(callee, nodes.Attribute) or callee.name not in METHODS["str"]:
                return False
    return True


def without_function(node: nodes.Expr) -> nodes.Expr:
    """Return what is passed in the place of a function that nothing applies."""
    return nodes.Constant(None, span=node.span, node_id=next(_numbers))


def solve_function(
    check: Inference, param: Parameter, expected: FunctionType, arg: nodes.Expr, solution: Solution
) -> None:
    """Check a function that is passed to a built-in, and solve the type variables of its result."""
    what = f"`{param.name}`"
    arg = _written_out(check, arg, len(expected.params), expected.result == TypeVar("K"))
    for type_ in expected.params:
        for name in variables(type_):  # those of arguments that failed
            solution.setdefault(name, UNKNOWN)
    params = tuple(substitute(each, solution) for each in expected.params)
    if expected.result not in expected.params:
        result = function_argument(check, arg, params, None, what)
        if not solve(expected.result, result, solution):
            orders = has_variables(expected.result)
            wanted = ", which cannot be ordered" if orders else f"; expected {expected.result}"
            check.problems.error("E210", f"{what} returns {result}{wanted}", arg.span)
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
    node = _written_out(check, node, len(params))
    if isinstance(node, nodes.Lambda):
        return _lambda(check, node, params, result, what)
    if not isinstance(node, nodes.Name):
        message = f"{what} must be a function of {counted(len(params), 'argument')}"
        check.problems.error("E210", message, node.span, "write `lambda x: …`")
        return UNKNOWN
    if (given := given_for(check, node)) is not None:
        use_parameter(check)
        return apply_given(check, given, params, node.span)
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
        note_effects(check, reference.builtin, node.span)
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
    check.work += LAMBDA_WORK
    with check.names.inside("lambda"):
        for name, type_ in zip(node.params, params):
            check.names.bind(name, Variable(type_, name.span))
        if result is not None:
            return check.expect(node.body, result, f"the result of {what}")
        return check.infer(node.body)


def note_effects(check: Inference, builtin: Builtin, span: Span) -> None:
    """Record what a built-in does besides giving a value."""
    if builtin.form is SpecialForm.PROGRAM:
        makes_call(check, span)
    elif builtin.form is SpecialForm.PRINT:
        check.body.prints = True


# Functions for parameters without a type -------------------------------------------


def given_function(check: Inference, node: nodes.Expr) -> Given:
    """Return a function that is passed for a parameter without a type."""
    if isinstance(node, nodes.Name) and (given := given_for(check, node)) is not None:
        return given
    here = check.names.scope, check.names.outer, check.body, check.tables

    @contextmanager
    def enter() -> Iterator[None]:
        names = check.names
        there = names.scope, names.outer, check.body, check.tables
        names.scope, names.outer, check.body, check.tables = here
        try:
            yield
        finally:
            names.scope, names.outer, check.body, check.tables = there

    return Given(node, enter)


def given_for(check: Inference, node: nodes.Name) -> Given | None:
    """Return the function that was passed for a parameter without a type; None for any other name."""
    scope: Scope | None = check.names.scope
    while scope is not None and node.id not in scope.entries:
        scope = scope.parent
    if scope is None or not isinstance(scope.entries[node.id], Variable):
        return None
    return scope.given.get(node.id)


def apply_given(check: Inference, given: Given, types: tuple[Type, ...], span: Span) -> Type:
    """Check a function that was passed for a parameter without a type, for the types that it is applied to here."""
    if given.params is None:
        given.params = types
    elif len(given.params) != len(types):
        message = f"this function takes {counted(len(given.params), 'argument')} elsewhere, not {len(types)}"
        return check.problems.error("E207", message, span)
    else:
        wider = tuple(map(join_types, given.params, types))
        if None in wider:
            return check.problems.error("E210", "this function is applied to values without a common type", span)
        given.changed |= wider != given.params
        given.params = tuple(type_ for type_ in wider if type_ is not None)
    with given.enter():
        result = join_types(given.result, function_argument(check, given.node, given.params, None, "the argument"))
    if result is None:
        result = UNKNOWN
    given.changed |= given.result not in (NEVER, result)
    given.result = result
    return result


def applied_in_while(check: Inference, node: nodes.Expr) -> None:
    """Report a function among the arguments that makes calls, where what it is passed to applies it in a `while`."""
    if isinstance(node, nodes.Name):
        reference = check.tables.references.get(node.node_id)
        if isinstance(reference, CheckedFunction) and reference.makes_calls:
            calls_in_while(check, node.span)
        elif reference is None and check.names.is_function(node):
            check.body.applies_parameter_in_while = True
    elif isinstance(node, nodes.Lambda) and any(_makes_call(check, each) for each in nodes.nodes_in(node.body)):
        calls_in_while(check, node.span)


def _makes_call(check: Inference, node: nodes.Node) -> bool:
    if isinstance(node, nodes.Apply):
        target = check.tables.targets.get(node.node_id)
        return isinstance(target, FunctionTarget) and target.function.makes_calls
    return isinstance(node, nodes.Call)
