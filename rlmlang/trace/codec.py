"""Write events as JSON data and read them back, by cattrs from the schema in `events.py`.

Data that is read may come from anybody: a field that is not of its type is an error that names the field.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from operator import eq
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from attrs import has
from cattrs import AttributeValidationNote, ClassValidationError, Converter, IterableValidationError
from cattrs.errors import IterableValidationNote
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from rlmlang.trace.events import (
    OF_ROWS,
    STATUSES,
    CallStatus,
    Count,
    Dollars,
    EventText,
    PromptMessage,
    Scalars,
    Seconds,
    Version,
)

MAX_COUNT = 2**53
"""Counts are below it: such integers are exact wherever JSON is read."""

MAX_TIME = 2.0**32
"""Times are below it, in seconds; as microseconds they are still exact in a JSON number."""

_SHOWN = 80
"""Characters of a key or value of the data that an error shows."""

_E = TypeVar("_E")


def to_data(event: Any) -> dict[str, Any]:
    """Return an event, or a part of one, as JSON data, with the fields in the order of the schema."""
    data: dict[str, Any] = _CONVERTER.unstructure(event)
    return data


def from_data(data: Any, cls: type[_E]) -> _E:
    """Return the event that JSON data holds. Unknown fields are ignored.

    Raises ValueError, which names the field, if the data is not of that class.
    """
    try:
        return _CONVERTER.structure(data, cls)
    except (ClassValidationError, IterableValidationError) as error:
        raise ValueError(_explain(error)) from None


# Values ----------------------------------------------------------------------------


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _wrong(value, "a string")
    return value


def _name(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _wrong(value, "a string")
    return sys.intern(value)


def _bool(value: Any, _: Any) -> bool:
    if type(value) is not bool:
        raise _wrong(value, "true or false")
    return value


def _count(value: Any, _: Any) -> int:
    if type(value) is not int:
        raise _wrong(value, "an integer")
    if not 0 <= value < MAX_COUNT:
        raise ValueError("is out of range")
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise _wrong(value, "a number")
    if not 0 <= value < MAX_TIME:
        raise ValueError("is out of range")
    return value


def _version(value: Any, _: Any) -> int | str:
    if type(value) is not str and type(value) is not int:
        raise _wrong(value, "an integer or a string")
    return value


def _scalars(value: Any, _: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise _wrong(value, "an object")
    return {name: each for name, each in value.items() if not isinstance(each, dict | list)}


def _status(value: Any, _: Any) -> str:
    if value not in STATUSES:
        raise ValueError(f"cannot be {value[:_SHOWN]!r}") if type(value) is str else _wrong(value, "a string")
    return sys.intern(value)


_HOOKS: dict[Any, Callable[[Any, Any], Any]] = {
    str: _text, bool: _bool, EventText: _name, Count: _count, Seconds: _number, Dollars: _number, Version: _version,
    Scalars: _scalars, CallStatus: _status,
}  # fmt: skip

_JSON_TYPES = {
    dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean",
    type(None): "null",
}  # fmt: skip


def _wrong(value: Any, expected: str) -> ValueError:
    return ValueError(f"must be {expected}, not {_JSON_TYPES[type(value)]}")


# Objects and lists -----------------------------------------------------------------


def _object_hook(cls: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    structure: Callable[[Any, Any], Any] = make_dict_structure_fn(cls, converter)

    def hook(value: Any, type_: Any) -> Any:
        if type(value) is not dict:
            raise _wrong(value, "an object")
        return structure(value, type_)

    return hook


def _list_hook(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Read a list or a tuple. Unlike the hook of cattrs it stops at the first error: the list may be a bomb of them."""
    inner = get_args(type_)[0]
    structure = converter.get_structure_hook(inner)
    size = len(get_args(type_)) if get_origin(type_) is tuple else None
    make = tuple if size else list

    def hook(value: Any, _: Any) -> Any:
        if type(value) is not list:
            raise _wrong(value, "a list")
        if size is not None and len(value) != size:
            raise ValueError(f"must have {size} items")
        found: list[Any] = []
        try:
            for each in value:
                found.append(structure(each, inner))
        except Exception as error:
            raise _within(error, len(found)) from None
        return make(found)

    return hook


def _list_to_data(type_: Any, converter: Converter) -> Callable[[Any], Any]:
    """Write a list. The hook of cattrs is for all kinds of iterables, and slower."""
    unstructure = converter.get_unstructure_hook(get_args(type_)[0])
    return lambda value: [unstructure(each) for each in value]


def _dict_hook(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Read an object whose names are not known. It stops at the first error, as `_list_hook` does."""
    inner = get_args(type_)[1]
    structure = converter.get_structure_hook(inner)

    def hook(value: Any, _: Any) -> Any:
        if type(value) is not dict:
            raise _wrong(value, "an object")
        found: dict[str, Any] = {}
        name = ""
        try:
            for name, each in value.items():
                found[name] = structure(each, inner)
        except Exception as error:
            raise _within(error, name) from None
        return found

    return hook


def _within(error: Exception, index: int | str) -> IterableValidationError:
    """Return an error of an item as one of the whole."""
    error.add_note(IterableValidationNote("", index, None))
    return IterableValidationError("", [error], list)


def _explain(error: Exception) -> str:
    """Return what the first error within a validation error says, after the path of its field."""
    path = ""
    while isinstance(error, ClassValidationError | IterableValidationError):
        error = error.exceptions[0]
        note = error.__notes__[-1]
        if isinstance(note, AttributeValidationNote):
            path += f".{note.name}"
        else:
            path += f"[{str(note.index)[:_SHOWN]}]"
    if isinstance(error, KeyError):
        return f"`{path[1:]}` is missing"
    return f"`{path[1:]}` {error}"


def _optional_hook(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    inner = get_args(type_)[0]
    structure = converter.get_structure_hook(inner)

    def hook(value: Any, _: Any) -> Any:
        return None if value is None else structure(value, inner)

    return hook


def _new_converter() -> Converter:
    converter = Converter()
    factories: list[tuple[Callable[[Any], bool], Any]] = [
        (lambda type_: get_origin(type_) in (list, tuple), _list_hook),
        (lambda type_: get_origin(type_) is dict, _dict_hook),
        (lambda type_: get_origin(type_) in (Union, UnionType), _optional_hook),
        (has, _object_hook),
    ]
    for applies, factory in factories:
        converter.register_structure_hook_factory(applies, factory)
    for type_, hook in _HOOKS.items():
        converter.register_structure_hook_func(partial(eq, type_), hook)
    converter.register_unstructure_hook_func(_is_data, identity)
    writers: list[tuple[Callable[[Any], bool], Any]] = [(lambda type_: get_origin(type_) is list, _list_to_data)]
    for applies, factory in writers:
        converter.register_unstructure_hook_factory(applies, factory)
    converter.register_unstructure_hook(
        PromptMessage, make_dict_unstructure_fn(PromptMessage, converter, _cattrs_omit_if_default=True)
    )
    for cls in OF_ROWS:
        writer = make_dict_unstructure_fn(cls, converter, row=override(omit_if_default=True))
        converter.register_unstructure_hook(cls, writer)
    return converter


def _is_data(type_: Any) -> bool:
    """Return whether values of a type are JSON data as they are."""
    inner = get_args(type_) if get_origin(type_) in (Union, UnionType, tuple) else (type_,)
    return all(each in _HOOKS or each is type(None) for each in inner)


_CONVERTER = _new_converter()
