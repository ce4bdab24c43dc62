"""Which variables may hold a list, dict or set that something changes in place, and which are bound more than once.

What waits for an answer must not see later changes, so the values of such variables are copied for it;
those of others never are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import FunctionTarget, NativeTarget, Tables
from rlmlang.language.paths import root_of, roots_of
from rlmlang.language.types import (
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    Never,
    OpenTupleType,
    OptionalType,
    Primitive,
    RecordType,
    SetType,
    TupleType,
    Type,
)  # fmt: skip
from rlmlang.runtime.effects import bound_by, walk

UNKNOWN_LEVELS = 100
"""Levels of a value of which no type is known."""


@frozen
class Variables:
    """What is known of the variables of one function, or of the program."""

    changed: dict[str, int] = field(factory=dict)
    """The variables whose values may be changed in place, with the levels down to the innermost list, dict or set."""
    rebound: set[str] = field(factory=set)
    """The variables that are bound more than once."""


def levels(type_: Type | None) -> int:
    """Return how many levels of containers there are in values of a type down to the innermost list, dict or set."""
    match type_:
        case Primitive() | LiteralType() | Never() | FunctionType():
            return 0
        case ListType(item=item) | IterableType(item=item):
            return 1 + levels(item)
        case SetType():
            return 1
        case DictType(value=value):
            return 1 + levels(value)
        case OptionalType(item=item):
            return levels(item)
        case OpenTupleType(item=item):
            return _around(levels(item))
        case TupleType(items=items):
            return _around(max(map(levels, items), default=0))
        case RecordType():
            return _around(max((levels(part) for _, part in type_.fields), default=0))
    return UNKNOWN_LEVELS


def _around(inner: int) -> int:
    return inner and inner + 1


def held_by(tables: Tables, expr: nodes.Expr) -> set[str]:
    """Return the variables with whose values that of an expression may have a list, dict or set in common."""
    names: set[str] = set()
    rest: list[nodes.Expr] = [expr]
    while rest:
        node = rest.pop()
        if levels(tables.types.get(node.node_id)) == 0 and not isinstance(node, nodes.Starred):
            continue
        if isinstance(node, nodes.Name):
            names.add(node.id)
            continue
        if isinstance(node, nodes.Apply):
            target = tables.targets.get(node.node_id)
            if isinstance(target, FunctionTarget):
                names.update(name for _, name in target.function.reads)
        rest += _operands(tables, node)
    return names


def _operands(tables: Tables, node: nodes.Expr) -> Iterable[nodes.Expr]:
    """Return the expressions that the value of another may hold a part of."""
    match node:
        case nodes.Comprehension(element=element, clauses=clauses, key=_):
            return [element, *(each.iterable for each in clauses if isinstance(each, nodes.ForClause))]
        case nodes.Lambda(body=body):
            return [body]
        case nodes.Apply(callee=callee, args=args, keywords=keywords):
            receiver = [callee.value] if isinstance(callee, nodes.Attribute) else []
            return [*receiver, *args, *(keyword.value for keyword in keywords)]
        case nodes.Call():
            return []
    return _within(node)


def _within(node: nodes.Expr) -> list[nodes.Expr]:
    """Return the expressions directly within one."""
    match node:
        case nodes.ListExpr(items=items) | nodes.TupleExpr(items=items) | nodes.SetExpr(items=items):
            return list(items)
        case nodes.DictExpr(items=pairs):
            return [value for _, value in pairs]
        case nodes.Binary(left=left, right=right) | nodes.Logic(left=left, right=right):
            return [left, right]
        case nodes.Conditional(then=then, other=other):
            return [then, other]
        case (
            nodes.Attribute(value=value) | nodes.Index(value=value) | nodes.Slice(value=value)
            | nodes.Starred(value=value)
        ):  # fmt: skip
            return [value]
    return []


class _Groups:
    """Variables in groups that may hold values in common."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, name: str) -> str:
        above = self._above.setdefault(name, name)
        while above != self._above[above]:
            above = self._above[above] = self._above[self._above[above]]
        self._above[name] = above
        return above

    def join(self, names: Iterable[str]) -> None:
        first: str | None = None
        for name in names:
            first = self.of(name) if first is None else first
            self._above[self.of(name)] = first


def variables_of(tables: Tables, statements: Sequence[nodes.Statement], parameters: Iterable[str]) -> Variables:
    """Return what is known of the variables of a function, or of the program."""
    groups = _Groups()
    roots: set[str] = set()
    depth: dict[str, int] = {}
    bound: set[str] = set(parameters)
    rebound: set[str] = set()

    def bind(target: nodes.Target) -> None:
        for name in roots_of(target):
            (rebound if name.id in bound else bound).add(name.id)

    def hold(target: nodes.Target | nodes.Expr, *values: nodes.Expr) -> None:
        """Record that a target holds what the values hold."""
        held = set().union(*(held_by(tables, value) for value in values))
        names = [name.id for name in roots_of(target)]
        for name in names:
            size = max((levels(tables.types.get(value.node_id)) for value in values), default=0)
            depth[name] = max(depth.get(name, 0), size)
        if held:
            groups.join([*names, *held])

    for statement in statements:
        for node in walk(statement):
            match node:
                case nodes.Name(id=name):
                    depth[name] = max(depth.get(name, 0), levels(tables.types.get(node.node_id)))
                case nodes.Assign(targets=targets, value=value):
                    for target in targets:
                        bind(target)
                        hold(target, value)
                        roots.update(_changed_by(tables, target))
                case nodes.AnnotatedAssign(name=target, value=nodes.Node() as value):
                    bind(target)
                    hold(target, value)
                case nodes.AugmentedAssign(target=target, value=value):
                    bind(target)
                    hold(target, value)
                    if isinstance(target, nodes.Index) or levels(tables.types.get(target.node_id)):
                        roots.update(_changed_with(tables, target))
                case nodes.For(target=target, iterable=iterable):
                    bind(target)
                    rebound.update(name.id for name in roots_of(target))
                    hold(target, iterable)
                case nodes.Try(handlers=handlers):
                    for handler in handlers:
                        if handler.name is not None:
                            rebound.add(handler.name.id)
                case nodes.ForClause(target=target, iterable=iterable):
                    hold(target, iterable)
                case nodes.Apply():
                    application = tables.targets.get(node.node_id)
                    if isinstance(application, NativeTarget) and application.builtin.changes:
                        roots.update(_changed_with(tables, application.args[0]))
                        hold(application.args[0], *application.args[1:])
                    for argument in node.args:
                        if isinstance(argument, nodes.Lambda):
                            for param in argument.params:
                                hold(param, *(other for other in node.args if other is not argument))
            if isinstance(node, (nodes.For, nodes.While)):
                for inner in node.body:
                    for each in walk(inner):
                        rebound.update(bound_by(each))
    changed = {groups.of(name) for name in roots}
    return Variables(
        {name: levels for name, levels in depth.items() if levels and groups.of(name) in changed},
        rebound | roots,
    )


def _changed_by(tables: Tables, target: nodes.Target) -> Iterable[str]:
    """Return the variables that an assignment to a target changes in place."""
    match target:
        case nodes.TupleTarget(items=items):
            return [name for item in items for name in _changed_by(tables, item)]
        case nodes.Index():
            return _changed_with(tables, target)
    return []


def _changed_with(tables: Tables, path: nodes.Expr) -> Iterable[str]:
    """Return the variables whose values may change with the value of a path."""
    root = root_of(path)
    return [root.id] if isinstance(root, nodes.Name) else held_by(tables, root)
