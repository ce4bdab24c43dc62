"""How a model writes a value of a type, and how its answer becomes one.

`str` is written as it is. A `Literal` of words is one of the words, bare. Everything else
is JSON. What comes back is read strictly: a reading that guesses hides a model's mistake.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from typing import Any, Literal

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
    Primitive,
    RecordType,
    TupleType,
    Type,
    primitive_of,
)
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, Value, canonical, from_json

MAX_JSON_DEPTH = 100
"""How deep the brackets of an answer may nest."""

MAX_EXACT_INT = 2**53 - 1
"""Engines are asked for integers up to this, which every JSON library reads exactly."""


def form(type_: Type) -> Literal["text", "word", "json"]:
    """How a model writes a value of the type."""
    if type_ == STR:
        return "text"
    if isinstance(type_, LiteralType) and all(map(_is_word, type_.values)):
        return "word"
    return "json"


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value.strip() == value != ""


def parse_answer(text: str, type_: Type) -> Value:
    """A model's answer as a value of the type. Raises Mismatch."""
    match form(type_):
        case "text":
            return text.strip()
        case "word":
            return from_json(text.strip(), type_, "the answer")
    return from_json(parse_json(text), type_, "the answer")


def write_answer(value: Value, type_: Type) -> str:
    """The answer of a model that answers with this value."""
    return value if isinstance(value, str) and form(type_) != "json" else canonical(value)


# Strict JSON ---------------------------------------------------------------------

_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?"?|[\[{]|[\]}]', re.DOTALL)
_MAX_DIGITS = len(str(2**MAX_INT_BITS))


def parse_json(text: str) -> Any:
    """JSON data, strictly: no NaN, no repeated keys, bounded depth and integers. Raises Mismatch."""
    _check_depth(text)
    try:
        return _decoder.decode(text.strip())
    except json.JSONDecodeError as error:
        raise Mismatch(f"not JSON: {error.msg} at character {error.pos + 1}") from None


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return
    depth = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise Mismatch(f"not JSON for a value: more than {MAX_JSON_DEPTH} brackets deep")
        elif found[0] in "]}":
            depth -= 1


def _read_int(digits: str) -> int:
    if len(digits) <= _MAX_DIGITS + 1 and (value := int(digits)).bit_length() <= MAX_INT_BITS:
        return value
    raise Mismatch(f"an integer of more than {MAX_INT_BITS:,} bits")


def _read_float(digits: str) -> float:
    value = float(digits)
    if math.isfinite(value):
        return value
    raise Mismatch(f"a number too large for a float: {digits[:40]}")


def _refuse_constant(name: str) -> None:
    raise Mismatch(f"not JSON: {name}")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise Mismatch(f"the key {json.dumps(repeated[:40], ensure_ascii=False)} stands there twice")
    return data


_decoder = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=_read_int,
    parse_float=_read_float,
    parse_constant=_refuse_constant,
)


# For prompts ---------------------------------------------------------------------


def describe(type_: Type) -> str:
    """One line that tells a model how to write its answer."""
    match form(type_):
        case "text":
            return "Answer with plain text only."
        case "word":
            assert isinstance(type_, LiteralType)
            return f"Answer with one of: {', '.join(map(str, type_.values))}."
    shared = {record for record, count in record_types(type_).items() if count > 1}
    line = f"Answer with {_words(type_, shared)}, as JSON."
    for record in record_types(type_):
        if record in shared:
            line += f" A {record} is {_record_words(record, shared)}."
    return line


def _records(type_: Type) -> Iterator[RecordType]:
    """The record types that stand directly in a type, with repetition."""
    match type_:
        case RecordType():
            yield type_
        case ListType() | OptionalType():
            yield from _records(type_.item)
        case DictType():
            yield from _records(type_.value)
        case TupleType():
            for item in type_.items:
                yield from _records(item)


