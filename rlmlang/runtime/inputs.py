"""Read the inputs of a program from text or from Python values, and complete them by their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from string import ascii_lowercase
from typing import Any

from rlmlang.errors import UsageError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.literal_text import string_text
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    UNKNOWN,
    DictType,
    ListType,
    LiteralType,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    base_of,
)
from rlmlang.runtime.inferred_records import KnownRecords, completed, typed_data
from rlmlang.runtime.iterated_inputs import only_iterates
from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.reading import from_json, with_left_out
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.value_types import type_of
from rlmlang.runtime.values import Mismatch, Value, canonical, set_of

EXAMPLE_LENGTH = 100
"""The most characters of an example in a hint."""

OPTIONS = frozenset(
    (
        "self",
        "inputs",
        "model",
        "models",
        "store",
        "limits",
        "prices",
        "memo",
        "writing",
        "guidance",
        "functions",
        "trace",
    )
)
"""The parameters of `Program.run`: inputs of these names can only be given in its mapping."""


def merged_inputs(inputs: Mapping[str, object] | None, named: Mapping[str, object]) -> dict[str, object]:
    """Return all inputs that are given. Raises UsageError E603, E607."""
    inputs = input_mapping(inputs)
    if twice := inputs.keys() & named.keys():
        raise UsageError.of("E607", f"the input `{min(twice)}` is given twice")
    return {**inputs, **named}


def input_mapping(inputs: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return the mapping of inputs, empty for None. Raises UsageError E603."""
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping):
        raise UsageError.of(
            "E603", "inputs is no mapping of names to values", hint="an input named `inputs` is given in the mapping"
        )
    for name in inputs:
        if not isinstance(name, str):
            raise UsageError.of("E603", f"the names of inputs are text, not {name!r}")
    return inputs


def declarations(checked: Checked) -> Sequence[nodes.Input | nodes.Param]:
    """Return where the inputs are declared: in a script, or as the parameters of the function that a program is."""
    if checked.entry is not None:
        return checked.entry.node.params
    return [node for node in checked.module.statements if isinstance(node, nodes.Input)]


def with_input_types(
    checked: Checked, given: Mapping[str, object], expected: Type | None = None, known: Mapping[str, Type] | None = None
) -> Checked:
    """Return a program checked for the types of the values given, where its inputs have no types of their own.

    `known` are types of such inputs from an earlier run, where JSON does not tell a tuple or a set from a list.
    A function with expressions below it that try it out is a function program if its parameters are what is given.
    Raises ProgramError, UsageError E603 for a value that is of no type of the language.
    """
    names: dict[str, Type] = dict.fromkeys(given, UNKNOWN)
    if checked.entry is None and not names.keys() <= checked.inputs.keys():
        checked = check(checked.module.span.source, expected, names)
    if UNKNOWN not in checked.inputs.values():
        return checked
    types: dict[str, Type] = dict(known or {})
    taken = {node.name.id for node in checked.module.statements if isinstance(node, nodes.Record)}
    records: KnownRecords = {}
    for declaration in declarations(checked):
        name = declaration.name.id
        if name in types or checked.inputs[name] != UNKNOWN:
            continue
        try:
            if name in given:
                types[name] = _type_of_data(data_of(given[name], f"`{name}`"), name, taken, records)
            elif declaration.default is not None:
                types[name] = type_of(constant_value(declaration.default))
        except Mismatch as error:
            message = f"`{name}` is of no type of the language: {error}"
            raise UsageError.of("E603", message, declaration.span, error.hint) from error
    return check(checked.module.span.source, expected, names | types)


def _type_of_data(data: Any, name: str, taken: set[str], known: KnownRecords) -> Type:
    """Return the type of an input's data, as `typed_data` does. Raises Mismatch."""
    try:
        return type_of(data)
    except Mismatch:
        return typed_data(data, name, taken, known)[1]


@deep_recursion
def bind_inputs(checked: Checked, given: Mapping[str, object], lazily: bool = False) -> dict[str, Value]:
    """Return the value of every input, from Python or JSON data and the defaults.

    If they may be bound `lazily`, rows of large files stay `LazyRows` where the program only iterates over them.
    Raises UsageError E601 (missing), E602 (unknown), E603 (wrong type).
    """
    refuse_unknown(checked, given)
    values: dict[str, Value] = {}
    for declaration in declarations(checked):
        name, type_ = declaration.name.id, checked.inputs[declaration.name.id]
        if name in given:
            data = given[name]
            is_lazy = lazily and isinstance(data, LazyRows) and data.type == type_ and only_iterates(checked, name)
            values[name] = data if is_lazy else bound_value(declaration, type_, data)
        elif declaration.default is not None:
            values[name] = constant_value(declaration.default)
        else:
            raise UsageError.of(
                "E601",
                f"the input `{name}{'' if type_ == UNKNOWN else f': {type_}'}` is missing",
                declaration.span,
                hint=f'give it in the mapping, run({{"{name}": …}}), or by --input {name}=…'
                if name in OPTIONS
                else f"give it by name: {name}=…",
            )
    return values


