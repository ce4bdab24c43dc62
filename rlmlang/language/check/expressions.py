"""Types of expressions, inferred from the inside and checked against what is wanted outside."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, Builtin
from rlmlang.language.check.scope import Constant, Enough, Scope, Unbound, Variable, closest
from rlmlang.language.check.written import WrittenTypes
from rlmlang.language.source import Span
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    Never,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    Unknown,
    fits,
    has_variables,
    item_type,
    join,
    ordered,
    primitive_of,
    same_constant,
    without_none,
)
from rlmlang.runtime.values import preview

MAX_CONSTANTS = 100
"""Constants that a name is known to be one of."""

MAX_WORK = 200_000
"""Expressions looked at in one program; some are looked at more than once."""

MAX_FORMAT_WIDTH = 1_000
_FORMAT = re.compile(
    r"(?:.?[<>=^])?[ +-]?#?0?(?P<width>\d{0,9})(?P<comma>[,_]?)(?:\.(?P<precision>\d{1,9}))?(?P<type>[a-zA-Z%]?)"
)


_CONVERSIONS: dict[Type, str] = {STR: "s", INT: "bcdeEfFgGnoxX%", FLOAT: "eEfFgGn%"}


class Expressions(WrittenTypes):
    """The part of the checker that infers types. Applications are the next part's."""

    handlers: ClassVar[dict[type, Callable[[Any, Any], Type]]]
    """For each class of expression, the method that infers its type."""
    work = 0
    """How many expressions have been looked at."""

    def infer(self, node: nodes.Expr) -> Type:
        """The type of an expression."""
        self.work += 1
        if self.work > MAX_WORK:
            self.error("E103", "functions given to functions nest too deeply to be checked", node.span)
            raise Enough
        type_ = self.bounded(self.handlers[type(node)](self, node), node.span)
        self.tables.types[node.node_id] = type_
        return type_

    @abstractmethod
    def function_value(self, node: nodes.Expr, params: tuple[Type, ...], result: Type | None, what: str) -> Type:
        """Check an argument that must be a function of `params`; `result` None accepts any result."""
        ...

    def expect(self, node: nodes.Expr, wanted: Type, what: str, code: str = "E210") -> Type:
        """Check an expression against a type. Returns the wanted type."""
        inner = without_none(wanted) if isinstance(wanted, OptionalType) else wanted
        match node, inner:
            case (_, FunctionType()):
                return self.function_value(node, inner.params, inner.result, what)
            case (nodes.ListExpr(), ListType()):
                for item in node.items:
                    self.expect(item, inner.item, "the element", code)
            case (nodes.TupleExpr(), TupleType()) if len(node.items) == len(inner.items):
                for item, type_ in zip(node.items, inner.items):
                    self.expect(item, type_, "the element", code)
            case (nodes.DictExpr(), DictType()):
                for key, item in node.items:
                    self.expect(key, STR, "the key", code)
                    self.expect(item, inner.value, "the value", code)
            case (nodes.Conditional(), _):
                self.test(node.test)
                with self.inside("facts", self.facts(node.test, True)):
                    self.expect(node.then, wanted, what, code)
                with self.inside("facts", self.facts(node.test, False)):
                    self.expect(node.other, wanted, what, code)
            case (nodes.Comprehension(kind="list"), ListType()):
                with self.clauses(node):
                    self.expect(node.element, inner.item, "the element", code)
            case _:
                found = self.infer(node)
                values = self.constants(node)
                if values is not None and isinstance(inner, LiteralType):
                    if all(any(same_constant(v, w) for w in inner.values) for v in values):
                        return wanted
                if not fits(found, wanted):
                    self.mismatch(node, found, wanted, what, code)
                return wanted
        self.tables.types[node.node_id] = wanted
        return wanted

    def mismatch(self, node: nodes.Expr, found: Type, wanted: Type, what: str, code: str = "E210") -> Type:
        hint = None
        if isinstance(found, OptionalType) and fits(found.item, wanted):
            return self.error(
                "E216",
                f"{what} may be None; it must be {wanted}",
                node.span,
                "test it first: `… if x is not None else …`",
            )
        if isinstance(wanted, IterableType):
            return self.not_iterable(node, found, wanted, what)
        if wanted == STR:
            hint = "write `str(…)` or an f-string to turn it into text"
        elif wanted == INT and found == FLOAT:
            hint = "write `round(…)` or `int(…)`"
        elif wanted in (INT, FLOAT) and fits(found, STR):
            hint = f"write `{wanted}(…)` to read a number from text"
        elif wanted == BOOL:
            hint = "write a comparison, or `bool(…)`"
        elif isinstance(wanted, LiteralType) and fits(found, wanted.base):
            hint = f"it must be known to be one of {', '.join(map(_shown, wanted.values))}"
        return self.error(code, f"{what} is {_told(node, found)}; it must be {wanted}", node.span, hint)

    def not_iterable(self, node: nodes.Expr, found: Type, wanted: IterableType, what: str) -> Type:
        item = item_type(found)
        if item is None:
            return self.error("E210", f"{what} is {found}; it must be a list, str, dict or tuple", node.span)
        needed = "have an order" if has_variables(wanted.item) and not ordered(item) else f"be {wanted.item}"
        return self.error("E210", f"{what} is {found}; its elements must {needed}", node.span)

    def constants(self, node: nodes.Expr) -> tuple[Constant, ...] | None:
        """The constants that an expression may evaluate to, where that is plain to see."""
        match node:
            case nodes.Constant():
                return (node.value,)
            case nodes.Name():
                entry = self.scope.find(node.id)
                return entry.values if isinstance(entry, Variable) else None
            case nodes.Conditional():
                then, other = self.constants(node.then), self.constants(node.other)
                if then is None or other is None or len(then) + len(other) > MAX_CONSTANTS:
                    return None
                return then + other
            case nodes.Unary(op="-", operand=nodes.Constant(value=int() as value)):
                return (-value,)
        return None

    def of_constant(self, node: nodes.Constant) -> Type:
        return primitive_of(node.value)

    def of_name(self, node: nodes.Name) -> Type:
        entry = self.lookup(node)
        match entry:
            case None:
                return UNKNOWN
            case Variable(type=FunctionType()):
                return self.error(
                    "E215", f"`{node.id}` is a function, not a value", node.span, f"call it: `{node.id}(…)`"
                )
            case Variable():
                return self.scope.fact(node.id) or entry.type
        kind = "record type" if isinstance(entry, RecordType) else "function"
        return self.error("E215", f"`{node.id}` is a {kind}, not a value", node.span, f"call it: `{node.id}(…)`")

    def of_fstring(self, node: nodes.FString) -> Type:
        for part in node.parts:
            if isinstance(part, nodes.Hole):
                type_ = self.infer(part.value)
                if part.spec:
                    self.format_spec(part, type_)
        return STR

    def format_spec(self, hole: nodes.Hole, type_: Type) -> None:
        match = _FORMAT.fullmatch(hole.spec)
        base = STR if hole.conversion else (type_.base if isinstance(type_, LiteralType) else type_)
        allowed = _CONVERSIONS.get(base)
        if isinstance(base, Unknown):
            return
        if allowed is None:
            self.error("E107", f"a format such as `:{hole.spec}` needs str, int or float, not {type_}", hole.span)
        elif match is None or (match["type"] and match["type"] not in allowed):
            self.error("E107", f"`{hole.spec}` is not a format for {type_}", hole.span, "such as `:>8`, `:.2f`, `:,`")
        elif max(int(match["width"] or 0), int(match["precision"] or 0)) > MAX_FORMAT_WIDTH:
            self.error("E107", f"a width above {MAX_FORMAT_WIDTH:,}", hole.span)
        elif not _format_works(hole.spec, base):
            self.error("E107", f"`{hole.spec}` is not a format for {type_}", hole.span, "such as `:>8`, `:.2f`, `:,`")

    def of_list(self, node: nodes.ListExpr) -> Type:
        return ListType(self.join_all(node.items))

    def of_tuple(self, node: nodes.TupleExpr) -> Type:
        return TupleType(tuple(self.infer(item) for item in node.items))

    def of_dict(self, node: nodes.DictExpr) -> Type:
        for key, _ in node.items:
            self.expect(key, STR, "the key")
        return DictType(self.join_all([value for _, value in node.items]))

    def join_all(self, exprs: Iterable[nodes.Expr]) -> Type:
        joined: Type = NEVER
        for node in exprs:
            type_ = self.infer(node)
            wider = join(joined, type_)
            if wider is None:
                return self.error("E213", f"elements of {joined} and {type_} in one display", node.span)
            joined = wider
        return joined

    def of_unary(self, node: nodes.Unary) -> Type:
        if node.op == "not":
            self.test(node.operand)
            return BOOL
        type_ = self.infer(node.operand)
        return self.number(type_, node.operand, node.op)

    def number(self, type_: Type, node: nodes.Expr, op: str) -> Type:
        base = _base(type_)
        if base in (INT, FLOAT, UNKNOWN, NEVER):
            return base
        if isinstance(type_, OptionalType):
            return self.may_be_none(node)
        return self.error("E212", f"`{op}` needs a number, not {type_}", node.span, _number_hint(type_))

    def may_be_none(self, node: nodes.Expr) -> Type:
        return self.error(
            "E216",
            "this may be None",
            node.span,
            "test it first: `… if x is not None else …`, or `x or default`",
        )

    def of_binary(self, node: nodes.Binary) -> Type:
        left, right = _base(self.infer(node.left)), _base(self.infer(node.right))
        result = _operate(node, left, right)
        if result is not None:
            return result
        for type_, operand in ((left, node.left), (right, node.right)):
            if isinstance(type_, OptionalType):
                return self.may_be_none(operand)
        hint = None
        if node.op == "+" and STR in (left, right):
            hint = "write `str(…)` or an f-string to join text with other values"
        elif node.op == "%" and left == STR:
            hint = 'write an f-string: f"{x}"'
        elif BOOL in (left, right):
            hint = "bool is not a number here; write `1 if … else 0`"
        elif STR in (left, right) and (INT in (left, right) or FLOAT in (left, right)):
            hint = "write `int(…)` or `float(…)` to read a number from text"
        return self.error("E212", f"`{node.op}` does not go with {left} and {right}", node.span, hint)

    def of_logic(self, node: nodes.Logic) -> Type:
        left = self.infer(node.left)
        with self.inside("facts", self.facts(node.left, node.op == "and")):
            right = self.infer(node.right)
        kept = without_none(left) if node.op == "or" else left
        joined = join(kept, right)
        if joined is None:
            return self.error(
                "E213",
                f"`{node.op}` of {kept} and {right} has no one type",
                node.span,
                "compare explicitly, or write `… if … else …`",
            )
        return joined

    def test(self, node: nodes.Expr) -> None:
        """An expression of which only the truth counts, so that `and` and `or` need no common type."""
        if isinstance(node, nodes.Logic):
            self.test(node.left)
            with self.inside("facts", self.facts(node.left, node.op == "and")):
                self.test(node.right)
            self.tables.types[node.node_id] = BOOL
        else:
            self.infer(node)

    def facts(self, test: nodes.Expr, truth: bool) -> dict[str, Type]:
        """What a test tells about optional values when it comes out as `truth`."""
        match test:
            case nodes.IsNone() if test.negated == truth:
                return self.not_none(test.value)
            case nodes.Compare(first=value, rest=(("!=" | "==" as op, nodes.Constant(value=None)),)):
                return self.not_none(value) if (op == "!=") == truth else {}
            case nodes.Name() | nodes.Attribute() if truth:
                return self.not_none(test)
            case nodes.Unary(op="not"):
                return self.facts(test.operand, not truth)
            case nodes.Logic() if (test.op == "and") == truth:
                left = self.facts(test.left, truth)
                with self.inside("facts", left):
                    return left | self.facts(test.right, truth)
        return {}

    def not_none(self, node: nodes.Expr) -> dict[str, Type]:
        path = _path(node)
        type_ = self.tables.types.get(node.node_id)
        return {path: type_.item} if path and isinstance(type_, OptionalType) else {}

    def of_compare(self, node: nodes.Compare) -> Type:
        left_node, left = node.first, self.infer(node.first)
        for op, right_node in node.rest:
            right = self.infer(right_node)
            self.compare_pair(op, left_node, left, right_node, right)
            left_node, left = right_node, right
        return BOOL

    def compare_pair(self, op: str, a_node: nodes.Expr, a: Type, b_node: nodes.Expr, b: Type) -> None:
        span = a_node.span.to(b_node.span)
        if op in ("in", "not in"):
            return self.membership(op, a_node, a, b_node, b)
        joined = join(a, b)
        if op in ("==", "!="):
            if joined is None or not self.may_be_equal(a_node, a, b_node, b):
                self.error("E219", f"{_told(a_node, a)} never equals {_told(b_node, b)}", span)
            return None
        if joined is None or not ordered(joined):
            for type_, operand in ((a, a_node), (b, b_node)):
                if isinstance(type_, OptionalType):
                    self.may_be_none(operand)
                    return None
            self.error("E212", f"`{op}` does not go with {a} and {b}", span, _number_hint(a) or _number_hint(b))
        return None

    def may_be_equal(self, a_node: nodes.Expr, a: Type, b_node: nodes.Expr, b: Type) -> bool:
        for type_, node in ((a, b_node), (b, a_node)):
            inner = without_none(type_) if isinstance(type_, OptionalType) else type_
            values = self.constants(node)
            if isinstance(inner, LiteralType) and values is not None:
                return any(v is None or any(same_constant(v, w) for w in inner.values) for v in values)
        return True

    def membership(self, op: str, a_node: nodes.Expr, a: Type, b_node: nodes.Expr, b: Type) -> None:
        span = a_node.span.to(b_node.span)
        container = _base(b)
        match container:
            case Unknown() | Never():
                return
            case OptionalType():
                self.may_be_none(b_node)
                return
            case ListType(item=item):
                fine = join(a, item) is not None
            case TupleType(items=items):
                fine = any(join(a, item) is not None for item in items)
            case DictType():
                fine = fits(a, STR)
            case _ if container == STR:
                fine = fits(a, STR)
                if not fine and isinstance(a, OptionalType):
                    self.may_be_none(a_node)
                    return
            case _:
                self.error("E212", f"`{op}` needs a str, list, dict or tuple on the right, not {b}", b_node.span)
                return
        if not fine:
            self.error("E219", f"{a} is never in {b}", span)

    def of_is_none(self, node: nodes.IsNone) -> Type:
        self.infer(node.value)
        return BOOL

    def of_conditional(self, node: nodes.Conditional) -> Type:
        self.test(node.test)
        with self.inside("facts", self.facts(node.test, True)):
            then = self.infer(node.then)
        with self.inside("facts", self.facts(node.test, False)):
            other = self.infer(node.other)
        joined = join(then, other)
        if joined is None:
            return self.error("E213", f"the branches are {then} and {other}", node.span, "make them of one type")
        return joined

    def of_attribute(self, node: nodes.Attribute) -> Type:
        type_ = self.infer(node.value)
        if node.name.startswith("_"):
            return self.error("E204", f"`{node.name}`: attributes that start with `_` cannot be used", node.name_span)
        match type_:
            case Unknown():
                return UNKNOWN
            case Never():
                return self.no_element(node.value)
            case OptionalType():
                return self.may_be_none(node.value)
            case RecordType():
                found = type_.field(node.name)
                if found is None:
                    return self.no_attribute(node, type_, [name for name, _ in type_.fields])
                return self.scope.fact(_path(node) or "") or found
        if node.name in methods_of(type_):
            return self.error("E215", f"`{node.name}` is a method", node.name_span, f"call it: `.{node.name}(…)`")
        return self.no_attribute(node, type_, methods_of(type_))

    def no_element(self, node: nodes.Expr) -> Type:
        return self.error("E217", "this is an element of an empty list or dict, of which no type is known", node.span)

    def no_attribute(self, node: nodes.Attribute, type_: Type, names: Iterable[str]) -> Type:
        near = closest(node.name, names)
        hint = f"did you mean `{near}`?" if near else _MUTATING.get(node.name)
        return self.error("E205", f"{type_} has no `{node.name}`", node.name_span, hint)

    def of_index(self, node: nodes.Index) -> Type:
        type_ = _base(self.infer(node.value))
        if isinstance(type_, DictType):
            self.expect(node.index, STR, "the key")
            return type_.value
        if isinstance(type_, OptionalType):
            self.infer(node.index)
            return self.may_be_none(node.value)
        if isinstance(type_, Never):
            self.infer(node.index)
            return self.no_element(node.value)
        if not isinstance(type_, (ListType, TupleType, Unknown)) and type_ != STR:
            self.infer(node.index)
            return self.error("E212", f"{type_} cannot be indexed", node.span)
        errors = len(self.problems)
        self.expect(node.index, INT, "the index")
        if isinstance(type_, ListType):
            return type_.item
        if isinstance(type_, TupleType):
            return UNKNOWN if len(self.problems) > errors else self.tuple_item(node, type_)
        return type_

    def tuple_item(self, node: nodes.Index, type_: TupleType) -> Type:
        position = self.position(node.index)
        if position is None:
            joined = item_type(type_)
            if joined is None:
                return self.error("E212", f"the index into {type_} must be a constant", node.index.span)
            return joined
        if -len(type_.items) <= position < len(type_.items):
            return type_.items[position]
        return self.error("E212", f"{type_} has {len(type_.items)} elements", node.index.span)

    def position(self, node: nodes.Expr) -> int | None:
        """The int that an index plainly is."""
        match self.constants(node):
            case (int() as value,):
                return value
        return None

    def of_slice(self, node: nodes.Slice) -> Type:
        type_ = _base(self.infer(node.value))
        bounds = (node.start, node.stop, node.step)
        errors = len(self.problems)
        for bound in bounds:
            if bound is not None:
                self.expect(bound, INT, "a bound of a slice")
        if isinstance(type_, OptionalType):
            return self.may_be_none(node.value)
        if isinstance(type_, TupleType):
            if len(self.problems) > errors:
                return UNKNOWN
            positions = [None if bound is None else self.position(bound) for bound in bounds]
            known = all(bound is None or position is not None for bound, position in zip(bounds, positions))
            if known and positions[2] != 0:
                return TupleType(type_.items[slice(*positions)])
            return self.error("E212", "a slice of a tuple needs constant bounds", node.span)
        if isinstance(type_, (ListType, Unknown)) or type_ == STR:
            return type_
        if isinstance(type_, Never):
            return self.no_element(node.value)
        return self.error("E212", f"{type_} cannot be sliced", node.span)

    def of_comprehension(self, node: nodes.Comprehension) -> Type:
        with self.clauses(node):
            if node.key is not None:
                self.expect(node.key, STR, "the key")
                return DictType(self.infer(node.element))
            return ListType(self.infer(node.element))

    @contextmanager
    def clauses(self, node: nodes.Comprehension) -> Iterator[None]:
        """The scope that the clauses of a comprehension make for its element."""
        outer = self.scope
        first = node.clauses[0]
        assert isinstance(first, nodes.For)
        first_type = self.infer(first.iterable)
        self.scope = Scope("comprehension", outer)
        try:
            for clause in node.clauses:
                if isinstance(clause, nodes.For):
                    for name in _target_names(clause.target):
                        self.scope.entries.setdefault(name.id, Unbound(name.span))
            inner = self.scope
            for clause in node.clauses:
                if isinstance(clause, nodes.For):
                    type_ = first_type if clause is first else self.infer(clause.iterable)
                    self.bind_target(clause.target, self.element(type_, clause.iterable), inner)
                else:
                    self.test(clause.test)
                    self.scope = Scope("facts", self.scope, facts=self.facts(clause.test, True))
            yield
        finally:
            self.scope = outer

    def element(self, type_: Type, node: nodes.Expr) -> Type:
        """The type of what iterating over a value gives."""
        match _base(type_):
            case Unknown():
                return UNKNOWN
            case Never():
                return NEVER
            case ListType(item=item):
                return item
            case DictType():
                return STR
            case OptionalType():
                return self.may_be_none(node)
            case TupleType(items=items):
                joined: Type | None = NEVER
                for item in items:
                    joined = None if joined is None else join(joined, item)
                if joined is not None:
                    return joined
            case base if base == STR:
                return STR
        hint = "write `range(…)`" if _base(type_) == INT else None
        return self.error("E210", f"{type_} cannot be iterated over", node.span, hint)

    def bind_target(self, target: nodes.Target, type_: Type, scope: Scope) -> None:
        if isinstance(target, nodes.TupleTarget):
            for item, item_type in zip(target.items, self.unpack(type_, len(target.items), target.span)):
                self.bind_target(item, item_type, scope)
            return
        here, self.scope = self.scope, scope
        self.bind(target, Variable(type_, target.span))
        self.scope = here

    def unpack(self, type_: Type, count: int, span: Span) -> tuple[Type, ...]:
        """The types of `count` names that a value is unpacked into."""
        match type_:
            case Unknown() | Never():
                return (type_,) * count
            case TupleType(items=items) if len(items) == count:
                return items
            case TupleType(items=items):
                self.error("E218", f"{len(items)} elements for {count} names", span)
            case ListType():
                hint = "a list has any length; index it: `xs[0]`, `xs[1]`"
                self.error("E218", f"{type_} cannot be unpacked", span, hint)
            case _:
                self.error("E218", f"{type_} cannot be unpacked", span)
        return (UNKNOWN,) * count

    def of_lambda(self, node: nodes.Lambda) -> Type:
        return self.error("E124", "a lambda may stand only where a function is wanted", node.span)