def record_types(*types: Type) -> Counter[RecordType]:
    """Every record type that values of the types may hold, and how often it is named.

    One comes after those it uses. (Written out, a type can be exponentially long.)
    """
    named: Counter[RecordType] = Counter()
    ordered: list[RecordType] = []

    def visit(type_: Type) -> None:
        for record in _records(type_):
            named[record] += 1
            if named[record] == 1:
                for _, field in record.fields:
                    visit(field)
                ordered.append(record)

    for type_ in types:
        visit(type_)
    return Counter({record: named[record] for record in ordered})


def _words(type_: Type, shared: Set[RecordType], many: bool = False) -> str:
    """A type in words, in the plural where `many`. What is in `shared` is only named."""
    match type_:
        case ListType():
            return f"{'lists' if many else 'a list'} of {_words(type_.item, shared, True)}"
        case DictType():
            return f"{'objects' if many else 'an object'} whose values are {_words(type_.value, shared, True)}"
        case TupleType():
            items = ", then ".join(_words(item, shared) for item in type_.items)
            return f"{'lists' if many else 'a list'} of exactly {items}"
        case OptionalType():
            return f"{_words(type_.item, shared, many)} or null"
        case LiteralType():
            return " or ".join(map(_json, type_.values))
        case RecordType():
            if type_ in shared:
                return f"{type_} objects" if many else f"a {type_}"
            return _record_words(type_, shared, many)
    return _PLAIN_WORDS[type_][many]


def _record_words(record: RecordType, shared: Set[RecordType], many: bool = False) -> str:
    fields = ", ".join(f'"{name}" ({_words(field, shared)})' for name, field in record.fields)
    return f"{'objects' if many else 'an object'} with {fields}"


_PLAIN_WORDS: dict[Type, tuple[str, str]] = {
    STR: ("a string", "strings"),
    INT: ("a whole number", "whole numbers"),
    FLOAT: ("a number", "numbers"),
    BOOL: ("true or false", "true or false"),
    NONE: ("null", "nulls"),
}


# For engines ---------------------------------------------------------------------


def json_schema(type_: Type) -> dict[str, Any]:
    """The JSON schema of answers of the type. Each record stands in it once."""
    definitions = {record.name: _record_schema(record) for record in record_types(type_) if record != type_}
    schema = _record_schema(type_) if isinstance(type_, RecordType) else _schema(type_)
    return {**schema, "$defs": definitions} if definitions else schema


def _schema(type_: Type) -> dict[str, Any]:
    match type_:
        case ListType():
            return {"type": "array", "items": _schema(type_.item)}
        case DictType():
            return {"type": "object", "additionalProperties": _schema(type_.value)}
        case TupleType():
            count = len(type_.items)
            return {
                "type": "array",
                "prefixItems": [_schema(item) for item in type_.items],
                "items": False,
                "minItems": count,
                "maxItems": count,
            }
        case OptionalType():
            return {"anyOf": [_schema(type_.item), {"type": "null"}]}
        case LiteralType():
            return {"type": _json_types(type_.values), "enum": list(type_.values)}
        case RecordType():
            return {"$ref": f"#/$defs/{type_.name}"}
    return dict(_PLAIN_SCHEMAS[type_])


def _record_schema(record: RecordType) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _schema(field) for name, field in record.fields},
        "required": [name for name, _ in record.fields],
        "additionalProperties": False,
    }


def _json_types(values: Iterable[Value]) -> str | list[str]:
    """The types of constants in JSON; some servers ask for them."""
    found = list(dict.fromkeys(_PLAIN_SCHEMAS[primitive_of(value)]["type"] for value in values))
    return found[0] if len(found) == 1 else found


_PLAIN_SCHEMAS: dict[Type, dict[str, Any]] = {
    STR: {"type": "string"},
    INT: {"type": "integer", "minimum": -MAX_EXACT_INT, "maximum": MAX_EXACT_INT},
    FLOAT: {"type": "number"},
    BOOL: {"type": "boolean"},
    NONE: {"type": "null"},
}


