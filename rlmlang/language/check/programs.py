"""What the value of a program is: a script's last expression, or what its last function returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import evolve, field, frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.check import functions
from rlmlang.language.check.body import hoist, names_bound_by
from rlmlang.language.check.checked import Checked, CheckedFunction, NativeTarget
from rlmlang.language.check.host_functions import host_functions
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.ownership import check_library_ownership, check_ownership
from rlmlang.language.check.problems import TooManyProblems
from rlmlang.language.check.scope import Definition, Instance
from rlmlang.language.types import NEVER, NONE, UNKNOWN, Type, fits


class ProgramChecker(Inference, Protocol):
    """The part of the checker that is needed for a whole program."""

    expected: Type | None

    def statement(self, node: nodes.Statement) -> None:
        """Check a statement that gives no value to the program."""

    def value(self, node: nodes.Expr) -> Type:
        """Check the expression that is the value of the program."""


@frozen
class Form:
    """A program without the statements that only try it out."""

    statements: tuple[nodes.Statement, ...]
    value: nodes.ExprStatement | None = None
    """The last statement of a script, or for `print(x)` there, `x`."""
    entry: nodes.Function | None = None
    """The function that a function program is."""
    notes: tuple[Diagnostic, ...] = field(default=())


def form_of(statements: Sequence[nodes.Statement], inputs: Mapping[str, Type] | None) -> Form:
    """Return what of a program is run, and what its value is. `inputs` are what is given to it."""
    mains = tuple(each for each in statements if _is_main(each))
    notes = tuple(_left_out(each, "nothing runs this file as a script") for each in mains)
    kept = tuple(each for each in statements if not _is_main(each))
    last = kept[-1] if kept else None
    defined = {place: each for place, each in enumerate(kept) if isinstance(each, nodes.Function)}
    ends = [place for place, each in defined.items() if not each.is_declared]
    entry = _entry_of([each for each in defined.values() if not each.is_declared])
    if entry is not None:
        uses = kept[ends[-1] + 1 :]
        if all(_applies(each, entry.name.id) for each in uses) and (
            not isinstance(last, nodes.ExprStatement) or _is_given(entry, inputs)
        ):
            notes += tuple(
                _left_out(each, f"the value of the program is what `{entry.name.id}` returns") for each in uses
            )
            return Form(kept[: ends[-1] + 1], entry=entry, notes=notes)
    if not isinstance(last, nodes.ExprStatement):
        return Form(kept, notes=notes)
    printed = value_printed(last.value)
    if printed is None or any(name.id == "print" for name, _ in names_bound_by(kept)):
        return Form(kept, last, notes=notes)
    message = "the program ends with `print`, so what is printed is its value"
    notes += (Diagnostic("E222", message, last.span, "end it with the expression alone", severity="note"),)
    value = nodes.ExprStatement(printed, span=last.span)
    return Form((*kept[:-1], value), value, notes=notes)


def _entry_of(functions: Sequence[nodes.Function]) -> nodes.Function | None:
    """Return the last function that no other one applies, since helpers may stand below what they help; or the last."""
    applied = {
        each.callee.id
        for function in functions
        for each in nodes.nodes_in(function)
        if isinstance(each, nodes.Apply) and isinstance(each.callee, nodes.Name) and each.callee.id != function.name.id
    }
    unapplied = [function for function in functions if function.name.id not in applied]
    return unapplied[-1] if unapplied else functions[-1] if functions else None


def _beginning_of(statements: tuple[nodes.Statement, ...]) -> Form:
    """Return the beginning of a program; an expression that ends it may be its value."""
    last = statements[-1] if statements else None
    return Form(statements, last if isinstance(last, nodes.ExprStatement) else None)


def _is_main(statement: nodes.Statement) -> bool:
    """Return whether a statement is `if __name__ == "__main__":`."""
    match statement:
        case nodes.If(branches=(nodes.Branch(test=nodes.Compare(first=first, rest=(("==", second),))),)):
            return {nodes.Name("__name__", span=first.span), nodes.Constant("__main__", span=first.span)} == {
                first,
                second,
            }
    return False


def _left_out(statement: nodes.Statement, why: str) -> Diagnostic:
    return Diagnostic("E222", f"this is left out: {why}", statement.span, severity="note")


def _applies(statement: nodes.Statement, function: str) -> bool:
    """Return whether a statement only tries a function out."""
    match statement:
        case nodes.ExprStatement(value=tried) | nodes.Assert(test=tried):
            return any(
                isinstance(each, nodes.Apply) and isinstance(each.callee, nodes.Name) and each.callee.id == function
                for each in nodes.nodes_in(tried)
            )
    return False


def _is_given(entry: nodes.Function, inputs: Mapping[str, Type] | None) -> bool:
    """Return whether the inputs that are given are the parameters of a function."""
    if not inputs:
        return False
    names = {param.name.id for param in entry.params}
    return inputs.keys() <= names and all(param.default or param.name.id in inputs for param in entry.params)


def value_printed(node: nodes.Expr) -> nodes.Expr | None:
    """Return what `print(x)` prints, which is the value of a program that ends so; None for all else."""
    match node:
        case nodes.Apply(callee=nodes.Name(id="print"), args=(printed,), keywords=()):
            return None if isinstance(printed, nodes.Starred) else printed
    return None


def check_program(
    check: ProgramChecker, module: nodes.Module, inputs: Mapping[str, Type] | None, complete: bool
) -> Checked:
    """Check a program, or with `complete` false the beginning of one, which needs no value."""
    form = form_of(module.statements, inputs) if complete else _beginning_of(module.statements)
    module = evolve(module, statements=form.statements)
    found: dict[str, Type] = {}
    type_: Type = UNKNOWN if form.value is None else NEVER
    entry: CheckedFunction | None = None
    try:
        hoist(check.names.scope, form.statements)
        for statement in form.statements:
            if form.value is not None and statement is form.value and check.body.reachable:
                type_ = _value(check, form.value.value, complete)
            else:
                check.statement(statement)
            if isinstance(statement, nodes.Input):
                found[statement.name.id] = _input_type(check, statement)
        if form.entry is not None and isinstance(definition := check.names.scope.find(form.entry.name.id), Definition):
            instance = _entry(check, definition, inputs)
            if instance is not None:
                entry = instance.function
                found.update(zip((param.name.id for param in entry.node.params), entry.params))
                type_ = entry.result
        functions.check_the_others(check)
        if complete:
            _require_value(check, form, module)
            if not check.problems:
                check_ownership(form.statements, check.tables, check.problems, entry)
    except TooManyProblems:
        type_ = UNKNOWN
    host = host_functions(check, form.statements)
    return Checked(module, found, check.names.records, type_, check.tables, entry, _in_order(form.notes), host)


def _in_order(notes: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(notes, key=lambda note: note.span.start if note.span else 0))


def _input_type(check: ProgramChecker, statement: nodes.Input) -> Type:
    return check.tables.types.get(statement.name.node_id, UNKNOWN)


def _entry(check: ProgramChecker, definition: Definition, inputs: Mapping[str, Type] | None) -> Instance | None:
    """Check the function that is the program for the types of its inputs."""
    given = {} if inputs is None else inputs
    for param in definition.node.params:
        if param.is_rest:
            hint = f"take a list: `{param.name.id}: list[str]`"
            check.problems.error("E117", "the function that is the program cannot have `*`", param.span, hint)
            return None
    types: list[Type] = []
    for param, written in zip(definition.node.params, definition.params):
        if not functions.is_open(written):
            types.append(written)
        elif param.name.id in given:
            types.append(functions.merged(written, given[param.name.id]))
        elif param.default is not None and inputs is not None:
            types.append(functions.merged(written, check.infer(param.default)))
        else:
            types.append(written)
    if check.expected is not None and functions.is_open(definition.result):
        definition.result = check.expected
        definition.instances.clear()  # those that were checked early expect any result
    name = definition.node.name
    instance = functions.instance_of(check, definition, tuple(types), name.span)
    if instance is None:
        return None
    functions.use(check, instance, name.span)
    found = instance.function.result
    if check.expected is not None and not fits(found, check.expected):
        place = name if definition.node.result is None else definition.node.result
        message = f"the result of `{name.id}` is {found}; expected {check.expected}"
        check.problems.error("E227", message, place.span)
    return instance


def _require_value(check: ProgramChecker, form: Form, module: nodes.Module) -> None:
    """Report that a program has no value."""
    if form.entry is not None:
        return
    error = check.problems.error
    last = form.statements[-1] if form.statements else None
    if form.value is None:
        names = [name.id for name, kind in names_bound_by(form.statements) if kind == "variable"]
        example = f", such as `{names[-1]}`" if names else ""
        span = last.span if last else module.span
        error("E222", "the program has no value", span, f"end it with an expression{example}, or with a function")
    elif _is_done_only(check, form.value.value):
        error("E222", "the program has no value", form.value.span, "end it with the expression whose value it has")


def _value(check: ProgramChecker, node: nodes.Expr, complete: bool) -> Type:
    """Check the expression that ends a program, and return its type; UNKNOWN if a beginning ends with what has none."""
    if complete or not isinstance(node, nodes.Apply):
        return check.value(node)
    found = len(check.problems)
    check.infer(node)
    if _is_done_only(check, node):
        return UNKNOWN
    check.problems.forget(found)
    return check.value(node)


def _is_done_only(check: ProgramChecker, node: nodes.Expr) -> bool:
    """Return whether an expression prints or changes something and has no value."""
    target = check.tables.targets.get(node.node_id)
    return (
        isinstance(target, NativeTarget)
        and (target.builtin.changes or target.builtin.form is SpecialForm.PRINT)
        and check.tables.types.get(node.node_id) == NONE
    )


def check_library(check: ProgramChecker, module: nodes.Module) -> dict[str, CheckedFunction]:
    """Check a library file, which holds functions only, each with all its types."""
    found: dict[str, CheckedFunction] = {}
    hoist(check.names.scope, module.statements)
    check.block(module.statements)
    for name, entry in check.names.scope.entries.items():
        if isinstance(entry, Definition):
            instance = functions.instance_of(check, entry, entry.params, entry.node.name.span)
            if instance is not None:
                functions.use(check, instance, entry.node.name.span)
                found[name] = instance.function
    if not check.problems:
        check_library_ownership(list(found.values()), check.problems)
    return found