def refuse_unknown(checked: Checked, names: Iterable[str]) -> None:
    """Raise UsageError E602 for the first name that no input has."""
    for name in names:
        if name not in checked.inputs:
            near = get_close_matches(name, checked.inputs, 1)
            listed = ", ".join(checked.inputs) or "none"
            hint = f"did you mean `{near[0]}`?" if near else f"the program's inputs: {listed}"
            raise UsageError.of("E602", f"the program has no input `{name}`", hint=hint)


def bound_value(declaration: nodes.Input | nodes.Param, type_: Type, given: object) -> Value:
    """Return Python or JSON data as the value of an input. Raises UsageError E603."""
    name = declaration.name.id
    try:
        data = data_of(given, f"`{name}`")
        whole = with_left_out(data, type_, constant_value) if declaration.type else completed(data, type_)
        return from_json(whole, type_, f"`{name}`")
    except Mismatch as error:
        raise UsageError.of("E603", str(error), declaration.span, error.hint) from error


def read_inputs(checked: Checked, texts: Mapping[str, str]) -> dict[str, object]:
    """Return inputs that are written as text: as it is for `str` and literal texts, as JSON for other types.

    For these types and None, such as `str | None`, the text `null` is None. Text for an input without a type is read
    as JSON if it is JSON, and taken as it is if not.

    Raises UsageError E603. Unknown names are passed on for `bind_inputs` to report.
    """
    return {name: written_input(name, text, checked.inputs.get(name)) for name, text in texts.items()}


def written_input(name: str, text: str, type_: Type | None) -> object:
    """Return the data of an input that is written as text, as `read_inputs` says. Raises UsageError E603."""
    if type_ == UNKNOWN:
        return _json_or_text(text)
    if type_ is None or is_bare(type_):
        return text
    if isinstance(type_, OptionalType) and is_bare(type_.item):
        return None if text.strip() == "null" else text
    return json_input(name, text, type_)


def is_bare(type_: Type) -> bool:
    """Return whether text for this type is taken as it is."""
    return type_ == STR or (isinstance(type_, LiteralType) and type_.base == STR)


def _json_or_text(text: str) -> object:
    try:
        return parse_json(text)
    except Mismatch:
        return text


def json_input(name: str, text: str, type_: Type | None = None) -> object:
    """Return the data of an input that is written as JSON; its type, if it is known, gives the hint an example.

    Raises UsageError E603.
    """
    try:
        return parse_json(text)
    except Mismatch as error:
        if type_ is None:
            hint = f"write JSON, or `{name}=…` for a text"
        else:
            hint = f"write JSON, such as `{example_json(type_)}`" + ", or `null`" * isinstance(type_, OptionalType)
        what = str(error).removeprefix("it ") if type_ is None else f"is not of type {type_}: {error}"
        raise UsageError.of("E603", f"`{name}` {what}", hint=hint) from error


def example_json(type_: Type) -> str:
    """Return the JSON of an example of a type, truncated if it is long."""
    text = ""
    for part in _example(type_, 1):
        text += part
        if len(text) > EXAMPLE_LENGTH:
            return text[: EXAMPLE_LENGTH - 1] + "…"
    return text


def _example(type_: Type, number: int) -> Iterator[str]:
    """Yield the JSON of an example in parts: as a whole it can be exponentially longer than the type.

    Examples with different numbers are different where the type has as many values.
    """
    match type_:
        case OptionalType():
            yield from _example(type_.item, number)
        case LiteralType():
            yield canonical(type_.values[(number - 1) % len(type_.values)])
        case ListType() | SetType() | OpenTupleType():
            yield from _bracketed("[]", [("", type_.item, 1), ("", type_.item, 2)])
        case TupleType():
            yield from _bracketed("[]", [("", item, place) for place, item in enumerate(type_.items, 1)])
        case DictType():
            key = "".join(_example(type_.key, 1))
            key = key if base_of(type_.key) == STR else string_text(key)
            yield from _bracketed("{}", [(f"{key}: ", type_.value, 1)])
        case RecordType():
            fields = [(f'"{name}": ', field, place) for place, (name, field) in enumerate(type_.fields, 1)]
            yield from _bracketed("{}", fields)
        case _:
            truth = "true" if number % 2 else "false"
            texts: dict[Type, str] = {INT: str(number), FLOAT: f"{number}.5", BOOL: truth, NONE: "null"}
            yield texts.get(type_, f'"{ascii_lowercase[(number - 1) % 26]}"')


def _bracketed(brackets: str, items: Iterable[tuple[str, Type, int]]) -> Iterator[str]:
    yield brackets[0]
    for place, (key, type_, number) in enumerate(items):
        yield ", " * (place > 0) + key
        yield from _example(type_, number)
    yield brackets[1]


def constant_value(node: nodes.Expr) -> Value:
    """Return the value of a constant expression, as defaults are."""
    match node:
        case nodes.Constant():
            return node.value
        case nodes.Unary(op=op, operand=operand):
            value = constant_value(operand)
            return -value if op == "-" else value
        case nodes.ListExpr(items=items):
            return [constant_value(item) for item in items]
        case nodes.TupleExpr(items=items):
            return tuple(constant_value(item) for item in items)
        case nodes.SetExpr(items=items):
            return set_of([constant_value(item) for item in items], constants=True)
        case nodes.DictExpr(items=pairs):
            return {constant_value(key): constant_value(value) for key, value in pairs}
    raise AssertionError(node)
