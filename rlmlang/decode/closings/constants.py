"""Types and constants as lexemes."""

from __future__ import annotations

import json
import re

from rlmlang.language.types import (
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    TypeVar,
)


def written(type_: Type) -> list[str]:
    """Return the lexemes of a type."""
    return _LEXEME.findall(str(type_))


_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|\w+|[^\w\s]')


def constant(type_: Type) -> list[str]:
    """Return the lexemes of an expression of a type that makes no CALL."""
    match type_:
        case LiteralType(values=(value, *_)):
            return ["-", str(-value)] if type(value) is int and value < 0 else [_literal(value)]
        case ListType() | IterableType():
            return ["[", *constant(type_.item), "]"]
        case DictType():
            return ["{", *constant(type_.key), ":", *constant(type_.value), "}"]
        case SetType():
            return ["{", *constant(type_.item), "}"]
        case OpenTupleType():
            return ["(", *constant(type_.item), ",", ")"]
        case TupleType():
            items = [word for item in type_.items for word in (*constant(item), ",")]
            return ["(", *items[: -1 if len(type_.items) > 1 else None], ")"]
        case OptionalType():
            return ["None"]
        case RecordType():
            return [type_.name, "(", *spread([constant(field) for _, field in type_.fields]), ")"]
        case FunctionType():
            names = [f"a{i}" for i in range(len(type_.params))]
            body = next((n for n, p in zip(names, type_.params) if p == type_.result), None)
            return ["lambda", *listed(names), ":", *([body] if body else constant(type_.result))]
        case TypeVar():
            return ['""']
    return _PLAIN.get(str(type_), ['""'])


_PLAIN = {"int": ["0"], "Natural": ["0"], "float": ["0.5"], "bool": ["True"], "None": ["None"]}


def listed(parts: list[str]) -> list[str]:
    """Return lexemes separated by commas."""
    out: list[str] = []
    for part in parts:
        out += [*([","] if out else []), part]
    return out


def spread(parts: list[list[str]]) -> list[str]:
    """Return lexemes of several parts with commas between the parts."""
    out: list[str] = []
    for part in parts:
        out += [*([","] if out else []), *part]
    return out


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
