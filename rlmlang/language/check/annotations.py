"""Resolve type annotations to types, and report the problems with them."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.check.habits import TYPES
from rlmlang.language.check.problems import Problems, did_you_mean
from rlmlang.language.check.scope import Names
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    ListType,
    OpenTupleType,
    OptionalType,
    SetType,
    TupleType,
    Type,
    fits,
    hashable,
    literal,
    optional,
    without_none,
)

TYPE_NAMES = ("str", "int", "float", "bool", "None", "list", "dict", "set", "tuple", "Literal", "Callable")

TYPING_NAMES = {
    "List": "list", "Dict": "dict", "Set": "set", "FrozenSet": "set", "Tuple": "tuple", "Text": "str",
    "Literal": "Literal", "Callable": "Callable", "Optional": "Optional", "Union": "Union", "Any": "Any",
    "Iterable": "Iterable", "Sequence": "Iterable", "Collection": "Iterable", "Iterator": "Iterable",
    "Mapping": "dict", "MutableMapping": "dict", "MutableSequence": "list",
}  # fmt: skip
"""The names of `typing` that a program may import, and what they mean."""

_PLAIN: dict[str, Type] = {"str": STR, "int": INT, "float": FLOAT, "bool": BOOL, "None": NONE}

_EXAMPLES = {"list": "list[str]", "dict": "dict[str, int]", "set": "set[str]", "tuple": "tuple[str, int]"}


def resolve(node: nodes.TypeExpr, names: Names, *, functions: bool = False, open_parts: bool = False) -> Type:
    """Return the type that an annotation denotes; UNKNOWN after its error is reported.

    `functions` allows `Callable` at the top, as the type of a parameter. `open_parts` allows what leaves a type open,
    for the argument or the value to decide: `Any`, a bare `list`, `dict`, `set`, `tuple` or `Callable`, and `Iterable`.
    They are UNKNOWN then, alone or as a part of the type.
    """
    return _Resolver(names, open_parts).type(node, functions)


class _Resolver:
    """The resolution of one annotation."""

    def __init__(self, names: Names, open_parts: bool) -> None:
        self.names = names
        self.error = names.problems.error
        self.open_parts = open_parts

    def type(self, node: nodes.TypeArg, functions: bool = False) -> Type:
        """Return the type that an annotation, or a part of one, denotes."""
        match node:
            case nodes.TypeUnion():
                type_ = self.union(node, [node.left, node.right])
            case nodes.TypeName():
                type_ = self.named(node, functions)
            case _:
                return self.error("E203", f"`{node.span.text}` is not a type", node.span)
        return self.names.problems.bounded(type_, node.span)

    def union(self, node: nodes.TypeExpr, parts: list[nodes.TypeArg]) -> Type:
        """Return the type of values of any of these types: one of them must have all, but for `None`."""
        widest: Type = NEVER
        may_be_none = False
        for part in map(self.type, parts):
            if part == UNKNOWN:
                return UNKNOWN
            may_be_none |= part == NONE or isinstance(part, OptionalType)
            inner = without_none(part)
            if not fits(inner, widest) and not fits(widest, inner):
                return self.error(
                    "E203",
                    f"the union type `{widest} | {inner}` is not supported",
                    node.span,
                    "only `T | None` is; for alternatives, use a record with optional fields",
                )
            widest = widest if fits(inner, widest) else inner
        return optional(widest) if may_be_none else widest

    def named(self, node: nodes.TypeName, functions: bool) -> Type:
        """Return the type that a name, with or without arguments, denotes."""
        name = self.meaning(node.name)
        match name:
            case "str" | "int" | "float" | "bool" | "None" if not node.args:
                return _PLAIN[name]
            case "list" | "dict" | "set" | "tuple" | "Callable" | "Any" | "Iterable" if not node.args:
                if self.open_parts:
                    return UNKNOWN
                return self.without_arguments(node, name)
            case "list" | "dict" | "set" | "Optional":
                return self.container(node, name)
            case "tuple":
                return self.tuple(node)
            case "Iterable":
                items = self.arguments(node, "list", 1)
                return UNKNOWN if self.open_parts or items[0] is None else ListType(items[0])
            case "Union":
                return self.union(node, list(node.args))
            case "Literal":
                return _literal(node, self.names.problems)
            case "Callable":
                return self.callable(node, functions)
            case _ if name in self.names.records and not node.args:
                return self.names.records[name]
        return self.unknown(node, name)

    def meaning(self, written: str) -> str:
        """Return the name that a written one means, if it is of `typing`."""
        module, dot, name = written.rpartition(".")
        imported = self.names.typing.get(written) or (name if dot and f"{module}." in self.names.typing else "")
        if imported in TYPING_NAMES:
            return TYPING_NAMES[imported]
        return f"typing.{written}" if written in ("Any", "Iterable", "Optional", "Union") else written

    def unknown(self, node: nodes.TypeName, name: str) -> Type:
        """Report a name that denotes no type."""
        names = self.names
        if name in TYPE_NAMES or name in names.records:
            return self.error("E203", f"`{node.name}` takes no type arguments", node.span)
        if names.cannot_be_resolved(name):
            return UNKNOWN
        if name in names.later:
            message = f"the type `{name}` is used before its definition"
            notes = [("defined here", names.later[name])]
            return self.error("E226", message, node.span, "move its definition up", notes)
        listed = f"types are {', '.join(TYPE_NAMES[:-1])} and records"
        hint = did_you_mean(name, [*TYPE_NAMES, *names.records], listed)
        if name in TYPES:
            hint = f"write `{TYPES[name]}`"
        if node.name in TYPING_NAMES:
            hint = f"write `from typing import {node.name}` before it"
        return self.error("E203", f"unknown type `{node.name}`", node.span, hint)

    def without_arguments(self, node: nodes.TypeName, name: str) -> Type:
        """Report a type that is not written out where it must be."""
        if name == "Callable":
            return self.callable(node, True)
        if name in _EXAMPLES:
            message, hint = f"`{node.name}` needs type arguments", f"for example `{_EXAMPLES[name]}`"
        else:
            message, hint = f"`{node.name}` is no type of a value", "write the type of the values, such as `list[str]`"
        return self.error("E203", message, node.span, hint)

    def arguments(self, node: nodes.TypeName, name: str, count: int) -> list[Type | None]:
        """Return the types in the brackets; all None, after an error, if there are not `count`."""
        found: list[Type | None] = [self.type(arg) for arg in node.args]
        if len(found) == count:
            return found
        hint = f"for example `{_EXAMPLES.get(name, 'Optional[str]')}`"
        self.error("E203", f"`{node.name}` needs type arguments", node.span, hint)
        return [None] * count

    def container(self, node: nodes.TypeName, name: str) -> Type:
        """Return the type of a list, set or dict, or an optional one."""
        found = self.arguments(node, name, 2 if name == "dict" else 1)
        first, last = found[0], found[-1]
        if first is None or last is None:
            return UNKNOWN
        if name in ("set", "dict") and not hashable(first):
            what = "a key" if name == "dict" else "an element of a set"
            hint = "they are str, int, float, bool, Literal[…] and tuples of these"
            return self.error("E203", f"`{first}` cannot be the type of {what}", node.args[0].span, hint)
        match name:
            case "list":
                return ListType(first)
            case "set":
                return SetType(first)
            case "dict":
                return DictType(first, last)
        return optional(first)

    def tuple(self, node: nodes.TypeName) -> Type:
        """Return the type of a tuple. `tuple[()]` is not written in programs."""
        match node.args:
            case (item, nodes.TypeName(name="...", args=())):
                return OpenTupleType(self.type(item))
        return TupleType(tuple(map(self.type, node.args)))

    def callable(self, node: nodes.TypeName, allowed: bool) -> Type:
        """Return the type of a function."""
        if not allowed:
            hint = "only a parameter may have a `Callable` type"
            return self.error("E215", "functions are not values", node.span, hint)
        match node.args:
            case (nodes.TypeList(items=params), (nodes.TypeName() | nodes.TypeUnion()) as result):
                return FunctionType(tuple(map(self.type, params)), self.type(result))
        return self.error(
            "E203", "`Callable` needs parameter types and a result type", node.span, "write `Callable[[str], bool]`"
        )


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
