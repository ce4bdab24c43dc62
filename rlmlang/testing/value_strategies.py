"""Hypothesis strategies for types and their values, and program text that denotes a value."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    optional,
)
from rlmlang.runtime.values import RecordValue, Value

LETTERS = "abcxyzABZ 019.,;:-_\n\t'\"\\{}#éß中😀\u202e\u00a0\x00"
"""The characters of generated text: quotes, escapes, braces, bidi controls and wide letters included."""


def types(records: Sequence[RecordType] = (), literals: Sequence[LiteralType] = ()) -> st.SearchStrategy[Type]:
    """Return a strategy for types of values, with the given record and `Literal` types among them."""
    leaves: list[Type] = [STR, INT, FLOAT, BOOL, *records, *literals]
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            inner.map(ListType),
            inner.map(lambda value: DictType(STR, value)),
            st.lists(inner, min_size=1, max_size=3).map(lambda items: TupleType(tuple(items))),
            inner.map(optional),
        ),
        max_leaves=4,
    )


def texts(max_size: int = 12) -> st.SearchStrategy[str]:
    """Return a strategy for short texts of troublesome characters."""
    return st.text(LETTERS, max_size=max_size)


def floats() -> st.SearchStrategy[float]:
    """Return a strategy for floats of moderate size."""
    return st.one_of(
        st.sampled_from([0.0, 0.5, 1.0, -2.5, 1e-7, 1e16, 123456.789]),
        st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 4)),
    )


def values(type_: Type) -> st.SearchStrategy[Value]:
    """Return a strategy for small values of a type."""
    match type_:
        case ListType():
            return st.lists(values(type_.item), max_size=3)
        case DictType():
            return st.dictionaries(texts(4), values(type_.value), max_size=3)
        case TupleType():
            return st.tuples(*map(values, type_.items))
        case OptionalType():
            return st.one_of(st.none(), values(type_.item))
        case LiteralType():
            return st.sampled_from(type_.values)
        case RecordType():
            parts = st.tuples(*(values(item) for _, item in type_.fields))
            return parts.map(lambda items: RecordValue(type_, items))
    plain: dict[Type, st.SearchStrategy[Value]] = {
        STR: texts(),
        INT: st.integers(-9, 99),
        FLOAT: floats(),
        BOOL: st.booleans(),
        NONE: st.none(),
    }
    return plain[type_]


def literal_text(value: Value, quote: str = '"') -> str:
    """Return program text that denotes a value."""
    if isinstance(value, str):
        return quote + "".join(_escape(char, quote) for char in value) + quote
    if isinstance(value, list):
        return "[" + ", ".join(literal_text(item, quote) for item in value) + "]"
    if isinstance(value, tuple):
        inner = ", ".join(literal_text(item, quote) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        pairs = (f"{literal_text(k, quote)}: {literal_text(v, quote)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, RecordValue):
        parts = zip(value.type.fields, value.values)
        return f"{value.type}({', '.join(f'{name}={literal_text(v, quote)}' for (name, _), v in parts)})"
    return repr(value)


def _escape(char: str, quote: str) -> str:
    if char in (quote, "\\"):
        return "\\" + char
    if char.isprintable():
        return char
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return named.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")
