"""Changes of values: the variable that holds the value has the changed one from there on, perhaps of a wider type.

What is changed is a path: a variable, an element or field of a path, or what `setdefault` gives. The variable may
belong to a function around, or be a parameter: then the argument has the wider type too, where the function is applied.
Whether something else holds the same value, so that the change would show there, is found in `ownership`.
"""

from __future__ import annotations

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check.flow import join_types
from rlmlang.language.check.inference import Inference, may_be_none, part_of_no_element
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.scope import Scope, ScopeEntry, Variable
from rlmlang.language.paths import before_last, root_of
from rlmlang.language.source import Span
from rlmlang.language.types import (
    INT,
    UNKNOWN,
    DefaultDictType,
    DictType,
    ListType,
    Never,
    OpenTupleType,
    OptionalType,
    TupleType,
    Type,
    Unknown,
    fits,
    hashable,
    item_type,
    without_none,
)


def set_item(check: Inference, target: nodes.Index, type_: Type, value: nodes.Expr | None) -> None:
    """Check the assignment of a value of a type to an element; `value` is the expression that gives it."""
    container = check.infer(target.value)
    index = check.infer(target.index)
    shown = target if value is None else value
    match container:
        case DictType():
            key, item = join_types(container.key, index), join_types(container.value, type_)
            if key is None or not hashable(key):
                mismatch(check.problems, target.index, index, container.key, "the key", "E210")
            elif item is None:
                mismatch(check.problems, shown, type_, container.value, "the value", "E213")
            else:
                change(check, target.value, evolve(container, key=key, value=item), target.span)
        case ListType():
            item = join_types(container.item, type_)
            if not fits(index, INT):
                mismatch(check.problems, target.index, index, INT, "the index", "E210")
            elif item is None:
                mismatch(check.problems, shown, type_, container.item, "the element", "E213")
            else:
                change(check, target.value, evolve(container, item=item), target.span)
        case OptionalType():
            may_be_none(check, target.value)
        case Never():
            part_of_no_element(check, target.value)
        case Unknown():
            pass
        case _:
            hint = "only elements of lists and dicts can be assigned"
            check.problems.error("E212", f"an element of {container} cannot be assigned", target.span, hint)


def extended(node: nodes.AugmentedAssign, left: Type, right: Type) -> Type | None:
    """Return the type of `xs += ys` on a list, which takes the elements of anything; None if it is something else."""
    if node.op != "+" or not isinstance(left, ListType):
        return None
    item = item_type(right)
    wider = None if item is None else join_types(left.item, item)
    return None if wider is None else evolve(left, item=wider)


def change(check: Inference, node: nodes.Expr, type_: Type, span: Span) -> None:
    """Check that the value of a path may be changed here, and let it have a type from here on, which is at least as
    wide as before."""
    root = root_of(node)
    if isinstance(root, nodes.Name) and _may_change(check, root, span):
        _change_type(check, node, type_, span)


def lend(check: Inference, node: nodes.Expr, type_: Type, span: Span) -> None:
    """Let what an argument is a path to have a type from here on, since the function that it is given to changes it."""
    root = root_of(node)
    if isinstance(root, nodes.Name) and isinstance(check.names.scope.find(root.id), Variable):
        _change_type(check, node, type_, span)


def origin_of(node: nodes.Expr) -> tuple[str, int] | None:
    """Return the variable that the value of an expression is in, and how deep; None if it may be in none."""
    depth, inner = 0, before_last(node)
    while inner is not None:
        node, depth, inner = inner, depth + 1, before_last(inner)
    return (node.id, depth) if depth and isinstance(node, nodes.Name) else None


def changed_by_assignment(check: Inference, name: nodes.Name, before: ScopeEntry | None) -> None:
    """Record that `xs += ys` has changed what a variable held, which is bound to it anew."""
    scope = check.body.scope
    entry = scope.entries.get(name.id)
    if isinstance(before, Variable) and before.is_lent and isinstance(entry, Variable):
        entry = evolve(entry, is_lent=True)
        scope.set(name.id, entry)
        _note_lent(scope, name.id, entry)


def _may_change(check: Inference, root: nodes.Name, span: Span) -> bool:
    """Return whether what a variable holds may be changed here: nowhere in a comprehension or lambda."""
    scope: Scope | None = check.names.scope
    inside = None
    while scope is not None and root.id not in scope.entries and scope is not check.body.scope:
        if scope.kind != "facts":
            inside = inside or scope.kind
        scope = scope.parent
    if scope is None:
        return False
    if scope.kind in ("lambda", "comprehension"):
        inside = inside or scope.kind
    if inside is not None:
        message = f"`{root.id}` cannot be changed in a {inside}"
        check.problems.error("E231", message, span, "write a `for` statement")
        return False
    return isinstance(scope.find(root.id), Variable)


