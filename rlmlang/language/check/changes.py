"""Changes of values: the variable that holds the value has the changed one from there on, perhaps of a wider type.

What is changed is a path: a variable, an element or field of a path, or what `setdefault` gives. Whether something else
holds the same value, so that the change would show there, is found in `ownership`.
"""

from __future__ import annotations

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check.flow import join_types
from rlmlang.language.check.inference import Inference, may_be_none, no_element
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.scope import Scope, Variable
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
            no_element(check, target.value)
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
    root = _root(node)
    if isinstance(root, nodes.Name):
        if _is_own(check, root, span):
            _widen(check, node, type_)


def _root(node: nodes.Expr) -> nodes.Expr:
    """Return what a path starts from: a variable, or an expression that makes a value."""
    while (inner := _inner(node)) is not None:
        node = inner
    return node


def _inner(node: nodes.Expr) -> nodes.Expr | None:
    """Return the path that the last step of a path goes out from."""
    match node:
        case nodes.Index(value=value) | nodes.Attribute(value=value):
            return value
        case nodes.Apply(callee=nodes.Attribute(value=value, name="setdefault")):
            return value
    return None


def _is_own(check: Inference, root: nodes.Name, span: Span) -> bool:
    """Return whether a variable belongs to the function at hand, so that what it holds may be changed here."""
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
    if root.id in scope.entries:
        return True
    if isinstance(scope.find(root.id), Variable):
        message = f"`{root.id}` is a variable outside of this function, which cannot be changed in it"
        check.problems.error(
            "E231", message, span, "return the changed value, and bind it where the function is applied"
        )
    return False


def _widen(check: Inference, node: nodes.Expr, type_: Type) -> None:
    """Let the value of a path have a wider type from here on."""
    match node:
        case nodes.Name():
            entry = check.body.scope.entries.get(node.id)
            if isinstance(entry, Variable):
                wider = join_types(entry.type, type_)
                check.body.scope.set(node.id, evolve(entry, type=wider or type_, values=None))
        case nodes.Index():
            container = _type_at(check, node.value)
            if isinstance(container, DefaultDictType):  # the key may be new
                key = join_types(container.key, check.tables.types.get(node.index.node_id, UNKNOWN))
                container = evolve(container, key=key or container.key)
            _widen(check, node.value, _with_item(container, node.index, type_))
        case nodes.Attribute():
            field = _type_at(check, node)
            if not fits(type_, field):
                mismatch(check.problems, node, type_, field, f"`{node.name}`", "E210")
        case nodes.Apply(callee=nodes.Attribute(value=value)):
            _widen(check, value, _with_item(_type_at(check, value), None, type_))


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
            entry = check.body.scope.entries.get(node.id)
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
