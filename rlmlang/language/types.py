"""Types: whether one fits another, and their common supertype.

Lists, sets, dicts and tuples are covariant: a value is changed only where nothing else holds it, so that nobody sees it
at a wider type. `int` fits where a `float` is expected, as in Python (PEP 484), and the value stays an int. `bool` is
not an int. Functions are no values: `FunctionType` is the type of parameters only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Union

from attrs import field, frozen

MAX_SIZE = 1_000
"""The most parts of a type when it is written out in full, including the fields of its records.

Types can double from one binding to the next, `x = (y, y)`; this is where that ends. Each type
knows its `size`, so that a large one is refused before anything walks through it.
"""


@frozen
class Primitive:
    """`str`, `int`, `float`, `bool` or `None`."""

    name: str
    size: ClassVar[int] = 1

    def __str__(self) -> str:
        return self.name


STR, INT, FLOAT, BOOL, NONE = map(Primitive, ("str", "int", "float", "bool", "None"))  # decision 10

NATURAL = Primitive("Natural")
"""In signatures only: an integer constant, which is never negative (decision 9)."""


MATCH, PATTERN = Primitive("Match"), Primitive("Pattern")
"""What `re.search` finds, and what `re.compile` gives. No annotation names them."""


@frozen
class Never:
    """The type without values, such as that of the elements of `[]`. It fits everywhere (decision 15)."""

    size: ClassVar[int] = 1

    def __str__(self) -> str:
        return "Never"


@frozen
class Unknown:
    """The type of an expression with an error. It fits everywhere, so that an error is reported once (decision 21)."""

    size: ClassVar[int] = 1

    def __str__(self) -> str:
        return "?"


NEVER, UNKNOWN = Never(), Unknown()


@frozen
class LiteralType:
    """`Literal[...]`: values of one primitive type, at least one, without repetition."""

    values: tuple[str | int | bool, ...]
    size: int = field(init=False, eq=False, repr=False)

    @size.default
    def _(self) -> int:
        return 1 + len(self.values)

    @property
    def base(self) -> Primitive:
        return primitive_of(self.values[0])

    def __str__(self) -> str:
        shown = (json.dumps(v, ensure_ascii=False) if isinstance(v, str) else repr(v) for v in self.values)
        return f"Literal[{', '.join(shown)}]"


@frozen
class _WithItem:
    """A type with one other type as its part, which is that of elements in all but `OptionalType`."""

    item: Type
    size: int = field(init=False, eq=False, repr=False)

    @size.default
    def _(self) -> int:
        return 1 + self.item.size


@frozen
class ListType(_WithItem):
    def __str__(self) -> str:
        return f"list[{self.item}]"


@frozen
class DequeType(ListType):
    """`collections.deque[T]`: a list with the methods of a deque. It fits a `ListType`."""

    def __str__(self) -> str:
        return f"deque[{self.item}]"


@frozen
class SetType(_WithItem):
    """`set[T]`; its elements are hashable."""

    def __str__(self) -> str:
        return f"set[{self.item}]"


@frozen
class DictType:
    """`dict[K, T]`: keys are hashable, in the order of insertion."""

    key: Type
    value: Type
    size: int = field(init=False, eq=False, repr=False)

    @size.default
    def _(self) -> int:
        return 1 + self.key.size + self.value.size

    def __str__(self) -> str:
        return f"dict[{self.key}, {self.value}]"


@frozen
class CounterType(DictType):
    """`collections.Counter[K]`: a `dict[K, int]` in which a missing key counts 0. It fits a `DictType`."""

    def __str__(self) -> str:
        return f"Counter[{self.key}]"


@frozen
class DefaultDictType(DictType):
    """`collections.defaultdict[K, T]`: a dict which gives, and keeps, a default for a missing key."""

    def __str__(self) -> str:
        return f"defaultdict[{self.key}, {self.value}]"


@frozen
class TupleType:
    items: tuple[Type, ...]
    size: int = field(init=False, eq=False, repr=False)

    @size.default
    def _(self) -> int:
        return 1 + sum(item.size for item in self.items)

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.items))}]"


@frozen
class OpenTupleType(_WithItem):
    """`tuple[T, ...]`: a tuple of any length. A `TupleType` of such elements fits it."""

    def __str__(self) -> str:
        return f"tuple[{self.item}, ...]"


@frozen
class OptionalType(_WithItem):
    """`T | None`; `item` is never itself optional or `None` (decision 14)."""

    def __str__(self) -> str:
        return f"{self.item} | None"


@frozen
class RecordType:
    """A `class`. Records are compared by name, since a program uses each name once."""

    name: str
    fields: tuple[tuple[str, Type], ...] = field(eq=False)
    descriptions: Mapping[str, str] = field(factory=dict, eq=False, repr=False)
    """What the program says about its fields, by name, and about the record itself, by an empty name."""
    defaults: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)
    """The expressions that give fields their values where they are left out, by name."""
    size: int = field(init=False, eq=False, repr=False)

    @size.default
    def _(self) -> int:
        return 1 + sum(type_.size for _, type_ in self.fields)

    def field(self, name: str) -> Type | None:
        return dict(self.fields).get(name)

    def __str__(self) -> str:
        return self.name


@frozen
class FunctionType:
    params: tuple[Type, ...]
    result: Type
    size: int = field(init=False, eq=False, repr=False)

    @size.default
    def _(self) -> int:
        return 1 + self.result.size + sum(param.size for param in self.params)

    def __str__(self) -> str:
        return f"Callable[[{', '.join(map(str, self.params))}], {self.result}]"


@frozen
class IterableType(_WithItem):
    """In signatures only: the elements of a list, tuple or set, the characters of a str, the keys of a dict."""

    def __str__(self) -> str:
        return f"Iterable[{self.item}]"


@frozen
class TypeVar:
    """A type variable of a signature, written as a capital letter.

    `K` takes orderable types only, and `H` for hashable ones, of which keys and elements of sets are.
    """

    name: str
    size: ClassVar[int] = 1

    @property
    def ordered(self) -> bool:
        return self.name == "K"

    @property
    def hashed(self) -> bool:
        return self.name == "H"

    def __str__(self) -> str:
        return self.name


Type = Union[
    Primitive, Never, Unknown, LiteralType, ListType, SetType, DictType, TupleType, OpenTupleType, OptionalType,
    RecordType, FunctionType, IterableType, TypeVar,
]  # fmt: skip


def primitive_of(value: object) -> Primitive:
    """Return the type of a constant's value."""
    if value is None:
        return NONE
    return {bool: BOOL, int: INT, float: FLOAT, str: STR}[type(value)]


