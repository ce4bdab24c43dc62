"""Functions: each is checked for the types that it is applied to.

A check of a function for some types is an `Instance`, and is used again where the same types, and what the function
sees from outside, come together again. While a recursive function is being checked, its result is first taken as
`Never`; the check is repeated with the result that was found until that does not change any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check.annotations import resolve
from rlmlang.language.check.body import BodyCheck, hoist
from rlmlang.language.check.checked import CheckedFunction, Tables
from rlmlang.language.check.flow import join_types, joined
from rlmlang.language.check.host_functions import as_declared, check_declaration
from rlmlang.language.check.imports import refuse_results
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.int_results import with_whole_results
from rlmlang.language.check.problems import TooManyProblems
from rlmlang.language.check.scope import Definition, Given, Instance, Outer, Scope, Unbound, Variable
from rlmlang.language.source import Span
from rlmlang.language.types import (
    NEVER,
    NONE,
    UNKNOWN,
    FunctionType,
    OpenTupleType,
    Type,
    fits,
    optional,
    parts_of,
)

MAX_NOTES = 3
"""How many applications inside of each other the report of a mistake names."""

MAX_ACTIVE = 150
"""How many functions may be checked within one another; a function is checked where it is first applied."""

MAX_TYPES = 100
"""For how many combinations of types of its parameters one function is checked."""

MAX_INSTANCES_ACTIVE = 12
"""How often one function may be checked within itself, each time for other types."""

MAX_ROUNDS = 12
"""How often a recursive function is checked with a wider result."""


# Definitions ---------------------------------------------------------------------


def define(check: Inference, node: nodes.Function) -> Definition:
    """Return the definition that a `def` makes, after its types and defaults are checked.

    A function of a program with all its types is checked at once, so that functions which apply one another are
    checked one after the other; what is wrong with it is reported where it is applied, or at the end.
    """
    definition = check.body.definitions.get(node.span.start)
    if definition is None:
        params = tuple(_written_type(check, param) for param in node.params)
        result = UNKNOWN if node.result is None else resolve(node.result, check.names, open_parts=True)
        definition = Definition(node, check.names.scope, params, result, check.in_library, bool(check.body.loops))
        check.body.definitions[node.span.start] = definition
        _check_params(check, definition)
        if node.is_declared:
            check_declaration(check, definition)
    return definition


def _written_type(check: Inference, param: nodes.Param) -> Type:
    """Return the type that is written at a parameter; `x: int = None` takes None too, as in Python."""
    if param.type is None:
        return UNKNOWN
    type_ = resolve(param.type, check.names, functions=not param.is_rest, open_parts=True)
    if param.is_rest:
        return OpenTupleType(type_)
    is_none = isinstance(param.default, nodes.Constant) and param.default.value is None
    return optional(type_) if is_none and not isinstance(type_, FunctionType) else type_


def _check_params(check: Inference, definition: Definition) -> None:
    seen_default = False
    names: set[str] = set()
    for param, type_ in zip(definition.node.params, definition.params):
        if param.name.id in names:
            check.problems.error("E201", f"duplicate parameter `{param.name.id}`", param.name.span)
        names.add(param.name.id)
        if param.is_rest:
            if param is not definition.node.params[-1]:
                check.problems.error("E117", "`*` is allowed before the last parameter only", param.span)
        elif param.default is not None:
            seen_default = True
            if check.is_constant(param.default):
                check.expect(param.default, type_, "the default")
            else:
                check.problems.error("E224", "the default of a parameter must be a constant", param.default.span)
        elif seen_default:
            message = "a parameter without a default follows a parameter with a default"
            check.problems.error("E208", message, param.span)


def check_early(check: Inference, definition: Definition) -> None:
    """Check a function of the program that has all its types, where it is defined."""
    if check.body.is_function or any(map(is_open, definition.params)):
        return
    instance_of(check, definition, definition.params, definition.node.name.span)


def check_the_others(check: Inference) -> None:
    """Check the functions of a body that nothing has applied, as far as the types of their parameters are known.

    They may apply one another and themselves, also where a `return` before their definitions has left the body.
    """
    entries = check.names.scope.entries
    names = {definition.node.name.id: definition for definition in check.body.definitions.values()}
    unreached = {name: entry for name in names if isinstance(entry := entries.get(name), Unbound)}
    entries.update({name: names[name] for name in unreached})
    for definition in list(check.body.definitions.values()):
        if not definition.is_applied:
            span = definition.node.name.span
            instance = instance_of(check, definition, definition.params, span)
            if instance is not None:
                _report(check, instance, span)
    entries.update(unreached)  # other statements may follow, which cannot use them


# Types that are known in part ------------------------------------------------------


def is_open(type_: Type) -> bool:
    """Return whether a written type leaves something to be found: it is missing, `Any`, or a bare `list`."""
    return not isinstance(type_, FunctionType) and UNKNOWN in parts_of(type_)


def merged(written: Type, found: Type) -> Type:
    """Return the type of a parameter from what is written and what is given to it."""
    return found if is_open(written) and fits(found, written) else written


# Instances -----------------------------------------------------------------------


def instance_of(
    check: Inference,
    definition: Definition,
    params: tuple[Type, ...],
    span: Span,
    given: dict[int, Given] | None = None,
) -> Instance | None:
    """Return a function as checked for the types of its parameters; None after an error was reported.

    `given` are the functions that are passed for parameters without a type.
    """
    given = given or {}
    alike = definition.instances.get(params, ())
    for instance in alike:
        if instance.given == given and (instance.in_progress or instance.still_holds()):
            return instance
    same = sum(each.definition.node is definition.node for each in check.active)
    if same >= MAX_INSTANCES_ACTIVE:
        types = ", ".join(map(str, params))
        message = f"`{definition.node.name.id}` applies itself to other types without end, such as ({types})"
        check.problems.error("E233", message, span, "write the types of its parameters")
        return None
    if not alike and len(definition.instances) >= MAX_TYPES:
        message = f"`{definition.node.name.id}` is applied to more than {MAX_TYPES} combinations of types"
        check.problems.error("E233", message, span, "write the types of its parameters")
        return None
    if len(check.active) >= MAX_ACTIVE:
        check.problems.error("E103", "functions that apply one another nest too deeply to be checked", span)
        return None
    result = NEVER if is_open(definition.result) else definition.result
    function = CheckedFunction(definition.node, params, result, Tables(), definition.in_library)
    instance = Instance(definition, function, params, given, settled=not is_open(definition.result))
    definition.instances.setdefault(params, []).append(instance)
    check.active.append(instance)
    _settle(check, instance, span)
    check.active.pop()
    for place, passed in instance.given.items():
        if passed.params is None:
            function.params = (*function.params[:place], NONE, *function.params[place + 1 :])
    _finish(instance)
    return instance


def _settle(check: Inference, instance: Instance, span: Span) -> None:
    """Check the body of a function until its result does not depend on assumptions any more."""
    function = instance.function
    for _ in range(MAX_ROUNDS):
        for guess in instance.guesses:
            alike = guess.definition.instances[guess.params]
            if guess in alike:
                alike.remove(guess)
        instance.guesses = []
        instance.consulted = False
        instance.head = None
        instance.widened = False
        lent = instance.lent
        for given in instance.given.values():
            given.changed = False
        result = _check_body(check, instance)
        function.params = tuple(_given_type(instance, place) for place in range(len(instance.params)))
        if any(given.changed for given in instance.given.values()) or instance.widened:
            continue
        if instance.consulted and instance.lent != lent:
            continue
        if instance.settled and is_open(instance.definition.result):
            return
        if not instance.consulted or result == function.result:
            function.result = result
            if not instance.consulted or not instance.problems or instance.settled:
                return
            instance.settled = True  # once more, to find the problems that remain
        else:
            wider = join_types(function.result, result)
            function.result = result if wider is None else wider
    message = f"the type of the result of `{function.node.name.id}` grows without end"
    check.problems.error("E233", message, span, "write the type of its result")
    function.result = UNKNOWN


def _given_type(instance: Instance, place: int) -> Type:
    given = instance.given.get(place)
    return instance.params[place] if given is None else FunctionType(given.params or (), given.result)


def _finish(instance: Instance) -> None:
    """Give an instance that was checked its final place: it may itself depend on a function still in progress."""
    instance.in_progress = False
    if instance.head is not None:
        for guess in instance.guesses:
            guess.head = instance.head
        instance.head.guesses.extend(instance.guesses)
        instance.guesses = []
        return
    function = instance.function
    for guess in instance.guesses:  # they and this function apply one another
        guess.head = None
        for start, seen in instance.seen.items():
            guess.seen[start] = seen | guess.seen.get(start, {})
        guess.function.reads |= function.reads
        guess.function.makes_calls |= function.makes_calls
        guess.function.prints |= function.prints


def _check_body(check: Inference, instance: Instance) -> Type:
    """Check the body of a function in a scope of its own, and return the type of its result."""
    definition, function = instance.definition, instance.function
    if definition.node.is_declared:
        return as_declared(instance)
    names, problems = check.names, check.problems
    before = names.scope, names.outer, check.body, check.tables, problems.found, problems.provisional
    names.scope = instance.scope = Scope("function", definition.scope, owner=definition.node.name.node_id)
    names.outer = Outer()
    check.body = body = BodyCheck(names.scope, None if is_open(definition.result) else definition.result)
    check.tables = function.tables = Tables()
    problems.found, problems.provisional = [], 0
    instance.applied_in_while = []
    try:
        for place, param in enumerate(definition.node.params):
            type_ = _given_type(instance, place)
            if place in instance.given:
                names.scope.given[param.name.id] = instance.given[place]
            names.bind(param.name, Variable(type_, param.name.span, is_lent=True))
            function.tables.types[param.name.node_id] = type_
        hoist(names.scope, definition.node.body)
        check.block(definition.node.body)
        if body.whole:
            function.node = with_whole_results(definition.node, body.whole, function.tables)
        if body.reachable and _needs_result(body):
            function.node = _with_end(function.node, definition.result)
        result = _end(check, definition)
        if function.makes_calls or body.makes_calls:
            for span in instance.applied_in_while:
                calls_in_while(check, span)
        function.makes_calls, function.prints = body.makes_calls, body.prints
        function.reads = frozenset(names.outer.reads)
        instance.seen = names.outer.seen
        instance.applies_parameter_in_while = body.applies_parameter_in_while
        instance.lent = {
            place: body.scope.lent[param.name.id]
            for place, param in enumerate(definition.node.params)
            if param.name.id in body.scope.lent
        }
        if definition.node.decorators:
            refuse_results(check, function, definition.is_in_loop)
        instance.problems = problems.found
    except TooManyProblems:
        before[4].extend(problems.found)
        raise
    finally:
        names.scope, names.outer, check.body, check.tables, problems.found, problems.provisional = before
    return result


def _end(check: Inference, definition: Definition) -> Type:
    """Check the end of the body of a function, and return the type of its result."""
    body, name = check.body, definition.node.name
    if body.reachable and not _needs_result(body):
        add_result(check, NONE, name.span)
    elif body.reachable and body.result == NEVER:
        message = f"`{name.id}` never returns; its result is {body.declared}"
        check.problems.error("E227", message, name.span, "add a `return` at its end")
    body.go_on(joined((body.exits, body.state())))
    check_the_others(check)
    return body.result if body.declared is None else body.declared


def _needs_result(body: BodyCheck) -> bool:
    """Return whether a function whose end can be reached must not end there, since its result cannot be None."""
    return body.declared is not None and not fits(NONE, body.declared)


def _with_end(node: nodes.Function, result: Type) -> nodes.Function:
    """Return a function that raises an error where it would end without the result that it declares."""
    span = node.name.span
    text = nodes.Constant(f"`{node.name.id}` ended without `return`; its result is {result}", span=span)
    missing = nodes.Raise(nodes.Name("TypeError", span=span), text, span=span)
    return evolve(node, body=(*node.body, missing))


def add_result(check: Inference, type_: Type, span: Span) -> None:
    """Record the type of a result."""
    body = check.body
    wider = join_types(body.result, type_)
    if wider is None:
        notes = [] if body.result_span is None else [(f"{body.result} here", body.result_span)]
        message = f"the results have no common type: {body.result} and {type_}"
        check.problems.error("E213", message, span, "return values of one type", notes)
        return
    if body.result_span is None or wider != body.result:
        body.result_span = span
    body.result = wider


# Use -----------------------------------------------------------------------------


def use(check: Inference, instance: Instance, span: Span) -> Type:
    """Record that a function is applied, or passed to something that does. Returns the type of its result."""
    body, function = check.body, instance.function
    if not instance.in_progress:  # else it applies itself, and that alone
        instance.definition.is_applied = True
    head = instance if instance.in_progress else instance.head
    if head is not None:
        _depend_on(check, head)
        if body.whiles:
            head.applied_in_while.append(span)
    body.prints |= function.prints
    if function.makes_calls:
        makes_call(check, span)
    _see_what_it_sees(check, instance)
    if not instance.in_progress:
        _report(check, instance, span)
    return function.result


def _depend_on(check: Inference, head: Instance) -> None:
    """Record that the functions in progress above `head` take what is assumed of it as given."""
    place = check.active.index(head)
    head.consulted = True
    for each in check.active[place:]:
        each.function.is_recursive = True
    for each in check.active[place + 1 :]:
        if each.head is None or check.active.index(each.head) > place:
            each.head = head
            head.guesses.append(each)
    if not head.settled and not check.body.guessing:
        check.body.guessing = True
        check.problems.provisional += 1


def _see_what_it_sees(check: Inference, instance: Instance) -> None:
    """Record that what a function sees from outside of this one matters for this one as well."""
    outer, scope = check.names.outer, check.body.scope
    for start, seen in instance.seen.items():
        if start is not scope:
            outer.seen.setdefault(start, {}).update(seen)
        elif scope.parent is not None:
            from_outside = {name: entry for name, entry in seen.items() if name not in scope.entries}
            outer.seen.setdefault(scope.parent, {}).update(from_outside)
    outer.reads.update(each for each in instance.function.reads if each[0] != scope.owner)


def _report(check: Inference, instance: Instance, span: Span) -> None:
    """Report what is wrong with a function for these types."""
    note = ("applied here", span)
    depends = any(map(is_open, instance.definition.params))
    for problem in instance.problems:
        says_more = (depends or problem.code == "E202") and span not in (
            problem.span,
            instance.definition.node.name.span,
        )
        if says_more and note not in problem.notes and len(problem.notes) < MAX_NOTES:
            problem = evolve(problem, notes=(*problem.notes, note))
        if not any((each.code, each.span) == (problem.code, problem.span) for each in check.problems.found):
            check.problems.add(problem)


def use_library(check: Inference, function: CheckedFunction, span: Span) -> None:
    """Record that a function of the standard library is applied, or passed to something that does."""
    check.body.prints |= function.prints
    if function.makes_calls:
        makes_call(check, span)


def use_parameter(check: Inference) -> None:
    """Record that a parameter of function type is applied, or passed to something that does."""
    if check.body.whiles:
        check.body.applies_parameter_in_while = True


def makes_call(check: Inference, span: Span) -> None:
    """Record a CALL, or something that makes one."""
    check.body.makes_calls = True
    if check.body.whiles:
        calls_in_while(check, span)


def calls_in_while(check: Inference, span: Span) -> None:
    """Report a CALL in a `while`."""
    hint = "write `for _ in range(n):` with a `break`, so that the number of calls is bounded"
    check.problems.error("E110", "`while` cannot make a CALL: the number of its turns is not known", span, hint)


# Functions as arguments ------------------------------------------------------------


def accepted(check: Inference, definition: Definition, params: Sequence[Type], span: Span) -> Instance | None:
    """Return a function as checked for the types that it would be applied to; None if it does not accept them."""
    required = sum(param.default is None for param in definition.node.params)
    if any(param.is_rest for param in definition.node.params):
        return None
    if not required <= len(params) <= len(definition.params):
        return None
    types: list[Type] = []
    for place, (param, written) in enumerate(zip(definition.node.params, definition.params)):
        if place < len(params):
            if not fits(params[place], written):
                return None
            types.append(merged(written, params[place]))
        else:
            assert param.default is not None
            types.append(merged(written, check.infer(param.default)) if is_open(written) else written)
    return instance_of(check, definition, tuple(types), span)
