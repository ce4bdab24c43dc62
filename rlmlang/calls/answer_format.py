"""The format in which a model answers with a value of a type.

`str` is written as it is. A `Literal` of words is one of the words, bare. Everything else is JSON.
An engine that can constrain its text writes a JSON object that holds the answer, `{"answer": 5}`, instead.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from functools import cached_property
from typing import Any, ClassVar, Literal

from attrs import frozen

from rlmlang.calls.answer_keys import MAX_FRACTION
from rlmlang.calls.answer_reading import free_json, free_text, free_word, held_value
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    LiteralType,
    OpenTupleType,
    OptionalType,
    Primitive,
    RecordType,
    SetType,
    TupleType,
    Type,
    primitive_of,
)
from rlmlang.runtime.values import MAX_INT_BITS, Value, canonical, key_text

MAX_INT_DIGITS = len(str(2**MAX_INT_BITS)) - 1
"""Engines may write integers of this many digits: all of them are integers of the language."""

MAX_FORMATS = 256
"""The number of formats that are kept for the next use."""


@frozen(eq=False)
class AnswerFormat:
    """How a value of one type is described to a model, constrained, read and written. `of` gives the format of a type.

    There are two forms of an answer: bare, as the prompt asks for it, and wrapped in the object that `object_schema`
    and `object_grammar` describe, as constrained engines write it.
    """

    type: Type

    opening: ClassVar[str] = '{"answer":'  # decision 41
    """The start of a wrapped answer, which an engine may put before the model's text, as if the model had written it.

    Without it a small model would start with words where a bare `5` is allowed; the mask forbids these, and what it
    writes instead is poor. After this opening a bracket or a digit is likely. SmolLM2-135M classified 8 of 8 reviews
    right with it, and 4 of 8 without.
    """

    @staticmethod
    def of(type_: Type) -> AnswerFormat:
        """Return the format of a type, made once for each type object.

        Equality would not do for that: records of two programs are equal if they have one name, and so are
        `Literal[1]` and `Literal[True]`.
        """
        found = _formats.get(id(type_))
        if found is None:
            if len(_formats) >= MAX_FORMATS:
                _formats.clear()
            found = _formats[id(type_)] = AnswerFormat(type_)
        return found

    @cached_property
    def style(self) -> Literal["text", "word", "json"]:
        """The style of a bare answer: any text, one of some words, or JSON."""
        if self.type == STR:
            return "text"
        if isinstance(self.type, LiteralType) and all(map(_is_word, self.type.values)):
            return "word"
        return "json"

    @cached_property
    def description(self) -> str:
        """The line of the prompt that says how to answer."""
        match self.style:
            case "text":
                return "Answer with plain text only."
            case "word":
                assert isinstance(self.type, LiteralType)
                return f"Answer with one of: {', '.join(map(str, self.type.values))}."
        shared = {record for record, count in record_types(self.type).items() if count > 1}
        line = f"Answer with {_words(self.type, shared)}, as JSON."
        for record in record_types(self.type):
            if record in shared:
                line += f" A {record} is {_record_words(record, shared)}."
        return line

    # Reading and writing

    def read(self, text: str, opening: str = "", wrapped: bool = False) -> Value:
        """Return the value that an answer gives. Raises Mismatch (decision 34).

        `opening` is what the engine put before the text: then decoding held the answer, and it is read strictly.
        `wrapped` says that both together were to be an object that holds the answer; a server may have ignored that.
        """
        if opening:
            return held_value(opening + text, self.type)
        match self.style:
            case "text":
                return free_text(text)
            case "word":
                return free_word(text, self.type, wrapped)
        return free_json(text, self.type, wrapped)

    def ends_in(self, text: str) -> bool:
        """Return whether a text, whose end was cut off, has the whole answer in it all the same.

        Nothing that might have followed could have changed it: brackets and quotes are closed, a number is followed by
        white space, and no longer word begins with the one there is. The text is one that could be read.
        """
        answer = free_text(text)
        match self.style:
            case "text":
                return False
            case "word" if isinstance(self.type, LiteralType) and answer in self.type.values:
                return not any(str(word).startswith(answer) and word != answer for word in self.type.values)
        return not answer[-1:].isdigit() or text[-1:].isspace()

    def write(self, value: Value) -> str:
        """Return the bare answer of a model that answers with a value."""
        return value if isinstance(value, str) and self.style != "json" else canonical(value)

    # Constraints for engines

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value. Each record is defined in it once."""
        definitions = {record.name: _record_schema(record) for record in record_types(self.type) if record != self.type}
        schema = _record_schema(self.type) if isinstance(self.type, RecordType) else _schema(self.type)
        return {**schema, "$defs": definitions} if definitions else schema

    @cached_property
    def object_schema(self) -> dict[str, Any]:
        """The JSON schema of a wrapped answer: many servers require an object."""
        schema = dict(self.schema)
        definitions = schema.pop("$defs", None)
        wrapped = {
            "type": "object",
            "properties": {"answer": schema},
            "required": ["answer"],
            "additionalProperties": False,
        }
        return {**wrapped, "$defs": definitions} if definitions else wrapped

    @cached_property
    def grammar(self) -> str:
        """The grammar, in llguidance's Lark, of what follows `opening` in a wrapped answer.

        It allows spaces only where `json.dumps` puts them, and numbers of a bounded length, so that a model cannot
        continue with either without end.
        """
        return self._grammar('" "')

    @cached_property
    def object_grammar(self) -> str:
        """The grammar, in llguidance's Lark, of a whole wrapped answer."""
        return self._grammar(_quoted(f"{self.opening} "))

    def _grammar(self, start: str) -> str:
        writer = _LarkWriter()
        rules = [f'start: {start} {writer.symbol(self.type)} "}}"']
        rules += [f"{name}: {rule}" for name, rule in writer.rules.items()]
        return "\n".join([*rules, *_LARK_TERMINALS]) + "\n"


