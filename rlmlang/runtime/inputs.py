"""Read the inputs of a program from text or from Python values, and complete them by their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from rlmlang.errors import UsageError
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.types import STR, LiteralType, Type
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch, Value, from_json, to_json


@deep_recursion
def bind_inputs(checked: Checked, given: Mapping[str, object]) -> dict[str, Value]:
    """Return the value of every input, from Python or JSON data and the defaults.

    Raises UsageError E601 (missing), E602 (unknown), E603 (wrong type).
    """
    for name in given:
        if name not in checked.inputs:
            near = get_close_matches(name, checked.inputs, 1)
            listed = ", ".join(checked.inputs) or "none"
            hint = f"did you mean `{near[0]}`?" if near else f"the program's inputs: {listed}"
            raise UsageError.of("E602", f"the program has no input `{name}`", hint=hint)
    values: dict[str, Value] = {}
    for statement in checked.module.statements:
        if not isinstance(statement, nodes.Input):
            continue
        name, type_ = statement.name.id, checked.inputs[statement.name.id]
        if name in given:
            try:
                values[name] = from_json(to_json(given[name]), type_, f"`{name}`")
            except (Mismatch, TypeError) as error:
                raise UsageError.of("E603", str(error), statement.span) from error
        elif statement.default is not None:
            values[name] = constant_value(statement.default)
        else:
            raise UsageError.of(
                "E601",
                f"the input `{name}: {type_}` is missing",
                statement.span,
                hint=f"give it by name: {name}=…",
            )
    return values


def read_inputs(checked: Checked, texts: Mapping[str, str]) -> dict[str, object]:
    """Return inputs that are written as text: as it is for `str` and literal texts, as JSON for other types.

    Raises UsageError E603. Unknown names are passed on for `bind_inputs` to report.
    """
    values: dict[str, object] = {}
    for name, text in texts.items():
        type_ = checked.inputs.get(name)
        values[name] = text if type_ is None or is_bare(type_) else _parse(name, text, type_)
    return values


def is_bare(type_: Type) -> bool:
    """Return whether text for this type is taken as it is."""
    return type_ == STR or (isinstance(type_, LiteralType) and type_.base == STR)


def _parse(name: str, text: str, type_: Type) -> object:
    try:
        return parse_json(text)
    except Mismatch as error:
        raise UsageError.of(
            "E603",
            f"`{name}` is not JSON for {type_}: {error}",
            hint=f"such as `{_example(type_)}`",
        ) from error


def _example(type_: Type) -> str:
    return {"int": "3", "float": "2.5", "bool": "true"}.get(str(type_), '["a", "b"]')


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
        case nodes.DictExpr(items=pairs):
            return {constant_value(key): constant_value(value) for key, value in pairs}
    raise AssertionError(node)
