"""Resolve type annotations to types, and report the problems with them."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.check.problems import Problems, did_you_mean
from rlmlang.language.check.scope import Names
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    ListType,
    TupleType,
    Type,
    literal,
    optional,
)

TYPE_NAMES = ("str", "int", "float", "bool", "None", "list", "dict", "tuple", "Literal", "Callable")

_PLAIN: dict[str, Type] = {"str": STR, "int": INT, "float": FLOAT, "bool": BOOL, "None": NONE}


def resolve(node: nodes.TypeExpr, names: Names, functions: bool = False) -> Type:
    """Return the type that an annotation denotes; UNKNOWN after its error is reported.

    `functions` allows `Callable` at the top, as the type of a parameter.
    """
    type_ = _union(node, names) if isinstance(node, nodes.TypeUnion) else _named(node, names, functions)
    return names.problems.bounded(type_, node.span)


def _union(node: nodes.TypeUnion, names: Names) -> Type:
    left, right = resolve(node.left, names), resolve(node.right, names)
    if right == NONE:
        return optional(left)
    if left == NONE:
        return optional(right)
    if UNKNOWN in (left, right):
        return UNKNOWN
    return names.problems.error(
        "E203",
        f"the union type `{left} | {right}` is not supported",
        node.span,
        "only `T | None` is; for alternatives, use a record with optional fields",
    )


def _named(node: nodes.TypeName, names: Names, functions: bool) -> Type:
    error = names.problems.error
    match node.name:
        case "str" | "int" | "float" | "bool" | "None" if not node.args:
            return _PLAIN[node.name]
        case "list":
            item = _arguments(node, 1, names)[0]
            return UNKNOWN if item is None else ListType(item)
        case "dict":
            key, value = _arguments(node, 2, names)
            if key is not None and key not in (STR, UNKNOWN):
                error("E203", "dict keys must be `str`", node.args[0].span, "write `dict[str, T]`")
            return UNKNOWN if value is None else DictType(STR, value)
        case "tuple":
            return TupleType(tuple(item or UNKNOWN for item in _arguments(node, len(node.args) or 1, names)))
        case "Literal":
            return _literal(node, names.problems)
        case "Callable":
            return _callable(node, names, functions)
        case name if name in names.records and not node.args:
            return names.records[name]
    if node.name in TYPE_NAMES or node.name in names.records:
        return error("E203", f"`{node.name}` takes no type arguments", node.span)
    if names.cannot_be_resolved(node.name):
        return UNKNOWN
    if node.name in names.later:
        notes = [("defined here", names.later[node.name])]
        return error(
            "E226", f"the type `{node.name}` is used before its definition", node.span, "move its definition up", notes
        )
    listed = f"types are {', '.join(TYPE_NAMES[:-1])} and records"
    hint = did_you_mean(node.name, [*TYPE_NAMES, *names.records], listed)
    return error("E203", f"unknown type `{node.name}`", node.span, hint)


def _arguments(node: nodes.TypeName, count: int, names: Names) -> list[Type | None]:
    """Return the types in the brackets of `list[…]`, `dict[…]` or `tuple[…]`; all None if there are not `count`."""
    error = names.problems.error
    found: list[Type | None] = []
    for arg in node.args:
        if isinstance(arg, (nodes.TypeName, nodes.TypeUnion)):
            found.append(resolve(arg, names))
        else:
            found.append(error("E203", f"`{arg.span.text}` is not a type", arg.span))
    if len(found) != count:
        example = {"list": "list[str]", "dict": "dict[str, int]", "tuple": "tuple[str, int]"}[node.name]
        error("E203", f"`{node.name}` needs type arguments", node.span, f"for example `{example}`")
        return [None] * count
    return found


def _literal(node: nodes.TypeName, problems: Problems) -> Type:
    values: list[str | int | bool] = []
    for arg in node.args:
        if not isinstance(arg, nodes.TypeLiteral):
            message = f"`{arg.span.text}` is not a constant"
            return problems.error("E203", message, arg.span, 'write `Literal["a", "b"]`')
        values.append(arg.value)
    if not values:
        return problems.error("E203", "`Literal` needs at least one value", node.span, 'write `Literal["a", "b"]`')
    if len({type(value) for value in values}) > 1:
        return problems.error("E203", "the values of a `Literal` must be of one type", node.span)
    return literal(tuple(values))


def _callable(node: nodes.TypeName, names: Names, allowed: bool) -> Type:
    error = names.problems.error
    if not allowed:
        hint = "only a parameter may have a `Callable` type"
        return error("E215", "functions are not values", node.span, hint)
    match node.args:
        case (nodes.TypeList(items=params), (nodes.TypeName() | nodes.TypeUnion()) as result):
            return FunctionType(tuple(resolve(param, names) for param in params), resolve(result, names))
    return error(
        "E203", "`Callable` needs parameter types and a result type", node.span, "write `Callable[[str], bool]`"
    )
