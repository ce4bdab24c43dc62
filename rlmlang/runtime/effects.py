"""What statements do to variables, as far as their text tells: which they read and bind, and how they may be left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union, get_args

from attrs import frozen

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, MODULES, SYNTAX, Builtin, SpecialForm
from rlmlang.language.check.checked import CheckedFunction, FunctionTarget, NativeTarget, ParameterTarget, Tables
from rlmlang.language.paths import roots_of

BREAK, CONTINUE, RETURN = 1, 2, 4
"""Bits for the ways in which a statement may be left, other than to the next one."""

CAUGHT = "raise"
"""The variable that holds the error while it is handled; no program can bind a name like this."""

_EVALUATED = frozenset((
    *get_args(nodes.Expr), *get_args(nodes.Statement), nodes.Branch, nodes.Handler, nodes.TupleTarget,
    nodes.ForClause, nodes.IfClause, nodes.Keyword, nodes.Hole,
)) - {nodes.Record, nodes.Import, nodes.Input}  # fmt: skip
"""The kinds of nodes that are evaluated, or have parts that are."""


@frozen
class Effects:
    """What a piece of a program does to variables, those of functions around it included."""

    uses: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    """The names it binds, and the variables whose values it changes."""
    exits: int = 0

    def __or__(self, other: Effects) -> Effects:
        return Effects(self.uses | other.uses, self.assigned | other.assigned, self.exits | other.exits)


def effects_of(tables: Tables, parts: Iterable[Union[nodes.Node, None]]) -> Effects:
    """Return the effects of statements and expressions that belong to one function."""
    uses: set[str] = set()
    assigned: set[str] = set()
    exits = 0
    for part in parts:
        if part is None:
            continue
        exits |= exits_of(part)
        for node in walk(part):
            assigned.update(bound_by(node))
            match node:
                case nodes.Name(id=name):
                    uses.add(name)
                    uses.update(_read_by(tables.references.get(node.node_id)))
                case nodes.Raise(error=None):
                    uses.add(CAUGHT)
                case nodes.Apply():
                    match tables.targets.get(node.node_id):
                        case FunctionTarget(function=function):
                            uses.update(_read_by(function))
                        case ParameterTarget(name=name):
                            uses.add(name)
                        case NativeTarget(builtin=builtin, args=args) if builtin.changes:
                            assigned.update(name.id for name in roots_of(args[0]))
    return Effects(frozenset(uses), frozenset(assigned), exits)


def _read_by(function: object) -> Iterator[str]:
    if isinstance(function, CheckedFunction):
        for _, name in function.reads:
            yield name


def walk(node: nodes.Node, functions: bool = False) -> Iterator[nodes.Node]:
    """Yield the nodes within one, itself included, but not names of what is applied.

    What is in the bodies of functions is left out, unless `functions` is set.
    """
    rest: list[object] = [node]
    while rest:
        part = rest.pop()
        if isinstance(part, tuple):
            rest.extend(reversed(part))
        elif isinstance(part, nodes.Function):
            if functions:
                rest.extend(reversed(part.body))
        elif type(part) in _EVALUATED:
            assert isinstance(part, nodes.Node)
            yield part
            if isinstance(part, nodes.Apply):
                rest += part.keywords, part.args
                if isinstance(part.callee, nodes.Attribute):
                    rest.append(part.callee.value)
            elif isinstance(part, (nodes.Raise, nodes.Handler)):  # names of errors are no variables
                rest.append(part.message if isinstance(part, nodes.Raise) else part.body)
            else:
                rest.extend(getattr(part, name) for name in reversed(nodes.PART_NAMES[type(part)]))


def exits_of(node: nodes.Node) -> int:
    """Return the ways in which a statement may be left, as bits."""
    match node:
        case nodes.Break():
            return BREAK
        case nodes.Continue():
            return CONTINUE
        case nodes.Return():
            return RETURN
        case nodes.For(body=body) | nodes.While(body=body):
            return exits_of_all(body) & RETURN
        case nodes.If(branches=branches, orelse=orelse):
            return exits_of_all([each for branch in branches for each in branch.body]) | exits_of_all(orelse)
        case nodes.Try(body=body, handlers=handlers):
            return exits_of_all(body) | exits_of_all([each for handler in handlers for each in handler.body])
    return 0


def exits_of_all(statements: Iterable[nodes.Statement]) -> int:
    """Return the ways in which any of some statements may be left, as bits."""
    exits = 0
    for statement in statements:
        exits |= exits_of(statement)
    return exits


def makes_calls(tables: Tables, parts: Iterable[nodes.Node]) -> bool:
    """Return whether statements or expressions may make a CALL, also in functions that they apply."""
    for part in parts:
        for node in walk(part):
            if isinstance(node, nodes.Call):
                return True
            if isinstance(node, nodes.Name) and _calls(tables.references.get(node.node_id)):
                return True
            if isinstance(node, nodes.Apply) and _calls(tables.targets.get(node.node_id)):
                return True
    return False


def _calls(target: object) -> bool:
    match target:
        case CheckedFunction():
            return target.makes_calls
        case FunctionTarget(function=function):
            return function.makes_calls
        case NativeTarget(builtin=builtin):
            return builtin.form is SpecialForm.PROGRAM
    return isinstance(target, ParameterTarget)  # of which nothing is known


def bound_by(node: nodes.Node) -> Iterable[str]:
    """Return the names that a statement itself binds, and those whose values it changes."""
    match node:
        case nodes.Assign(targets=targets):
            return [name.id for target in targets for name in roots_of(target)]
        case nodes.AnnotatedAssign(name=target) | nodes.AugmentedAssign(target=target) | nodes.For(target=target):
            return [name.id for name in roots_of(target)]
        case nodes.Try(handlers=handlers):
            return [CAUGHT, *(handler.name.id for handler in handlers if handler.name is not None)]
    return []


def bound_in(statements: Iterable[nodes.Statement]) -> frozenset[str]:
    """Return the names that statements bind; what they only change may belong to a function around."""
    names: set[str] = set()
    for statement in statements:
        for node in walk(statement):
            targets: list[nodes.Target] = []
            match node:
                case nodes.Assign():
                    targets += node.targets
                case (
                    nodes.AnnotatedAssign(name=target) | nodes.AugmentedAssign(target=target) | nodes.For(target=target)
                ):
                    targets.append(target)
                case nodes.Try():
                    names.update(bound_by(node))
            while targets:
                match targets.pop():
                    case nodes.Name(id=name):
                        names.add(name)
                    case nodes.TupleTarget(items=items):
                        targets += items
    return frozenset(names)


def defined_in(statements: Iterable[nodes.Statement]) -> frozenset[int]:
    """Return the functions that are defined in statements, by the start of their `def`."""
    starts: set[int] = set()
    rest = [*statements]
    while rest:
        match rest.pop():
            case nodes.Function(span=span):
                starts.add(span.start)
            case nodes.If(branches=branches, orelse=orelse):
                rest += [*(each for branch in branches for each in branch.body), *orelse]
            case nodes.For(body=body) | nodes.While(body=body):
                rest += body
            case nodes.Try(body=body, handlers=handlers):
                rest += [*body, *(each for handler in handlers for each in handler.body)]
    return frozenset(starts)


def changes_anything(statements: Iterable[nodes.Statement]) -> bool:
    """Return whether the text of statements looks as if a value was changed in place, also in functions among them."""
    for statement in statements:
        for node in walk(statement, functions=True):
            match node:
                case nodes.AugmentedAssign():
                    return True
                case nodes.Assign(targets=targets) if any(map(_has_index, targets)):
                    return True
                case nodes.Apply(callee=nodes.Attribute(name=name) | nodes.Name(id=name)) if name in _CHANGING:
                    return True
    return False


_ROWS = [row for tables in (METHODS, SYNTAX, MODULES) for table in tables.values() for row in table.values()]
_CHANGING = frozenset(row.name for row in _ROWS if isinstance(row, Builtin) and row.changes)


def _has_index(target: nodes.Target) -> bool:
    return (
        any(map(_has_index, target.items)) if isinstance(target, nodes.TupleTarget) else isinstance(target, nodes.Index)
    )