# Operators -----------------------------------------------------------------------


def _operate(node: nodes.Binary, left: Type, right: Type) -> Type | None:
    """The type of `left op right`, or None if the operator does not go with them."""
    op = node.op
    if UNKNOWN in (left, right):
        return UNKNOWN
    if NEVER in (left, right):
        return NEVER  # it is never evaluated
    if left in (INT, FLOAT) and right in (INT, FLOAT):
        if op == "/" or FLOAT in (left, right):
            return FLOAT
        if op == "**":
            exponent = node.right.value if isinstance(node.right, nodes.Constant) else -1
            return INT if isinstance(exponent, int) and exponent >= 0 else FLOAT
        return INT
    match op, left, right:
        case ("+", TupleType(), TupleType()):
            return TupleType(left.items + right.items)
        case ("+", ListType(), ListType()):
            return join(left, right)
        case ("+", _, _) if left == right == STR:
            return STR
        case ("*", _, _) if right == INT and (left == STR or isinstance(left, ListType)):
            return left
        case ("*", _, _) if left == INT and (right == STR or isinstance(right, ListType)):
            return right
    return None


def _base(type_: Type) -> Type:
    """The type without its literal values."""
    return type_.base if isinstance(type_, LiteralType) else type_


def _number_hint(type_: Type) -> str | None:
    if _base(type_) == STR:
        return "write `int(…)` or `float(…)` to read a number from text"
    return "bool is not a number here; write `1 if … else 0`" if _base(type_) == BOOL else None