_formats: dict[int, AnswerFormat] = {}
"""Formats by the id of their type, which is not reused while the format holds the type."""


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value.strip() == value != ""


# Descriptions --------------------------------------------------------------------


def _records(type_: Type) -> Iterator[RecordType]:
    """Yield the record types that a type mentions directly, with repetition."""
    match type_:
        case RecordType():
            yield type_
        case ListType() | SetType() | OpenTupleType() | OptionalType():
            yield from _records(type_.item)
        case DictType():
            yield from _records(type_.value)
        case TupleType():
            for item in type_.items:
                yield from _records(item)


def record_types(*types: Type) -> Counter[RecordType]:
    """Return every record type that values of the types may hold, and how often it is mentioned.

    A record comes after those that it uses. (Written out, a type can be exponentially long.)
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


def _words(type_: Type, shared: Set[RecordType], plural: bool = False) -> str:
    """Return a description of a type. The records in `shared` are only named."""
    match type_:
        case ListType() | OpenTupleType():
            return f"{'lists' if plural else 'a list'} of {_words(type_.item, shared, True)}"
        case SetType():
            return f"{'lists' if plural else 'a list'} without repetition of {_words(type_.item, shared, True)}"
        case DictType():
            keys = "" if type_.key == STR else f"keys are {_words(type_.key, shared, True)} in quotes, and whose "
            return f"{'objects' if plural else 'an object'} whose {keys}values are {_words(type_.value, shared, True)}"
        case TupleType():
            items = ", then ".join(_words(item, shared) for item in type_.items)
            return f"{'lists' if plural else 'a list'} of exactly {items}"
        case OptionalType():
            return f"{_words(type_.item, shared, plural)} or null"
        case LiteralType():
            return " or ".join(map(_json, type_.values))
        case RecordType():
            if type_ in shared:
                return f"{type_} objects" if plural else f"a {type_}"
            return _record_words(type_, shared, plural)
    return _PLAIN_WORDS[type_][plural]


def _record_words(record: RecordType, shared: Set[RecordType], plural: bool = False) -> str:
    says = record.descriptions
    fields = ", ".join(
        f'"{name}" ({_words(field, shared)}{f": {says[name]}" if name in says else ""})'
        for name, field in record.fields
    )
    about = f" ({says['']})" if "" in says else ""
    return f"{'objects' if plural else 'an object'}{about} with {fields}"


_PLAIN_WORDS: dict[Type, tuple[str, str]] = {
    STR: ("a string", "strings"),
    INT: ("a whole number", "whole numbers"),
    FLOAT: ("a number", "numbers"),
    BOOL: ("true or false", "true or false"),
    NONE: ("null", "nulls"),
}
"""The descriptions of the primitive types, in the singular and the plural."""


# JSON schemas --------------------------------------------------------------------


def _schema(type_: Type) -> dict[str, Any]:
    match type_:
        case ListType() | SetType() | OpenTupleType():
            return {"type": "array", "items": _schema(type_.item)}
        case DictType():
            return {"type": "object", "additionalProperties": _schema(type_.value)}
        case TupleType():
            count = len(type_.items)
            return {
                "type": "array",
                "prefixItems": [_schema(item) for item in type_.items],
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
    says = record.descriptions
    return {
        "type": "object",
        **({"description": says[""]} if "" in says else {}),
        "properties": {name: _described(_schema(field), says.get(name)) for name, field in record.fields},
        "required": [name for name, _ in record.fields],
        "additionalProperties": False,
    }


def _described(schema: dict[str, Any], description: str | None) -> dict[str, Any]:
    """Return a schema with a description. Beside a `$ref` some servers accept nothing else."""
    if description is None:
        return schema
    return {**({"anyOf": [schema]} if "$ref" in schema else schema), "description": description}


def _json_types(values: Iterable[Value]) -> str | list[str]:
    """Return the JSON types of some constants; some servers require them."""
    found = list(dict.fromkeys(_PLAIN_SCHEMAS[primitive_of(value)]["type"] for value in values))
    return found[0] if len(found) == 1 else found


_PLAIN_SCHEMAS: dict[Type, dict[str, Any]] = {
    STR: {"type": "string"},
    INT: {"type": "integer"},
    FLOAT: {"type": "number"},
    BOOL: {"type": "boolean"},
    NONE: {"type": "null"},
}


# Grammars ------------------------------------------------------------------------


class _LarkWriter:
    """The rules of a grammar; each type that is not a terminal gets one rule."""

    def __init__(self) -> None:
        self.rules: dict[str, str] = {}
        self._names: dict[Type, str] = {}

    def symbol(self, type_: Type) -> str:
        """Return the name of the rule or terminal that derives the values of a type."""
        if isinstance(type_, Primitive):
            return type_.name.upper()
        if type_ not in self._names:
            self._names[type_] = name = f"r{len(self._names)}"
            self.rules[name] = self._rule(type_)
        return self._names[type_]

    def _rule(self, type_: Type) -> str:
        match type_:
            case ListType() | SetType() | OpenTupleType():
                item = self.symbol(type_.item)
                return f'"[]" | "[" {item} (", " {item})* "]"'
            case DictType():
                pair = f'{self._key(type_.key)} ": " {self.symbol(type_.value)}'
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

    def _key(self, type_: Type) -> str:
        """Return what derives a key of an object: text, or numbers and truth values in quotes; any text for tuples."""
        if isinstance(type_, LiteralType):
            return f"({' | '.join(_quoted(_json(key_text(value))) for value in type_.values)})"
        if isinstance(type_, Primitive) and type_ != STR:
            quote = _quoted('"')
            return f"{quote} {self.symbol(type_)} {quote}"
        return "STR"


def _json(value: Value) -> str:
    """Return the JSON of a constant in a form that a grammar can contain."""
    text = canonical(value)
    return text if text.isprintable() else json.dumps(value)


def _quoted(text: object) -> str:
    """Return a text as a string literal of a Lark grammar."""
    return json.dumps(text, ensure_ascii=False)


_LARK_TERMINALS = (
    r'STR: /"([^"\\\x00-\x1f]|\\(["\\\/bfnrt]|u([0-9a-cefA-CEF][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}))*"/',
    rf"INT: /-?(0|[1-9][0-9]{{0,{MAX_INT_DIGITS - 1}}})/",
    # No number is infinite.
    rf"FLOAT: /-?(0|[1-9][0-9]{{0,199}})(\.[0-9]{{1,{MAX_FRACTION}}})?([eE][+-]?[0-9]{{1,2}})?/",
    'BOOL: "true" | "false"',
    'NONE: "null"',
)
