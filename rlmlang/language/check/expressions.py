"""The rules for expressions other than applications: one function for each kind, which returns the type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, Builtin
from rlmlang.language.check.constants import constant_int, constants
from rlmlang.language.check.formats import format_problem
from rlmlang.language.check.inference import Inference, facts, may_be_none, no_element, path_of
from rlmlang.language.check.mismatches import described
from rlmlang.language.check.operators import (
    binary_problem,
    binary_type,
    can_be_in,
    can_be_ordered,
    first_optional,
    number_hint,
    order_problem,
    unary_type,
)
from rlmlang.language.check.problems import Problems, closest
from rlmlang.language.check.scope import Scope, Unbound, Variable
from rlmlang.language.source import Span
from rlmlang.language.types import (
    BOOL,
    INT,
    NEVER,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    Never,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    Unknown,
    base_of,
    item_type,
    join,
    same_constant,
    without_none,
)

# Names and displays --------------------------------------------------------------


def name(check: Inference, node: nodes.Name) -> Type:
    entry = check.names.lookup(node)
    match entry:
        case None:
            return UNKNOWN
        case Variable(type=FunctionType()):
            kind = "function"
        case Variable():
            return check.names.scope.fact(node.id) or entry.type
        case RecordType():
            kind = "record type"
        case _:
            kind = "function"
    message = f"`{node.id}` is a {kind}, not a value"
    return check.problems.error("E215", message, node.span, f"call it: `{node.id}(…)`")


def fstring(check: Inference, node: nodes.FString) -> Type:
    for part in node.parts:
        if isinstance(part, nodes.Hole):
            type_ = check.infer(part.value)
            if part.spec and (problem := format_problem(part, type_)) is not None:
                check.problems.add(problem)
    return STR


def dict_display(check: Inference, node: nodes.DictExpr) -> Type:
    for key, _ in node.items:
        check.expect(key, STR, "the key")
    return DictType(STR, common_type(check, (value for _, value in node.items)))


def common_type(check: Inference, exprs: Iterable[nodes.Expr]) -> Type:
    """Return the least type of all elements of a list or dict display."""
    joined: Type = NEVER
    for node in exprs:
        type_ = check.infer(node)
        wider = join(joined, type_)
        if wider is None:
            return check.problems.error("E213", f"the elements have no common type: {joined} and {type_}", node.span)
        joined = wider
    return joined


# Operators -----------------------------------------------------------------------


def unary(check: Inference, node: nodes.Unary) -> Type:
    if node.op == "not":
        check.test(node.operand)
        return BOOL
    found = check.infer(node.operand)
    type_ = unary_type(node.op, found)
    if type_ is not None:
        return type_
    if isinstance(found, OptionalType):
        return may_be_none(check, node.operand)
    message = f"`{node.op}` needs a number, not {found}"
    return check.problems.error("E212", message, node.operand.span, number_hint(found))


def binary(check: Inference, node: nodes.Binary) -> Type:
    left, right = base_of(check.infer(node.left)), base_of(check.infer(node.right))
    result = binary_type(node.op, left, right, node.right)
    if result is not None:
        return result
    if (operand := first_optional((left, node.left), (right, node.right))) is not None:
        return may_be_none(check, operand)
    return check.problems.add(binary_problem(node, left, right))


def logic(check: Inference, node: nodes.Logic) -> Type:
    left = check.infer(node.left)
    with check.names.inside("facts", facts(check, node.left, node.op == "and")):
        right = check.infer(node.right)
    kept = without_none(left) if node.op == "or" else left
    joined = join(kept, right)
    if joined is None:
        message = f"the operands of `{node.op}` have no common type: {kept} and {right}"
        hint = "compare explicitly, or write `… if … else …`"
        return check.problems.error("E213", message, node.span, hint)
    return joined


def conditional(check: Inference, node: nodes.Conditional) -> Type:
    check.test(node.test)
    with check.names.inside("facts", facts(check, node.test, True)):
        then = check.infer(node.then)
    with check.names.inside("facts", facts(check, node.test, False)):
        other = check.infer(node.other)
    joined = join(then, other)
    if joined is None:
        message = f"the branches have no common type: {then} and {other}"
        return check.problems.error("E213", message, node.span, "give both the same type")
    return joined


def compare(check: Inference, node: nodes.Compare) -> Type:
    left_node, left = node.first, check.infer(node.first)
    for op, right_node in node.rest:
        right = check.infer(right_node)
        _compare_pair(check, op, left_node, left, right_node, right)
        left_node, left = right_node, right
    return BOOL


def _compare_pair(check: Inference, op: str, a_node: nodes.Expr, a: Type, b_node: nodes.Expr, b: Type) -> None:
    span = a_node.span.to(b_node.span)
    if op in ("in", "not in"):
        _membership(check, op, a_node, a, b_node, b)
    elif op in ("==", "!="):
        if join(a, b) is None or not _may_be_equal(check.names.scope, a_node, a, b_node, b):
            check.problems.error("E219", f"{described(a_node, a)} never equals {described(b_node, b)}", span)
    elif not can_be_ordered(a, b):
        if (operand := first_optional((a, a_node), (b, b_node))) is not None:
            may_be_none(check, operand)
        else:
            check.problems.add(order_problem(op, a, b, span))


def _may_be_equal(scope: Scope, a_node: nodes.Expr, a: Type, b_node: nodes.Expr, b: Type) -> bool:
    """Return whether values of two types can be equal, given the constants that are known of a `Literal` type."""
    for type_, node in ((a, b_node), (b, a_node)):
        inner = without_none(type_) if isinstance(type_, OptionalType) else type_
        values = constants(node, scope)
        if isinstance(inner, LiteralType) and values is not None:
            return any(v is None or any(same_constant(v, w) for w in inner.values) for v in values)
    return True


def _membership(check: Inference, op: str, a_node: nodes.Expr, a: Type, b_node: nodes.Expr, b: Type) -> None:
    container = base_of(b)
    if isinstance(container, (Unknown, Never)):
        return
    possible = can_be_in(a, container)
    if isinstance(container, OptionalType):
        may_be_none(check, b_node)
    elif possible is None:
        message = f"`{op}` needs a str, list, dict or tuple on the right, not {b}"
        check.problems.error("E212", message, b_node.span)
    elif not possible and container == STR and isinstance(a, OptionalType):
        may_be_none(check, a_node)
    elif not possible:
        check.problems.error("E219", f"{a} is never in {b}", a_node.span.to(b_node.span))


# Parts ---------------------------------------------------------------------------


def attribute(check: Inference, node: nodes.Attribute) -> Type:
    type_ = check.infer(node.value)
    if node.name.startswith("_"):
        return private(check.problems, node)
    match type_:
        case Unknown():
            return UNKNOWN
        case Never():
            return no_element(check, node.value)
        case OptionalType():
            return may_be_none(check, node.value)
        case RecordType():
            found = type_.field(node.name)
            if found is None:
                return no_attribute(check.problems, node, type_, [name for name, _ in type_.fields])
            return check.names.scope.fact(path_of(node) or "") or found
    if node.name in methods_of(type_):
        message = f"`{node.name}` is a method, not a value"
        return check.problems.error("E215", message, node.name_span, f"call it: `.{node.name}(…)`")
    return no_attribute(check.problems, node, type_, methods_of(type_))


def private(problems: Problems, node: nodes.Attribute) -> Type:
    """Report an attribute that starts with an underscore."""
    message = f"`{node.name}`: attributes that start with `_` cannot be used"
    return problems.error("E204", message, node.name_span)


def no_attribute(problems: Problems, node: nodes.Attribute, type_: Type, names: Iterable[str]) -> Type:
    """Report an attribute or method that the type does not have."""

    def hint() -> str | None:
        near = closest(node.name, names)
        return f"did you mean `{near}`?" if near else _MUTATING.get(node.name)

    return problems.error("E205", f"{type_} has no attribute `{node.name}`", node.name_span, hint)


def methods_of(type_: Type) -> dict[str, Builtin]:
    """Return the methods of values of a type, by name."""
    match base_of(type_):
        case ListType():
            return METHODS["list"]
        case DictType():
            return METHODS["dict"]
        case TupleType():
            return METHODS["tuple"]
        case base if base == STR:
            return METHODS["str"]
    return {}


def index(check: Inference, node: nodes.Index) -> Type:
    type_ = base_of(check.infer(node.value))
    match type_:
        case DictType():
            check.expect(node.index, STR, "the key")
            return type_.value
        case OptionalType():
            check.infer(node.index)
            return may_be_none(check, node.value)
        case Never():
            check.infer(node.index)
            return no_element(check, node.value)
        case ListType() | TupleType() | Unknown():
            pass
        case _ if type_ != STR:
            check.infer(node.index)
            return check.problems.error("E212", f"{type_} cannot be indexed", node.span)
    errors = len(check.problems)
    check.expect(node.index, INT, "the index")
    if isinstance(type_, ListType):
        return type_.item
    if isinstance(type_, TupleType):
        return UNKNOWN if len(check.problems) > errors else _tuple_item(check, node, type_)
    return type_


def _tuple_item(check: Inference, node: nodes.Index, type_: TupleType) -> Type:
    position = constant_int(node.index, check.names.scope)
    if position is None:
        joined = item_type(type_)
        if joined is None:
            message = f"the index into {type_} must be a constant"
            return check.problems.error("E212", message, node.index.span)
        return joined
    if -len(type_.items) <= position < len(type_.items):
        return type_.items[position]
    return check.problems.error(
        "E212", f"the index is out of range: {type_} has {len(type_.items)} elements", node.index.span
    )


def slice_(check: Inference, node: nodes.Slice) -> Type:
    type_ = base_of(check.infer(node.value))
    bounds = (node.start, node.stop, node.step)
    errors = len(check.problems)
    for bound in bounds:
        if bound is not None:
            check.expect(bound, INT, "the slice bound")
    match type_:
        case OptionalType():
            return may_be_none(check, node.value)
        case TupleType():
            if len(check.problems) > errors:
                return UNKNOWN
            positions = [None if bound is None else constant_int(bound, check.names.scope) for bound in bounds]
            known = all(bound is None or position is not None for bound, position in zip(bounds, positions))
            if known and positions[2] != 0:
                return TupleType(type_.items[slice(*positions)])
            return check.problems.error("E212", "a slice of a tuple needs constant bounds", node.span)
        case ListType() | Unknown():
            return type_
        case Never():
            return no_element(check, node.value)
    return type_ if type_ == STR else check.problems.error("E212", f"{type_} cannot be sliced", node.span)


# Comprehensions and unpacking ----------------------------------------------------


def comprehension(check: Inference, node: nodes.Comprehension) -> Type:
    with clauses(check, node):
        if node.key is not None:
            check.expect(node.key, STR, "the key")
            return DictType(STR, check.infer(node.element))
        return ListType(check.infer(node.element))


@contextmanager
def clauses(check: Inference, node: nodes.Comprehension) -> Iterator[None]:
    """Check the clauses of a comprehension, and stay in the scope that they make for its element."""
    names = check.names
    outer = names.scope
    first = node.clauses[0]
    assert isinstance(first, nodes.ForClause)
    first_type = check.infer(first.iterable)
    names.scope = inner = Scope("comprehension", outer)
    try:
        for clause in node.clauses:
            if isinstance(clause, nodes.ForClause):
                for target in _names_in(clause.target):
                    inner.entries.setdefault(target.id, Unbound(target.span))
        for clause in node.clauses:
            if isinstance(clause, nodes.ForClause):
                type_ = first_type if clause is first else check.infer(clause.iterable)
                _bind_target(check, clause.target, _element(check, type_, clause.iterable), inner)
            else:
                check.test(clause.test)
                names.scope = Scope("facts", names.scope, facts=facts(check, clause.test, True))
        yield
    finally:
        names.scope = outer


def _names_in(target: nodes.Target) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    else:
        for item in target.items:
            yield from _names_in(item)


def _element(check: Inference, type_: Type, node: nodes.Expr) -> Type:
    """Return the type of the elements of an iterable."""
    if isinstance(type_, OptionalType):
        return may_be_none(check, node)
    item = item_type(type_)
    if item is not None:
        return item
    hint = "write `range(…)`" if base_of(type_) == INT else None
    return check.problems.error("E210", f"{type_} is not iterable", node.span, hint)


def _bind_target(check: Inference, target: nodes.Target, type_: Type, scope: Scope) -> None:
    if isinstance(target, nodes.TupleTarget):
        for item, item_type in zip(target.items, unpack(check.problems, type_, len(target.items), target.span)):
            _bind_target(check, item, item_type, scope)
        return
    here, check.names.scope = check.names.scope, scope
    check.names.bind(target, Variable(type_, target.span))
    check.names.scope = here


def unpack(problems: Problems, type_: Type, count: int, span: Span) -> tuple[Type, ...]:
    """Return the types of the `count` names that a value is unpacked into."""
    match type_:
        case Unknown() | Never():
            return (type_,) * count
        case TupleType(items=items) if len(items) == count:
            return items
        case TupleType(items=items):
            problems.error("E218", f"cannot unpack {len(items)} elements into {count} names", span)
        case ListType():
            problems.error(
                "E218", f"{type_} cannot be unpacked", span, "its length is not known; use indexes: `xs[0]`, `xs[1]`"
            )
        case _:
            problems.error("E218", f"{type_} cannot be unpacked", span)
    return (UNKNOWN,) * count


_MUTATING = {
    "append": "values are immutable; write `xs + [x]`",
    "extend": "values are immutable; write `xs + ys`",
    "insert": "values are immutable; write `xs[:i] + [x] + xs[i:]`",
    "pop": "values are immutable; write `xs[:-1]` and `xs[-1]`",
    "remove": "values are immutable; write `[y for y in xs if y != x]`",
    "sort": "values are immutable; write `sorted(xs)`",
    "reverse": "values are immutable; write `reversed(xs)`",
    "update": "values are immutable; write a dict comprehension",
    "format": "write an f-string",
}
"""What to write instead of methods of Python that are not in the language."""