def _scope_of(check: Inference, name: str) -> Scope | None:
    """Return the scope of what a name means here."""
    scope: Scope | None = check.names.scope
    while scope is not None and name not in scope.entries:
        scope = scope.parent
    return scope


def _change_type(check: Inference, node: nodes.Expr, type_: Type, span: Span) -> None:
    """Let the value of a path have a type from here on, and record the variables whose types are wider now."""
    widened: list[str] = []
    _widen(check, node, type_, widened)
    if widened:
        check.tables.widened[span.start] = frozenset(widened)
    else:
        check.tables.widened.pop(span.start, None)


def _set_type(check: Inference, name: str, type_: Type, widened: list[str]) -> None:
    """Let a variable have a type that is at least as wide as before, and what its value was taken out of as well."""
    scope = _scope_of(check, name)
    entry = None if scope is None else scope.entries[name]
    if scope is None or not isinstance(entry, Variable) or name in widened:
        return
    wider = evolve(entry, type=join_types(entry.type, type_) or type_, values=None)
    scope.set(name, wider)
    if wider.type != entry.type:
        widened.append(name)
        if entry.origin is not None:
            _widen_origin(check, *entry.origin, wider.type, widened)
        check.names.widenings += 1
        for instance in reversed(check.active):
            if instance.scope is scope:
                break
            instance.widened = True
    if wider.is_lent:
        _note_lent(scope, name, wider)


def _widen_origin(check: Inference, name: str, depth: int, type_: Type, widened: list[str]) -> None:
    """Let what is in a variable, so deep, have a type as well, if it can."""
    origin = check.names.scope.find(name)
    if not isinstance(origin, Variable):
        return
    containers = [origin.type]
    for _ in range(depth - 1):
        containers.append(without_none(_item_of(containers[-1])))
    for container in reversed(containers):
        type_ = _with_item(without_none(container), None, type_)
    if join_types(origin.type, type_) is not None:
        _set_type(check, name, type_, widened)
        if name not in widened:  # it has that type already
            widened.append(name)


def _item_of(container: Type) -> Type:
    return container.value if isinstance(container, DictType) else item_type(container) or UNKNOWN


def _note_lent(scope: Scope, name: str, entry: Variable) -> None:
    """Record that the argument of a parameter is changed, and has the type of the variable then."""
    type_, known = without_none(entry.type), scope.lent.get(name)
    scope.lent[name] = type_ if known is None else join_types(known, type_) or type_


def _widen(check: Inference, node: nodes.Expr, type_: Type, widened: list[str]) -> None:
    """Let the value of a path have a wider type from here on."""
    match node:
        case nodes.Name():
            _set_type(check, node.id, type_, widened)
        case nodes.Index():
            container = _type_at(check, node.value)
            if isinstance(container, DefaultDictType):  # the key may be new
                key = join_types(container.key, check.tables.types.get(node.index.node_id, UNKNOWN))
                container = evolve(container, key=key or container.key)
            _widen(check, node.value, _with_item(container, node.index, type_), widened)
        case nodes.Attribute():
            field = _type_at(check, node)
            if not fits(type_, field):
                mismatch(check.problems, node, type_, field, f"`{node.name}`", "E210")
        case nodes.Apply(callee=nodes.Attribute(value=value)):
            _widen(check, value, _with_item(_type_at(check, value), None, type_), widened)


def _with_item(container: Type, index: nodes.Expr | None, type_: Type) -> Type:
    """Return the type of a container in which an element has a wider type."""
    match container:
        case ListType():
            return evolve(container, item=join_types(container.item, type_) or UNKNOWN)
        case DictType():
            return evolve(container, value=join_types(container.value, type_) or UNKNOWN)
        case TupleType():
            items = list(container.items)
            match index:
                case nodes.Constant(value=int() as place) if -len(items) <= place < len(items):
                    items[place] = type_
                case _:
                    items = [join_types(item, type_) or item for item in items]
            return TupleType(tuple(items))
        case OpenTupleType():
            return OpenTupleType(join_types(container.item, type_) or UNKNOWN)
    return container


def _type_at(check: Inference, node: nodes.Expr) -> Type:
    """Return the type that the value of a path has now, after changes in the same expression."""
    match node:
        case nodes.Name():
            entry = check.names.scope.find(node.id)
            return entry.type if isinstance(entry, Variable) else UNKNOWN
        case nodes.Index():
            container = _type_at(check, node.value)
            if isinstance(container, DictType):
                return container.value
            if isinstance(container, ListType):
                return container.item
        case nodes.Apply(callee=nodes.Attribute(value=value)):
            container = _type_at(check, value)
            if isinstance(container, DictType):
                return container.value
    return check.tables.types.get(node.node_id, UNKNOWN)
