"""Read the JSON schema that a client wants an answer to have as a type of the language."""

from __future__ import annotations

from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

from attrs import define, field

from rlmlang.errors import RequestError
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    MAX_SIZE,
    NONE,
    STR,
    DictType,
    ListType,
    RecordType,
    TupleType,
    Type,
    literal,
    optional,
)
from rlmlang.serving.bodies import kind_of, member

_PLAIN: Mapping[str, Type] = {"string": STR, "integer": INT, "number": FLOAT, "boolean": BOOL, "null": NONE}


def answer_type(format_: object, usual: Type) -> Type:
    """Return the type of the answer that `response_format` or `text.format` asks for. Raises RequestError E700."""
    if format_ is None:
        return usual
    if not isinstance(format_, dict):
        raise RequestError.of("E700", f"the format of the answer is {kind_of(format_)}, not an object")
    if format_.get("type") == "text":
        return usual
    inner = member(format_, "json_schema", dict, default=format_)
    schema = inner.get("schema")
    if format_.get("type") != "json_schema" or not isinstance(schema, dict):
        hint = 'send {"type": "json_schema", …} with a schema, so that the answer has a type'
        raise RequestError.of("E700", "the format of the answer is not known", hint=hint)
    definitions = {**member(schema, "definitions", dict, default={}), **member(schema, "$defs", dict, default={})}
    name = _class_name(str(inner.get("name", "")), "Answer")
    return _SchemaReader(definitions).type_of(schema, name, "schema")


@define
class _SchemaReader:
    """Reads one schema."""

    definitions: Mapping[str, Any]
    _records: set[str] = field(factory=set)
    """The names of the records so far."""
    _known: dict[str, Type] = field(factory=dict)
    """The types of definitions."""
    _open: list[str] = field(factory=list)
    """The definitions that are being read."""

    def type_of(self, schema: object, name: str, where: str) -> Type:
        """Return the type of a schema; `name` is for a record. Raises RequestError E700."""
        if not isinstance(schema, dict):
            raise _unsupported(where, f"it is {kind_of(schema)}")
        if "$ref" in schema:
            return self._definition(schema["$ref"], where)
        if "const" in schema or "enum" in schema:
            return _literal([schema["const"]] if "const" in schema else schema["enum"], where)
        if "anyOf" in schema or "oneOf" in schema:
            return self._either(schema.get("anyOf", schema.get("oneOf")), name, where)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._either([{**schema, "type": each} for each in kind], name, where)
        if kind == "object":
            return self._object(schema, name, where)
        if kind == "array":
            return self._array(schema, name, where)
        if isinstance(kind, str) and kind in _PLAIN:
            return _PLAIN[kind]
        raise _unsupported(where, "it has no type" if kind is None else f"there is no type {str(kind)[:40]!r}")

    def _definition(self, reference: object, where: str) -> Type:
        name = reference.rpartition("/")[2] if isinstance(reference, str) else ""
        if not isinstance(reference, str) or reference not in (f"#/$defs/{name}", f"#/definitions/{name}"):
            raise _unsupported(where, "it refers to something that is no definition of its own")
        if name in self._open:
            raise _unsupported(where, f"{name[:40]} holds itself")
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self.type_of(self.definitions.get(name), _class_name(name, "Part"), f"$defs.{name}")
            self._open.pop()
        return self._known[name]

    def _either(self, schemas: object, name: str, where: str) -> Type:
        if not isinstance(schemas, list):
            raise _unsupported(where, "anyOf is no list")
        others = [each for each in schemas if each != {"type": "null"} and _type_in(each) != "null"]
        if len(others) != 1:
            raise _unsupported(where, "only one type or null can be had, no other choice")
        inner = self.type_of(others[0], name, where)
        return inner if len(others) == len(schemas) else optional(inner)

    def _object(self, schema: dict[str, Any], name: str, where: str) -> Type:
        properties = member(schema, "properties", dict, default={}, where=f"{where}.")
        if not properties:
            values = schema.get("additionalProperties")
            if not isinstance(values, dict):
                raise _unsupported(where, "it says nothing of what is in an object")
            return DictType(STR, self.type_of(values, name, f"{where}.additionalProperties"))
        required = member(schema, "required", list, default=[], where=f"{where}.")
        number, class_name = 1, name
        while class_name in self._records:
            number += 1
            class_name = f"{name}{number}"
        self._records.add(class_name)
        fields, says = [], {}
        for key, each in properties.items():
            if not (key.isidentifier() and key.isascii()) or iskeyword(key) or key.startswith("_"):
                raise _unsupported(f"{where}.{key[:40]}", "this is no name of a field")
            type_ = self.type_of(each, _class_name(key, "Part"), f"{where}.{key}")
            fields.append((key, type_ if key in required else optional(type_)))
            if isinstance(said := each.get("description"), str) and said.strip():
                says[key] = " ".join(said.split())
        return _bounded(RecordType(class_name, tuple(fields), says), where)

    def _array(self, schema: dict[str, Any], name: str, where: str) -> Type:
        if "prefixItems" in schema:
            items = member(schema, "prefixItems", list, where=f"{where}.")
            return _bounded(TupleType(tuple(self.type_of(each, name, f"{where}[]") for each in items)), where)
        return _bounded(ListType(self.type_of(schema.get("items"), name, f"{where}[]")), where)


def _bounded(type_: Type, where: str) -> Type:
    """Return the type unless it is too large: definitions that are used twice each grow without end."""
    if type_.size > MAX_SIZE:
        raise _unsupported(where, f"it has more than {MAX_SIZE:,} parts")
    return type_


def _type_in(schema: object) -> object:
    return schema.get("type") if isinstance(schema, dict) else None


def _literal(values: object, where: str) -> Type:
    found = values if isinstance(values, list) else [values]
    some = tuple(value for value in found if isinstance(value, str | int))
    if not some or any(value is not None for value in found if not isinstance(value, str | int)):
        raise _unsupported(where, "its values are not texts, whole numbers, true or false")
    return literal(some) if len(some) == len(found) else optional(literal(some))


def _class_name(text: str, otherwise: str) -> str:
    parts = "".join(char if char.isascii() and char.isalnum() else " " for char in text).split()
    found = "".join(part[:1].upper() + part[1:] for part in parts)[:60]
    return found if found[:1].isalpha() else otherwise


def _unsupported(where: str, why: str) -> RequestError:
    hint = "schemas are objects with properties, lists, text, numbers, true or false, enums, and each of these or null"
    return RequestError.of("E700", f"`{where[:200]}` is no type that an answer can have: {why}", hint=hint)