def base_of(type_: Type) -> Type:
    """Return the type without its literal values."""
    return type_.base if isinstance(type_, LiteralType) else type_


def same_constant(a: object, b: object) -> bool:
    """Return whether two constants are equal and of one type: `1` is not `True`."""
    return type(a) is type(b) and a == b


def literal(values: tuple[str | int | bool, ...]) -> LiteralType:
    """Return the `Literal` type of the values, without repetition, in their order."""
    return LiteralType(tuple({(type(value), value): value for value in values}.values()))


def optional(item: Type) -> Type:
    """Return `item | None` in its normal form."""
    if item == NONE or isinstance(item, (OptionalType, Unknown)):
        return item
    return NONE if item == NEVER else OptionalType(item)


def without_none(type_: Type) -> Type:
    """Return a type without `None`."""
    if type_ == NONE:
        return NEVER
    return type_.item if isinstance(type_, OptionalType) else type_


def fits(found: Type, expected: Type) -> bool:
    """Return whether every value of `found` is a value of `expected`."""
    if found == expected or isinstance(found, (Never, Unknown)) or isinstance(expected, Unknown):
        return True
    match found, expected:
        case (Primitive(name="int"), Primitive(name="float")):
            return True
        case (LiteralType(), LiteralType()):
            return all(any(same_constant(v, w) for w in expected.values) for v in found.values)
        case (OptionalType(), OptionalType()):
            return fits(found.item, expected.item)
        case (OptionalType(), _):
            return False
        case (_, OptionalType()):
            return found == NONE or fits(found, expected.item)
        case (LiteralType(), _):
            return fits(found.base, expected)
        case (ListType(), ListType()) if type(expected) in (ListType, type(found)):
            return fits(found.item, expected.item)
        case (SetType(), SetType()):
            return fits(found.item, expected.item)
        case (DictType(), DictType()) if type(expected) in (DictType, type(found)):
            return fits(found.key, expected.key) and fits(found.value, expected.value)
        case (TupleType(), TupleType()):
            return len(found.items) == len(expected.items) and all(map(fits, found.items, expected.items))
        case (TupleType(), OpenTupleType()):
            return all(fits(item, expected.item) for item in found.items)
        case (OpenTupleType(), OpenTupleType()):
            return fits(found.item, expected.item)
        case (_, IterableType()):
            item = item_type(found)
            return item is not None and fits(item, expected.item)
        case (FunctionType(), FunctionType()):
            return (
                len(found.params) == len(expected.params)
                and all(map(fits, expected.params, found.params))
                and fits(found.result, expected.result)
            )
    return False


