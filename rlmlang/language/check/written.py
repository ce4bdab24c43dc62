"""Types as written in a program, made into types."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.check.scope import Scoping, closest
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


class WrittenTypes(Scoping):
    """The part of the checker that reads type expressions."""

    def resolve(self, node: nodes.TypeExpr, functions: bool = False) -> Type:
        """The type that a type expression denotes. `functions` allows `Callable` at the top."""
        return self.bounded(self._resolve(node, functions), node.span)

    def _resolve(self, node: nodes.TypeExpr, functions: bool) -> Type:
        if isinstance(node, nodes.TypeUnion):
            left, right = self.resolve(node.left), self.resolve(node.right)
            if right == NONE:
                return optional(left)
            if left == NONE:
                return optional(right)
            if UNKNOWN in (left, right):
                return UNKNOWN
            return self.error(
                "E203",
                f"`{left} | {right}` is not a type of the language",
                node.span,
                "only `T | None` is; for several shapes use a record with optional fields",
            )
        match node.name:
            case "str" | "int" | "float" | "bool" | "None" if not node.args:
                return {"str": STR, "int": INT, "float": FLOAT, "bool": BOOL, "None": NONE}[node.name]
            case "list":
                return ListType(item) if (item := self.type_arguments(node, 1)[0]) else UNKNOWN
            case "dict":
                key, value = self.type_arguments(node, 2)
                if key is not None and key not in (STR, UNKNOWN):
                    self.error("E203", "the keys of a dict are `str`", node.args[0].span, "write `dict[str, T]`")
                return DictType(value) if value else UNKNOWN
            case "tuple":
                return TupleType(tuple(t or UNKNOWN for t in self.type_arguments(node, len(node.args) or 1)))
            case "Literal":
                return self.literal_type(node)
            case "Callable":
                return self.callable_type(node, functions)
            case name if name in self.records and not node.args:
                return self.records[name]
        if any(name == node.name for name in TYPE_NAMES) or node.name in self.records:
            return self.error("E203", f"`{node.name}` takes no type arguments", node.span)
        if node.name in self.damaged:
            return UNKNOWN
        if node.name in self.later:
            return self.error(
                "E226",
                f"the type `{node.name}` is defined further on",
                node.span,
                "move its definition up",
                [("defined here", self.later[node.name])],
            )
        near = closest(node.name, [*TYPE_NAMES, *self.records])
        hint = f"did you mean `{near}`?" if near else f"types are {', '.join(TYPE_NAMES[:-1])} and records"
        return self.error("E203", f"unknown type `{node.name}`", node.span, hint)

    def type_arguments(self, node: nodes.TypeName, count: int) -> list[Type | None]:
        found: list[Type | None] = []
        for arg in node.args:
            if isinstance(arg, (nodes.TypeName, nodes.TypeUnion)):
                found.append(self.resolve(arg))
            else:
                found.append(self.error("E203", f"`{arg.span.text}` is not a type", arg.span))
        if len(found) != count:
            example = {"list": "list[str]", "dict": "dict[str, int]", "tuple": "tuple[str, int]"}[node.name]
            self.error("E203", f"`{node.name}` needs its element types", node.span, f"write `{example}`, say")
            return [None] * count
        return found

    def literal_type(self, node: nodes.TypeName) -> Type:
        values: list[str | int | bool] = []
        for arg in node.args:
            if not isinstance(arg, nodes.TypeLiteral):
                return self.error("E203", f"`{arg.span.text}` is not a constant", arg.span, 'write `Literal["a", "b"]`')
            values.append(arg.value)
        if not values:
            return self.error("E203", "`Literal` needs its values", node.span, 'write `Literal["a", "b"]`')
        if len({type(value) for value in values}) > 1:
            return self.error("E203", "the values of a `Literal` must be of one type", node.span)
        return literal(tuple(values))

    def callable_type(self, node: nodes.TypeName, allowed: bool) -> Type:
        if not allowed:
            return self.error(
                "E215", "functions are not values", node.span, "only a parameter may be of a `Callable` type"
            )
        match node.args:
            case (nodes.TypeList(items=params), (nodes.TypeName() | nodes.TypeUnion()) as result):
                return FunctionType(tuple(map(self.resolve, params)), self.resolve(result))
        return self.error(
            "E203", "a `Callable` needs parameters and result", node.span, "write `Callable[[str], bool]`"
        )