def answer_schema(type_: Type) -> dict[str, Any]:
    """The JSON schema of an object that holds an answer of the type: many servers want an object."""
    schema = json_schema(type_)
    definitions = schema.pop("$defs", None)
    wrapped = {
        "type": "object",
        "properties": {"answer": schema},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return {**wrapped, "$defs": definitions} if definitions else wrapped


def answer_in_object(text: str, type_: Type) -> str:
    """The answer in the text form of its type, from what was held to `answer_schema`.

    Any other text is given back as it is: a server that keeps to no schema may answer as it was told.
    """
    try:
        data = parse_json(text)
    except Mismatch:
        return text
    if not isinstance(data, dict) or list(data) != ["answer"]:
        return text
    return write_answer(data["answer"], type_)


OPENING = '{"answer":'
"""What an engine puts before a constrained answer, as if the model had written it.

Asked for a bare `5`, a small model would rather go on in words; these are masked, so it goes on
with digits. Here a bracket is next. SmolLM2-135M told 8 of 8 reviews apart after this opening,
and 4 of 8 without.
"""


def answer_lark(type_: Type) -> str:
    """The grammar, in llguidance's Lark, of what follows `OPENING` in an answer of the type.

    Spaces stand where `json.dumps` puts them, and numbers have a bounded length, so that a
    model cannot go on with either for ever.
    """
    writer = _LarkWriter()
    start = f'start: " " {writer.symbol(type_)} "}}"'
    rules = [f"{name}: {rule}" for name, rule in writer.rules.items()]
    return "\n".join([start, *rules, *_LARK_TERMINALS]) + "\n"


def answer_after_opening(text: str, type_: Type) -> str:
    """The answer in the text form of its type, from what a model wrote after `OPENING`."""
    text = text.strip().removesuffix("}")
    if form(type_) == "word":
        with suppress(Mismatch):
            text = str(parse_json(text))
    return text


class _LarkWriter:
    """Gives each type that is no terminal a rule, once."""

    def __init__(self) -> None:
        self.rules: dict[str, str] = {}
        self._names: dict[Type, str] = {}

    def symbol(self, type_: Type) -> str:
        """The name of what derives the type's values."""
        if isinstance(type_, Primitive):
            return type_.name.upper()
        if type_ not in self._names:
            self._names[type_] = name = f"r{len(self._names)}"
            self.rules[name] = self._rule(type_)
        return self._names[type_]

    def _rule(self, type_: Type) -> str:
        match type_:
            case ListType():
                item = self.symbol(type_.item)
                return f'"[]" | "[" {item} (", " {item})* "]"'
            case DictType():
                pair = f'STR ": " {self.symbol(type_.value)}'
                return f'"{{}}" | "{{" {pair} (", " {pair})* "}}"'
            case TupleType():
                items = ' ", " '.join(map(self.symbol, type_.items))
                return f'"[" {items} "]"'
            case OptionalType():
                return f"{self.symbol(type_.item)} | NONE"
            case LiteralType():
                return " | ".join(map(_quoted, map(_json, type_.values)))
        assert isinstance(type_, RecordType)
        fields = [(_quoted(f'"{name}": '), self.symbol(field)) for name, field in type_.fields]
        return '"{" ' + ' ", " '.join(f"{name} {value}" for name, value in fields) + ' "}"'


def _json(value: Value) -> str:
    """JSON of a constant that can stand in a grammar."""
    text = canonical(value)
    return text if text.isprintable() else json.dumps(value)


def _quoted(text: object) -> str:
    """Text as a string of a Lark grammar."""
    return json.dumps(text, ensure_ascii=False)


_LARK_TERMINALS = (
    r'STR: /"([^"\\\x00-\x1f]|\\(["\\\/bfnrt]|u([0-9a-cefA-CEF][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}))*"/',
    r"INT: /-?(0|[1-9][0-9]{0,14})/",
    r"FLOAT: /-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?/",
    'BOOL: "true" | "false"',
    'NONE: "null"',
)