def join(a: Type, b: Type) -> Type | None:
    """Return the least type that both fit, or None if there is none."""
    if fits(a, b):
        return b
    if fits(b, a):
        return a
    if isinstance(a, OptionalType) or isinstance(b, OptionalType) or NONE in (a, b):
        inner = join(without_none(a), without_none(b))
        return None if inner is None else optional(inner)
    match a, b:
        case (LiteralType(), LiteralType()) if a.base == b.base:
            return literal(a.values + b.values)
        case (LiteralType(), _):
            return join(a.base, b)
        case (_, LiteralType()):
            return join(a, b.base)
        case (ListType(), ListType()):
            item = join(a.item, b.item)
            kind_of_list = type(a) if type(a) is type(b) else ListType
            return None if item is None else kind_of_list(item)
        case (SetType(), SetType()):
            item = join(a.item, b.item)
            return None if item is None else SetType(item)
        case (DictType(), DictType()):
            key, value = join(a.key, b.key), join(a.value, b.value)
            kind = type(a) if type(a) is type(b) else DictType
            return None if key is None or value is None else kind(key, value)
        case (TupleType(), TupleType()) if len(a.items) == len(b.items):
            items = tuple(map(join, a.items, b.items))
            return None if None in items else TupleType(items)  # type: ignore[arg-type]
        case (TupleType() | OpenTupleType(), TupleType() | OpenTupleType()):
            return open_tuple(a, b)
    return None


def open_tuple(*tuples: TupleType | OpenTupleType) -> OpenTupleType | None:
    """Return the type of tuples of any length of the elements of these, or None if they have no common type."""
    joined: Type = NEVER
    for type_ in tuples:
        for item in type_.items if isinstance(type_, TupleType) else (type_.item,):
            wider = join(joined, item)
            if wider is None:
                return None
            joined = wider
    return OpenTupleType(joined)


def parts_of(type_: Type) -> list[Type]:
    """Return a type and all types that it is written with, without the fields of its records."""
    found: list[Type] = []
    todo = [type_]
    while todo:
        each = todo.pop()
        found.append(each)
        match each:
            case _WithItem():
                todo.append(each.item)
            case DictType():
                todo += [each.key, each.value]
            case TupleType():
                todo += each.items
            case FunctionType():
                todo += [*each.params, each.result]
    return found


def item_type(type_: Type) -> Type | None:
    """Return the type of the elements of an iterable, or None if the type is not iterable."""
    match type_:
        case ListType() | SetType() | OpenTupleType():
            return type_.item
        case DictType():
            return type_.key
        case TupleType():
            opened = open_tuple(type_)
            return None if opened is None else opened.item
        case Never() | Unknown():
            return type_
    base = type_.base if isinstance(type_, LiteralType) else type_
    return STR if base == STR else None


def ordered(type_: Type) -> bool:
    """Return whether `<` is defined for all pairs of values of the type."""
    match type_:
        case Primitive():
            return type_ not in (NONE, MATCH, PATTERN)
        case LiteralType() | Never() | Unknown():
            return True
        case ListType() | OpenTupleType():
            return ordered(type_.item)
        case TupleType():
            return all(map(ordered, type_.items))
        case TypeVar():
            return type_.ordered
    return False


def hashable(type_: Type) -> bool:
    """Return whether values of the type may be keys: they hold no list, dict, set, record or None."""
    match type_:
        case Primitive():
            return type_ not in (NONE, MATCH, PATTERN)
        case LiteralType() | Never() | Unknown():
            return True
        case OpenTupleType():
            return hashable(type_.item)
        case TupleType():
            return all(map(hashable, type_.items))
        case TypeVar():
            return type_.hashed
    return False