def methods_of(type_: Type) -> dict[str, Builtin]:
    match _base(type_):
        case ListType():
            return METHODS["list"]
        case DictType():
            return METHODS["dict"]
        case base if base == STR:
            return METHODS["str"]
    return {}


def _format_works(spec: str, base: Type) -> bool:
    try:
        format({STR: "x", INT: 1, FLOAT: 1.0}[base], spec)  # type: ignore[index]
    except ValueError:
        return False
    return True


def _target_names(target: nodes.Target) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    else:
        for item in target.items:
            yield from _target_names(item)


def _path(node: nodes.Expr) -> str | None:
    """`x` or `x.field.field` as text, for what a test says about it."""
    if isinstance(node, nodes.Name):
        return node.id
    if isinstance(node, nodes.Attribute) and (inner := _path(node.value)):
        return f"{inner}.{node.name}"
    return None


def _told(node: nodes.Expr, type_: Type) -> str:
    return _shown(node.value) if isinstance(node, nodes.Constant) else str(type_)


def _shown(value: object) -> str:
    return preview(value, 40)


_MUTATING = {
    "append": "values do not change; write `xs + [x]`",
    "extend": "values do not change; write `xs + ys`",
    "insert": "values do not change; write `xs[:i] + [x] + xs[i:]`",
    "pop": "values do not change; write `xs[:-1]` and `xs[-1]`",
    "remove": "values do not change; write `[y for y in xs if y != x]`",
    "sort": "values do not change; write `sorted(xs)`",
    "reverse": "values do not change; write `reversed(xs)`",
    "update": "values do not change; write a dict comprehension",
    "format": "write an f-string",
}
