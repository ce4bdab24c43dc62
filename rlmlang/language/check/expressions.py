"""The rules for expressions other than applications: one function for each kind, which returns the type."""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, NUMBER_METHODS, SYNTAX, Builtin, ModuleConstant
from rlmlang.language.check.constants import constant_int, constants
from rlmlang.language.check.formats import format_problem
from rlmlang.language.check.habits import answer_hint, not_indexed, unknown_attribute
from rlmlang.language.check.imports import member_of, no_member
from rlmlang.language.check.inference import Inference, facts, may_be_none, part_of_no_element, path_of, truth_of
from rlmlang.language.check.iteration import element_of, hashed
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
from rlmlang.language.check.problems import Problems
from rlmlang.language.check.scope import ModuleEntry, Scope, Variable
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    MATCH,
    NEVER,
    PATTERN,
    STR,
    UNKNOWN,
    CounterType,
    DequeType,
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    Never,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    Unknown,
    base_of,
    item_type,
    join,
    open_tuple,
    parts_of,
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
        case ModuleConstant():
            check.tables.references[node.node_id] = entry
            check.body.has_infinity |= entry.name == "inf"
            return entry.type
        case RecordType():
            kind = "record type"
        case ModuleEntry():
            message = f"`{node.id}` is a module, not a value"
            return check.problems.error("E215", message, node.span, f"write `{node.id}.name`")
        case _:
            kind = "function"
    message = f"`{node.id}` is a {kind}, not a value"
    return check.problems.error("E215", message, node.span, f"call it: `{node.id}(…)`")


def fstring(check: Inference, node: nodes.FString) -> Type:
    for part in node.parts:
        if isinstance(part, nodes.Hole):
            type_ = check.infer(part.value)
            shown(check, part.value, type_)
            if part.spec and (problem := format_problem(part, type_)) is not None:
                check.problems.add(problem)
    return STR


def shown(check: Inference, node: nodes.Expr, type_: Type) -> None:
    """Report a value whose text is not what Python has for it."""
    if any(isinstance(part, DequeType) for part in parts_of(type_)):
        check.problems.error("E210", "a deque has no text here", node.span, "write `list(q)`")


def tuple_display(check: Inference, node: nodes.TupleExpr) -> Type:
    if not any(isinstance(item, nodes.Starred) for item in node.items):
        return TupleType(tuple(map(check.infer, node.items)))
    parts: list[TupleType | OpenTupleType] = []
    for item in node.items:
        inner = item.value if isinstance(item, nodes.Starred) else item
        type_ = check.infer(inner)
        if isinstance(item, nodes.Starred) and isinstance(type_, (TupleType, OpenTupleType)):
            parts.append(type_)
        elif isinstance(item, nodes.Starred):
            parts.append(OpenTupleType(element_of(check, type_, inner)))
        else:
            parts.append(TupleType((type_,)))
    if all(isinstance(part, TupleType) for part in parts):
        return TupleType(tuple(item for part in parts if isinstance(part, TupleType) for item in part.items))
    opened = open_tuple(*parts)
    if opened is None:
        return check.problems.error("E213", "the elements of the tuple have no common type", node.span)
    return opened


def dict_display(check: Inference, node: nodes.DictExpr) -> Type:
    key = key_type(check, [key for key, _ in node.items], "the key")
    return DictType(key, common_type(check, [value for _, value in node.items], "values"))


def key_type(check: Inference, exprs: Iterable[nodes.Expr], what: str) -> Type:
    """Return the least type of all keys of a dict display, or of all elements of a set."""
    exprs = tuple(exprs)
    type_ = common_type(check, exprs)
    return hashed(check, type_, exprs[0], what) if exprs else type_


def common_type(check: Inference, exprs: Iterable[nodes.Expr], what: str = "elements") -> Type:
    """Return the least type of all elements of a display."""
    joined: Type = NEVER
    for node in exprs:
        if isinstance(node, nodes.Starred):
            type_ = element_of(check, check.infer(node.value), node.value)
        else:
            type_ = check.infer(node)
        wider = join(joined, type_)
        if wider is None:
            message = f"the {what} have no common type: {joined} and {type_}"
            hint = "write a tuple, or a record with a field for each: `class Name:`"
            if what == "values":
                hint = "write a record with a field for each key: `class Name:`"
            return check.problems.error("E213", message, node.span, hint)
        joined = wider
    return joined


# Operators -----------------------------------------------------------------------


def unary(check: Inference, node: nodes.Unary) -> Type:
    if node.op == "not":
        check.test(node.operand)
        check.decide(node)
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
    return operation(check, node, check.infer(node.left), check.infer(node.right))


def operation(check: Inference, node: nodes.Binary, left: Type, right: Type) -> Type:
    """Return the type of an operation on operands of these types."""
    left, right = base_of(left), base_of(right)
    result = binary_type(node.op, left, right, node.right)
    if result is not None:
        return result
    if (operand := first_optional((left, node.left), (right, node.right))) is not None:
        return may_be_none(check, operand)
    return check.problems.add(binary_problem(node, left, right))


