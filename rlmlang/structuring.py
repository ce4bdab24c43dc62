"""Values of the language as objects of Python classes: `result.to(Invoice)`.

A class is what the caller has: a dataclass, one of attrs or pydantic, a named tuple, a `TypedDict`, an enumeration, and
containers and unions of these. Nothing is guessed: no text is read as a number, and no field is left out.
(Decision 119.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from inspect import signature
from os import PathLike
from pathlib import Path
from reprlib import repr as shown
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

import attrs
from cattrs import AttributeValidationNote, BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    is_any_set,
    is_frozenset,
    is_mapping,
    is_mutable_sequence,
    is_namedtuple,
    is_sequence,
    list_structure_factory,
)
from cattrs.errors import IterableValidationNote, StructureHandlerNotFoundError

from rlmlang.annotations import optional_names
from rlmlang.errors import UsageError
from rlmlang.runtime.values import MatchValue, PatternValue, RecordValue, SetValue, Value, to_json

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]
"""Makes data an object of a type."""

KINDS = (
    "dataclasses, classes of attrs and pydantic, named tuples, TypedDicts, enums, dates, paths, and str, int, float, "
    "bool, list, dict, set, tuple, Literal and unions of these"
)
"""What a value can be made, for a hint."""


class Unfit(ValueError):
    """Data that is not of a type; the message goes on after the place, such as `is 3, not str`."""

    @classmethod
    def of(cls, data: object, wanted: str) -> Unfit:
        return cls(f"is {shown(data)}, not {wanted}")


def structured(value: Value, kind: type[T]) -> T:
    """Return a value as an object of a Python type.

    Raises UsageError E611 for a value that does not fit, with the field, and E607 for a type that no value can be made.
    """
    try:
        return _converter().structure(plain(value), kind)
    except StructureHandlerNotFoundError as error:
        raise UsageError.of("E607", f"no value can be made {_name(error.type_)}", hint=f"there are {KINDS}") from error
    except Exception as error:
        where, why = next(_problems(error, "value"))
        raise UsageError.of("E611", f"the value does not fit {_name(kind)}: `{where}` {why}") from error


def plain(value: Value) -> Any:
    """Return a value as Python's own data: records and dicts as dicts, sets as sets."""
    match value:
        case list():
            return [plain(item) for item in value]
        case tuple():
            return tuple(plain(item) for item in value)
        case SetValue():
            return {plain(item) for item in value}
        case dict():
            return {plain(key): plain(item) for key, item in value.items()}
        case RecordValue():
            return {name: plain(item) for (name, _), item in zip(value.type.fields, value.values)}
        case PatternValue() | MatchValue():
            return to_json(value)
    return value


# What fits each kind of type -----------------------------------------------------


@cache
def _converter() -> Converter:
    """Return the converter; the rules that are registered last are asked first."""
    converter = Converter(forbid_extra_keys=True)
    for kind, takes in _PLAIN.items():
        converter.register_structure_hook(kind, _plain_hook(takes))
    for kind, read in _FROM_TEXT.items():
        converter.register_structure_hook(kind, _text_hook(read))
    for applies, given, make in (
        (_is_class, Mapping, Converter.gen_structure_attrs_fromdict),
        (is_mapping, Mapping, Converter.gen_structure_mapping),
        (is_typeddict, Mapping, _typeddict_hook),
        (_is_sequence, (list, tuple), lambda own, kind: homogenous_tuple_structure_factory(kind, own)),
        (is_mutable_sequence, (list, tuple, set), lambda own, kind: list_structure_factory(kind, own)),
        (_is_tuple_of_several, (list, tuple), Converter.gen_structure_hetero_tuple),
        (is_any_set, (set, list, tuple), _set_hook),
        (is_namedtuple, (Mapping, list, tuple), _namedtuple_hook),
        (_is_choice, object, _choice_hook),
        (_is_union, object, _union_hook),
        (_is_model, object, _model_hook),
        (_is_enum, object, lambda own, kind: _member),
    ):
        converter.register_structure_hook_factory(applies, _checked(converter, given, make))
    return converter


_PLAIN: Mapping[type, tuple[type, ...]] = {
    str: (str,), int: (int,), float: (float, int), bool: (bool,), NoneType: (NoneType,), bytes: (),
}  # fmt: skip
"""The classes of data that each plain class is made of."""

_FROM_TEXT: Mapping[type, Callable[[str], Any]] = {
    date: date.fromisoformat, datetime: datetime.fromisoformat, time: time.fromisoformat,
    PathLike: Path, UUID: UUID, Decimal: Decimal, timedelta: lambda seconds: timedelta(seconds=float(seconds)),
}  # fmt: skip
"""How classes whose objects come into a program as text, or as a number, are read again."""


def _plain_hook(takes: tuple[type, ...]) -> Hook:
    def hook(data: Any, kind: Any) -> Any:
        if _is_enum(kind):  # such as a StrEnum, which is a str too
            return _member(data, kind)
        if type(data) not in takes:
            raise Unfit.of(data, _name(kind))
        return data if type(data) is kind or data is None else kind(data)

    return hook


def _text_hook(read: Callable[[str], Any]) -> Hook:
    def hook(data: Any, kind: Any) -> Any:
        takes = (int, float, str) if kind is Decimal else (int, float) if kind is timedelta else (str,)
        if type(data) not in takes:
            raise Unfit.of(data, _name(kind))
        try:
            return read(str(data))
        except (ValueError, ArithmeticError):
            raise Unfit.of(data, _name(kind)) from None

    return hook


def _checked(converter: Converter, given: Any, make: Callable[[Converter, Any], Hook]) -> Callable[[Any], Hook]:
    """Return what makes the hook of a type, which takes data of some classes and no other."""

    def factory(kind: Any) -> Hook:
        inner = make(converter, kind)

        def hook(data: Any, _: Any) -> Any:
            if not isinstance(data, given):
                raise Unfit.of(data, _name(kind))
            return inner(data, kind)

        return hook

    return factory


