"""Values of Python programs as data of the language: what an object is decides, not the library that it comes from.

Nothing is imported for it. An object of a dataclass, of attrs or pydantic is recognized by what its class keeps about
its fields; an array, a series or a number of a library by its `dtype` and `tolist`; a table by its way to give records.
Only classes are asked, never the object, so that one that answers to every name is not taken for everything.
(Decision 119.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, MappingView, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from os import PathLike
from types import SimpleNamespace
from typing import Any

from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, ObjectData, RecordValue, SetValue

_Nearer = Callable[[Any], Any]
"""Gives for an object what is to be read in its place, one step nearer to data."""

HINTS: Mapping[str, str] = {
    "bytes": "give text, such as value.decode()",
    "bytearray": "give text, such as value.decode()",
    "Decimal": "give float(value), or str(value) to keep every digit",
    "Fraction": "give float(value), or str(value)",
    "longdouble": "give float(value)",
    "clongdouble": "give its parts, value.real and value.imag",
    "complex": "give its parts, value.real and value.imag",
    "generator": "give list(value)",
    "map": "give list(value)",
    "filter": "give list(value)",
    "zip": "give list(value)",
    "enumerate": "give list(value)",
    "coroutine": "await it first",
    "memoryview": "give list(value), or text",
    "LazyFrame": "give value.collect()",
    "Period": "give str(value)",
    "Interval": "give str(value)",
    "SecretStr": "give value.get_secret_value(), which traces and stores then hold",
    "HttpUrl": "give str(value)",
    "AnyUrl": "give str(value)",
    "TextIOWrapper": "give value.read()",
    "function": "give what it returns",
    "type": "give an object of it",
}
"""What to give instead, by the names of classes that the language has no data for."""

PLAIN = "give text, numbers, lists, dicts or sets of them, or an object with fields, such as a dataclass"
"""What to give instead of an object that nothing is known about."""


def data_of(given: object, where: str) -> Any:
    """Return a Python value as JSON data, in which tuples, sets and records of programs stay what they are.

    Members of enumerations become their values, dates and paths texts, objects with fields dicts, tables lists of
    dicts; missing values of pandas become None. What was an object with fields is an `ObjectData`, and named tuples
    stay what they are, so that a record can be made of them where no type is declared. Raises Mismatch for what is not
    data of the language, such as NaN, with the place in it.
    """
    try:
        return _data_of(given, where, set())
    except RecursionError:
        raise Mismatch(f"{where} is nested too deeply") from None


def _data_of(given: object, where: str, around: set[int]) -> Any:
    """Return a Python value as JSON data; `around` are the ids of the values that it is part of."""
    match given:
        case None | bool():
            return given
        case Enum():
            return _data_of(given.value, where, around)
        case str():
            return str.__str__(given)
        case int():
            number = int.__int__(given)
            if number.bit_length() > MAX_INT_BITS:
                raise Mismatch(f"{where} is an integer of more than {MAX_INT_BITS:,} bits")
            return number
        case float():
            if not isfinite(given):
                raise _not_finite(given, where)
            return float.__float__(given)
        case RecordValue():
            return given
        case set() | frozenset():
            return SetValue(_key_of(item, where) for item in given)
    if id(given) in around:
        raise Mismatch(f"{where} contains itself")
    around.add(id(given))
    try:
        return _container_data(given, where, around)
    finally:
        around.discard(id(given))


def _container_data(given: object, where: str, around: set[int]) -> Any:
    """Return a Python value with parts as JSON data."""
    match given:
        case LazyRows():
            return given.whole()
        case list():
            return [_data_of(item, f"{where}[{i}]", around) for i, item in enumerate(given)]
        case tuple():
            items = tuple(_data_of(item, f"{where}[{i}]", around) for i, item in enumerate(given))
            return getattr(type(given), "_make", tuple)(items)  # a named tuple stays one
        case dict():
            return {_key_of(key, where): _data_of(item, f"{where}[{key!r}]", around) for key, item in given.items()}
    return _read(given, where, around)


def _not_finite(number: float, where: str) -> Mismatch:
    return Mismatch(
        f"{where} is {float.__float__(number)}, which is no number of the language",
        "give None where a number is missing, and declare the type `float | None`",
    )


def _read(given: object, where: str, around: set[int]) -> Any:
    """Return an object of any other class as data."""
    names, reader = _fields_of(type(given)), _reader_of(type(given))
    try:
        if names is not None:
            parts = {name: getattr(given, name) for name in names(given)}
        elif reader is not None:
            nearer = reader(given)
    except Exception as error:
        raise Mismatch(f"{where} cannot be read: {type(error).__name__}: {error}") from error
    if names is not None:
        data = {name: _data_of(part, f"{where}.{name}", around) for name, part in parts.items()}
        return ObjectData(data, type(given).__name__)
    if reader is not None and type(nearer) is not type(given):  # as numpy's widest numbers, which Python has not
        return _data_of(nearer, where, around)
    name = type(given).__qualname__
    raise Mismatch(f"{where} is of the Python type {name}, which the language does not have", HINTS.get(name, PLAIN))


def _fields_of(kind: type) -> Callable[[Any], Iterator[str]] | None:
    """Return what gives the names of the fields of objects of a class; None if it is no class of fields."""
    if getattr(kind, "__pydantic_root_model__", False):
        return None
    if isinstance(declared := getattr(kind, "__pydantic_fields__", None), Mapping) and not is_dataclass(kind):
        return lambda given: iter((*declared, *(given.__pydantic_extra__ or ())))
    if is_dataclass(kind):
        return lambda given: (each.name for each in fields(given))
    if isinstance(attributes := getattr(kind, "__attrs_attrs__", None), tuple):
        return lambda given: (each.name for each in attributes)
    return None


def _reader_of(kind: type) -> _Nearer | None:
    """Return what reads objects of a class: the first kind in a fixed order that it is of, None for none."""
    if kind.__name__ in ("NAType", "NaTType"):
        return lambda given: None
    if issubclass(kind, loaded("datetime", "date", "time")):
        return lambda given: given.isoformat()
    if issubclass(kind, loaded("datetime", "timedelta")):
        return lambda given: given.total_seconds()
    if issubclass(kind, loaded("uuid", "UUID")):
        return str
    if issubclass(kind, PathLike):
        return lambda given: given.__fspath__()
    if getattr(kind, "__pydantic_root_model__", False):
        return lambda given: given.root
    for method, reader in _TABLES.items():
        if callable(getattr(kind, method, None)) and hasattr(kind, "columns"):
            return reader
    if hasattr(kind, "dtype") and callable(getattr(kind, "tolist", None)):
        return _of_library
    if hasattr(kind, "dtype") and callable(getattr(kind, "to_list", None)):
        return lambda given: given.to_list()
    if issubclass(kind, loaded("pyarrow", "Scalar")):
        return lambda given: given.as_py()
    if issubclass(kind, loaded("pyarrow", "Array", "ChunkedArray")):
        return lambda given: given.to_pylist()
    if issubclass(kind, Mapping):
        return lambda given: dict(given.items())
    if issubclass(kind, MappingView):  # keys are in order, as the values are
        return list
    if issubclass(kind, SimpleNamespace):
        return vars
    if issubclass(kind, Set):
        return frozenset
    if issubclass(kind, loaded("collections", "UserString")):
        return str
    if issubclass(kind, Sequence) and not issubclass(kind, (bytes, bytearray, memoryview)):
        return list
    return None


def loaded(module: str, *names: str) -> tuple[type, ...]:
    """Return classes of a module; none if nobody has imported it, so that there are no objects of them."""
    found = sys.modules.get(module)
    return () if found is None else tuple(getattr(found, name) for name in names)


_TABLES: Mapping[str, _Nearer] = {
    "to_dicts": lambda given: given.to_dicts(),  # polars
    "to_pylist": lambda given: given.to_pylist(),  # pyarrow
    "itertuples": lambda given: _present(given).to_dict(orient="records"),  # pandas
}
"""How tables are read as lists of records, by a method that those of a library have."""


def _present(given: Any) -> Any:
    """Return a table or series of pandas with None for what is missing, of which pandas makes NaN in most columns."""
    if not (hasattr(type(given), "notna") and hasattr(type(given), "where")):
        return given
    return given.astype(object).where(given.notna(), None)


def _of_library(given: Any) -> Any:
    """Return what an array, a series or a number of a library is of Python's own; its dates become texts."""
    if str(given.dtype) in ("datetime64[ns]", "timedelta64[ns]"):  # of which numpy makes integers
        given = given.astype(str(given.dtype).replace("ns", "us"))
    if (names := getattr(given.dtype, "names", None)) and given.ndim == 1:  # rows with named columns
        return [dict(zip(names, row)) for row in given.tolist()]
    return _present(given).tolist()


def _key_of(key: object, where: str) -> Any:
    """Return a key of a Python dict, or an element of a set, as data: text, a number, or a tuple of such."""
    if type(key) is tuple:
        return tuple(_key_of(part, where) for part in key)
    data = _data_of(key, f"a key of {where}", set())
    if isinstance(data, (str, int, float, tuple)):
        return data
    raise Mismatch(f"{where} has the key {key!r:.60}, which no dict or set of the language has", "make its keys text")