def logic(check: Inference, node: nodes.Logic) -> Type:
    left = check.infer(node.left)
    kept = without_none(left) if node.op == "or" else left
    if truth_of(check, node.left) is (node.op == "or"):  # the right side is never evaluated
        check.decide(node)
        return left
    with check.names.inside("facts", facts(check, node.left, node.op == "and")):
        right = check.infer(node.right)
    check.decide(node)
    joined = join(kept, right)
    if joined is None:
        message = f"the operands of `{node.op}` have no common type: {kept} and {right}"
        hint = "compare explicitly, or write `… if … else …`"
        return check.problems.error("E213", message, node.span, hint)
    return joined


def conditional(check: Inference, node: nodes.Conditional) -> Type:
    truth = check.test(node.test)
    then: Type = NEVER
    other: Type = NEVER
    if truth is not False:
        with check.names.inside("facts", facts(check, node.test, True)):
            then = check.infer(node.then)
    if truth is not True:
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
    elif op in ("==", "!=", "is", "is not"):
        differ = {type(a), type(b)} == {DequeType, ListType}
        if differ or join(a, b) is None or not _may_be_equal(check.names.scope, a_node, a, b_node, b):
            message = f"{described(a_node, a)} never equals {described(b_node, b)}"
            check.problems.error("E219", message, span, answer_hint(a_node, b) or answer_hint(b_node, a))
    elif not can_be_ordered(a, b):
        if (operand := first_optional((a, a_node), (b, b_node))) is not None:
            may_be_none(check, operand)
        else:
            hint = answer_hint(a_node, b) or answer_hint(b_node, a)
            check.problems.add(order_problem(op, a, b, span, hint))


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
        message = f"`{op}` needs a str, list, dict, set or tuple on the right, not {b}"
        check.problems.error("E212", message, b_node.span)
    elif not possible and container == STR and isinstance(a, OptionalType):
        may_be_none(check, a_node)
    elif not possible:
        hint = "write `str(…) in …`" if container == STR and base_of(a) in (INT, FLOAT) else None
        check.problems.error("E219", f"{a} is never in {b}", a_node.span.to(b_node.span), hint)


# Parts ---------------------------------------------------------------------------


def attribute(check: Inference, node: nodes.Attribute) -> Type:
    match member_of(check, node):
        case ModuleConstant() as constant:
            check.tables.references[node.node_id] = constant
            check.body.has_infinity |= constant.name == "inf"
            return constant.type
        case ModuleEntry() as module:
            return no_member(check, module.name, node.name, node.name_span)
        case Builtin():
            message = f"`{node.name}` is a function, not a value"
            return check.problems.error("E215", message, node.name_span, f"call it: `{node.span.text}(…)`")
    type_ = check.infer(node.value)
    if node.name.startswith("_"):
        return private(check.problems, node)
    match type_:
        case Unknown():
            return UNKNOWN
        case Never():
            return part_of_no_element(check, node.value)
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
    hint = unknown_attribute(node, type_, names)
    return problems.error("E205", f"{type_} has no attribute `{node.name}`", node.name_span, hint)


def methods_of(type_: Type) -> dict[str, Builtin]:
    """Return the methods of values of a type, by name."""
    match base_of(type_):
        case DequeType():
            return METHODS["deque"]
        case ListType():
            return METHODS["list"]
        case CounterType():
            return METHODS["dict"] | METHODS["Counter"]
        case DictType():
            return METHODS["dict"]
        case SetType():
            return METHODS["set"]
        case TupleType() | OpenTupleType():
            return METHODS["tuple"]
        case base if base in (MATCH, PATTERN):
            return METHODS[str(base)]
        case base if base == STR:
            return METHODS["str"]
    return {}


def of_syntax(type_: Type, name: str) -> Builtin | None:
    """Return the method that a statement applies to a value of a type, or a method of a number."""
    match base_of(type_):
        case ListType():
            return SYNTAX["list"].get(name)
        case DictType():
            return SYNTAX["dict"].get(name)
        case base if base in (INT, BOOL):
            return NUMBER_METHODS["int"].get(name)
        case base if base == FLOAT:
            return NUMBER_METHODS["float"].get(name)
    return None


def index(check: Inference, node: nodes.Index) -> Type:
    type_ = base_of(check.infer(node.value))
    match type_:
        case DictType():
            if type_.key == NEVER:
                hashed(check, check.infer(node.index), node.index, "the key")
            else:
                check.expect(node.index, type_.key, "the key")
            return type_.value
        case OptionalType():
            check.infer(node.index)
            return may_be_none(check, node.value)
        case Never():
            check.infer(node.index)
            return part_of_no_element(check, node.value)
        case Unknown():
            check.infer(node.index)
            return UNKNOWN
        case ListType() | TupleType() | OpenTupleType():
            pass
        case _ if type_ != STR:
            check.infer(node.index)
            hint = f"write `.group({node.index.span.text})`" if type_ == MATCH else not_indexed(node, type_)
            return check.problems.error("E212", f"{type_} cannot be indexed", node.span, hint)
    errors = len(check.problems)
    check.expect(node.index, INT, "the index")
    if isinstance(type_, (ListType, OpenTupleType)):
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
            if (opened := open_tuple(type_)) is not None:
                return opened
            return check.problems.error("E212", "a slice of a tuple needs constant bounds", node.span)
        case DequeType():
            return check.problems.error("E212", f"{type_} cannot be sliced", node.span, "write `list(q)[i:j]`")
        case ListType() | OpenTupleType() | Unknown():
            return type_
        case Never():
            return part_of_no_element(check, node.value)
    return type_ if type_ == STR else check.problems.error("E212", f"{type_} cannot be sliced", node.span)