def _is_class(kind: Any) -> bool:
    return isinstance(get_origin(kind) or kind, type) and (attrs.has(kind) or is_dataclass(get_origin(kind) or kind))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and callable(getattr(kind, "model_validate", None))


def _model_hook(_: Converter, kind: Any) -> Hook:
    """Return what makes data a pydantic model, whose fields may have the names of the attributes, as values have them
    that came in as objects, or their aliases (before pydantic 2.11, what the model is configured for)."""
    names = {"by_alias": True, "by_name": True} if "by_name" in signature(kind.model_validate).parameters else {}
    return lambda data, _: kind.model_validate(data, **names)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _is_sequence(kind: Any) -> bool:
    return is_sequence(kind) or get_origin(kind) in (Iterable, Collection)


def _is_tuple_of_several(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[-1:] != (...,)


def _set_hook(converter: Converter, kind: Any) -> Hook:
    items = converter.get_structure_hook(list[(*get_args(kind), Any)[0]])  # type: ignore[misc]
    make = frozenset if is_frozenset(kind) else set
    return lambda data, _: make(items(data, list))


def _namedtuple_hook(converter: Converter, kind: Any) -> Hook:
    types = get_type_hints(kind)
    defaults = kind._field_defaults
    twin = _twin(kind, {name: (types.get(name, Any), defaults.get(name, attrs.NOTHING)) for name in kind._fields})

    def hook(data: Any, _: Any) -> Any:
        if not isinstance(data, Mapping):
            if len(data) > len(kind._fields):
                raise Unfit.of(data, _name(kind))
            data = dict(zip(kind._fields, data))
        made: Any = converter.structure(data, twin)
        return kind(*(getattr(made, name) for name in kind._fields))

    return hook


def _typeddict_hook(converter: Converter, kind: Any) -> Hook:
    may_lack = optional_names(kind)
    fields: dict[str, tuple[Any, Any]] = {}
    for name, type_ in get_type_hints(kind, include_extras=True).items():
        bare = get_args(type_)[0] if get_origin(type_) in (Required, NotRequired) else type_
        fields[name] = bare, _LEFT_OUT if name in may_lack else attrs.NOTHING
    twin = _twin(kind, fields)

    def hook(data: Any, _: Any) -> Any:
        # What a record's field says by None, a TypedDict says by having no such field, unless None is of its type.
        given = {
            name: part
            for name, part in data.items()
            if part is not None or name not in may_lack or _takes_none(fields[name][0])
        }
        made: Any = converter.structure(given, twin)
        return {name: part for name in fields if (part := getattr(made, name)) is not _LEFT_OUT}

    return hook


def _takes_none(kind: Any) -> bool:
    return kind is Any or kind is None or NoneType in get_args(kind)


_LEFT_OUT = object()
"""Marks a field of a `TypedDict` that is not given."""


def _twin(kind: Any, fields: Mapping[str, tuple[Any, Any]]) -> type:
    """Return a class with the same name and fields, types and defaults, which cattrs reads with all its rules."""
    made = {name: attrs.field(type=type_, default=default, alias=name) for name, (type_, default) in fields.items()}
    return attrs.make_class(kind.__name__, made, kw_only=True)


def _choice_hook(_: Converter, kind: Any) -> Hook:
    def hook(data: Any, kind: Any) -> Any:
        for value in get_args(kind):
            held = value.value if isinstance(value, Enum) else value
            if type(held) is type(data) and held == data:
                return value
        raise Unfit.of(data, _name(kind))

    return hook


def _member(data: Any, kind: Any) -> Any:
    """Return the member of an enumeration that has this value."""
    try:
        return kind(data)
    except ValueError:
        values = ", ".join(shown(member.value) for member in kind)
        raise Unfit(f"is {shown(data)}, none of {values}") from None


def _union_hook(converter: Converter, union: Any) -> Hook:
    """Return what makes data the first type of a union that it fits; one that needs no conversion comes first."""

    def hook(data: Any, _: Any) -> Any:
        kinds = get_args(union)
        if type(data) in kinds:
            return data
        errors = []
        for kind in kinds:
            try:
                return converter.structure(data, kind)
            except StructureHandlerNotFoundError:
                raise
            except Exception as error:
                errors.append((kind, error))
        others = [error for kind, error in errors if kind is not NoneType]
        raise others[0] if len(others) == 1 else Unfit.of(data, _name(union))

    return hook


# What to say of data that does not fit -------------------------------------------


def _problems(error: BaseException, where: str) -> Iterator[tuple[str, str]]:
    """Yield the places and reasons of what does not fit, in the order of the fields."""
    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            yield from _problems(inner, where + _step(inner))
    elif isinstance(error, Unfit):
        yield where, str(error)
    elif isinstance(error, ForbiddenExtraKeysError):
        yield where, f"has a field {min(error.extra_fields)!r}, which {_name(error.cl)} does not have"
    elif isinstance(error, KeyError) and getattr(error, "__notes__", None):
        yield where, "is missing"
    elif hasattr(error, "errors") and callable(error.errors):  # of pydantic
        for each in error.errors():
            steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
            yield where + "".join(steps), f"is refused: {each['msg']}"
    else:
        yield where, f"is refused: {error}"


def _step(error: BaseException) -> str:
    """Return the step from an object to the part of it that an error is about."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return f".{note.name}"
        if isinstance(note, IterableValidationNote):
            return f"[{note.index!r}]"
    return ""


def _name(kind: Any) -> str:
    """Return a type as the caller wrote it."""
    return kind.__qualname__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
